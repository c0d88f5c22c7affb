"""Figures about visits: levels, lines, seasons, holidays, weekends, cities."""

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from claims_pipeline.fidelity.estimate import (
    Estimate,
    Figures,
    exact,
    quotient,
    rank_correlation,
    share,
    share_of,
    shares,
)
from claims_pipeline.fidelity.sample import EMERGENCY_VISIT, Sample
from claims_pipeline.reference import read_table
from claims_pipeline.reference.holidays import federal_holidays

SEASONS = {12: "winter", 1: "winter", 2: "winter", 3: "spring", 4: "spring", 5: "spring"} | {
    6: "summer", 7: "summer", 8: "summer", 9: "fall", 10: "fall", 11: "fall"
}  # fmt: skip
RESPIRATORY_INFECTION = r"^J(0[02-6]|2[0-2])"
"""Acute infections of the airways without sinusitis, which the source counts apart."""
ASTHMA = "J45"
TELEHEALTH = ("02", "10")
"""Places of service of visits by video."""
WEEK_NEIGHBOURS = 3
"""Number of ordinary weeks before and after a holiday's week that it is compared with."""


def visit_levels(sample: Sample, prefix: str, levels: Iterable[int]) -> Figures:
    """Return the percentage of each level among the primary-care visits whose codes begin with `prefix`."""
    codes = [f"{prefix}{level}" for level in levels]
    return shares(sample.office_visits.filter(pl.col("is_primary_care"), pl.col("code").is_in(codes)), "code", codes)


def lines_per_claim(sample: Sample) -> Figures:
    """Return the mean number of service lines."""
    lines = sample.first_year.select(pl.col("lines").list.len().alias("lines")).collect()["lines"]
    return {"mean": exact(lines.mean())}  # type: ignore[arg-type]


def telehealth(sample: Sample) -> Figures:
    """Return the percentage of members with a visit by video in a quarter, the mean of four quarters."""
    by_video = sample.first_year.filter(pl.col("place_of_service_code").is_in(TELEHEALTH))
    quarter = pl.col("claim_start_date").dt.truncate("1q").alias("quarter")
    seen = by_video.select("patient_id", quarter).unique().collect().join(sample.members, on="patient_id", how="semi")
    quarters = 4
    return {"video": share(seen.height, quarters * sample.members.height)}


def seasons(sample: Sample) -> Figures:
    """Return the percentage of office visits in each season."""
    return shares(_with_season(sample.office_visits), "season", sorted(set(SEASONS.values())))


def respiratory_infections(sample: Sample) -> Figures:
    """Return the percentage of primary-care visits for an acute respiratory infection by season."""
    visits = _with_season(sample.office_visits.filter(pl.col("is_primary_care")))
    infected = pl.col("principal").str.contains(RESPIRATORY_INFECTION)
    return {season: share_of(visits.filter(pl.col("season") == season), infected) for season in ("summer", "winter")}


def asthma_seasons(sample: Sample) -> Figures:
    """Return how many visits for asthma there are in winter and in fall for one in summer."""
    visits = _with_season(sample.visits.filter(pl.col("principal").str.starts_with(ASTHMA)))
    counts = dict(visits.group_by("season").len().iter_rows())
    summer = counts.get("summer", 0)
    return {f"{season} against summer": quotient(counts.get(season, 0), summer) for season in ("winter", "fall")}


def asthma_emergencies(sample: Sample) -> Figures:
    """Return the percentage of emergency visits that are for asthma."""
    emergency = sample.visits.filter(pl.col("code").str.contains(EMERGENCY_VISIT))
    return {"asthma": share_of(emergency, pl.col("principal").str.starts_with(ASTHMA))}


def holiday_weeks(sample: Sample) -> Figures:
    """Return the difference in appointments, in percent, between a holiday's week and the ordinary weeks around it."""
    monday = pl.col("service_date").dt.truncate("1w")
    counts = dict(sample.scheduled.group_by(monday).len().iter_rows())
    years = range(sample.start.year, sample.end.year + 1)
    with_holiday = {
        holiday.day - timedelta(days=holiday.day.weekday()) for year in years for holiday in federal_holidays(year)
    }
    complete = sorted(counts)[1:-1]
    return {
        name: _against_neighbours(
            counts,
            complete,
            with_holiday,
            [holiday.day for year in years for holiday in federal_holidays(year) if holiday.name == name],
        )
        for name in ("Independence Day", "Labor Day", "Memorial Day")
    }


def weekends(sample: Sample) -> Figures:
    """Return the percentage of office and of emergency visits on Saturday and Sunday."""
    is_weekend = pl.col("service_date").dt.weekday() >= 6
    emergency = sample.visits.filter(pl.col("code").str.contains(EMERGENCY_VISIT))
    return {
        "office visits": share_of(sample.office_visits, is_weekend),
        "emergency visits": share_of(emergency, is_weekend),
    }


def cities(sample: Sample) -> Figures:
    """Return the rank correlation of claims and population by city."""
    claims = sample.first_year.group_by(city="facility_city", state="facility_state").len().collect()
    both = read_table("cities").join(claims, on=["city", "state"], how="left").fill_null(0)
    return {"rank correlation": rank_correlation(both, "population_count", "len")}


def _with_season(visits: pl.DataFrame) -> pl.DataFrame:
    return visits.with_columns(pl.col("service_date").dt.month().replace_strict(SEASONS).alias("season"))


def _against_neighbours(
    counts: dict[date, int], complete: list[date], with_holiday: set[date], days: list[date]
) -> Estimate | None:
    """Return by how many percent the weeks of some days differ from the ordinary weeks around, all years together."""
    of_weeks = of_ordinary = of_neighbours = 0.0
    ordinary = [week for week in complete if week not in with_holiday]
    for day in days:
        week = day - timedelta(days=day.weekday())
        if week not in complete:
            continue
        before, after = ([w for w in ordinary if w < week], [w for w in ordinary if w > week])
        neighbours = before[-WEEK_NEIGHBOURS:] + after[:WEEK_NEIGHBOURS]
        if not neighbours:
            continue
        total = sum(counts[w] for w in neighbours)
        of_weeks += counts[week]
        of_neighbours += total
        of_ordinary += total / len(neighbours)
    against = quotient(of_weeks, of_neighbours)
    if against is None:
        return None
    factor = 100 * of_neighbours / of_ordinary
    return Estimate(factor * against.value - 100, factor * against.error)
