"""The outliers and anomalies on a feed whose irregularities are known: what they name, and what they miss.

The limits lie well below what three seeds reached: all providers who were named had been planted, and 7 of 11 to 8 of 9
of the planted ones were named; 85% to 89% of the claims with impossible units, and 87 to 92 of the first 100 claims.
"""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from claims_pipeline import aggregate
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.anomalies import anomalies
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.outliers import Outlier, OutlierQuery, cost_outliers
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.quality.scoring import labels
from claims_pipeline.schema import CLAIMS
from claims_pipeline_tests.dashboard.conftest import ANALYTICS
from claims_pipeline_tests.dashboard.generated_lake import latest

pytestmark = pytest.mark.heavy

START, END = date(2025, 1, 1), date(2025, 3, 28)
FEED = Feed(seed=2, patients=4_000, claims=30_000, start_date=START, end_date=END, irregularities=0.1)
WEDNESDAY = date(2025, 3, 12)


@pytest.fixture(scope="module")
def irregular(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with irregularities; its analytics are beside it."""
    home = tmp_path_factory.mktemp("irregular")
    lake = Lake(home / "lake")
    generate_range(lake, FEED, start=START, end=END)
    aggregate.build(lake, home / ANALYTICS)
    return lake


@pytest.fixture(scope="module")
def analytics(irregular: Lake) -> Path:
    return irregular.root.with_name(ANALYTICS)


@pytest.fixture(scope="module")
def planted(irregular: Lake) -> pl.DataFrame:
    """The labels, each with the practitioner and the status of its claim."""
    claims = latest(irregular, CLAIMS).select("claim_id", "practitioner_id", "claim_status")
    return labels(irregular).join(claims, on="claim_id")


def named(outliers: list[Outlier]) -> set[str]:
    return {one.value for one in outliers}


@pytest.mark.parametrize("query", [{}, {"received_from": START}], ids=["all", "filtered"])
def test_who_codes_all_visits_highest_is_named_and_hardly_anybody_else(
    analytics: Path, planted: pl.DataFrame, query: dict[str, date]
) -> None:
    highest = set(planted.filter(pl.col("kind") == "upcoding")["practitioner_id"])
    found = named(cost_outliers(View(analytics), OutlierQuery.model_validate({"of": "visits", **query})).items)

    assert len(highest) > 8
    assert len(found & highest) > 0.9 * len(found)
    assert len(found & highest) > 0.6 * len(highest)  # those with fewer than 8 peers are not compared


def test_claims_with_impossible_units_are_named_first(analytics: Path, planted: pl.DataFrame) -> None:
    charged = (pl.col("kind") == "units") & (pl.col("claim_status") == "active")
    impossible = set(planted.filter(charged)["claim_id"])
    found = cost_outliers(View(analytics), OutlierQuery(of="claims", count=1_000))

    assert len(found.items) == found.total
    assert len(impossible & named(found.items)) > 0.7 * len(impossible)
    assert len(impossible & named(found.items[:100])) > 70
    assert len(impossible) < 0.02 * FEED.claims, "a claim that is named at random is hardly ever one of them"


def test_irregular_claims_that_come_every_day_make_no_day_unusual(analytics: Path) -> None:
    assert len(anomalies(View(analytics), Filters()).items) <= 2  # 87 days and 12 weeks


@pytest.mark.parametrize(("times", "is_more"), [(2, True), (0.5, False), (0, False)])
def test_a_day_that_was_delivered_twice_or_in_part_is_unusual(
    analytics: Path, tmp_path: Path, times: float, is_more: bool
) -> None:
    changed = Path(shutil.copy(analytics, tmp_path))
    with duckdb.connect(changed) as connection:
        connection.execute(
            "update claims_by_day set claim_count = claim_count * $1, charge_amount = charge_amount * $1 "
            "where received_date = $2",
            [times, WEDNESDAY],
        )

    new = unusual_days(changed) - unusual_days(analytics)

    assert new == {(WEDNESDAY, "claims", is_more), (WEDNESDAY, "charges", is_more)}


def unusual_days(path: Path) -> set[tuple[date, str, bool]]:
    """Return the days that are unusual, what of them is, and whether it is more than usual."""
    found = anomalies(View(path), Filters()).items
    return {(one.first_day, one.measured, one.value > one.usual) for one in found if one.grain == "day"}
