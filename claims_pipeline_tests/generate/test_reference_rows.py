"""A row of a reference table is known by its code: rows inserted before it change nothing about it.

Each test inserts rows into the middle of a table and compares the same feed before and after: the rows that differ are
those that have what was inserted.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest

from claims_pipeline.generate.claims.plan import plan_of
from claims_pipeline.generate.directory import directory
from claims_pipeline.generate.people.enrollment import enrollment
from claims_pipeline.generate.tables import claims_of, coverages_of, patients_of
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import tables
from claims_pipeline.schema import CLAIMS, COVERAGES, PATIENTS

pytestmark = pytest.mark.heavy

FEED = Feed(seed=3, patients=400, claims=1_500, start_date=date(2025, 12, 2), end_date=date(2025, 12, 31))
DAYS = [FEED.start_date + timedelta(days=number) for number in range(30)]
DATA = files("claims_pipeline.reference") / "data"


@dataclass(frozen=True)
class Made:
    """The tables of the feed; claims with the name of the practitioner instead of ids that count practitioners."""

    enrollment: pl.DataFrame
    practitioners: pl.DataFrame
    organizations: pl.DataFrame
    patients: pl.DataFrame
    coverages: pl.DataFrame
    claims: pl.DataFrame


def made() -> Made:
    parties = directory(FEED)
    plan = plan_of(FEED, DAYS, visits_of(FEED, 2025))
    patients = patients_of(plan)
    coverages = coverages_of(plan, patients)
    claims = claims_of(plan, patients, coverages)
    doctors = parties["practitioners"].select(
        "practitioner_id", "specialty", doctor=pl.concat_str("first_name", "last_name")
    )
    counted = ("practitioner_id", "rendering_npi", "organization_id", "billing_npi", "location_id")
    return Made(
        enrollment=enrollment(FEED, FEED.end_date.year + 1),
        practitioners=parties["practitioners"].select("first_name", "last_name", "gender", "specialty"),
        organizations=parties["organizations"].select("organization_name", "address_line", "city"),
        patients=patients.cast(PATIENTS.polars_schema),
        coverages=coverages.cast(COVERAGES.polars_schema),
        claims=claims.cast(CLAIMS.polars_schema)
        .join(doctors, on="practitioner_id", maintain_order="left")
        .drop(counted),
    )


@contextmanager
def inserted(folder: Path, **rows: str) -> Iterator[None]:
    """Have a row in the middle of each of some tables for a `with` block."""
    (folder / "data").mkdir(parents=True)
    for file in DATA.iterdir():
        lines = file.read_text().splitlines()
        if row := rows.get(file.name.removesuffix(".csv")):
            first = next(number for number, line in enumerate(lines) if not line.startswith("#")) + 1
            lines.insert((first + len(lines)) // 2, row)
        (folder / "data" / file.name).write_text("\n".join(lines) + "\n")
    with patch.object(tables, "files", lambda _: folder):
        _forget()
        yield
    _forget()


def _forget() -> None:
    """Clear what the package keeps of reference tables."""
    for name, module in list(sys.modules.items()):
        if name.startswith("claims_pipeline."):
            for value in list(vars(module).values()):
                if clear := getattr(value, "cache_clear", None):
                    clear()


@pytest.fixture(scope="module")
def before() -> Made:
    _forget()
    return made()


def differing(before: pl.DataFrame, after: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Return the rows of `after` that are not in `before`."""
    assert before.select(key).equals(after.select(key))
    return after.filter(pl.Series(list(map(repr, before.rows()))) != pl.Series(list(map(repr, after.rows()))))


CLAIM, PATIENT = ["day", "claim_id"], ["day", "patient_id"]


def test_codes_that_nothing_uses_change_nothing(before: Made, tmp_path: Path) -> None:
    with inserted(
        tmp_path,
        procedures="99000,Handling of a specimen,laboratory,pfs,9.50,0,0,120,",
        diagnoses="R68.89,Other general symptoms,acute,general_symptoms,0,120,",
        sites="hospice,Hospital,34,Hospice",
        people_profiles="nobody,0,1,0.1,1.0,1,0.1,,",
        plan_use="tricare,0.66,1.00,1.00,1.00,1.04",
    ):
        after = made()

    assert [name for name, frame in vars(before).items() if not getattr(after, name).equals(frame)] == []


def has_diagnosis(claims: pl.DataFrame) -> pl.Series:
    """Laboratory and imaging claims follow a visit and may take its reason, or have had it before."""
    having = claims.filter(pl.col("diagnosis_codes").list.contains("R68.89"))
    return claims["patient_id"].is_in(having["patient_id"].implode())


def has_line(claims: pl.DataFrame) -> pl.Series:
    return claims["lines"].list.eval(pl.element().struct.field("hcpcs_code") == "99051").list.any()


@pytest.mark.parametrize(
    ("rows", "is_new"),
    [
        (
            {
                "diagnoses": "R68.89,Other general symptoms,acute,general_symptoms,0,120,",
                "story_diagnoses": "acute,R68.89,4,0,120",
            },
            has_diagnosis,
        ),
        (
            {
                "procedures": "99051,Evening visit,other,pfs,20.00,0,0,120,",
                "story_lines": "acute,evening,99051,0,0.3,,,,,0,120,1,1,1,,,",
            },
            has_line,
        ),
        ({"story_settings": "acute,,endocrinology,0.3,0.2"}, lambda claims: claims["specialty"] == "endocrinology"),
        (
            {"last_names": "Zzyzx,1000000"},
            lambda claims: claims["patient_name"].str.contains("Zzyzx") | claims["doctor"].str.contains("Zzyzx"),
        ),
        (
            {"first_names": "Zoe,female,600,600,600,600,600,600,600,600"},
            lambda claims: claims["patient_name"].str.contains("Zoe") | claims["doctor"].str.contains("Zoe"),
        ),
    ],
)
def test_a_row_changes_only_the_claims_that_have_it(
    before: Made, tmp_path: Path, rows: dict[str, str], is_new: Callable[[pl.DataFrame], pl.Series]
) -> None:
    with inserted(tmp_path, **rows):
        after = made()

    changed = differing(before.claims, after.claims, CLAIM)
    assert changed.height > 0
    # a few others follow: somebody whose history it no longer fits, or fits now
    assert is_new(changed).sum() / changed.height > 0.8


def test_a_plan_changes_only_the_members_who_have_it(before: Made, tmp_path: Path) -> None:
    with inserted(tmp_path, plans="plan-99,payer-02,Prairie Basic PPO,ppo,employer,0.2"):
        after = made()

    changed = differing(before.enrollment, after.enrollment, ["patient_id"])
    plans = pl.col("spans").list.eval(pl.element().struct.field("plan_id"))
    assert changed.height > 0
    assert changed.select(plans.list.contains("plan-99").all()).item()


def test_a_street_changes_only_the_addresses_in_it(before: Made, tmp_path: Path) -> None:
    with inserted(tmp_path, streets="Zebra Street"):
        after = made()

    changed = differing(before.patients, after.patients, PATIENT)
    assert changed.height > 0
    assert changed["address_line"].str.ends_with("Zebra Street").all()


def test_a_city_changes_only_the_people_who_live_there(before: Made, tmp_path: Path) -> None:
    with inserted(tmp_path, cities="Fargo,ND,3000000,0.97", zip_codes="58102,Fargo,ND"):
        after = made()

    # who is seen may differ for a few claims: the history of those who move to the city is another one
    both = after.patients.join(before.patients, on=PATIENT, suffix="_before")
    moved = both.filter(pl.col("city") != pl.col("city_before"))
    assert moved.height > 0
    assert (moved["city"] == "Fargo").all()
    elsewhere = after.claims.filter(pl.col("facility_city") != "Fargo")
    assert (
        elsewhere.join(before.claims, on=before.claims.columns, how="anti", nulls_equal=True).height / elsewhere.height
        < 0.02
    )


def test_a_specialty_changes_nothing_but_the_numbers_of_practitioners(before: Made, tmp_path: Path) -> None:
    with inserted(tmp_path, specialties="neurology,Neurology,2084N0400X,5,office,0,1"):
        after = made()

    assert differing(before.claims, after.claims, CLAIM).height == 0
    assert before.practitioners.equals(after.practitioners.filter(pl.col("specialty") != "neurology"))


def test_a_code_of_a_condition_changes_only_those_who_have_it(before: Made, tmp_path: Path) -> None:
    with inserted(
        tmp_path,
        diagnoses="K21.00,Reflux with esophagitis,chronic,reflux,0,120,",
        condition_codes="reflux,K21.00,0.5,,,0",
    ):
        after = made()

    changed = differing(before.enrollment, after.enrollment, ["patient_id"])
    assert changed.height > 0
    assert changed["condition_codes"].list.contains("K21.00").all()


def test_a_condition_leaves_the_other_conditions_of_everybody(before: Made, tmp_path: Path) -> None:
    row = "gout,metabolic,0,0.01,0.03,0.05,0.08,0.10,0.40,0.5,rheumatology,0"
    with inserted(
        tmp_path,
        conditions=row.replace("rheumatology", "orthopedics"),
        diagnoses="M10.9,Gout,chronic,gout,0,120,",
        condition_codes="gout,M10.9,1,,,0",
    ):
        after = made()

    without = (
        pl.col("condition_codes").list.eval(pl.element().filter(pl.element() != "M10.9")),
        pl.col("conditions").list.eval(pl.element().filter(pl.element().struct.field("condition") != "gout")),
    )
    assert after.enrollment.with_columns(without).equals(before.enrollment)
    assert after.enrollment["condition_codes"].list.contains("M10.9").any()


def test_most_organizations_keep_their_names(before: Made, tmp_path: Path) -> None:
    with inserted(tmp_path, organization_names="Zenith"):
        after = made()

    kept = before.organizations.join(after.organizations, on=before.organizations.columns, how="semi")
    assert kept.height / before.organizations.height > 0.85


def test_the_order_of_rows_does_not_matter(before: Made, tmp_path: Path) -> None:
    lines = (DATA / "procedures.csv").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#")) + 1
    with inserted(tmp_path):
        (tmp_path / "data" / "procedures.csv").write_text("\n".join(lines[:first] + lines[first:][::-1]) + "\n")
        _forget()
        after = made()

    assert after.claims.equals(before.claims)
