"""What a person reads when a lake is not as it should be: what is wrong, where, and what to do."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.errors import ClaimsPipelineError
from claims_pipeline.lake import Feed, Lake, read_feed, require_feed
from claims_pipeline.schema import PATIENTS, PAYERS

DAY = date(2025, 1, 1)
FEED = Feed(seed=1, patients=10, claims=100, start_date=DAY, end_date=date(2025, 1, 31))
READERS: dict[str, Callable[[Lake], object]] = {
    "read": lambda lake: lake.read(PATIENTS, DAY),
    "scan": lambda lake: lake.scan(PATIENTS, [DAY]),
}


def rendered(call: Callable[[], object]) -> str:
    with pytest.raises(ClaimsPipelineError) as caught:
        call()
    return caught.value.render()


def test_a_missing_partition_is_reported_with_the_command_that_makes_it(tmp_path: Path) -> None:
    lake, file = Lake(tmp_path), tmp_path / "patients" / "day=2025-01-01" / "part.parquet"

    assert rendered(lambda: lake.read(PATIENTS, DAY)) == (
        f"error: the lake has no patients/day=2025-01-01/part.parquet\nwhere: {file}\ntry:   claims generate"
    )
    assert rendered(lambda: lake.scan(PATIENTS, [DAY])) == (
        f"error: the lake has no partition of patients\nwhere: {file}\ntry:   claims generate"
    )
    assert rendered(lambda: lake.scan(PATIENTS)) == (
        f"error: the lake has no partition of patients\nwhere: {tmp_path / 'patients'}\ntry:   claims generate"
    )


def test_a_lake_that_is_not_there_is_reported_as_such(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")

    assert rendered(lambda: lake.read(PATIENTS, DAY)) == (
        f"error: there is no lake\nwhere: {lake.root}\ntry:   claims generate"
    )


@pytest.mark.parametrize("reader", READERS)
def test_a_torn_partition_is_reported_with_a_remedy(tmp_path: Path, reader: str) -> None:
    lake = Lake(tmp_path)
    file = lake.path(PATIENTS, DAY)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"PAR1")

    lines = rendered(lambda: READERS[reader](lake)).splitlines()

    assert lines[0].startswith("error: not a readable Parquet file: ")
    assert lines[-2:] == [f"where: {file}", "try:   generate the partition again"]


@pytest.mark.parametrize("reader", READERS)
def test_a_partition_with_other_columns_is_reported_with_all_differences(tmp_path: Path, reader: str) -> None:
    lake = Lake(tmp_path)
    file = lake.path(PATIENTS, DAY)
    file.parent.mkdir(parents=True)
    frame = PATIENTS.polars_schema.to_frame().drop("city").with_columns(pl.col("birth_date").cast(pl.String))
    frame.with_columns(extra=1).write_parquet(file)

    assert rendered(lambda: READERS[reader](lake)) == (
        "error: not a partition of patients (birth_date: String instead of Date; city: missing; extra: unexpected)\n"
        f"where: {file}\n"
        "try:   claims generate writes it anew; "
        "if an earlier version made this lake: remove its folder, then claims generate"
    )


def test_a_folder_that_is_not_a_day_is_reported_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "patients" / "day=20250101"
    folder.mkdir(parents=True)
    (folder / "part.parquet").touch()

    assert rendered(lambda: Lake(tmp_path).days(PATIENTS)) == (
        "error: its name should be a day such as 2025-01-31, not '20250101'\n"
        f"where: {folder}\n"
        "try:   rename or remove the folder"
    )


def test_another_feed_is_reported_with_both_remedies(tmp_path: Path) -> None:
    require_feed(tmp_path, FEED)

    assert rendered(lambda: require_feed(tmp_path, FEED.model_copy(update={"seed": 2, "claims": 7}))) == (
        "error: the lake belongs to another feed (seed: the lake has 1, wanted 2; claims: the lake has 100, wanted 7)\n"
        f"where: {tmp_path / 'feed.json'}\n"
        "try:   leave these settings out to go on with this lake, or choose another folder: CLAIMS_HOME, --output"
    )


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"seed": 1}', b"\xff"])
def test_a_damaged_feed_file_is_reported_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "feed.json").write_bytes(content)

    assert rendered(lambda: read_feed(tmp_path)) == (
        f"error: feed.json does not describe a feed\nwhere: {tmp_path / 'feed.json'}\n"
        "try:   restore it, or generate the lake again"
    )


def test_a_table_and_a_day_that_do_not_fit_are_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^payers is not partitioned by day$"):
        Lake(tmp_path).path(PAYERS, DAY)
    with pytest.raises(ValueError, match=r"^patients is partitioned by day$"):
        Lake(tmp_path).path(PATIENTS)


def test_a_feed_file_is_for_people_too(tmp_path: Path) -> None:
    require_feed(tmp_path / "new" / "lake", FEED)

    text = (tmp_path / "new" / "lake" / "feed.json").read_text()

    assert text.startswith('{\n  "seed": 1,\n')
    assert text.endswith("\n}\n")
