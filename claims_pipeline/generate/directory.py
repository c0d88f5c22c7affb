"""Who pays and who provides: payers, plans, organizations, locations, practitioners.

Each city has practitioners of every specialty, more where more people live. They work at sites of organizations.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from claims_pipeline.generate.numbers.days import day_number
from claims_pipeline.generate.numbers.draws import Draws, Integers, key_of, keys_of, pair
from claims_pipeline.generate.numbers.identifiers import npis, numbered
from claims_pipeline.generate.numbers.once import once
from claims_pipeline.generate.people.names import choose_first_names, choose_last_names
from claims_pipeline.generate.people.zip_codes import choose_zip_codes
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
        practitioners: one row a practitioner in the order of their numbers, with organization, site, and the
            `counter` of their draws, which does not depend on the other cities and specialties.
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


@once(maxsize=2)
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


@once(maxsize=2)
def places_of(feed: Feed) -> tuple[Integers, Integers]:
    """Return the row of the specialty and of the city of each practitioner of a feed."""
    practitioners = directory_of(feed).practitioners
    names = pl.Enum(read_table("specialties")["specialty"])
    specialty = practitioners["specialty"].cast(names).to_physical().to_numpy().astype(np.int64)
    return specialty, practitioners["city_index"].to_numpy().astype(np.int64)


@once(maxsize=2)
def practices_of(feed: Feed) -> Integers:
    """Return for each practitioner of a feed a number that those of an organization and specialty share."""
    practitioners = directory_of(feed).practitioners
    rank = practitioners.select(pl.struct("organization_id", "specialty").rank("dense")).to_series()
    return rank.to_numpy().astype(np.int64)


def _placed(city: Integers, specialty: Integers) -> pl.DataFrame:
    """Return one row a practitioner: who works at which site of which organization of the city."""
    kinds = read_table("specialties").join(read_table("sites"), on="site", maintain_order="left")
    rank = pl.int_range(pl.len()).over("city_index", "site")
    groups = (pl.len().over("city_index", "site") / PRACTITIONERS_IN_AN_ORGANIZATION).ceil().cast(pl.Int64)
    is_hospital = pl.col("organization") == "Hospital"
    return (
        kinds[specialty]
        .with_columns(
            pl.Series("city_index", city),
            pl.Series("counter", pair(_ranks(city, specialty), practitioner_keys()[city, specialty])),
        )
        .with_columns(pl.when(is_hospital).then(0).otherwise(rank % groups).alias("group"))
    )


def _ranks(city: Integers, specialty: Integers) -> Integers:
    """Return the number of each practitioner among those of the city and specialty, which stand together, from 0."""
    begins = np.flatnonzero(np.diff(city, prepend=-1) | np.diff(specialty, prepend=-1))
    return np.arange(len(city)) - np.repeat(begins, np.diff(begins, append=len(city)))


def _organizations(placed: pl.DataFrame) -> pl.DataFrame:
    keys = ["city_index", "organization", "group"]
    unique = placed.select(keys).unique(keys, maintain_order=True)
    numbers = np.arange(unique.height)
    names = read_table("organization_names")["name"]
    word = names.gather(_names_by_city()[unique["city_index"], unique["group"].to_numpy() % len(names)])
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


@cache
def _names_by_city() -> Integers:
    """Return for each city (rows) the rows of organization_names in an order of its own."""
    names, cities = read_table("organization_names")["name"], read_table("cities")["city"]
    return np.array([np.argsort([key_of(f"{city}/{name}") for name in names]) for city in cities])


@cache
def practitioner_keys() -> Integers:
    """Return a number below 2**32 for the practitioners of each city (rows) and specialty."""
    cities, specialties = read_table("cities")["city"], read_table("specialties")["specialty"]
    return np.array([keys_of(f"{city}/{specialty}" for specialty in specialties) for city in cities])


def _locations(placed: pl.DataFrame, organizations: pl.DataFrame) -> pl.DataFrame:
    keys = ["city_index", "organization", "group"]
    sites = placed.select(*keys, "site", "site_label", "place_of_service_code").unique(maintain_order=True)
    return sites.join(organizations.rename({"npi": "billing_npi"}), on=keys, maintain_order="left").with_columns(
        numbered("location", np.arange(sites.height)).alias("location_id"),
        pl.format("{} {}", "organization_name", "site_label").alias("location_name"),
    )


def _practitioners(feed: Feed, placed: pl.DataFrame, locations: pl.DataFrame) -> pl.DataFrame:
    numbers, counter = np.arange(placed.height), placed["counter"].to_numpy()
    draws = Draws(feed.seed)
    is_female = draws.uniform("practitioner/gender", counter) < FEMALE_PRACTITIONERS
    birth_days = day_number(feed.start_date) - 365 * (30 + draws.below("practitioner/age", counter, 38))
    first = choose_first_names(draws, "practitioner", counter, is_female=is_female, birth_days=birth_days)
    last = choose_last_names(draws, "practitioner", counter)
    keys = ["city_index", "organization", "group", "site"]
    return placed.join(
        locations.select(*keys, "organization_id", "billing_npi", "location_id", "city", "state"),
        on=keys,
        maintain_order="left",
    ).with_columns(
        pl.Series("number", numbers),
        numbered("practitioner", numbers).alias("practitioner_id"),
        npis(numbers).alias("npi"),
        read_table("first_names")["first_name"].gather(first),
        read_table("last_names")["last_name"].gather(last),
        pl.Series("gender", np.where(is_female, "female", "male")),
    )


def _with_address(frame: pl.DataFrame) -> pl.DataFrame:
    """Add the address of an organization: its own number in a main street of its city."""
    cities = read_table("cities")[frame["city_index"]]
    texts = frame.select(pl.format("{}/{}/{}", pl.lit(cities["city"]), "organization", "group")).to_series()
    keys, addresses = keys_of(texts), np.array([key_of(text) for text in texts], dtype=np.uint64)
    return frame.with_columns(
        cities["city"],
        cities["state"],
        read_table("zip_codes")["zip_code"].gather(choose_zip_codes(frame["city_index"].to_numpy(), addresses)),
        pl.format("{} Medical Plaza", pl.lit(pl.Series(100 + keys % 950 * 4))).alias("address_line"),
    )
