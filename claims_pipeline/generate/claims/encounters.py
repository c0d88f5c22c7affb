"""The visits behind claims as columns: provider and site, diagnoses, lines, total."""

from functools import cache

import numpy as np
import polars as pl

from claims_pipeline.generate.claims.charges import MODIFIERS, Billed, modifiers_of, unit_charges
from claims_pipeline.generate.claims.line_modifiers import complete_modifiers
from claims_pipeline.generate.claims.lines import Lines
from claims_pipeline.generate.claims.mistakes import mistakes_of
from claims_pipeline.generate.claims.plan import Plan
from claims_pipeline.generate.coding.coding_order import MOST_DIAGNOSES
from claims_pipeline.generate.directory import directory_of, places_of
from claims_pipeline.generate.numbers.arrow import codes_of, lists, money
from claims_pipeline.generate.numbers.days import year_of
from claims_pipeline.generate.numbers.draws import Draws, Integers
from claims_pipeline.generate.numbers.identifiers import dates
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import LINE

TELEHEALTH_AT_HOME = "10"


def encounters_of(plan: Plan) -> pl.DataFrame:
    """Return for each claim of the plan its columns from `organization_id` on, as schema declares them."""
    specialty, city = places_of(plan.feed)
    lines, diagnoses = plan.lines, plan.diagnoses
    visits = Billed(
        feed=plan.feed,
        draws=Draws(plan.feed.seed),
        counter=plan.counter,
        person=plan.person,
        service=plan.service,
        practitioner=plan.practitioner,
        specialty=specialty[plan.practitioner],
        city=city[plan.practitioner],
        is_video=plan.is_video,
    )
    sites = _sites(plan.feed)[plan.practitioner]
    at_home = pl.lit(TELEHEALTH_AT_HOME).cast(pl.Categorical)
    place = pl.when(pl.Series(plan.is_video)).then(at_home).otherwise("place_of_service_code")
    frame = sites.with_columns(pl.coalesce(_elsewhere(lines, len(plan.story)), place).alias("place_of_service_code"))
    modifiers = complete_modifiers(
        modifiers_of(visits, lines),
        lines,
        draws=visits.draws,
        claims=visits.counter,
        specialty=visits.specialty,
        diagnoses=diagnoses.codes,
    )
    mistakes = mistakes_of(plan, modifiers)
    lines, diagnoses, modifiers = mistakes.lines, mistakes.diagnoses, mistakes.modifiers
    year = year_of(plan.service) - mistakes.price_age
    unit_cents = unit_charges(visits, lines, modifiers=modifiers, year=year)
    cents = unit_cents * lines.units
    counts = np.bincount(lines.claim, minlength=len(plan.story))
    codes = codes_of("diagnoses", "diagnosis_code").gather(
        diagnoses.codes[np.arange(MOST_DIAGNOSES) < diagnoses.count[:, None]]
    )
    line_frame = _line_frame(lines, counts, service=plan.service, places=frame["place_of_service_code"]).with_columns(
        _modifiers().gather(modifiers).alias("modifiers"),
        money(unit_cents).alias("unit_charge_amount"),
        money(cents).alias("charge_amount"),
    )
    return frame.with_columns(
        lists(codes, diagnoses.count).alias("diagnosis_codes"),
        lists(line_frame.select(field.name for field in LINE).to_struct(), counts).alias("lines"),
        money(np.bincount(lines.claim, weights=cents, minlength=len(counts)).astype(np.int64)).alias(
            "total_charge_amount"
        ),
    )


@once(maxsize=2)
def _sites(feed: Feed) -> pl.DataFrame:
    """Return where each practitioner works, as claims name it."""
    return directory_of(feed).practitioners.select(
        pl.col(name).cast(pl.Categorical).alias(column)
        for column, name in {
            "organization_id": "organization_id",
            "billing_npi": "billing_npi",
            "practitioner_id": "practitioner_id",
            "location_id": "location_id",
            "place_of_service_code": "place_of_service_code",
            "rendering_npi": "npi",
            "facility_city": "city",
            "facility_state": "state",
        }.items()
    )


@cache
def _modifiers() -> pl.Series:
    """Return the lists of modifiers that MODIFIERS names."""
    return pl.Series([modifier.split() for modifier in MODIFIERS], dtype=pl.List(pl.Categorical()))


def _elsewhere(lines: Lines, claims: int) -> pl.Series:
    """Return the place of service of each claim that is not rendered at the practitioner's site, null for others."""
    of_code = _places()[lines.code]
    place = np.full(claims, -1)
    place[lines.claim[of_code >= 0]] = of_code[of_code >= 0]
    places = codes_of("service_places", "place_of_service_code")
    return pl.select(pl.when(pl.Series(place) >= 0).then(places.gather(place.clip(0)))).to_series()


@cache
def _places() -> Integers:
    """Return the row of service_places of each row of procedures, -1 for none."""
    rows = {code: row for row, codes in enumerate(read_table("service_places")["codes"]) for code in codes.split()}
    return np.array([rows.get(code, -1) for code in read_table("procedures")["hcpcs_code"]])


def _line_frame(lines: Lines, counts: Integers, *, service: Integers, places: pl.Series) -> pl.DataFrame:
    number = np.arange(len(lines.claim)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    pointers = pl.Series([[pointer] for pointer in range(MOST_DIAGNOSES + 1)], dtype=pl.List(pl.Int32))
    return pl.DataFrame(
        {
            "claim_line_number": number.astype(np.int32),
            "hcpcs_code": codes_of("procedures", "hcpcs_code").gather(lines.code),
            "diagnosis_pointers": pointers.gather(lines.pointer),
            "line_service_date": dates(service[lines.claim]),
            "place_of_service_code": places.gather(lines.claim),
            "unit_count": lines.units.astype(np.int32),
        }
    )
