"""Checks of people, addresses and identifiers: who is named, which places exist, which names and numbers agree."""

from functools import cache

import polars as pl

from claims_pipeline.quality.chunk import Chunk, found
from claims_pipeline.reference import read_table
from claims_pipeline.schema import GENDERS

OLDEST = 120


def demographics_known(chunk: Chunk) -> pl.DataFrame:
    """A patient has a name, a sex and a date of birth, born within 120 years before the day."""
    born, day = pl.col("birth_date"), pl.col("day")
    wrong = {
        "first_name": _is_blank("first_name"),
        "last_name": _is_blank("last_name"),
        "gender": ~pl.col("gender").is_in(GENDERS).fill_null(False),
        "birth_date": (born.is_null() | (born > day) | (born.dt.offset_by(f"{OLDEST}y") < day)).fill_null(True),
    }
    return pl.concat(
        found("demographics_known", "patients", chunk.patients.filter(is_wrong), key="patient_id", detail=column)
        for column, is_wrong in wrong.items()
    )


def places_exist(chunk: Chunk) -> pl.DataFrame:
    """An address has street, city, a state that exists and a ZIP code of it; of a city that we know, one of its own."""
    tables = (
        ("patients", chunk.patients, "patient_id", True),
        ("organizations", chunk.directory["organizations"], "organization_id", False),
        ("locations", chunk.directory["locations"], "location_id", False),
    )
    return pl.concat(
        found("places_exist", table, _nowhere(frame), key=key, detail="address", has_day=has_day)
        for table, frame, key, has_day in tables
    )


def identifiers_agree(chunk: Chunk) -> pl.DataFrame:
    """What a row says of a party is what the party's own row says: NPIs, names, cities, who works where, whose plan."""
    directory, claims = chunk.directory, chunk.claims
    patients = chunk.patients.unique(["day", "patient_id"], keep="first").with_columns(
        patient_name=pl.concat_str("first_name", "last_name", separator=" ")
    )
    coverages = chunk.coverages.unique(["day", "coverage_id"], keep="first")
    practitioners = directory["practitioners"].rename({"npi": "rendering_npi"})
    organizations = directory["organizations"].rename({"npi": "billing_npi"})
    locations = directory["locations"].rename({"city": "facility_city", "state": "facility_state"})
    of_claims = (
        (patients, ["day", "patient_id"], ("patient_name",)),
        (coverages, ["day", "coverage_id"], ("payer_id",)),
        (organizations, ["organization_id"], ("billing_npi",)),
        (practitioners, ["practitioner_id"], ("rendering_npi", "organization_id")),
        (locations, ["location_id"], ("facility_city", "facility_state", "organization_id")),
    )
    parts = [_disagreeing("claims", claims, "claim_id", *one) for one in of_claims]
    parts.append(
        _disagreeing("coverages", chunk.coverages, "coverage_id", directory["plans"], ["plan_id"], ("payer_id",))
    )
    return pl.concat(parts)


def npis_unique(chunk: Chunk) -> pl.DataFrame:
    """No two organizations, and no two practitioners, have one NPI."""
    return pl.concat(
        found(
            "npis_unique",
            name,
            chunk.directory[name].filter(pl.col("npi").is_duplicated()),
            key=key,
            detail=pl.col("npi"),
            has_day=False,
        )
        for name, key in (("organizations", "organization_id"), ("practitioners", "practitioner_id"))
    )


def header_fits_lines(chunk: Chunk) -> pl.DataFrame:
    """A claim's days of service are those of its lines, and its place of service is that of a line."""
    line = pl.element().struct.field
    day, place = line("line_service_date"), line("place_of_service_code")
    wrong = (
        (pl.col("lines").list.eval(day).list.min() != pl.col("claim_start_date"))
        | (pl.col("lines").list.eval(day).list.max() != pl.col("claim_end_date"))
        | ~pl.col("lines").list.eval(place).list.contains(pl.col("place_of_service_code"))
    )
    rows = chunk.claims.filter((pl.col("lines").list.len() > 0) & wrong.fill_null(True))
    return found("header_fits_lines", "claims", rows, key="claim_id", detail="days or place")


def _disagreeing(
    table: str, rows: pl.DataFrame, key: str, party: pl.DataFrame, on: list[str], columns: tuple[str, ...]
) -> pl.DataFrame:
    """Return the rows whose `columns` differ from those of the party that they name, if that is there."""
    both = rows.select(*{"day", key, *on, *columns}).join(
        party.select(*on, *(pl.col(column).alias(f"{column} of party") for column in columns)), on=on
    )
    return pl.concat(
        found(
            "identifiers_agree",
            table,
            both.filter(pl.col(column).ne_missing(pl.col(f"{column} of party"))),
            key=key,
            detail=f"{column} of {on[-1]}",
        )
        for column in columns
    )


def _nowhere(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with an address that does not exist."""
    places = ["city", "state", "zip_code"]
    prefix = pl.col("zip_code").str.slice(0, 3)
    has_form = pl.col("zip_code").str.contains(r"^\d{5}$").fill_null(False)
    addresses = frame.select(places).unique().with_columns(prefix.alias("prefix"))
    in_state = addresses.filter(has_form).join(_prefixes(), on=["state", "prefix"], how="semi")
    known = read_table("zip_codes")
    elsewhere = in_state.join(known, on=["city", "state"], how="semi").join(known, on=places, how="anti")
    exist = in_state.join(elsewhere, on=places, how="anti").select(*places, pl.lit(True).alias("exists"))
    is_nowhere = pl.col("exists").is_null() | _is_blank("city") | _is_blank("address_line")
    return frame.join(exist, on=places, how="left").filter(is_nowhere)


@cache
def _prefixes() -> pl.DataFrame:
    """Return each `state` with each three-digit `prefix` of its ZIP codes."""
    ends = pl.col("zip_prefixes").str.split("-").list
    numbers = pl.int_ranges(ends.first().cast(pl.Int64), ends.last().cast(pl.Int64) + 1)
    return (
        read_table("states")
        .with_columns(pl.col("zip_prefixes").str.split(" "))
        .explode("zip_prefixes")
        .select("state", prefix=numbers)
        .explode("prefix")
        .with_columns(pl.col("prefix").cast(pl.String).str.zfill(3))
    )


def _is_blank(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column).str.strip_chars() == "")
