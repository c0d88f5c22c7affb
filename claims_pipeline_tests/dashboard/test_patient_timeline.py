"""The drawing of one patient's coverages and claims, without a browser."""

import html
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import vl_convert

from claims_pipeline import aggregate, schema
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.charts.patient_timeline import CLAIMS_HEIGHT, patient_timeline, place_of_name
from claims_pipeline.lake import Lake, require_feed
from claims_pipeline.settings import Settings
from claims_pipeline_tests.aggregate.example_lake import ANA, BEN, CLEO, FEED, claim, patient, write_directory
from claims_pipeline_tests.defaults import frame


def timeline(client: httpx.Client, patient_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/patients/{patient_id}/timeline")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def coverages_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = spec["layer"][0]["data"]["values"]
    return rows


@pytest.mark.parametrize("patient_id", [ANA, BEN, CLEO])
@pytest.mark.parametrize("width", [300, 800])
def test_each_claim_and_coverage_is_drawn_and_said_to_a_screen_reader(
    client: httpx.Client, patient_id: str, width: int
) -> None:
    spec = timeline(client, patient_id)
    svg = html.unescape(vl_convert.vegalite_to_svg(spec | {"width": width}))
    for row in [*spec["data"]["values"], *coverages_of(spec)]:
        assert f'"{row["description"]}"' in svg
    for row in coverages_of(spec):
        assert f">{row['plan']}<" in svg


def test_the_claims_are_those_of_the_list_and_of_the_sql(client: httpx.Client, example_settings: Settings) -> None:
    spec = timeline(client, BEN)
    listed = client.get(f"/api/claims?patient={BEN}&sort=claim_start_date").json()["items"]
    names = ("claim_id", "claim_start_date", "claim_status")
    drawn = [[row[name] for name in names] + [row["charge_amount"]] for row in spec["data"]["values"]]
    assert drawn == [[row[name] for name in names] + [row["total_charge_amount"]] for row in listed]
    with duckdb.connect(example_settings.analytics_path, read_only=True) as connection:
        found = connection.execute(spec["usermeta"]["sql"]).fetchall()
    assert [row[0] for row in found] == [row["claim_id"] for row in listed]


def test_a_coverage_is_cut_at_the_days_of_the_lake_and_said_whole(client: httpx.Client) -> None:
    first, second = coverages_of(timeline(client, BEN))
    assert (first["begin"], first["end"]) == ("2025-01-10", "2025-01-16")  # to the end of the last day
    assert first["description"] == "Plan: Jan 1, 2024 to Jan 15, 2025"
    assert (second["begin"], second["end"]) == ("2025-01-16", "2025-02-03")


def test_the_name_of_a_plan_stands_where_the_most_room_is(client: httpx.Client) -> None:
    """No border of a short bar crosses it."""
    short, long = coverages_of(timeline(client, BEN))
    assert (short["name_at"], short["name_align"]) == (short["end"], "left")  # behind it
    assert (long["name_at"], long["name_align"]) == (long["begin"], "left")  # in it
    svg = vl_convert.vegalite_to_svg(timeline(client, BEN) | {"width": 300})
    places = [float(place) for place in re.findall(r'transform="translate\(([\d.]+),[^>]*>Plan<', svg)]
    assert places == pytest.approx([300 * 6 / 24 + 5] * 2)


def test_a_bar_at_the_end_has_its_name_before_it() -> None:
    days = [date(2025, 1, 1), date(2025, 1, 20), date(2025, 1, 30), date(2025, 1, 31)]
    assert place_of_name(*days) == {"name_at": "2025-01-20", "name_align": "right"}


def test_a_patient_who_is_not_there_is_named(client: httpx.Client) -> None:
    answer = client.get("/api/patients/nobody/timeline")
    assert answer.status_code == 404
    assert answer.json()["message"] == "there is no patient nobody"


def test_many_claims_without_a_known_coverage_are_drawn_too(tmp_path: Path) -> None:
    first = FEED.start_date
    claims = [
        claim(f"claim-20250110-{index:06}", BEN, "CA", {"99213": "0.00"}, received_date=first)
        | {"claim_start_date": first - timedelta(days=index)}
        for index in range(300)
    ]
    spec = patient_timeline(_view(tmp_path, first, claims), BEN)
    assert len(spec["data"]["values"]) == 300
    assert "no coverage is known" in spec["title"]["subtitle"]
    assert spec["height"] == CLAIMS_HEIGHT
    svg = vl_convert.vegalite_to_svg(spec | {"width": 300})
    assert svg.count('aria-roledescription="point"') == 300
    assert "NaN" not in svg  # the charges are all zero


def _view(folder: Path, day: date, claims: list[dict[str, Any]]) -> View:
    """Return the analytics of a lake that has a day's claims of Ben, and does not know the coverage that they name."""
    require_feed(folder / "lake", FEED)
    lake = Lake(folder / "lake")
    write_directory(lake)
    with lake.writer() as writer:
        for table, of_table in (
            (schema.CLAIMS, claims),
            (schema.PATIENTS, [patient(BEN, day)]),
            (schema.COVERAGES, []),
        ):
            writer.add(table, table.conform(frame(table, of_table)), day)
    aggregate.build(lake, folder / "analytics.duckdb")
    return View(folder / "analytics.duckdb")
