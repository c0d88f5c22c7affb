"""The order of loading and of deletion: a target before what refers to it, or after; cycles together."""

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.load.ledger.holdings import Holding
from claims_pipeline.load.ordering import Step, deletion_order
from claims_pipeline.load.sources import spool
from claims_pipeline_tests.load.sources.samples import everything, ndjson, observation, patient, reading

LINKS = st.lists(st.tuples(st.integers(0, 23), st.integers(0, 23)), max_size=45)


def list_resource(number: int, targets: set[int]) -> dict[str, object]:
    entries = [{"item": {"reference": f"List/l{target}"}} for target in sorted(targets)]
    resource: dict[str, object] = {"resourceType": "List", "id": f"l{number}", "status": "current", "mode": "working"}
    return resource | ({"entry": entries} if entries else {})


@pytest.mark.heavy
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(links=LINKS)
def test_every_target_comes_earlier_or_in_the_same_cycle(tmp_path: Path, links: list[tuple[int, int]]) -> None:
    targets = {number: {to for source, to in links if source == number} for number in range(24)}

    with reading(tmp_path, lists__ndjson=ndjson(*(list_resource(*one) for one in targets.items()))) as found:
        chunks = list(found.chunks())
        rows = pl.concat(chunks)

    assert rows.height == 24
    assert all(chunk["tier"].n_unique() == 1 for chunk in chunks)
    assert rows["tier"].is_sorted()
    place = {
        name: (tier, together) for name, tier, together in rows.select("resource_id", "tier", "together").iter_rows()
    }
    for number, tos in targets.items():
        for to in tos - {number}:
            mine, theirs = place[f"l{number}"], place[f"l{to}"]
            assert theirs[0] < mine[0] or (theirs == mine and mine[1] is not None)


@pytest.mark.heavy
def test_cycles_across_parts_come_in_one_chunk_each_in_one_piece(
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
    cycles = rows.filter(pl.col("together").is_not_null())
    assert cycles.height == 2 * count
    assert cycles["together"].rle().struct.field("len").to_list() == [2] * count


@pytest.mark.heavy
def test_a_long_chain_of_references_is_followed(tmp_path: Path) -> None:
    chain = [list_resource(number, {number + 1} if number < 60 else set()) for number in range(61)]

    with reading(tmp_path, lists__ndjson=ndjson(*chain)) as found:
        assert everything(found)["resource_id"].to_list() == [f"l{number}" for number in reversed(range(61))]


@pytest.mark.heavy
def test_bulk_data_files_in_any_order_load_patients_first(tmp_path: Path) -> None:
    with reading(
        tmp_path,
        Observation__ndjson=ndjson(*(observation(f"o{number}", f"Patient/p{number}") for number in range(50))),
        Patient__ndjson=ndjson(*(patient(f"p{number}") for number in range(50))),
    ) as found:
        assert [chunk["resource_type"].unique().to_list() for chunk in found.chunks()] == [["Patient"], ["Observation"]]
        assert json.loads(everything(found)["body"][0])["resourceType"] == "Patient"


def of_file(name: str, *refers_to: str) -> Holding:
    resource_type, _, resource_id = name.partition("/")
    return Holding(resource_type, resource_id, "files", json.dumps(refers_to))


def of_lake(name: str, table: str) -> Holding:
    resource_type, _, resource_id = name.partition("/")
    return Holding(resource_type, resource_id, table, None)


def tiers(folder: Path, *rows: Holding) -> list[list[Step]]:
    with deletion_order(folder) as order:
        order.add(rows)
        return [tier for tier in order.tiers() if tier]


def names(tiers: Sequence[Sequence[Step]]) -> list[set[str]]:
    return [{step.name for step in tier} for tier in tiers]


def test_what_refers_to_a_resource_is_deleted_before_it(tmp_path: Path) -> None:
    found = tiers(
        tmp_path,
        of_file("Claim/c", "Encounter/e", "Patient/p"),
        of_file("Encounter/e", "Patient/p"),
        of_file("Patient/p", "Organization/elsewhere"),
    )

    assert names(found) == [{"Claim/c"}, {"Encounter/e"}, {"Patient/p"}]


def test_resources_that_refer_to_each_other_are_deleted_together(tmp_path: Path) -> None:
    found = tiers(
        tmp_path,
        of_file("Patient/p"),
        of_file("Encounter/e", "Patient/p", "Condition/c"),
        of_file("Condition/c", "Patient/p", "Encounter/e"),
    )

    assert names(found) == [{"Encounter/e", "Condition/c"}, {"Patient/p"}]
    assert len({step.together for step in found[0]}) == 1
    assert found[0][0].together is not None


def test_resources_of_a_lake_follow_the_order_of_their_types(tmp_path: Path) -> None:
    found = tiers(
        tmp_path,
        of_lake("Patient/p", "patients"),
        of_lake("Claim/c", "claims"),
        of_lake("Organization/o", "organizations"),
        of_lake("Coverage/v", "coverages"),
    )

    assert names(found) == [{"Claim/c"}, {"Coverage/v"}, {"Patient/p", "Organization/o"}] or names(found) == [
        {"Claim/c"},
        {"Coverage/v"},
        {"Patient/p"},
        {"Organization/o"},
    ]


def test_files_and_a_lake_may_refer_to_each_other(tmp_path: Path) -> None:
    found = tiers(
        tmp_path,
        of_lake("Claim/c", "claims"),
        of_file("Patient/p"),
        of_file("ClaimResponse/r", "Claim/c"),
        of_lake("Patient/q", "patients"),
        of_file("Observation/o", "Patient/q"),
    )
    order = {name: number for number, tier in enumerate(names(found)) for name in tier}

    assert order["ClaimResponse/r"] < order["Claim/c"] < order["Patient/p"]
    assert order["Claim/c"] < order["Patient/q"]
    assert order["Observation/o"] < order["Patient/q"]


def test_what_a_resource_refers_to_is_known(tmp_path: Path) -> None:
    with deletion_order(tmp_path) as order:
        order.add([of_file("Patient/p"), of_file("Observation/o", "Patient/p"), of_file("Observation/n", "Patient/p")])
        first = next(tier for tier in order.tiers() if tier)

        assert order.targets_of(first) == {"Patient/p": "Observation/o"}


@pytest.mark.heavy
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edges=LINKS,
    lake=st.sets(st.integers(0, 23), max_size=6),
)
def test_nothing_is_deleted_before_what_refers_to_it(
    tmp_path: Path, edges: list[tuple[int, int]], lake: set[int]
) -> None:
    rows = [
        of_lake(f"Claim/{number}", "claims")
        if number in lake
        else of_file(f"Basic/{number}", *(name_of(to, lake) for source, to in edges if source == number))
        for number in range(24)
    ]

    found = tiers(tmp_path, *rows)

    place = {step.name: (tier, step.together) for tier, steps in enumerate(found) for step in steps}
    assert sorted(step.name for tier in found for step in tier) == sorted(place)
    assert len(place) == 24
    for source, to in edges:
        if source not in lake and source != to:
            (earlier, cycle), (later, of_target) = place[name_of(source, lake)], place[name_of(to, lake)]
            assert earlier < later or (earlier == later and cycle is not None and cycle == of_target)


def name_of(number: int, lake: set[int]) -> str:
    return f"{'Claim' if number in lake else 'Basic'}/{number}"


@pytest.mark.parametrize("rows", [[], [of_file("Patient/p", "Patient/p")]])
def test_nothing_and_what_refers_to_itself_have_an_order_too(tmp_path: Path, rows: list[Holding]) -> None:
    assert names(tiers(tmp_path, *rows)) == [{f"{row.resource_type}/{row.resource_id}"} for row in rows]
