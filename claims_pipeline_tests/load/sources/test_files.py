"""What reading files reports meanwhile, leaves on the disk, and says at the end."""

from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import LoadOptions
from claims_pipeline.load.sources import files, spool
from claims_pipeline.load.sources.files import read_files
from claims_pipeline_tests.load.sources.samples import bodies, bundle, ndjson, observation, patient, reading, refusals

READS = {"request": {"method": "GET", "url": "Patient/p1"}}


def write(folder: Path, *resources: dict[str, Any]) -> str:
    file = folder / "a.ndjson"
    file.write_text(ndjson(*resources))
    return str(file)


def test_the_number_of_resources_is_reported_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "REPORT_EVERY", 2)
    told: list[int] = []

    with read_files([write(tmp_path, *map(patient, "abcde"))], tmp_path / "spool", told.append):
        assert told == [2, 4]


@pytest.mark.parametrize("has_other", [True, False])
def test_the_folders_of_a_spool_are_removed_if_they_are_empty(tmp_path: Path, has_other: bool) -> None:
    parent = tmp_path / "home" / "spool" / "one"
    if has_other:
        (parent.parent / "other").mkdir(parents=True)

    with read_files([write(tmp_path, patient())], parent):
        (folder,) = parent.iterdir()
        assert folder.stat().st_mode & 0o077 == 0

    assert not parent.exists()
    assert parent.parent.exists() == has_other
    assert parent.parent.parent.exists()


@pytest.mark.parametrize(("count", "more"), [(5, ""), (6, "skipped such entries of 1 more Bundles")])
def test_the_first_five_bundles_whose_entries_are_skipped_are_named(tmp_path: Path, count: int, more: str) -> None:
    with read_files([write(tmp_path, patient(), *[bundle(READS)] * count)], tmp_path / "spool") as found:
        remarks = list(found.remarks)

    assert remarks[:5] == [
        f"skipped entry 1 only reads (GET), at {tmp_path}/a.ndjson:{n} (entry 1)" for n in range(2, 7)
    ]
    assert "".join(remarks[5:]) == more


def test_how_many_of_each_type_are_left_out_is_said_and_how_many_refer_to_them(tmp_path: Path) -> None:
    deleted = bundle({"request": {"method": "DELETE", "url": "Patient/gone"}})
    unnamed = {"resourceType": "Patient"}
    referring = [observation(f"o{number}", "Patient/p1") for number in range(2)]
    path = write(tmp_path, patient("p1"), unnamed, deleted, observation("o", "Group/g"), *referring)
    options = LoadOptions(exclude=frozenset({"Patient"}))

    with read_files([path], tmp_path / "spool", options=options) as found:
        assert list(found.remarks) == [
            "left out by --types or --exclude: 3 Patient",
            "2 resources refer to Patient, which is left out: "
            "loaded where the server holds the target, rejected otherwise",
        ]
        assert found.deleted.is_empty()
        assert found.types() == {"Observation": 3}


def test_counts_of_what_was_read_add_up(tmp_path: Path) -> None:
    same, other = patient("p1"), patient("p1", gender="other")
    urn = observation("o1", "urn:uuid:00000000-0000-4000-8000-000000000001")
    path = write(tmp_path, same, same, other, patient("p2"), urn, patient("p_3"), {"id": "x"})

    with read_files([path], tmp_path / "spool") as found:
        assert found.count == len(bodies(found)) == 2
        assert found.identical_count == 0
        assert found.superseded_count == sum(page.height for page in found.superseded()) == 2
        assert found.rejected_count == len(refusals(found)) == 3
        assert found.unreadable_count == 1
        assert found.present(["Patient/p1", "Patient/p_3", "Observation/o1", "Patient/no"]) == {
            *("Patient/p1", "Patient/p_3", "Observation/o1")
        }


@pytest.mark.parametrize("page_rows", [1, 2, 3, 100])
def test_what_is_refused_comes_page_by_page_in_the_order_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_rows: int
) -> None:
    monkeypatch.setattr(spool, "PAGE_ROWS", page_rows)

    with reading(tmp_path, a__ndjson=ndjson(*(patient(f"p_{number}") for number in range(5)))) as found:
        assert [source for source, _ in refusals(found)] == [f"a.ndjson:{line}" for line in range(1, 6)]
        assert max(page.height for page in found.rejected()) == min(page_rows, 5)


@pytest.mark.parametrize(("length", "is_cut"), [(500, False), (501, True)])
def test_a_long_name_in_bad_input_is_cut(tmp_path: Path, length: int, is_cut: bool) -> None:
    long_id = "_" * length

    with reading(tmp_path, a__ndjson=ndjson(patient(long_id))) as found:
        (row,) = next(found.rejected()).to_dicts()

    assert row["resource_id"] == ("_" * 500 + "..." if is_cut else long_id)
    assert row["reason"].startswith(f"FHIR does not allow the id '{'_' * 80}...': letters")


@pytest.mark.parametrize(("length", "shown"), [(80, "_" * 80), (81, "_" * 80 + "...")])
def test_a_long_id_is_shown_in_part(tmp_path: Path, length: int, shown: str) -> None:
    with reading(tmp_path, a__ndjson=ndjson(patient("_" * length))) as found:
        ((_, reason),) = refusals(found)

    assert f"'{shown}'" in reason


@pytest.mark.parametrize(("wrong", "named"), [(5, 5), (6, 5)])
def test_the_first_five_problems_of_a_resource_are_named(tmp_path: Path, wrong: int, named: int) -> None:
    with reading(tmp_path, a__ndjson=ndjson(patient() | {f"wrong{n}": 1 for n in range(wrong)})) as found:
        ((_, reason),) = refusals(found)

    assert len(reason.split("; ")) == named


@pytest.mark.parametrize(("missing", "more"), [(5, ""), (6, "; and to 1 more")])
def test_the_first_five_references_that_lead_nowhere_are_named(tmp_path: Path, missing: int, more: str) -> None:
    urns = [f"urn:uuid:00000000-0000-4000-8000-00000000000{number}" for number in range(missing)]
    seen = observation("o1", "Patient/p1", performer=[{"reference": urn} for urn in urns])

    with reading(tmp_path, a__ndjson=ndjson(patient("p1"), seen)) as found:
        ((_, reason),) = refusals(found)

    assert reason.count("which is not in the input") == 5
    assert reason.endswith(f"which is not in the input{more}")


@pytest.mark.heavy
@pytest.mark.parametrize(("rows", "parts"), [(1, 6), (2, 4), (3, 3), (4, 2), (100, 1)])
def test_parts_hold_a_number_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, parts: int) -> None:
    monkeypatch.setattr(spool, "PART_ROWS", rows)

    with read_files([write(tmp_path, *map(patient, "abcdef"))], tmp_path / "spool") as found:
        assert len(list(found.spool.folder.glob("part-*.parquet"))) == parts  # the name of the file counts in the first
        assert sorted(bodies(found)) == [f"Patient/{name}" for name in "abcdef"]


@pytest.mark.parametrize(("characters", "parts"), [(40, 4), (41, 2), (80, 2), (10_000, 1)])
def test_parts_hold_a_number_of_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, characters: int, parts: int
) -> None:
    monkeypatch.setattr(spool, "PART_CHARACTERS", characters)
    assert len('{"id":"aaaa","resourceType":"Patient"}') == 38

    with read_files([write(tmp_path, *(patient(name * 6) for name in "abcd"))], tmp_path / "spool") as found:
        assert len(list(found.spool.folder.glob("part-*.parquet"))) == parts
