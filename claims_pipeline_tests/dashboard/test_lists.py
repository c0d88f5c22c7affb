"""The lists, where rows lack what they are sorted by."""

from datetime import date
from typing import get_args
from urllib.parse import parse_qsl, urlsplit

import pytest

from claims_pipeline import aggregate, schema
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.lists import ClaimPage, ClaimQuery, ClaimSort, claim_page
from claims_pipeline_tests.aggregate.example_lake import ANA, BEN, claim, write_example_lake
from claims_pipeline_tests.defaults import frame

FEB_4 = date(2025, 2, 4)
UNKNOWN = {"coverage_id": "coverage-x", "practitioner_id": "practitioner-x", "payer_id": "payer-x"}


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    """The example lake, and three claims without lines or diagnoses, whose plan and provider nobody knows."""
    home = tmp_path_factory.mktemp("lacking")
    lake = write_example_lake(home / "lake")
    lacking = [
        claim(f"claim-20250204-{number:06d}", patient, "TX", {}, received_date=FEB_4)
        | UNKNOWN
        | {"diagnosis_codes": [], "lines": []}
        for number, patient in enumerate((ANA, BEN, ANA))
    ]
    with lake.writer() as writer:
        writer.add(schema.CLAIMS, frame(schema.CLAIMS, lacking), FEB_4)
    aggregate.build(lake, home / "analytics.duckdb")
    return View(home / "analytics.duckdb")


@pytest.mark.parametrize("sort", get_args(ClaimSort))
def test_claims_that_lack_what_the_list_is_sorted_by_are_in_it_once(view: View, sort: ClaimSort) -> None:
    whole = [one.claim_id for one in claim_page(view, ClaimQuery(sort=sort)).items]
    assert len(set(whole)) == len(whole) == 8
    forwards, page = [], claim_page(view, ClaimQuery(sort=sort, count=1))
    forwards += page.items
    while page.next:
        page = _at(view, page.next)
        forwards += page.items
    assert [one.claim_id for one in forwards] == whole
    backwards, page = [], claim_page(view, ClaimQuery(sort=sort, count=1, before="end"))
    backwards += page.items
    while page.previous:
        page = _at(view, page.previous)
        backwards += page.items
    assert [one.claim_id for one in reversed(backwards)] == whole


def _at(view: View, address: str) -> ClaimPage:
    return claim_page(view, ClaimQuery.model_validate(dict(parse_qsl(urlsplit(address).query))))
