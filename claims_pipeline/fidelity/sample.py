"""The part of a lake that figures are measured on."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import polars as pl

from claims_pipeline.errors import DataError
from claims_pipeline.lake import Feed, Lake, read_feed
from claims_pipeline.schema import CLAIMS, ENROLLMENT, PLANS, PRACTITIONERS

PRIMARY_CARE_TAXONOMY = ("207Q00000X", "207R00000X")
"""Family medicine and internal medicine without a subspecialty (NUCC)."""
OFFICE_VISIT = r"^(992(0[2-5]|1[1-5])|993(8[1-7]|9[1-7])|G043[89])$"
EMERGENCY_VISIT = r"^9928[1-5]$"
ADULT = 18
RUN_OUT_MONTHS = 4
OFFICE_PLACES = ("11", "10", "02")
UNSCHEDULED_PLACES = ("20", "23")
"""Urgent care and emergency department."""


@dataclass(frozen=True)
class Sample:
    """The claims of a lake as lazy frames, each claim once, and what is billed once too.

    Attributes:
        start, end: first and last day of receipt in the lake.
        first_versions: the first version of each claim: dates, patient, practitioner, diagnoses, lines, amounts.
        claims: the same without claims that are replaced.
    """

    lake: Lake
    feed: Feed
    start: date
    end: date
    first_versions: pl.LazyFrame
    claims: pl.LazyFrame

    @cached_property
    def claim_count(self) -> int:
        """Number of claims in the lake."""
        return int(self.first_versions.select(pl.len()).collect().item())

    @property
    def first_year(self) -> pl.LazyFrame:
        """Claims whose service lies in the first twelve months of the lake."""
        until = self.first_year_end
        return self.claims.filter(pl.col("claim_start_date") >= self.start, pl.col("claim_start_date") < until)

    @property
    def first_year_end(self) -> date:
        """The day after the first twelve months of the lake."""
        return year_after(self.start)

    @property
    def second_year_end(self) -> date:
        """The day after the first 24 months of the lake."""
        return year_after(self.first_year_end)

    @property
    def has_two_years(self) -> bool:
        """Whether the lake has all days of 24 months."""
        return self.end >= self.second_year_end - timedelta(days=1)

    @cached_property
    def visits(self) -> pl.DataFrame:
        """Visits of the first year: `service_date`, `code`, `principal`, `place`, `is_primary_care`, and three ids."""
        primary = self.lake.read(PRACTITIONERS).select(
            "practitioner_id", pl.col("taxonomy_code").is_in(PRIMARY_CARE_TAXONOMY).alias("is_primary_care")
        )
        return (
            self.first_year.select(
                "patient_id",
                "coverage_id",
                "practitioner_id",
                pl.col("claim_start_date").alias("service_date"),
                pl.col("diagnosis_codes").list.first().alias("principal"),
                pl.col("place_of_service_code").alias("place"),
                pl.col("lines")
                .list.eval(pl.element().struct.field("hcpcs_code"))
                .list.eval(pl.element().filter(pl.element().str.contains(f"{OFFICE_VISIT}|{EMERGENCY_VISIT}")))
                .list.first()
                .alias("code"),
            )
            .filter(pl.col("code").is_not_null())
            .join(primary.lazy(), on="practitioner_id", how="left")
            .collect()
        )

    @property
    def office_visits(self) -> pl.DataFrame:
        """The office visits among `visits`."""
        return self.visits.filter(pl.col("code").str.contains(OFFICE_VISIT), pl.col("place").is_in(OFFICE_PLACES))

    @cached_property
    def scheduled(self) -> pl.DataFrame:
        """Services by appointment, at any place of service, that had four months to be received: `service_date`."""
        places = ~pl.col("place_of_service_code").is_in(UNSCHEDULED_PLACES)
        until = pl.lit(self.end).dt.offset_by(f"-{RUN_OUT_MONTHS}mo")
        day = pl.col("claim_start_date")
        services = self.claims.filter(places, day.is_between(pl.lit(self.start), until))
        return services.select(service_date=day).collect()

    def spans(self, *columns: str) -> pl.DataFrame:
        """Return the coverage spans of all members, one a row, with `patient_id` and other columns of enrollment."""
        return self.lake.read(ENROLLMENT).select("patient_id", *columns, "spans").explode("spans").unnest("spans")

    @cached_property
    def members(self) -> pl.DataFrame:
        """The members on the feed's first day: `patient_id`, `age`, `condition_codes`, `plan_type`."""
        day = pl.lit(self.feed.start_date)
        covers = pl.element().filter(
            pl.element().struct.field("coverage_start_date") <= day,
            pl.element().struct.field("coverage_end_date") >= day,
        )
        span = pl.col("spans").list.eval(covers).list.first().struct.field("plan_id").alias("plan_id")
        return (
            self.lake.read(ENROLLMENT)
            .select("patient_id", "condition_codes", age_on(self.feed.start_date), span)
            .filter(pl.col("plan_id").is_not_null())
            .join(self.lake.read(PLANS).select("plan_id", "plan_type"), on="plan_id", how="left")
        )

    @property
    def adults(self) -> pl.DataFrame:
        """The members of 18 and over."""
        return self.members.filter(pl.col("age") >= ADULT)


def sample_of(lake: Lake) -> Sample:
    """Return the sample of a lake.

    Raises:
        DataError: the lake has no feed.json or no claims.
    """
    feed = read_feed(lake.root)
    if feed is None:
        raise DataError("there is no generated lake here", where=str(lake.root), fix="claims generate")
    first_versions = lake.scan(CLAIMS).filter(pl.col("version_number") == 1)
    replaced = first_versions.select(claim_id="replaced_claim_id").drop_nulls().collect()
    claims = first_versions.join(replaced.lazy(), on="claim_id", how="anti")
    days = lake.days(CLAIMS)
    return Sample(lake=lake, feed=feed, start=days[0], end=days[-1], first_versions=first_versions, claims=claims)


def age_on(day: date) -> pl.Expr:
    """Return `age`, in completed years, on a day, given `birth_date`."""
    birth = pl.col("birth_date")
    months = day.year * 12 + day.month - birth.dt.year() * 12 - birth.dt.month()
    return (months - (birth.dt.day() > day.day).cast(pl.Int32)).floordiv(12).alias("age")


def year_after(day: date) -> date:
    """Return the same day of the next year, the 28th at the latest."""
    return day.replace(year=day.year + 1, day=min(day.day, 28))


def covered_days(spans: pl.DataFrame, first: date, until: date) -> pl.DataFrame:
    """Return the spans of coverage of which some `days` lie between `first` and the day before `until`."""
    start = pl.max_horizontal("coverage_start_date", pl.lit(first))
    end = pl.min_horizontal("coverage_end_date", pl.lit(until - timedelta(days=1)))
    return spans.with_columns(days=(end - start).dt.total_days() + 1).filter(pl.col("days") > 0)
