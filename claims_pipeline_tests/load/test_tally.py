"""How results are counted, and which of them are named in the report."""

import polars as pl
import pytest

from claims_pipeline.load.resource import NOT_SENT, Resource, Result
from claims_pipeline.load.tally import Counts, Failure, Pending, Tally


def result(outcome: str, number: int = 1, *, day: str = "2025-01-01") -> Result:
    resource = Resource("Claim", f"c-{number}", "hash", day, f"claims/{day}", "{}", [])
    return Result(resource, outcome, http_status=422, text="not this one")


def rows(count: int) -> pl.DataFrame:
    day = "2025-01-01"
    values = [("Claim", f"c-{number}", day, f"claims/{day}") for number in range(count)]
    return pl.DataFrame(values, schema=["resource_type", "resource_id", "as_of", "source"], orient="row")


def test_what_was_rejected_or_failed_is_named_and_makes_its_source_incomplete() -> None:
    tally = Tally()
    tally.add_read(rows(3))

    tally.add_results([result("created", 1), result("rejected", 2), result("failed", 3)])

    assert tally.by_type() == {"Claim": Counts(read=3, created=1, rejected=1, failed=1)}
    assert tally.failures == [
        Failure("rejected", "Claim/c-2", "claims/2025-01-01", 422, "not this one"),
        Failure("failed", "Claim/c-3", "claims/2025-01-01", 422, "not this one"),
    ]
    assert tally.incomplete == {"claims/2025-01-01"}
    assert tally.failed == {"Claim/c-3"}
    assert tally.settled == 3


def test_a_source_is_complete_when_everything_is_loaded_or_would_be() -> None:
    tally = Tally()

    tally.add_results([result("created", 1), result("already_equal", 2), result("to_send", 3)])

    assert (tally.incomplete, tally.failures, tally.failed) == (set(), [], set())
    assert tally.would_send == [Pending("Claim/c-3", "claims/2025-01-01")]


def test_counts_are_by_day_in_their_order_and_what_has_no_day_is_in_the_total_only() -> None:
    tally = Tally()
    for day in ("2025-01-02", "2025-01-01", ""):
        tally.add_partition("Claim", day, 2)

    assert list(tally.by_day().items()) == [
        ("2025-01-01", {"Claim": Counts(read=2, unchanged=2)}),
        ("2025-01-02", {"Claim": Counts(read=2, unchanged=2)}),
    ]
    assert tally.by_type() == {"Claim": Counts(read=6, unchanged=6)}


def test_what_was_not_sent_is_counted_but_not_named() -> None:
    tally = Tally()
    tally.add_results([result("failed", 1), result("failed", 2)._replace(text=NOT_SENT)])

    assert tally.counts["Claim", "2025-01-01"]["failed"] == 2
    assert [failure.name for failure in tally.failures] == ["Claim/c-1"]
    assert tally.failed == {"Claim/c-1", "Claim/c-2"}


@pytest.mark.parametrize("outcome", ["rejected", "failed", "to_send"])
def test_the_first_200_of_a_kind_are_named(outcome: str) -> None:
    tally = Tally()

    tally.add_results(result(outcome, number) for number in range(300))

    named = tally.would_send if outcome == "to_send" else tally.failures
    assert [one.name for one in named] == [f"Claim/c-{number}" for number in range(200)]
    assert tally.settled == 300


def test_what_was_rejected_before_is_named_up_to_200_in_all() -> None:
    tally = Tally()
    tally.add_results(result("rejected", number) for number in range(50))

    tally.add_still_rejected(rows(300))

    assert len(tally.failures) == 200
    assert tally.failures[50] == Failure(
        *("rejected", "Claim/c-0", "claims/2025-01-01", 0),
        "was rejected before and has not changed; claims dead-letters show Claim/c-0",
    )
    assert tally.settled == 350
    assert tally.incomplete == {"claims/2025-01-01"}


def test_what_could_not_be_read_is_named_up_to_200_in_all() -> None:
    values = {"source": "a:1", "resource_type": "Claim", "resource_id": "x", "reason": "bad"}
    tally = Tally()
    tally.add_results(result("rejected", number) for number in range(50))

    tally.add_unreadable(pl.DataFrame([values] * 300))

    assert len(tally.failures) == 200
    assert tally.failures[50] == Failure("rejected", "Claim/x", "a:1", 0, "bad")
    assert tally.settled == 350


@pytest.mark.parametrize(
    ("resource_type", "resource_id", "name"),
    [("Claim", "c-1", "Claim/c-1"), ("Claim", None, "Claim"), (None, "c-1", "input/c-1"), (None, None, "input")],
)
def test_input_is_named_as_far_as_it_could_be_read(
    resource_type: str | None, resource_id: str | None, name: str
) -> None:
    tally = Tally()
    schema = dict.fromkeys(("source", "resource_type", "resource_id", "reason"), pl.String)

    tally.add_unreadable(pl.DataFrame([("a:1", resource_type, resource_id, "bad")], schema=schema, orient="row"))

    assert [failure.name for failure in tally.failures] == [name]
    assert tally.by_type() == {resource_type or "(none)": Counts(read=1, rejected=1)}


def test_what_was_rejected_before_makes_its_source_incomplete_again() -> None:
    tally = Tally()

    tally.add_still_rejected(rows(2))

    assert tally.incomplete == {"claims/2025-01-01"}


def test_input_that_is_counted_a_page_at_a_time_adds_up() -> None:
    page = pl.DataFrame([{"source": "a:1", "resource_type": "Claim", "resource_id": "x", "reason": "bad"}] * 2)
    tally = Tally()

    for _ in range(2):
        tally.add_unreadable(page)
        tally.add_superseded_input(page)

    assert tally.by_type() == {"Claim": Counts(read=8, superseded=4, rejected=4)}
    assert tally.settled == 8


@pytest.mark.parametrize("resource_type", [None, ""])
def test_input_without_a_type_is_counted_under_a_name_of_its_own(resource_type: str | None) -> None:
    row = {"source": "a:1", "resource_type": resource_type, "resource_id": None, "reason": "bad"}
    schema = dict.fromkeys(row, pl.String)
    tally = Tally()

    tally.add_unreadable(pl.DataFrame([row], schema=schema))

    assert tally.by_type() == {"(none)": Counts(read=1, rejected=1)}
