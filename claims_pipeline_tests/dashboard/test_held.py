"""The lake, the ledger and the FHIR server side by side: what differs, and what mends it.

The example lake has 5 claims, 4 coverages, 3 patients, and 3 organizations, of which two are payers.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.held import Held, held
from claims_pipeline.lake import Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import FEB_3, write_day, write_example_lake

EARLIER, LATER = "2025-02-04T00:00:00+00:00", "2025-02-05T00:00:00+00:00"
IN_LAKE = {"Organization": 3, "Location": 1, "Practitioner": 1, "Patient": 3, "Coverage": 4, "Claim": 5}
MEND = "claims reconcile --deep --repair && claims load"


@pytest.fixture(scope="module")
def view(example_settings: Settings) -> View:
    return View(example_settings.analytics_path)


@pytest.fixture(scope="module")
def lake(example_settings: Settings) -> Lake:
    return Lake(example_settings.lake_path)


def loaded(
    finished_at: str = EARLIER, *, sent: int = 1, vanished: str = "", by_type: Any = None, **rejected: int
) -> dict[str, Any]:
    counts = {"loaded": 0, "failed": 0}
    return {
        "kind": "load",
        "finished_at": finished_at,
        "by_type": by_type or {name: counts | {"rejected": count} for name, count in rejected.items()},
        "total": counts | {"loaded": sent, "rejected": sum(rejected.values())},
        "vanished": {vanished: 1} if vanished else {},
    }


def compared(of_claims: Mapping[str, int] = MappingProxyType({}), *, finished_at: str = EARLIER) -> dict[str, Any]:
    """Return a comparison in which all agree, but what is said of claims."""
    by_type = {name: {"ledger": n, "server": n, "missing": None, "changed": None} for name, n in IN_LAKE.items()}
    by_type["Claim"] |= of_claims
    return {"kind": "reconcile", "finished_at": finished_at, "by_type": by_type}


def differences(rows: list[Held], resource_type: str = "Claim") -> list[tuple[str, str | None]]:
    [row] = [one for one in rows if one.resource_type == resource_type]
    return [(one.text, one.command) for one in row.differences]


def test_each_type_is_counted_in_the_lake_by_its_ids(view: View, lake: Lake) -> None:
    rows = held(view, lake, loaded=loaded(), compared=compared())

    assert {one.resource_type: one.lake for one in rows} == IN_LAKE
    assert list(IN_LAKE) == [one.resource_type for one in rows]
    assert not any(one.differences for one in rows)


DIFFERENCES: dict[str, tuple[Mapping[str, int], list[tuple[str, str | None]]]] = {
    "not sent": ({"ledger": 3, "server": 3}, [("2 of the lake not loaded", "claims load")]),
    "lost": ({"server": 4}, [("1 loaded, but not on the server", MEND)]),
    "lost, while others came": (
        {"server": 6, "missing": 2, "changed": 0},
        [("2 loaded, but not on the server", MEND), ("1 on the server that the loader did not send", None)],
    ),
    "changed": ({"missing": 0, "changed": 1}, [("1 with other content on the server", MEND)]),
    "of others": ({"server": 7}, [("2 on the server that the loader did not send", None)]),
    "gone": (
        {"ledger": 6, "server": 6},
        [("1 loaded, but not in the lake: gone from it, or from FHIR files", "claims load --dry-run")],
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_difference_is_said_with_what_mends_it(view: View, lake: Lake, case: str) -> None:
    of_claims, expected = DIFFERENCES[case]
    rows = held(view, lake, loaded=loaded(), compared=compared(of_claims))

    assert differences(rows) == expected
    assert differences(rows, "Patient") == []


def test_what_was_rejected_is_not_asked_to_be_loaded(view: View, lake: Lake) -> None:
    rows = held(view, lake, loaded=loaded(Claim=1), compared=compared({"ledger": 3, "server": 3}))

    assert differences(rows) == [
        ("1 rejected by the newest load", "claims dead-letters list"),
        ("1 of the lake not loaded", "claims load"),
    ]


def test_a_type_of_other_files_is_named_too(view: View, lake: Lake) -> None:
    report = compared()
    report["by_type"]["Observation"] = {"ledger": 2, "server": 2, "missing": None, "changed": None}

    rows = held(view, lake, loaded=None, compared=report)

    assert differences(rows, "Observation")[0][0].startswith("2 loaded, but not in the lake")


def test_before_a_comparison_it_says_what_to_do_first(view: View, lake: Lake) -> None:
    def first(**reports: Any) -> list[tuple[str, str | None]]:
        return differences(held(view, lake, **reports))

    assert first(loaded=None, compared=None) == [("Not loaded yet", "claims load")]
    assert first(loaded=loaded(), compared=None) == [("Not compared yet", "claims reconcile")]
    since = [("Loaded since it was compared", "claims reconcile")]
    assert first(loaded=loaded(LATER), compared=compared({"server": 4})) == since
    assert first(loaded=loaded(), compared=compared() | {"is_loading": True}) == since
    assert first(loaded=loaded(), compared=compared(finished_at=LATER)) == []


@pytest.mark.parametrize(
    ("later", "has_changed"),
    [
        (loaded(LATER, sent=0), False),  # the same again: the comparison still holds
        (loaded(LATER, sent=0, Claim=1), False),
        (loaded(LATER, sent=0, vanished="Claim kept"), False),  # each night, with the default of --vanished
        (loaded(LATER, sent=0, vanished="Claim deleted"), True),
        (loaded(LATER) | {"total": None}, True),  # of another version
    ],
)
def test_a_load_that_sent_nothing_leaves_the_comparison_as_it_is(
    view: View, lake: Lake, later: dict[str, Any], has_changed: bool
) -> None:
    said = [text for text, _ in differences(held(view, lake, loaded=later, compared=compared()))]
    assert ("Loaded since it was compared" in said) == has_changed


@pytest.mark.parametrize("by_type", [{"Claim": {"rejected": "many"}}, {"Claim": 3}, [1]])
def test_a_load_of_another_version_says_nothing_of_what_was_rejected(view: View, lake: Lake, by_type: Any) -> None:
    rows = held(view, lake, loaded=loaded(by_type=by_type), compared=compared())
    assert not any(one.differences for one in rows)


def test_a_lake_that_has_grown_since_the_build_is_not_compared(view: View, tmp_path: Path) -> None:
    grown = write_example_lake(tmp_path)
    write_day(grown, FEB_3 + timedelta(days=1), [])

    rows = held(view, grown, loaded=loaded(), compared=compared({"ledger": 6, "server": 5}))

    assert differences(rows) == [
        ("1 loaded, but not on the server", MEND),
        ("The lake has got 1 day since the tables were built", "claims aggregate"),
    ]
