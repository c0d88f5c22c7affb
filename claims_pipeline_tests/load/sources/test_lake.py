"""Partitions as chunks: read together, each row keeps the day and the file that it came from."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.errors import DataError
from claims_pipeline.fhir import render
from claims_pipeline.lake import Lake
from claims_pipeline.load.sources import lake as lake_source
from claims_pipeline.load.sources.lake import LakeChunks, Partition, partitions
from claims_pipeline_tests.fhir.rows import frame
from claims_pipeline_tests.fhir.test_render import CLAIM
from claims_pipeline_tests.lakes import START, Shape, rewrite, tiny_lake, write

DAY, NEXT_DAY = date(2025, 1, 5), date(2025, 1, 6)


def write_claims(lake: Lake, day: date, **changes: object) -> Partition:
    with lake.writer() as writer:
        writer.add(schema.CLAIMS, frame(schema.CLAIMS, [CLAIM | changes]), day)
    return Partition(lake, schema.CLAIMS, day)


def test_a_range_is_read_in_tiers_with_the_newest_day_first(tmp_path: Path) -> None:
    names = [partition.name for partition in partitions(Lake(tmp_path), [DAY, NEXT_DAY, DAY])]

    assert names == [
        *("payers", "organizations", "locations", "practitioners"),
        *("patients/2025-01-06", "patients/2025-01-05"),
        *("coverages/2025-01-06", "coverages/2025-01-05"),
        *("claims/2025-01-06", "claims/2025-01-05"),
    ]
    oldest_first = partitions(Lake(tmp_path), [DAY, NEXT_DAY], newest_first=False)
    assert [partition.day for partition in oldest_first[-2:]] == [DAY, NEXT_DAY]


def test_the_digest_changes_with_the_rows_and_with_the_mapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    partition = write_claims(lake, DAY)
    before = partition.digest()
    assert partition.digest() == before

    write_claims(lake, DAY, claim_status="cancelled")
    changed_rows = partition.digest()
    monkeypatch.setattr("claims_pipeline.load.sources.lake.mapping_digest", lambda: "another mapping")
    changed_mapping = partition.digest()

    assert len({before, changed_rows, changed_mapping}) == 3


def test_a_missing_partition_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the lake has no claims/2025-01-05"):
        Partition(Lake(tmp_path), schema.CLAIMS, DAY).digest()


COMPARED = ["resource_id", "content_hash", "as_of", "source"]


def claims_partitions(root: Path, *, newest_first: bool) -> list[Partition]:
    """Return the partitions of a lake whose days have 0, 1, 2 ... claims."""
    shape = Shape("chunks", days=6, claims_a_day=5)
    lake = tiny_lake(root, shape)
    for number, day in enumerate(shape.dates):
        write(lake, schema.CLAIMS, lake.read(schema.CLAIMS, day).head(number).to_dicts(), day)
    return [p for p in partitions(lake, shape.dates, newest_first=newest_first) if p.table is schema.CLAIMS]


@pytest.mark.heavy
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("rows_at_once", [1, 4, 20_000])
def test_each_row_keeps_its_day_and_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest_first: bool, rows_at_once: int
) -> None:
    monkeypatch.setattr(lake_source, "CHUNK_ROWS", rows_at_once)
    of_claims = claims_partitions(tmp_path, newest_first=newest_first)
    seen: dict[str, int] = {}

    chunks = LakeChunks(of_claims, lambda partition, frame: seen.update({partition.name: frame.height}))
    together = pl.concat(list(chunks)).select(COMPARED)

    alone = pl.concat(
        render(schema.CLAIMS, partition.lake.read(schema.CLAIMS, partition.day))
        .with_columns(as_of=pl.lit(str(partition.day)), source=pl.lit(partition.name))
        .select(COMPARED)
        for partition in of_claims
    )
    assert together.equals(alone)
    assert chunks.row_counts == seen
    assert sorted(seen.values()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("claims_a_day", "heights"),
    [([5] * 30, [10, 40, 80, 20]), ([150], [10, 40, 100]), ([14, 3, 3], [14, 6]), ([], [])],
    ids=["many small files", "one large file", "few", "none"],
)
def test_the_first_chunk_is_small_and_the_next_ones_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claims_a_day: list[int], heights: list[int]
) -> None:
    monkeypatch.setattr(lake_source, "FIRST_CHUNK_ROWS", 10)
    monkeypatch.setattr(lake_source, "CHUNK_ROWS", 80)
    shape = Shape("growing", days=len(claims_a_day) or 1, claims_a_day=max(claims_a_day, default=1))
    lake = tiny_lake(tmp_path, shape)
    for day, count in zip(shape.dates, claims_a_day, strict=False):
        write(lake, schema.CLAIMS, lake.read(schema.CLAIMS, day).head(count).to_dicts(), day)
    days = shape.dates[: len(claims_a_day)]
    of_claims = [p for p in partitions(lake, days, newest_first=False) if p.table is schema.CLAIMS]

    assert [chunk.height for chunk in LakeChunks(of_claims, lambda *_: None)] == heights


def test_of_files_read_together_the_broken_one_is_named(tmp_path: Path) -> None:
    of_claims = claims_partitions(tmp_path, newest_first=True)
    broken = of_claims[2].lake.path(schema.CLAIMS, of_claims[2].day)
    broken.write_bytes(b"PAR1 not really")

    with pytest.raises(DataError) as caught:
        list(LakeChunks(of_claims, lambda *_: None))

    assert caught.value.where == str(broken)


@pytest.mark.heavy
@pytest.mark.parametrize("rows_at_once", [1, 4, 20_000])
def test_rows_that_fhir_cannot_hold_are_rejected_and_their_neighbours_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(lake_source, "CHUNK_ROWS", rows_at_once)
    of_claims = claims_partitions(tmp_path, newest_first=True)
    last = of_claims[0]
    rewrite(last.lake, schema.CLAIMS, START + timedelta(days=5), pl.col("claim_id").str.ends_with("2"), payer_id="a b")

    chunks = LakeChunks(of_claims, lambda *_: None)
    rendered = pl.concat(chunks)

    assert rendered.height == 14
    assert [(r.resource.name, r.resource.source, r.text) for r in chunks.rejected] == [
        (
            "Claim/chunks-claim-20250106-000002",
            "claims/2025-01-06",
            "payer_id is missing or not allowed in chunks-claim-20250106-000002",
        )
    ]
    assert [result.full_text for result in chunks.rejected] == [
        "payer_id is missing or not allowed: 'a b' in chunks-claim-20250106-000002"
    ]
    assert "chunks-claim-20250106-000002" not in rendered["resource_id"].to_list()
    assert rendered.filter(source="claims/2025-01-06").height == 4


def test_a_torn_manifest_is_an_error_of_the_lake(tmp_path: Path) -> None:
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "claims.json").write_text('{"2025-01-01": {"ro')

    with pytest.raises(DataError, match="the manifest of claims is damaged") as caught:
        lake_source.rows_by_manifest(Lake(tmp_path))

    assert caught.value.where == str(tmp_path / "manifest" / "claims.json")


def test_the_latest_day_of_each_id_is_found(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for day, ids in ((NEXT_DAY, ["both", "second"]), (DAY, ["both", "first"])):
        with lake.writer() as writer:
            writer.add(schema.CLAIMS, frame(schema.CLAIMS, [CLAIM | {"claim_id": name} for name in ids]), day)

    found = lake_source.latest_days(lake, schema.CLAIMS, ["both", "first", "none"])

    assert found == {"both": NEXT_DAY, "first": DAY}


def test_some_ids_of_a_partition_are_read(tmp_path: Path) -> None:
    last, *_, first = claims_partitions(tmp_path, newest_first=True)
    wanted = ["chunks-claim-20250106-000001", "chunks-claim-20250106-000003", "elsewhere"]

    (chunk,) = lake_source.chunks_of_ids(last, wanted)

    assert sorted(chunk["resource_id"]) == wanted[:2]
    assert list(lake_source.chunks_of_ids(first, wanted)) == []


def test_rows_by_the_manifest_are_those_of_each_partition(tmp_path: Path) -> None:
    of_claims = claims_partitions(tmp_path, newest_first=False)

    rows = lake_source.rows_by_manifest(of_claims[0].lake)

    assert [rows[partition.name] for partition in of_claims] == [0, 1, 2, 3, 4, 5]
    assert rows["payers"] == 1


@pytest.mark.parametrize("missing", [None, ""])
def test_rows_without_an_id_are_rejected_by_their_number_in_the_partition(tmp_path: Path, missing: str | None) -> None:
    of_claims = claims_partitions(tmp_path, newest_first=True)
    lake, last_day = of_claims[0].lake, START + timedelta(days=5)
    rewrite(lake, schema.CLAIMS, last_day, pl.col("claim_id").str.contains("[24]$"), claim_id=missing)
    rewrite(lake, schema.CLAIMS, last_day - timedelta(days=1), pl.col("claim_id").str.ends_with("0"), claim_id=missing)

    chunks = LakeChunks(of_claims)
    rendered = pl.concat(chunks)

    assert rendered.height == 12
    assert [(r.resource.name, r.resource.source, r.text) for r in chunks.rejected] == [
        ("Claim/row-3-of-claims-2025-01-06", "claims/2025-01-06", "row 3 has no claim_id"),
        ("Claim/row-5-of-claims-2025-01-06", "claims/2025-01-06", "row 5 has no claim_id"),
        ("Claim/row-1-of-claims-2025-01-05", "claims/2025-01-05", "row 1 has no claim_id"),
    ]
    assert len({r.resource.content_hash for r in chunks.rejected}) == 2  # one a partition and reason
