"""Resources that lack a target or a type on the server: which are held back, and the reasons that are reported."""

import polars as pl

from claims_pipeline.load.ledger.diff import Unknown
from claims_pipeline.load.pipeline.missing import (
    TARGETS_SHOWN,
    results_of_lacking,
    results_of_unknown_types,
    split_by_missing,
    why_missing,
)
from claims_pipeline.load.resource import CHUNK_SCHEMA


def rows(**references: list[str]) -> pl.DataFrame:
    """Claims by id, with what they refer to."""
    return pl.DataFrame(
        [
            {"resource_type": "Claim", "resource_id": resource_id, "body": "{}", "references": targets, "as_of": ""}
            for resource_id, targets in references.items()
        ],
        schema=CHUNK_SCHEMA,
    )


def reasons(*, failed: frozenset[str] = frozenset(), **references: list[str]) -> list[tuple[str, str]]:
    """The outcome and the reason of each of the claims, all of whose targets are missing."""
    missing = {target: f"refers to {target}" for targets in references.values() for target in targets}
    _, lacking = split_by_missing(rows(**references), missing)
    return [(result.outcome, result.text) for result in results_of_lacking(lacking, "claims", missing, failed=failed)]


def test_the_reason_says_whether_a_target_failed_was_rejected_or_is_unknown() -> None:
    assert why_missing("Patient/p", Unknown(False, None), failed={"Patient/p"}) == (
        "refers to Patient/p, which could not be loaded yet"
    )
    assert why_missing("Patient/p", Unknown(True, None), failed=()) == "refers to Patient/p, which was rejected"
    assert why_missing("Patient/p", Unknown(True, "Organization/o"), failed=()) == (
        "refers to Patient/p, which was rejected, because it refers to Organization/o"
    )
    assert why_missing("Patient/p", Unknown(False, None), failed=()) == (
        "refers to Patient/p, which is neither in the input nor on the server"
    )


def test_only_resources_that_refer_to_something_missing_are_held_back() -> None:
    chunk = rows(both=["Patient/b", "Patient/a", "Patient/there"], none=["Patient/there"], free=[])

    may_go, lacking = split_by_missing(chunk, {"Patient/a": "", "Patient/b": ""})

    assert may_go["resource_id"].to_list() == ["none", "free"]
    assert may_go.columns == chunk.columns
    assert lacking.select("resource_id", "lacks").rows() == [("both", ["Patient/a", "Patient/b"])]


def test_nothing_is_held_back_if_nothing_is_missing() -> None:
    may_go, lacking = split_by_missing(rows(c=["Patient/p"]), {})

    assert may_go["resource_id"].to_list() == ["c"]
    assert (lacking.height, lacking.columns[-1]) == (0, "lacks")


def test_a_resource_fails_if_its_target_may_still_be_loaded_and_is_rejected_otherwise() -> None:
    assert reasons(failed=frozenset({"Patient/p"}), c=["Patient/p"]) == [("failed", "refers to Patient/p")]
    assert reasons(failed=frozenset({"Patient/q"}), c=["Patient/p"]) == [("rejected", "refers to Patient/p")]


def test_the_first_missing_target_has_its_reason_and_the_others_are_named_up_to_a_limit() -> None:
    targets = [f"Patient/p{number:02}" for number in range(TARGETS_SHOWN + 1)]

    assert reasons(c=targets[:2]) == [("rejected", "refers to Patient/p00; and to Patient/p01")]
    assert reasons(c=targets[:TARGETS_SHOWN])[0][1].endswith("Patient/p08, Patient/p09")
    assert reasons(c=targets)[0][1].endswith("Patient/p08, Patient/p09 and 1 more that are missing")


def test_a_resource_of_a_type_that_the_server_does_not_have_is_rejected() -> None:
    (result,) = results_of_unknown_types(rows(c=[]), "claims")

    assert (result.resource.name, result.outcome) == ("Claim/c", "rejected")
    assert result.text == "the server has no resource type Claim"
