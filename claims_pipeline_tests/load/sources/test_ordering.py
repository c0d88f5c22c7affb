"""Resources come after what they refer to, and circles stay together."""

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.load.sources import spool
from claims_pipeline_tests.load.sources.samples import everything, ndjson, observation, patient, reading

LINKS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=25)


def list_resource(number: int, targets: set[int]) -> dict[str, object]:
    entries = [{"item": {"reference": f"List/l{target}"}} for target in sorted(targets)]
    resource: dict[str, object] = {"resourceType": "List", "id": f"l{number}", "status": "current", "mode": "working"}
    return resource | ({"entry": entries} if entries else {})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(links=LINKS)
def test_every_target_comes_earlier_or_in_the_same_circle(tmp_path: Path, links: list[tuple[int, int]]) -> None:
    targets = {number: {to for source, to in links if source == number} for number in range(12)}

    with reading(tmp_path, lists__ndjson=ndjson(*(list_resource(*one) for one in targets.items()))) as found:
        chunks = list(found.chunks())
        rows = pl.concat(chunks)

    assert rows.height == 12
    assert all(chunk["tier"].n_unique() == 1 for chunk in chunks)
    assert rows["tier"].is_sorted()
    place = {
        name: (tier, together) for name, tier, together in rows.select("resource_id", "tier", "together").iter_rows()
    }
    for number, tos in targets.items():
        for to in tos - {number}:
            mine, theirs = place[f"l{number}"], place[f"l{to}"]
            assert theirs[0] < mine[0] or (theirs == mine and mine[1] is not None)


def test_circles_across_parts_come_in_one_chunk_each_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 200
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"c{number}",
            "subject": {"reference": "Patient/p1"},
            "encounter": {"reference": f"Encounter/e{number}"},
        }
        for number in range(count)
    ]
    encounters = [
        {
            "resourceType": "Encounter",
            "id": f"e{number}",
            "status": "finished",
            "class": {"code": "AMB"},
            "diagnosis": [{"condition": {"reference": f"Condition/c{number}"}}],
        }
        for number in range(count)
    ]
    later = observation("o1", "Patient/p1", encounter={"reference": "Encounter/e7"})
    monkeypatch.setattr(spool, "PART_ROWS", 30)

    with reading(tmp_path, a__ndjson=ndjson(later, *conditions), b__ndjson=ndjson(*encounters, patient("p1"))) as found:
        chunks = list(found.chunks())

    rows = pl.concat(chunks)
    assert rows["resource_id"][0] == "p1"
    assert rows["resource_id"][-1] == "o1"
    circles = rows.filter(pl.col("together").is_not_null())
    assert circles.height == 2 * count
    assert circles["together"].rle().struct.field("len").to_list() == [2] * count


def test_a_long_chain_of_references_is_followed(tmp_path: Path) -> None:
    chain = [list_resource(number, {number + 1} if number < 60 else set()) for number in range(61)]

    with reading(tmp_path, lists__ndjson=ndjson(*chain)) as found:
        assert everything(found)["resource_id"].to_list() == [f"l{number}" for number in reversed(range(61))]


def test_bulk_data_files_in_any_order_load_patients_first(tmp_path: Path) -> None:
    with reading(
        tmp_path,
        Observation__ndjson=ndjson(*(observation(f"o{number}", f"Patient/p{number}") for number in range(50))),
        Patient__ndjson=ndjson(*(patient(f"p{number}") for number in range(50))),
    ) as found:
        assert [chunk["resource_type"].unique().to_list() for chunk in found.chunks()] == [["Patient"], ["Observation"]]
        assert json.loads(everything(found)["body"][0])["resourceType"] == "Patient"
