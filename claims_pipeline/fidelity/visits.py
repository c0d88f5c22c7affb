"""Figures about visits: levels, lines, seasons, holidays, weekends, cities."""

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl

from claims_pipeline.fidelity.sample import EMERGENCY_VISIT, Sample, shares
from claims_pipeline.reference import read_table
from claims_pipeline.reference.holidays import federal_holidays

Figures = dict[str, float | None]

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
    return {"mean": sample.first_year.select(pl.col("lines").list.len().mean()).collect().item()}


def telehealth(sample: Sample) -> Figures:
    """Return the percentage of members with a visit by video in a quarter, the mean of four quarters."""
    by_video = sample.first_year.filter(pl.col("place_of_service_code").is_in(TELEHEALTH))
    quarter = pl.col("claim_start_date").dt.truncate("1q").alias("quarter")
    seen = by_video.select("patient_id", quarter).unique().collect().join(sample.members, on="patient_id", how="semi")
    quarters = 4
    return {"video": seen.height / quarters / sample.members.height * 100 if sample.members.height else None}


def seasons(sample: Sample) -> Figures:
    """Return the percentage of office visits in each season."""
    return shares(_with_season(sample.office_visits), "season", sorted(set(SEASONS.values())))


def respiratory_infections(sample: Sample) -> Figures:
    """Return the percentage of primary-care visits for an acute respiratory infection by season."""
    visits = _with_season(sample.office_visits.filter(pl.col("is_primary_care")))
    infected = pl.col("principal").str.contains(RESPIRATORY_INFECTION).mean() * 100
    found = dict(visits.group_by("season").agg(infected).iter_rows())
    return {season: found.get(season) for season in ("summer", "winter")}


def asthma_seasons(sample: Sample) -> Figures:
    """Return how many visits for asthma there are in winter and in fall for one in summer."""
    visits = _with_season(sample.visits.filter(pl.col("principal").str.starts_with(ASTHMA)))
    counts = dict(visits.group_by("season").len().iter_rows())
    summer = counts.get("summer")
    return {
        f"{season} against summer": counts.get(season, 0) / summer if summer else None for season in ("winter", "fall")
    }


def asthma_emergencies(sample: Sample) -> Figures:
    """Return the percentage of emergency visits that are for asthma."""
    emergency = sample.visits.filter(pl.col("code").str.contains(EMERGENCY_VISIT))
    return {"asthma": emergency.select(pl.col("principal").str.starts_with(ASTHMA).mean() * 100).item()}


def holiday_weeks(sample: Sample) -> Figures:
    """Return the difference in appointments, in percent, between a holiday's week and the ordinary weeks around it."""
    monday = pl.col("service_date").dt.truncate("1w")
    counts = dict(sample.scheduled.group_by(monday).len().iter_rows())
    years = range(sample.start.year, sample.end.year + 1)
    closed = {
        holiday.day - timedelta(days=holiday.day.weekday())
        for year in years
        for holiday in federal_holidays(year)
        if holiday.closed_weight < 0.5
    }
    complete = sorted(counts)[1:-1]
    return {
        name: _against_neighbours(
            counts,
            complete,
            closed,
            [holiday.day for year in years for holiday in federal_holidays(year) if holiday.name == name],
        )
        for name in ("Independence Day", "Labor Day", "Memorial Day")
    }


def weekends(sample: Sample) -> Figures:
    """Return the percentage of office and of emergency visits on Saturday and Sunday."""
    is_weekend = (pl.col("service_date").dt.weekday() >= 6).mean() * 100
    emergency = sample.visits.filter(pl.col("code").str.contains(EMERGENCY_VISIT))
    return {
        "office visits": sample.office_visits.select(is_weekend).item(),
        "emergency visits": emergency.select(is_weekend).item(),
    }


def cities(sample: Sample) -> Figures:
    """Return the rank correlation of claims and population by city."""
    claims = sample.first_year.group_by(city="facility_city", state="facility_state").len().collect()
    both = read_table("cities").join(claims, on=["city", "state"], how="left").fill_null(0)
    return {"rank correlation": both.select(pl.corr("population_count", "len", method="spearman")).item()}


def _with_season(visits: pl.DataFrame) -> pl.DataFrame:
    return visits.with_columns(pl.col("service_date").dt.month().replace_strict(SEASONS).alias("season"))


def _against_neighbours(
    counts: dict[date, int], complete: list[date], closed: set[date], days: list[date]
) -> float | None:
    for day in days:
        week = day - timedelta(days=day.weekday())
        if week not in complete:
            continue
        around = [other for other in complete if other not in closed]
        before, after = ([w for w in around if w < week], [w for w in around if w > week])
        neighbours = before[-WEEK_NEIGHBOURS:] + after[:WEEK_NEIGHBOURS]
        of_neighbours = sum(counts[w] for w in neighbours)
        return 100 * (counts[week] * len(neighbours) / of_neighbours - 1) if of_neighbours else None
    return None
