"""Who pays and who provides: payers, plans, organizations, locations, practitioners.

Each city has practitioners of every specialty, more where more people live. They work at sites of organizations.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl

from claims_pipeline.generate.days import day_number
from claims_pipeline.generate.draws import Draws, Integers
from claims_pipeline.generate.identifiers import npis, numbered
from claims_pipeline.generate.names import names_of
from claims_pipeline.lake import Feed
from claims_pipeline.reference import read_table
from claims_pipeline.schema import DIRECTORY

PRACTITIONERS_IN_AN_ORGANIZATION = 25
FEMALE_PRACTITIONERS = 0.42
"""AAMC 2022: 38 percent of physicians; more among therapists and counselors."""


@dataclass(frozen=True)
class Directory:
    """The directory's tables, and where the practitioners of a city and specialty are.

    Attributes:
        tables: by name, as declared in schema.
        practitioners: one row a practitioner in the order of their numbers, with organization and site.
        first_practitioner: number of the first practitioner, shape (cities, specialties).
        practitioner_count: how many there are, same shape.
    """

    tables: dict[str, pl.DataFrame]
    practitioners: pl.DataFrame
    first_practitioner: Integers
    practitioner_count: Integers


def directory(feed: Feed) -> dict[str, pl.DataFrame]:
    """Return payers, plans, organizations, locations and practitioners of a feed, as schema declares them."""
    return dict(directory_of(feed).tables)


@lru_cache(maxsize=2)
def directory_of(feed: Feed) -> Directory:
    """Return the directory of a feed with its index."""
    cities, specialties = read_table("cities"), read_table("specialties")
    share = cities["population_count"].to_numpy() / cities["population_count"].sum()
    wanted = np.outer(share * feed.patients, specialties["practitioners_per_100k"].to_numpy() / 100_000)
    counts = np.maximum(1, np.ceil(wanted)).astype(np.int64)
    city, specialty = (np.repeat(axis.ravel(), counts.ravel()) for axis in np.indices(counts.shape))
    first = np.concatenate([[0], np.cumsum(counts.ravel())[:-1]]).reshape(counts.shape)
    placed = _placed(city, specialty)
    organizations = _organizations(placed)
    locations = _locations(placed, organizations)
    practitioners = _practitioners(feed, placed, locations)
    frames = {
        "payers": read_table("payers"),
        "plans": read_table("plans"),
        "organizations": organizations,
        "locations": locations,
        "practitioners": practitioners,
    }
    tables = {table.name: table.conform(frames[table.name]) for table in DIRECTORY}
    return Directory(tables, practitioners, first, counts)


def _placed(city: Integers, specialty: Integers) -> pl.DataFrame:
    """Return one row a practitioner: who works at which site of which organization of the city."""
    kinds = read_table("specialties").join(read_table("sites"), on="site", maintain_order="left")
    rank = pl.int_range(pl.len()).over("city_index", "site")
    groups = (pl.len().over("city_index", "site") / PRACTITIONERS_IN_AN_ORGANIZATION).ceil().cast(pl.Int64)
    is_hospital = pl.col("organization") == "Hospital"
    return (
        kinds[specialty]
        .with_columns(pl.Series("city_index", city))
        .with_columns(pl.when(is_hospital).then(0).otherwise(rank % groups).alias("group"))
    )


def _organizations(placed: pl.DataFrame) -> pl.DataFrame:
    keys = ["city_index", "organization", "group"]
    unique = placed.select(keys).unique(keys, maintain_order=True)
    numbers = np.arange(unique.height)
    names = read_table("organization_names")["name"]
    word = pl.Series(names.gather((unique["group"] + unique["city_index"] * 7) % len(names)))
    branch = (
        pl.when(pl.col("group") < len(names))
        .then(pl.lit(""))
        .otherwise(pl.format(" {}", pl.col("group") // len(names) + 1))
    )
    return _with_address(unique).with_columns(
        numbered("organization", numbers).alias("organization_id"),
        npis(50_000_000 + numbers).alias("npi"),
        pl.concat_str(pl.lit(word), pl.lit(" "), pl.col("organization"), branch).alias("organization_name"),
    )


def _locations(placed: pl.DataFrame, organizations: pl.DataFrame) -> pl.DataFrame:
    keys = ["city_index", "organization", "group"]
    sites = placed.select(*keys, "site", "site_label", "place_of_service_code").unique(maintain_order=True)
    return sites.join(organizations.rename({"npi": "billing_npi"}), on=keys, maintain_order="left").with_columns(
        numbered("location", np.arange(sites.height)).alias("location_id"),
        pl.format("{} {}", "organization_name", "site_label").alias("location_name"),
    )


def _practitioners(feed: Feed, placed: pl.DataFrame, locations: pl.DataFrame) -> pl.DataFrame:
    numbers = np.arange(placed.height)
    draws = Draws(feed.seed)
    is_female = draws.uniform("practitioner/gender", numbers) < FEMALE_PRACTITIONERS
    birth_days = day_number(feed.start_date) - 365 * (30 + draws.below("practitioner/age", numbers, 38))
    first, last = names_of(feed, "practitioner", numbers, is_female=is_female, birth_days=birth_days)
    keys = ["city_index", "organization", "group", "site"]
    return placed.join(
        locations.select(*keys, "organization_id", "billing_npi", "location_id", "city", "state"),
        on=keys,
        maintain_order="left",
    ).with_columns(
        pl.Series("number", numbers),
        numbered("practitioner", numbers).alias("practitioner_id"),
        npis(numbers).alias("npi"),
        first.alias("first_name"),
        last.alias("last_name"),
        pl.Series("gender", np.where(is_female, "female", "male")),
    )


def _with_address(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the address of an organization: its own number in a main street of its city."""
    cities = read_table("cities")[frame["city_index"]]
    rows = np.arange(frame.height)
    return frame.with_columns(
        cities["city"],
        cities["state"],
        pl.concat_str(
            pl.lit(cities["zip_prefix"]), pl.lit(pl.Series(rows % 30 + 1)).cast(pl.String).str.zfill(2)
        ).alias("zip_code"),
        pl.format("{} Medical Plaza", pl.lit(pl.Series(100 + rows * 4 % 3800))).alias("address_line"),
    )
