"""Planted irregularities: labelled, found by the checks, and nothing else in the feed changes."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from claims_pipeline import generate, quality
from claims_pipeline.errors import FeedMismatch
from claims_pipeline.fhir import RENDERED_TABLES
from claims_pipeline.generate.irregularities.irregularities import plant
from claims_pipeline.generate.irregularities.planting import counters
from claims_pipeline.generate.numbers.draws import Draws
from claims_pipeline.generate.schedule.lifecycle import are_mistaken
from claims_pipeline.generate.years.years import visits_of
from claims_pipeline.lake import Feed, Lake, read_feed, requested_feed
from claims_pipeline.quality.scoring import FOUND_BY, labels
from claims_pipeline.reference import DAILY_CARE_PATTERN, read_table
from claims_pipeline.schema import CLAIMS, IRREGULARITIES, VISITS
from claims_pipeline.settings import load_settings

pytestmark = pytest.mark.heavy

START, END = date(2025, 7, 1), date(2025, 12, 31)
FEED = Feed(seed=8, patients=1_500, claims=9_000, start_date=START, end_date=END, irregularities=0.05)
PLAIN = FEED.model_copy(update={"irregularities": 0.0})


def claim_id_of_visit() -> pl.Expr:
    day, number = pl.col("received_date").dt.strftime("%Y%m%d"), (pl.col("claim_index") + 1).cast(pl.String)
    return pl.format("claim-{}-{}", day, number.str.zfill(6))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("irregular") / "lake")
    generate.generate_range(lake, FEED, start=START, end=END, jobs=2)
    return lake


@pytest.fixture(scope="module")
def report(lake: Lake) -> quality.QualityReport:
    return quality.check(lake)


@pytest.mark.parametrize("kind", FOUND_BY)
def test_the_checks_find_what_was_planted(report: quality.QualityReport, kind: str) -> None:
    [score] = [score for score in report.scores if score.kind == kind]

    assert score.planted > 20
    assert score.found / score.planted >= 0.95


def test_the_number_of_claims_stays_that_of_the_feed(lake: Lake) -> None:
    assert lake.scan(CLAIMS).select(pl.col("claim_id").n_unique()).collect().item() == FEED.claims


def test_a_service_that_may_come_again_for_good_reasons_is_not_planted_as_too_early(lake: Lake) -> None:
    codes = read_table("service_intervals").with_columns(pl.col("codes").str.split(" ")).explode("codes")
    checked = set(codes.filter(pl.col("checked") == 1)["codes"])
    early = labels(lake).filter(pl.col("kind") == "frequency")["detail"].str.split(" ").list.first()

    assert set(early) <= checked
    assert not {"20605", "52000", "49505", "27447", "66984", "64721"} & checked


def test_planting_leaves_no_anesthesia_without_its_procedure(report: quality.QualityReport) -> None:
    assert dict(report.counts)["anesthesia_with_procedure"] == 0


def test_no_row_is_one_that_must_not_be_loaded(report: quality.QualityReport) -> None:
    blocking = {check.name for check in quality.CHECKS if check.blocks}

    assert [name for name, count in report.counts if count and name in blocking] == []


def test_all_other_visits_are_those_of_the_plain_feed(lake: Lake) -> None:
    key = ["received_date", "claim_index"]
    planted = lake.read(VISITS, START)
    plain = visits_of(PLAIN, START.year)
    changed = plain.join(planted, on=plain.columns, how="anti", nulls_equal=True).select(key)
    ids = changed.select(claim_id_of_visit()).to_series()

    assert set(ids) == set(labels(lake)["claim_id"])


def test_a_claim_is_irregular_in_one_way_and_all_labels_name_claims_of_the_feed(lake: Lake) -> None:
    of_lake = lake.scan(CLAIMS).select(pl.col("claim_id").unique()).collect().to_series()
    planted = labels(lake)["claim_id"]

    assert planted.is_unique().all()
    assert planted.is_in(of_lake.implode()).all()


def test_a_plain_feed_has_no_label_and_no_file_for_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    generate.generate_range(lake, PLAIN, start=START, end=START)
    visits = visits_of(PLAIN, START.year)

    assert not (lake.root / IRREGULARITIES.name).exists()
    assert quality.check(lake).scores == ()
    assert plant(PLAIN, visits, [])[0] is visits


def test_a_year_made_later_or_day_by_day_has_the_same_labels(lake: Lake, tmp_path: Path) -> None:
    again = Lake(tmp_path / "lake")
    generate.write_enrollment(again, FEED)
    for day in (END, START + timedelta(days=40)):
        generate.write_patients(again, FEED, [day])

    assert again.digest(IRREGULARITIES, START) == lake.digest(IRREGULARITIES, START)


def test_labels_are_not_loaded() -> None:
    assert IRREGULARITIES.name not in {table.name for table in RENDERED_TABLES}


def test_another_rate_belongs_to_another_lake(lake: Lake) -> None:
    with pytest.raises(FeedMismatch, match=r"irregularities: the lake has 0\.05, wanted 0\.1"):
        requested_feed(lake.root, load_settings(irregularities=0.1))
    assert requested_feed(lake.root, load_settings()) == FEED


def test_a_lake_of_before_has_none(tmp_path: Path) -> None:
    (tmp_path / "feed.json").write_text(PLAIN.model_dump_json(exclude={"irregularities"}))

    assert read_feed(tmp_path) == PLAIN


@pytest.fixture(scope="module")
def at_high_rate() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return visits and labels at a high rate: few claims are neither irregular nor the reason why another one is."""
    feed = FEED.model_copy(update={"irregularities": 0.2})
    return plant(feed, visits_of(feed, START.year), [])


@pytest.fixture(scope="module")
def many(at_high_rate: tuple[pl.DataFrame, pl.DataFrame]) -> pl.DataFrame:
    planted = at_high_rate[1]
    assert planted.height > 1_000
    return planted.with_columns(source_id=pl.col("detail").str.extract(r"(claim-\S+)$"))


def test_the_source_of_an_irregularity_stays_as_it_is(many: pl.DataFrame) -> None:
    assert set(many["source_id"].drop_nulls()).isdisjoint(many["claim_id"])


def test_a_procedure_stays_beside_its_anesthesia(at_high_rate: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    visits, _ = at_high_rate
    of_procedures = read_table("anesthesia").select(
        hcpcs_codes="hcpcs_code", procedure=pl.col("procedures").str.split(" ")
    )
    lines = visits.explode("hcpcs_codes")
    given = lines.join(of_procedures, on="hcpcs_codes").explode("procedure")
    billed = lines.select("person", "service_date", procedure="hcpcs_codes")
    with_procedure = given.join(billed, on=["person", "service_date", "procedure"], how="semi")
    alone = given.join(with_procedure, on=["received_date", "claim_index"], how="anti")

    assert given.height > 30
    assert alone.is_empty()


def test_no_copy_for_the_next_day_bills_daily_care_or_a_birth(at_high_rate: tuple[pl.DataFrame, pl.DataFrame]) -> None:
    visits, planted = at_high_rate
    copies = visits.with_columns(claim_id=claim_id_of_visit()).join(
        planted.filter(pl.col("kind") == "next_day"), on="claim_id", how="semi"
    )
    codes = copies["hcpcs_codes"].explode()

    assert copies.height > 100
    assert not codes.str.contains(DAILY_CARE_PATTERN).any()
    assert set(copies["story"]).isdisjoint({"newborn_first", "delivery", "delivery_only"})


def test_a_claim_is_copied_once_at_most(many: pl.DataFrame) -> None:
    assert many["source_id"].drop_nulls().is_unique().all()


def test_a_planted_duplicate_bills_what_its_source_bills_in_every_version(lake: Lake) -> None:
    columns = ["diagnosis_codes", "lines", "total_charge_amount"]
    billed = (
        lake.scan(CLAIMS)
        .collect()
        .select("claim_id", content=pl.struct(columns).map_elements(repr, return_dtype=pl.String))
        .unique()
    )
    copies = labels(lake).filter(pl.col("kind") == "duplicate")
    pairs = copies.with_columns(source_id=pl.col("detail").str.extract(r"(claim-\S+)$")).join(billed, on="claim_id")
    both = pairs.join(billed, left_on="source_id", right_on="claim_id", suffix="_of_source")

    assert both.height == copies.height
    assert (both["content"] == both["content_of_source"]).all()


def test_a_copy_for_the_next_day_bills_the_same(lake: Lake) -> None:
    line = pl.col("line").struct
    lines = (
        lake.scan(CLAIMS)
        .select("claim_id", "claim_start_date", line="lines")
        .explode("line", empty_as_null=False)
        .select(
            *("claim_id", "claim_start_date"),
            *(line.field(name) for name in ("hcpcs_code", "unit_count", "charge_amount")),
            modifiers=line.field("modifiers").list.join(" "),
        )
        .unique()
        .collect()
    )
    copies = labels(lake).filter(pl.col("kind") == "next_day")
    pairs = copies.select("claim_id", source_id=pl.col("detail").str.extract(r"(claim-\S+)$"))
    later = lines.with_columns(pl.col("claim_start_date").dt.offset_by("1d")).rename({"claim_id": "source_id"})
    found = pairs.join(lines, on="claim_id").join(
        pairs.join(later, on="source_id"), on=[*lines.columns, "source_id"], how="full"
    )

    assert copies.height > 20
    assert found["claim_id"].null_count() == found["claim_id_right"].null_count() == 0


@pytest.mark.parametrize("seed", range(3))
def test_what_a_later_version_corrects_is_neither_irregular_nor_copied(seed: int) -> None:
    """Else a claim would not show what its label says until the correction, which may come after the feed's end."""
    end = START + timedelta(days=20)
    feed = FEED.model_copy(update={"seed": seed, "patients": 400, "claims": 1_200, "end_date": end})
    visits = visits_of(feed, START.year)
    planted = plant(feed.model_copy(update={"irregularities": 0.2}), visits, [])[1]
    named = {*planted["claim_id"], *planted["detail"].str.extract(r"(claim-\S+)$").drop_nulls()}
    counter = counters(visits)
    is_mistaken = are_mistaken(Draws(seed), counter, np.ones(len(counter), dtype=np.int64))
    ids = visits.select(claim_id_of_visit()).to_series()

    assert planted.height > 50
    assert is_mistaken.sum() > 30
    assert named.isdisjoint(ids.filter(pl.Series(is_mistaken)))


def test_what_a_cancelled_claim_and_its_replacement_bill_is_not_raised(lake: Lake) -> None:
    raised = labels(lake).filter(pl.col("kind") == "upcoding")["claim_id"]
    replacing = lake.scan(CLAIMS).filter(
        pl.col("replaced_claim_id").is_not_null() | (pl.col("claim_status") == "cancelled")
    )
    without_raise = replacing.select("claim_id").collect().to_series()

    assert raised.len() > 20
    assert not raised.is_in(without_raise.implode()).any()


def test_labels_that_are_lost_are_made_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    generate.generate_range(lake, FEED, start=START, end=START)
    file = lake.path(IRREGULARITIES, START)
    made = file.read_bytes()
    file.unlink()

    generate.generate_range(lake, FEED, start=START, end=START)

    assert file.read_bytes() == made
