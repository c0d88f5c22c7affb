import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline import stack
from claims_pipeline.errors import ConfigError
from claims_pipeline.lake import Feed, Lake, require_feed
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings, load_settings, yesterday
from claims_pipeline.stack import DemoReport
from claims_pipeline.stack.demo import last_day

FEED = Feed(seed=1, patients=10, claims=100, start_date=date(2025, 1, 1), end_date=date(2025, 1, 31))


def newest_load(home: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(max((home / "runs").glob("*-load-*.json")).read_text())
    return report


@pytest.mark.server
def test_the_demo_loads_its_feed_and_a_second_one_sends_nothing(
    fhir_server: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", fhir_server.fhir_base_url)
    steps: list[str] = []

    first = stack.demo(stack.demo_settings(days=5, claims=60, patients=20), serve=False, on_step=steps.append)
    first_load = newest_load(tmp_path)
    second = stack.demo(stack.demo_settings(days=None, claims=None, patients=None), serve=False, on_step=steps.append)

    assert first.lake_counts["Claim"] == 60
    assert first_load["total"]["loaded"] >= sum(first.lake_counts.values())
    assert first_load["total"]["failed"] == first_load["total"]["rejected"] == 0
    assert newest_load(tmp_path)["requests_with_resources"] == 0
    assert second.feed == first.feed
    assert "5 days" in steps[0] or "2025-01-05" in steps[0]


def test_a_report_says_whether_the_server_holds_what_the_lake_does() -> None:
    equal = DemoReport(FEED, "run", {"Claim": 100}, {"Claim": 100}, {"FHIR server": "http://127.0.0.1:8080/fhir"})
    fewer = DemoReport(FEED, "run", {"Claim": 100}, {"Claim": 99}, {})
    shared = DemoReport(FEED, "run", {"Claim": 100}, {"Claim": 101}, {})

    assert "Claim 100  (equal)" in equal.render()
    assert "Claim 99  (FEWER than the lake: claims reconcile)" in fewer.render()
    assert "Claim 101  (more: other data too)" in shared.render()
    assert [report.is_complete for report in (equal, fewer, shared)] == [True, False, True]
    assert [report.to_json()["is_equal"] for report in (equal, fewer, shared)] == [True, False, False]


def test_the_size_of_a_demo_is_that_of_its_options() -> None:
    settings = stack.demo_settings(days=30, claims=1_000, patients=None)

    assert (settings.end_date, settings.claims, settings.patients) == (date(2025, 1, 30), 1_000, 2_897)


def test_the_days_of_a_demo_begin_with_the_feed_of_the_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_HOME", str(tmp_path))
    require_feed(tmp_path / "lake", FEED.model_copy(update={"start_date": date(2024, 12, 1)}))

    assert stack.demo_settings(days=62, claims=None, patients=None).end_date == date(2025, 1, 31)


def test_a_demo_ends_with_the_feed_or_with_a_lake_that_goes_on_but_not_after_yesterday(tmp_path: Path) -> None:
    feed = FEED.model_copy(update={"end_date": date(2025, 1, 31)})
    lake = Lake(tmp_path)
    assert last_day(feed, lake) == date(2025, 1, 31)

    for day in (date(2025, 1, 30), date(2025, 2, 2)):
        lake.path(CLAIMS, day).parent.mkdir(parents=True)
        lake.path(CLAIMS, day).touch()

    assert last_day(feed, lake) == date(2025, 2, 2)
    assert last_day(feed.model_copy(update={"end_date": date(2150, 1, 1)}), lake) == yesterday()


def test_a_demo_of_days_to_come_is_refused() -> None:
    with pytest.raises(ConfigError, match="the feed begins on 2150-01-01, which is not over yet"):
        stack.demo(load_settings(start_date=date(2150, 1, 1)), serve=False, on_step=print)


def test_a_demo_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(ConfigError, match="--days 100000000"):
        stack.demo_settings(days=100_000_000, claims=None, patients=None)
    with pytest.raises(ConfigError, match="--days: not a day from 1900-01-01 to 2199-12-31"):
        stack.demo_settings(days=80_000, claims=None, patients=None)
