"""What an analyst would expect of the people, visits and amounts of a feed."""

from collections.abc import Iterable
from datetime import date, timedelta

import polars as pl
import pytest

from claims_pipeline import quality
from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.reference import read_table
from claims_pipeline.schema import CLAIMS, COVERAGES, ENROLLMENT, PATIENTS, PLANS, PRACTITIONERS, TABLES

pytestmark = pytest.mark.heavy

FEED = Feed(seed=11, patients=1_500, claims=15_000, start_date=date(2024, 1, 1), end_date=date(2024, 12, 31))


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    lake = Lake(tmp_path_factory.mktemp("model") / "lake")
    generate_range(lake, FEED, start=FEED.start_date, end=FEED.end_date, jobs=2)
    return lake


@pytest.fixture(scope="module")
def claims(lake: Lake) -> pl.DataFrame:
    """Return the last version of each claim that is not replaced."""
    latest = lake.scan(CLAIMS).collect().sort("version_number").unique("claim_id", keep="last", maintain_order=True)
    return latest.filter((pl.col("claim_status") != "cancelled") | (pl.col("claim_frequency_code") == "8"))


@pytest.fixture(scope="module")
def settled(claims: pl.DataFrame) -> pl.DataFrame:
    """Return the claims that cannot change any more: what is wrong in them has been corrected."""
    return claims.filter(pl.col("received_date") < FEED.end_date - timedelta(days=60))


def lines(claims: pl.DataFrame, codes: Iterable[str] = ()) -> pl.DataFrame:
    found = claims.explode("lines").unnest("lines", separator="_")
    return found.filter(pl.col("lines_hcpcs_code").is_in(list(codes))) if codes else found


def test_a_person_stays_the_same_from_day_to_day(lake: Lake) -> None:
    patients = lake.scan(PATIENTS).collect()
    attributes = ("first_name", "last_name", "gender", "birth_date")
    assert (
        patients.group_by("patient_id")
        .agg(pl.col(attributes).n_unique())
        .select(pl.max_horizontal(attributes).max())
        .item()
        == 1
    )


def test_some_people_move_within_the_year(lake: Lake) -> None:
    homes = (
        lake.scan(PATIENTS).group_by("patient_id").agg(pl.struct("address_line", "zip_code").n_unique().alias("homes"))
    )
    assert homes.select((pl.col("homes") > 1).mean()).collect().item() == pytest.approx(0.06, abs=0.04)


def test_a_patient_lives_in_the_state_of_the_span_or_after_a_move_in_that_of_the_next(lake: Lake) -> None:
    named = lake.scan(PATIENTS).collect().select("patient_id", "day", "state").sort("day")
    spans = spans_of(lake).select("patient_id", "coverage_start_date", span_state="state").sort("coverage_start_date")
    later = spans.rename({"span_state": "next_state"})
    both = named.join_asof(
        spans, left_on="day", right_on="coverage_start_date", by="patient_id", check_sortedness=False
    ).join_asof(
        later,
        left_on="day",
        right_on="coverage_start_date",
        by="patient_id",
        strategy="forward",
        check_sortedness=False,
        suffix="_of_next",
    )
    both = both.drop_nulls(["span_state", "next_state"])
    has_moved = both["state"] != both["span_state"]
    assert 0 < has_moved.sum() < 0.05 * both.height
    assert (both["state"] == both["next_state"]).filter(has_moved).all()


def spans_of(lake: Lake) -> pl.DataFrame:
    """Return one row a span of the coverage that pays first, with the days since the person's span before it."""
    since = (pl.col("coverage_start_date") - pl.col("coverage_end_date").shift()).over("patient_id").dt.total_days()
    spans = lake.read(ENROLLMENT).explode("spans").unnest("spans").join(lake.read(PLANS), on="plan_id")
    spans = spans.filter(pl.col("coverage_order") == 1)
    return spans.sort("coverage_id").with_columns(since.alias("since"))


def test_coverage_renews_in_january_medicare_begins_at_65_and_a_newborns_at_birth(lake: Lake) -> None:
    spans = spans_of(lake)
    starts = spans.filter(pl.col("coverage_start_date").dt.month() != 1, pl.col("since") == 1)
    began = starts.select(pl.col("coverage_start_date").dt.year() - pl.col("birth_date").dt.year() == 65)
    assert began.to_series().all()
    within = spans.filter(pl.col("coverage_start_date").dt.day() != 1)
    assert within.height > 0
    assert (within["coverage_start_date"] == within["birth_date"]).all()


def test_spans_do_not_overlap_and_only_medicaid_has_gaps_each_under_a_year(lake: Lake) -> None:
    gaps = spans_of(lake).filter(pl.col("since") != 1)
    assert gaps["since"].is_between(28, 340).all()
    before = spans_of(lake).with_columns(pl.col("plan_type").shift().over("patient_id").alias("before"))
    assert set(before.filter(pl.col("since") != 1)["before"]) == {"medicaid"}


def test_members_join_and_leave_and_their_number_stays_about_the_same(lake: Lake) -> None:
    spans = spans_of(lake)

    def members_on(day: date) -> set[str]:
        covers = (pl.col("coverage_start_date") <= day) & (pl.col("coverage_end_date") >= day)
        return set(spans.filter(covers)["patient_id"])

    first, last = members_on(FEED.start_date), members_on(FEED.end_date)
    assert len(first - last) > 0.05 * len(first)
    assert len(last - first) > 0.05 * len(first)
    assert len(last) == pytest.approx(len(first), rel=0.05)
    assert first < set(spans["patient_id"]), "everybody is a member at some time"
    assert spans["patient_id"].n_unique() == FEED.patients


def test_coverage_ends_with_life_and_the_payer_learns_of_deaths_when_they_come(lake: Lake) -> None:
    dead = spans_of(lake).filter(pl.col("death_date").is_not_null())
    assert dead["patient_id"].n_unique() > 10
    assert (dead["coverage_end_date"] <= dead["death_date"]).all()
    named = lake.scan(PATIENTS).collect().join(dead.unique("patient_id"), on="patient_id", suffix="_in_truth")
    knows = pl.when(pl.col("death_date_in_truth") <= pl.col("day")).then("death_date_in_truth")
    assert named["death_date"].equals(named.select(knows).to_series())
    assert 0 < named["death_date"].count() < named.height


def test_nobody_is_seen_after_death_or_without_coverage(lake: Lake, claims: pl.DataFrame) -> None:
    dead = lake.read(ENROLLMENT).select("patient_id", "death_date")
    seen = claims.join(dead, on="patient_id")
    assert seen.filter(pl.col("claim_start_date") > pl.col("death_date")).height == 0
    covered = claims.join(spans_of(lake), on=["patient_id", "coverage_id"])
    assert covered.height == claims.height
    assert covered["claim_start_date"].is_between(covered["coverage_start_date"], covered["coverage_end_date"]).all()


def test_the_coverages_of_claims_are_spans_of_enrollment_whose_end_is_known_when_it_has_come(lake: Lake) -> None:
    coverages = lake.scan(COVERAGES).filter(pl.col("coverage_order") == 1).collect()
    known = coverages.join(spans_of(lake), on=["coverage_id", "plan_id", "coverage_start_date"], suffix="_in_truth")
    assert known.height == coverages.height
    end, truth = known["coverage_end_date"], known["coverage_end_date_in_truth"]
    assert ((end == truth) | ((end > truth) & (truth > known["day"]))).all()
    assert (end > truth).any()


def test_dual_eligibles_have_medicaid_beside_medicare_and_claims_name_medicare(
    lake: Lake, claims: pl.DataFrame
) -> None:
    second = lake.read(ENROLLMENT).explode("spans").unnest("spans").filter(pl.col("coverage_order") == 2)
    plans = lake.read(PLANS)
    assert set(second.join(plans, on="plan_id")["plan_type"]) == {"medicaid"}
    first = spans_of(lake).join(second, on=["patient_id", "coverage_start_date", "coverage_end_date"], how="semi")
    assert first.height == second.height > 0
    assert set(first["plan_type"]) == {"medicare", "medicare_advantage"}
    assert second["coverage_id"].str.ends_with("-2").all()
    assert claims.join(second, on="coverage_id", how="semi").height == 0
    coverages = lake.scan(COVERAGES).collect()
    beside = coverages.filter(pl.col("coverage_order") == 2)
    duals = first.unique("coverage_id").select("coverage_id")
    assert beside.height == coverages.join(duals, on="coverage_id", how="semi").height


def test_a_patient_keeps_an_own_doctor_in_their_city(lake: Lake, claims: pl.DataFrame) -> None:
    primary = lake.read(PRACTITIONERS).filter(pl.col("specialty").is_in(["family_medicine", "internal_medicine"]))
    visits = lines(claims, ["99213", "99214"]).join(primary, on="practitioner_id", how="semi")
    main = (
        visits.group_by("patient_id", "practitioner_id")
        .len()
        .group_by("patient_id")
        .agg(pl.col("len").max().alias("most"), pl.col("len").sum().alias("all"))
    )
    assert main.select(pl.col("most").sum() / pl.col("all").sum()).item() > 0.85


def test_no_adult_has_two_checkups_within_eleven_months(claims: pl.DataFrame) -> None:
    """As Medicare counts: eleven full months lie between two wellness visits."""
    procedures = read_table("procedures").filter(pl.col("category") == "preventive_visit", pl.col("from_age") >= 18)
    checkups = lines(claims, procedures["hcpcs_code"].to_list()).sort("patient_id", "claim_start_date")
    since = checkups.select(pl.col("claim_start_date").diff().over("patient_id")).to_series().drop_nulls()
    assert checkups["patient_id"].n_unique() > 600
    assert since.is_empty() or since.dt.total_days().min() >= 330  # type: ignore[operator]


def test_a_course_of_therapy_stays_with_one_therapist_and_one_reason(claims: pl.DataFrame) -> None:
    visits = lines(claims, ["97110"]).with_columns(pl.col("diagnosis_codes").list.first().alias("reason"))
    courses = visits.group_by("patient_id", "practitioner_id", "reason").len()
    assert courses.select(pl.col("len").mean()).item() > 4


def test_a_practitioner_charges_a_code_the_same_all_year(settled: pl.DataFrame) -> None:
    plain = lines(settled).filter(
        pl.col("lines_modifiers").list.len() == 0, pl.col("claim_start_date").dt.year() == 2024
    )
    prices = plain.group_by("practitioner_id", "lines_hcpcs_code").agg(pl.col("lines_unit_charge_amount").n_unique())
    assert prices["lines_unit_charge_amount"].max() == 1


def test_diabetes_brings_its_hemoglobin_test(claims: pl.DataFrame) -> None:
    tested = lines(claims, ["83036"]).filter(
        pl.col("diagnosis_codes").list.eval(pl.element().str.starts_with("E11")).list.any()
    )
    assert tested.height / lines(claims, ["83036"]).height > 0.8


@pytest.mark.parametrize(
    ("modifier", "column", "value"), [("95", "place_of_service_code", "10"), ("26", "place_of_service_code", "22")]
)
def test_modifiers_are_where_they_belong(claims: pl.DataFrame, modifier: str, column: str, value: str) -> None:
    found = lines(claims).filter(pl.col("lines_modifiers").list.contains(modifier))
    assert found.height > 0
    assert found[column].unique().to_list() == [value]


def test_a_visit_with_a_procedure_is_marked_separate(claims: pl.DataFrame) -> None:
    found = lines(claims).filter(pl.col("lines_modifiers").list.contains("25"))
    visits = read_table("procedures").filter(pl.col("category").str.ends_with("visit"))["hcpcs_code"]
    assert found.height > 0
    assert found["lines_hcpcs_code"].is_in(visits.implode()).all()


def test_statuses_settle_within_60_days(lake: Lake) -> None:
    versions = lake.scan(CLAIMS).collect()
    waited = versions.select((pl.col("day") - pl.col("received_date")).dt.total_days().max()).item()
    assert waited <= 60
    changes = (
        versions.sort("version_number").group_by("claim_id", maintain_order=True).agg("claim_status", "version_number")
    )
    assert set(changes["claim_status"].list.join(">")) == {
        "active", "active>active", "draft", "draft>active", "active>cancelled", "draft>active>cancelled",
    }  # fmt: skip
    assert changes.filter(pl.col("version_number").list.first() == 1)["version_number"].list.len().max() == 3


def test_versions_of_a_claim_are_of_one_visit(lake: Lake) -> None:
    fixed = ["received_date", "claim_start_date", "patient_id", "coverage_id", "practitioner_id", "replaced_claim_id"]
    versions = lake.scan(CLAIMS).group_by("claim_id").agg(pl.col(fixed).n_unique()).collect()
    assert versions.select(pl.max_horizontal(fixed).max()).item() == 1


@pytest.mark.parametrize("table", ["patients", "organizations", "locations"])
def test_every_zip_code_is_one_of_its_city(lake: Lake, table: str) -> None:
    declared = TABLES[table]
    rows = lake.scan(declared).collect() if declared.is_daily else lake.read(declared)
    addresses = rows.select("city", "state", "zip_code").unique()
    assert addresses.join(read_table("zip_codes"), on=["city", "state", "zip_code"], how="anti").is_empty()


def test_a_wound_is_as_deep_as_what_is_cut_out_of_it(claims: pl.DataFrame) -> None:
    """Debridement below the skin (11042, 11045) needs an ulcer that reaches below it: L97.521 is of the skin only."""
    cut = lines(claims, ["11042", "11045"])
    pointed = pl.col("diagnosis_codes").list.get(pl.col("lines_diagnosis_pointers").list.first() - 1)
    assert cut.height > 0
    assert cut.select(pointed.unique()).to_series().to_list() == ["L97.522"]
    deeper = lines(claims, ["11045"])["claim_id"]
    assert deeper.is_in(lines(claims, ["11042"])["claim_id"].implode()).all()


def test_a_year_breaks_no_rule_of_coding(lake: Lake) -> None:
    found = quality.findings(lake)
    assert found.filter(pl.col("check") != "claims_not_repeated").is_empty()


def test_hypertension_with_kidney_disease_is_coded_before_the_stage_of_the_disease(claims: pl.DataFrame) -> None:
    codes = claims.filter(pl.col("diagnosis_codes").list.contains("I12.9"))["diagnosis_codes"].to_list()
    after = [code for claim in codes for code in claim[claim.index("I12.9") :] if code.startswith("N18")]
    assert len(after) == len(codes) > 0


def test_a_side_of_the_body_is_that_of_the_diagnosis(settled: pl.DataFrame) -> None:
    sided = lines(settled, ["20610", "73560", "73030"]).with_columns(
        pointed=pl.col("diagnosis_codes").list.get(pl.col("lines_diagnosis_pointers").list.first() - 1)
    )
    of_right = sided.filter(pl.col("pointed").is_in(["M17.11", "M25.511", "M25.561"]))["lines_modifiers"]
    assert of_right.len() > 0
    assert of_right.list.contains("RT").all()


def test_care_beyond_the_office_is_there(claims: pl.DataFrame) -> None:
    """Hospital and eye visits, surgery, pathology, and a month of dialysis, each with the codes that belong to it."""
    codes = set(lines(claims)["lines_hcpcs_code"])
    for some in (["99222", "99232", "99239"], ["92004", "92014"], ["66984", "47562", "49505"], ["88305"]):
        assert codes & set(some)
    months = lines(claims, ["90960", "90961", "90962"])
    assert months.height > 0
    assert months["diagnosis_codes"].list.join(" ").str.contains("N18.6 Z99.2").all()
    hospital = lines(claims, ["99223", "99232"])
    assert set(hospital["place_of_service_code"]) == {"21"}


def test_a_drug_is_billed_with_its_injection(claims: pl.DataFrame) -> None:
    codes = pl.col("lines").list.eval(pl.element().struct.field("hcpcs_code"))
    with_drug = claims.select(codes=codes).filter(pl.col("codes").list.contains("J3301"))
    assert with_drug.height > 10
    assert with_drug["codes"].list.set_intersection(["20610", "20605"]).list.len().min() == 1


def test_tissue_is_examined_on_the_day_on_which_it_is_removed(claims: pl.DataFrame) -> None:
    keys = ["patient_id", "claim_start_date"]
    examined = lines(claims, ["88305"])
    removed = lines(claims, read_table("pathology")["procedures"].str.split(" ").explode().to_list())
    together = examined.join(removed, on=keys, how="semi")
    assert examined.height > 10
    assert together.height / examined.height > 0.8  # the claim of the procedure may end as cancelled


def test_nobody_is_treated_elsewhere_during_a_stay_in_hospital(settled: pl.DataFrame) -> None:
    keys = ["patient_id", "claim_start_date"]
    stays = lines(settled, ["99221", "99222", "99223", "99231", "99232", "99233", "99238", "99239"])
    elsewhere = settled.join(stays, on=["claim_id"], how="anti").join(stays.select(keys).unique(), on=keys, how="semi")
    births = elsewhere["diagnosis_codes"].list.eval(pl.element().str.contains("^(Z3[78]|Z3A|O)")).list.any()
    dialysis = elsewhere["diagnosis_codes"].list.contains("N18.6")
    assert stays.height > 20
    assert elsewhere.filter(~births & ~dialysis).is_empty()


def test_a_course_of_physical_therapy_begins_with_the_evaluation(claims: pl.DataFrame) -> None:
    treated = lines(claims, ["97110", "97161", "97162", "97163"])
    is_evaluation = pl.col("lines_hcpcs_code") != "97110"
    days = pl.col("claim_start_date")
    of_patients = treated.group_by("patient_id", "practitioner_id").agg(
        first=days.min(), evaluated=days.filter(is_evaluation).min(), visits=days.n_unique()
    )
    begun = of_patients.drop_nulls("evaluated").filter(pl.col("visits").is_between(2, 9))
    assert begun.height > 5
    assert (begun["first"] == begun["evaluated"]).mean() > 0.9  # type: ignore[operator]
