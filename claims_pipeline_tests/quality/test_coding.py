"""Each kind of rule of coding_rules.csv is tested on a claim that breaks it and on one that keeps it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest

from claims_pipeline.quality import coding
from claims_pipeline.quality.chunk import Chunk
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS
from claims_pipeline_tests import defaults

DAY = date(2025, 3, 12)
Line = tuple[str, Sequence[str]]
"""Code and modifiers."""


def chunk(
    *lines: Line, diagnoses: Sequence[str] = ("Z23",), plan_type: str = "ppo", place: str = "11", on: date = DAY
) -> Chunk:
    """Return a claim whose lines all point to its first diagnosis."""
    described = [
        {
            "hcpcs_code": code,
            "modifiers": list(modifiers),
            "diagnosis_pointers": [1],
            "place_of_service_code": place,
            "line_service_date": on,
        }
        for code, modifiers in lines
    ]
    claim = {"diagnosis_codes": list(diagnoses), "lines": described, "claim_start_date": on}
    return Chunk(
        claims=on_day(defaults.frame(CLAIMS, [claim])),
        patients=on_day(defaults.frame(PATIENTS, [{}])),
        coverages=on_day(defaults.frame(COVERAGES, [{"plan_type": plan_type}])),
        directory={},
    )


def on_day(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(DAY).alias("day"))


def details(check: Callable[[Chunk], pl.DataFrame], one: Chunk) -> list[Any]:
    found = check(one)
    assert set(found["check"]) <= {check.__name__}
    return found["detail"].sort().to_list()


@pytest.mark.parametrize(
    ("diagnoses", "found"),
    [
        (["I12.9"], ["I12.9 without N18"]),
        (["N18.31", "I12.9"], ["I12.9 without N18"]),
        (["I13.0", "N18.31"], ["I13.0 without I50"]),
        (["E11.22", "E78.5"], ["E11.22 without N18"]),
        (["I12.9", "N18.31"], []),
        (["I13.0", "E11.22", "I50.9", "N18.31"], []),
    ],
)
def test_a_diagnosis_stands_before_the_one_that_must_follow_it(diagnoses: list[str], found: list[str]) -> None:
    assert details(coding.diagnoses_followed, chunk(diagnoses=diagnoses)) == found


@pytest.mark.parametrize(
    ("diagnoses", "found"),
    [
        (["I10", "N18.31"], ["I10 with N18.31"]),
        (["E11.621", "E11.9"], ["E11.9 with E11.621"]),
        (["I10", "E11.9"], []),
        (["O80", "O48.0"], ["O80 with O48.0"]),
        (["O80", "O10.02"], ["O80 with O10.02"]),
        (["O24.410", "E11.9"], ["O24.410 with E11.9"]),
        (["O24.12", "E11.9"], []),
    ],
)
def test_two_diagnoses_that_exclude_each_other_are_found(diagnoses: list[str], found: list[str]) -> None:
    assert details(coding.diagnoses_together, chunk(diagnoses=diagnoses)) == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([("80053", []), ("80048", [])], ["80053 with 80048"]),
        ([("80053", ["59"]), ("80048", [])], ["80053 with 80048"]),
        ([("97530", ["GP"]), ("97140", ["GP"])], ["97530 with 97140"]),
        ([("97530", ["GP"]), ("97140", ["59", "GP"])], []),
        ([("99213", []), ("20610", ["RT"])], ["99213 with 20610"]),
        ([("99213", ["25"]), ("20610", ["RT"])], []),
        ([("99203", []), ("99213", [])], ["99203 with 99213"]),
    ],
)
def test_two_procedures_that_exclude_each_other_are_found(lines: list[Line], found: list[str]) -> None:
    assert details(coding.procedures_together, chunk(*lines)) == found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([("11045", [])], ["11045 without 11042"]),
        ([("11045", []), ("11042", [])], []),
        ([("90656", [])], ["90656 without 90471 90472 G0008"]),
        ([("90656", []), ("90471", [])], []),
    ],
)
def test_what_needs_another_procedure_stands_with_it(lines: list[Line], found: list[str]) -> None:
    assert details(coding.procedures_accompanied, chunk(*lines)) == found


@pytest.mark.parametrize(
    ("line", "place", "found"),
    [
        (("73560", []), "11", ["73560 without RT LT 50"]),
        (("73560", ["26", "LT"]), "22", []),
        (("87880", []), "11", ["87880 without QW"]),
        (("87880", []), "81", []),
        (("99213", []), "10", ["99213 without 95 93 GT"]),
    ],
)
def test_a_line_has_the_modifier_that_its_code_needs(line: Line, place: str, found: list[str]) -> None:
    assert details(coding.modifiers_present, chunk(line, place=place)) == found


@pytest.mark.parametrize(
    ("code", "diagnosis", "found"),
    [
        ("77067", "R05.9", ["77067 for R05.9"]),
        ("77067", "Z12.31", []),
        ("11042", "L97.521", ["11042 for L97.521"]),
        ("11042", "L97.522", []),
        ("59618", "O62.1", ["59618 for O62.1"]),
        ("59618", "O34.211", []),
        ("59618", "O66.41", []),
        ("59620", "O71.1", []),
        ("59510", "O66.41", ["59510 for O66.41"]),
        ("59510", "O34.211", []),
        ("59510", "O66.40", []),
        ("59400", "O34.219", ["59400 for O34.219"]),
        ("59610", "O34.219", []),
    ],
)
def test_a_line_points_to_a_diagnosis_that_fits_its_code(code: str, diagnosis: str, found: list[str]) -> None:
    assert details(coding.procedures_fit_diagnoses, chunk((code, []), diagnoses=[diagnosis])) == found


@pytest.mark.parametrize(
    ("code", "plan_type", "diagnosis", "found"),
    [
        ("G0439", "ppo", "Z00.00", ["G0439 for ppo"]),
        ("G0439", "medicare_advantage", "Z00.00", []),
        ("99397", "medicare", "Z00.00", ["99397 for medicare"]),
        ("45378", "medicare", "Z12.11", ["45378 for medicare"]),
        ("45378", "medicare", "R10.9", []),
    ],
)
def test_codes_of_medicare_go_to_medicare(code: str, plan_type: str, diagnosis: str, found: list[str]) -> None:
    one = chunk((code, []), diagnoses=[diagnosis], plan_type=plan_type)
    assert details(coding.procedures_fit_plan, one) == found


def test_a_rule_holds_on_the_days_on_which_it_is_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = coding.coding_rules("followed_by").with_columns(from_date=pl.lit(DAY), to_date=pl.lit(DAY))
    monkeypatch.setattr(coding, "coding_rules", lambda _: rules)
    days = [date(2025, 3, 11), DAY, date(2025, 3, 13)]
    found = [details(coding.diagnoses_followed, chunk(diagnoses=["I12.9"], on=day)) for day in days]
    assert found == [[], ["I12.9 without N18"], []]


@pytest.mark.parametrize(
    ("code", "units", "found"), [("99213", 4, ["4 units of 99213"]), ("99213", 3, []), ("97110", 8, [])]
)
def test_a_visit_is_not_billed_in_many_units(code: str, units: int, found: list[str]) -> None:
    one = chunk((code, ["GP"]))
    many = pl.col("lines").list.eval(pl.element().struct.with_fields(unit_count=pl.lit(units, dtype=pl.Int32)))
    assert details(coding.units_possible, replace(one, claims=one.claims.with_columns(many))) == found


def test_every_kind_of_rule_is_checked_and_every_rule_has_a_source() -> None:
    kinds = set(read_table("coding_rules")["kind"])
    assert sum(coding.coding_rules(kind).height for kind in kinds) == read_table("coding_rules").height
    assert kinds == {
        *("followed_by", "not_with_diagnosis", "not_with_procedure", "needs_procedure", "needs_modifier"),
        *("needs_diagnosis", "not_for_diagnosis", "only_for_plans", "not_for_plans", "most_units"),
    }
    assert read_table("coding_rules")["source"].null_count() == 0
