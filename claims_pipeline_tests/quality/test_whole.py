"""Claims that repeat others: those of the day before are found, unless they bill care that is given day after day."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.lake import Lake
from claims_pipeline.quality.whole import claims_not_repeated, claims_not_repeated_next_day
from claims_pipeline.schema import CLAIMS

DAY = date(2025, 3, 12)
RECEIVED = date(2025, 3, 20)
Found = Callable[..., list[str]]


def claim(claim_id: str, *, code: str = "99213", day: date = DAY, **changes: object) -> dict[str, object]:
    """Return a claim of one line; columns that the check does not read are empty."""
    line = {"claim_line_number": 1, "hcpcs_code": code, "modifiers": [], "unit_count": 1}
    return {
        "claim_id": claim_id,
        "claim_status": "active",
        "version_number": 1,
        "received_date": RECEIVED,
        "claim_start_date": day,
        "patient_id": "patient-1",
        "rendering_npi": "1000000000",
        "diagnosis_codes": ["M54.50"],
        "lines": [line],
        "total_charge_amount": 100,
        **changes,
    }


def lake_of(folder: Path, *claims: dict[str, object]) -> Lake:
    lake = Lake(folder / "lake")
    with lake.writer() as writer:
        writer.add(CLAIMS, pl.DataFrame(claims, schema=CLAIMS.polars_schema), RECEIVED)
    return lake


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """Return a function that returns the ids that are found in a lake of some claims."""
    return lambda *claims: claims_not_repeated_next_day(lake_of(tmp_path, *claims), [RECEIVED])["id"].to_list()


@pytest.mark.parametrize(
    ("days", "is_found"), [(0, False), (1, True), (2, False)], ids=["same day", "next day", "two days later"]
)
def test_only_the_claim_of_the_next_day_repeats_the_claim_of_the_day_before(
    found: Found, days: int, is_found: bool
) -> None:
    assert found(claim("a"), claim("b", day=DAY + timedelta(days))) == ["b"] * is_found


def test_each_of_three_days_repeats_the_day_before(found: Found) -> None:
    assert found(*(claim(name, day=DAY + timedelta(days)) for days, name in enumerate("abc"))) == ["b", "c"]


def test_a_claim_of_another_patient_repeats_none(found: Found) -> None:
    assert found(claim("a"), claim("b", day=DAY + timedelta(1), patient_id="patient-2")) == []


@pytest.mark.parametrize(
    "code",
    [
        *("00811", "01967", "99231", "99291", "99292", "99304", "99316", "99460", "99469", "99480"),
        *("90832", "90853", "90935", "90999", "90970", "97110", "97814", "98940", "98943"),
        *("77261", "77427", "77799", "96360", "96413", "96549"),
    ],
)
def test_daily_care_may_be_billed_alike_on_the_next_day(found: Found, code: str) -> None:
    assert found(claim("a", code=code), claim("b", code=code, day=DAY + timedelta(1))) == []


@pytest.mark.parametrize(
    "code", ["99283", "99203", "99342", "99464", "90961", "90471", "98925", "77067", "77080", "96127", "0042T", "45385"]
)
def test_care_that_resembles_daily_care_by_its_code_is_found_on_the_next_day(found: Found, code: str) -> None:
    assert found(claim("a", code=code), claim("b", code=code, day=DAY + timedelta(1))) == ["b"]


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_a_claim_that_was_withdrawn_is_not_repeated(found: Found, status: str) -> None:
    assert found(claim("a", claim_status=status), claim("b", day=DAY + timedelta(1))) == []


def test_a_claim_may_replace_that_of_the_day_before(found: Found) -> None:
    assert found(claim("a"), claim("b", day=DAY + timedelta(1), replaced_claim_id="a")) == []


def test_a_procedure_that_was_repeated_says_so_with_a_modifier(found: Found) -> None:
    line = {"claim_line_number": 1, "hcpcs_code": "71046", "modifiers": ["76"], "unit_count": 1}
    assert found(claim("a", code="71046"), claim("b", day=DAY + timedelta(1), lines=[line])) == []


def test_claims_that_lack_the_npi_are_compared_by_the_rest(tmp_path: Path) -> None:
    first = claim("a", rendering_npi=None)
    other, same = claim("b", rendering_npi=None, patient_id="patient-2"), claim("c", rendering_npi=None)
    assert claims_not_repeated(lake_of(tmp_path, first, other, same), [RECEIVED])["id"].to_list() == ["c"]
