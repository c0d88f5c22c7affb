"""One provider, against the same counted from the lake's Parquet."""

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import httpx
import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.cards import cards
from claims_pipeline.dashboard.concentration import concentration
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.providers import provider_detail
from claims_pipeline.dashboard.trends import trends
from claims_pipeline.lake import Lake
from claims_pipeline.reference import read_table
from claims_pipeline_tests.dashboard.conftest import ANALYTICS
from claims_pipeline_tests.dashboard.generated_lake import latest

TO_THE_CENT = 0.00501
pytestmark = pytest.mark.heavy  # a generated lake


@pytest.fixture(scope="module")
def current(lake: Lake) -> list[dict[str, Any]]:
    doctors = pl.read_parquet(lake.path(schema.PRACTITIONERS)).select("practitioner_id", "specialty")
    claims = latest(lake, schema.CLAIMS)
    return claims.join(doctors, on="practitioner_id").to_dicts()


def figures_of(claims: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    charges = [float(claim["total_charge_amount"]) for claim in claims if claim["claim_status"] == "active"]
    patients = {claim["patient_id"] for claim in claims}
    return {
        "claim_count": len(claims),
        "patient_count": len(patients),
        "charge_amount": sum(charges),
        "average_charge_amount": sum(charges) / len(charges) if charges else None,
        "claims_a_patient": len(claims) / len(patients),
    }


def test_a_providers_figures_stand_beside_the_medians_of_the_specialty(
    view: View, current: list[dict[str, Any]]
) -> None:
    panels: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for claim in current:
        panels.setdefault(claim["specialty"], {}).setdefault(claim["practitioner_id"], []).append(claim)
    for specialty, peers in panels.items():
        of_peers = [figures_of(claims) for claims in peers.values()]
        busiest = max(peers, key=lambda one: len(peers[one]))

        detail = provider_detail(view, busiest, fhir_base_url="http://fhir")

        assert (detail.specialty, detail.peer_count) == (specialty, len(peers))
        assert {one.name: one.value for one in detail.figures} == pytest.approx(
            figures_of(peers[busiest]), abs=TO_THE_CENT
        )
        for one in detail.figures:
            values = [value for peer in of_peers if (value := peer[one.name]) is not None]
            assert one.peer_median == (pytest.approx(median(values), abs=TO_THE_CENT) if values else None)


def test_the_mix_counts_every_line_of_the_provider_and_adds_up(view: View, current: list[dict[str, Any]]) -> None:
    busiest = Counter(claim["practitioner_id"] for claim in current).most_common(1)[0][0]
    categories = dict(read_table("procedures").select("hcpcs_code", "category").iter_rows())
    expected = Counter(
        categories[line["hcpcs_code"]]
        for claim in current
        if claim["practitioner_id"] == busiest
        for line in claim["lines"]
    )

    mix = provider_detail(view, busiest, fhir_base_url="http://fhir").mix

    assert {one.category: one.line_count for one in mix if one.line_count} == expected
    assert sum(one.peer_percent for one in mix) == pytest.approx(100, abs=1)


def test_the_costliest_patients_have_the_share_that_their_charges_add_up_to(
    view: View, current: list[dict[str, Any]]
) -> None:
    spent: Counter[str] = Counter()
    for claim in current:
        if claim["claim_status"] == "active":
            spent[claim["patient_id"]] += claim["total_charge_amount"]
    ordered = sorted(spent.values(), reverse=True)

    shares = {one.top_percent: one for one in concentration(view, Filters()).items}

    assert list(shares) == [1, 5, 10, 20, 50, 100]
    for percent, one in shares.items():
        count = max(-(-percent * len(ordered) // 100), 1)
        assert one.patient_count == count
        assert one.charge_amount == sum(ordered[:count])
    assert shares[100].charge_percent == 100


def test_patients_whose_charges_are_not_above_0_have_no_share(lake: Lake, tmp_path: Path) -> None:
    path = Path(shutil.copy(lake.root.with_name(ANALYTICS), tmp_path))
    with duckdb.connect(path) as connection:
        connection.execute("update claims_current set total_charge_amount = -patient_number % 3 - 1")
        connection.execute("update claims_current set total_charge_amount = 10 where patient_number = 3")
        connection.execute("update claims_current set total_charge_amount = 0 where patient_number = 4")
    view = View(path)
    assert {(one.patient_count, one.charge_percent) for one in concentration(view, Filters()).items} == {(1, 100)}
    top = next(one for one in cards(view, Filters()).items if one.name == "top_5_percent")
    assert top.value == 100
    assert set(trends(view, Filters()).items[-1].values) == {100, None}


def test_nobody_with_charges_gives_no_shares(view: View) -> None:
    assert concentration(view, Filters.model_validate({"state": ["GU"]})).items == []


def test_a_provider_that_is_not_there_is_named(client: httpx.Client) -> None:
    answer = client.get("/api/providers/nobody")

    assert answer.status_code == 404
    assert answer.json()["message"] == "there is no provider nobody"
