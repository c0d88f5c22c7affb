"""Which rows of a chunk are sent: for the same day, a later one and an earlier one."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.load.ledger.diff import diff, unknown_targets
from claims_pipeline.load.ledger.settling import settle, settle_deleted, settle_gone
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.resource import CHUNK_SCHEMA, Resource, Result

KNOWN_DAY = "2025-01-02"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger that knows Patient/p-1 with the content "a" of `KNOWN_DAY`."""
    with open_ledger(tmp_path / "ledger.sqlite") as opened:
        patient = Resource("Patient", "p-1", "a", KNOWN_DAY, "patients/2025-01-02", "{}", [])
        settle(opened, [Result(patient, "created", "1")], "patients")
        yield opened


def chunk(content: str, day: str, *, references: tuple[str, ...] = (), resource_id: str = "p-1") -> pl.DataFrame:
    row = {
        "resource_type": "Patient",
        "resource_id": resource_id,
        "body": "{}",
        "content_hash": content,
        "references": list(references),
        "as_of": day,
        "source": f"patients/{day}",
    }
    return pl.DataFrame([row], schema=CHUNK_SCHEMA)


def verdicts(ledger: Ledger, rows: pl.DataFrame) -> list[str]:
    delta = diff(ledger, rows)
    names = ("to_send", "unchanged", "superseded", "still_rejected", "to_touch")
    return [name for name in names if getattr(delta, name).height]


@pytest.mark.parametrize(
    ("content", "day", "expected"),
    [
        ("a", "2025-01-01", ["unchanged"]),
        ("a", KNOWN_DAY, ["unchanged"]),
        ("a", "2025-01-03", ["unchanged", "to_touch"]),
        ("b", "2025-01-01", ["superseded"]),
        ("b", KNOWN_DAY, ["to_send"]),
        ("b", "2025-01-03", ["to_send"]),
        ("a", "", ["unchanged"]),
        ("b", "", ["to_send"]),
    ],
)
def test_a_version_is_compared_by_its_content_and_its_day(
    ledger: Ledger, content: str, day: str, expected: list[str]
) -> None:
    assert verdicts(ledger, chunk(content, day)) == expected


def test_what_was_deleted_is_sent_again_and_what_has_vanished_too_also_in_an_older_version(ledger: Ledger) -> None:
    settle_gone(ledger, [("Patient", "p-1")])
    assert verdicts(ledger, chunk("b", "2025-01-01")) == ["to_send"]
    settle_deleted(ledger, [("Patient", "p-1")])
    assert verdicts(ledger, chunk("a", KNOWN_DAY)) == ["to_send"]


def test_a_rejected_version_is_not_sent_again_until_it_changes(ledger: Ledger) -> None:
    patient = Resource("Patient", "p-1", "b", KNOWN_DAY, "patients/2025-01-02", "{}", [])
    settle(ledger, [Result(patient, "rejected")], "patients")

    assert verdicts(ledger, chunk("b", KNOWN_DAY)) == ["still_rejected"]
    assert verdicts(ledger, chunk("c", KNOWN_DAY)) == ["to_send"]
    assert verdicts(ledger, chunk("a", KNOWN_DAY)) == ["unchanged", "to_touch"]


def test_a_target_is_known_if_the_server_holds_it_or_the_chunk_does(ledger: Ledger) -> None:
    rejected = Resource("Patient", "p-2", "x", "", "test", "{}", ["Patient/p-9"])
    settle(ledger, [Result(rejected, "rejected", missing_target="Patient/p-9")], "patients")
    rows = chunk("x", "", references=("Patient/p-1", "Patient/p-2", "Patient/p-3", "Patient/p-4"), resource_id="p-3")

    unknown = unknown_targets(ledger, rows)

    assert unknown == {"Patient/p-4": (False, None), "Patient/p-2": (True, "Patient/p-9")}


def test_targets_that_are_not_known_come_in_the_order_of_the_references(ledger: Ledger) -> None:
    names = tuple(f"Practitioner/p-{7 * number % 40}" for number in range(40))

    assert tuple(unknown_targets(ledger, chunk("x", "", references=names))) == names


@pytest.mark.parametrize(
    ("known", "incoming", "expected"),
    [("a", "a", ["to_send"]), ("a", "b", ["to_send"]), ("b", "b", ["to_send"])],
)
def test_a_full_load_sends_what_is_the_same_and_what_was_rejected(
    ledger: Ledger, known: str, incoming: str, expected: list[str]
) -> None:
    if known == "b":
        patient = Resource("Patient", "p-1", "b", KNOWN_DAY, "patients/2025-01-02", "{}", [])
        settle(ledger, [Result(patient, "rejected")], "patients")

    delta = diff(ledger, chunk(incoming, KNOWN_DAY), full=True)

    names = ("to_send", "unchanged", "superseded", "still_rejected", "to_touch")
    assert [name for name in names if getattr(delta, name).height] == expected


@pytest.mark.parametrize(("content", "expected"), [("a", ["unchanged"]), ("b", ["superseded"])])
def test_a_full_load_does_not_send_an_older_version(ledger: Ledger, content: str, expected: list[str]) -> None:
    delta = diff(ledger, chunk(content, "2025-01-01"), full=True)

    assert [name for name in ("to_send", "unchanged", "superseded") if getattr(delta, name).height] == expected


@pytest.mark.parametrize(("released", "expected"), [(f"Patient/p-1@{KNOWN_DAY}", 1), ("Patient/p-1@2025-01-03", 0)])
def test_an_older_version_of_what_its_partition_released_is_sent(ledger: Ledger, released: str, expected: int) -> None:
    delta = diff(ledger, chunk("b", "2025-01-01"), released=frozenset({released}))

    assert (delta.to_send.height, delta.superseded.height) == (expected, 1 - expected)


@pytest.mark.parametrize(("content", "is_equal"), [("new", True), ("old", False)])
def test_a_version_older_than_one_in_flight_is_not_sent(ledger: Ledger, content: str, is_equal: bool) -> None:
    keys = {"resource_type": ["Patient"], "resource_id": ["p-2"], "content_hash": ["new"]}
    rows = pl.concat([chunk(content, KNOWN_DAY, resource_id="p-2"), chunk("x", KNOWN_DAY, resource_id="p-3")])

    delta = diff(ledger, rows, in_flight=pl.DataFrame(keys))

    assert delta.to_send["resource_id"].to_list() == ["p-3"]
    assert (delta.unchanged.height, delta.superseded.height) == (int(is_equal), int(not is_equal))
    assert diff(ledger, rows, in_flight=pl.DataFrame(keys).clear()).to_send.height == 2


def test_of_several_rows_with_one_id_the_first_counts(ledger: Ledger) -> None:
    rows = pl.concat([chunk(content, KNOWN_DAY, resource_id="p-2") for content in ("new", "old", "new")])

    delta = diff(ledger, rows)

    assert delta.to_send["content_hash"].to_list() == ["new"]
    assert delta.superseded["content_hash"].to_list() == ["old"]
    assert delta.unchanged["content_hash"].to_list() == ["new"]
