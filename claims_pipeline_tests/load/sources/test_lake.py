from datetime import date
from pathlib import Path

import pytest

from claims_pipeline import schema
from claims_pipeline.errors import DataError
from claims_pipeline.lake import Lake
from claims_pipeline.load.sources import Partition, partitions
from claims_pipeline_tests.fhir.rows import frame
from claims_pipeline_tests.fhir.test_render import CLAIM

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
