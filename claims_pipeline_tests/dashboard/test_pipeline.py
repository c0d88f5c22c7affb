"""What the pipeline did last, from the reports under `runs/`."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import httpx
import pytest

from claims_pipeline import aggregate
from claims_pipeline.dashboard import create_app
from claims_pipeline.definitions import defs
from claims_pipeline.fidelity.report import FidelityReport, Measurement, Verdict
from claims_pipeline.load.reconciling.reconcile import ReconcileReport, TypeComparison
from claims_pipeline.load.report import Latency, LoadReport
from claims_pipeline.load.tally import Counts
from claims_pipeline.quality.report import QualityReport
from claims_pipeline.reports import save_report
from claims_pipeline.settings import Settings, yesterday
from claims_pipeline_tests.aggregate.example_lake import FEB_3
from claims_pipeline_tests.dashboard.conftest import Start


@pytest.fixture
def settings(example_settings: Settings, tmp_path: Path) -> Settings:
    """An installation that is one test's own."""
    settings = example_settings.model_copy(update={"home": tmp_path})
    shutil.copytree(example_settings.lake_path, settings.lake_path)
    shutil.copy(example_settings.analytics_path, settings.analytics_path)
    return settings


@pytest.fixture
def client(settings: Settings, start: Start) -> httpx.Client:
    return start(create_app(settings))


CHECKS_IN_DAGSTER = {(key.asset_key.to_user_string(), key.name) for key in defs.resolve_asset_graph().asset_check_keys}


def check_in_dagster(check: dict[str, Any]) -> tuple[str, str]:
    """Return the asset and the check that the link of a check leads to."""
    address = urlsplit(check["dagster_url"])
    query = parse_qs(address.query)
    assert query["view"] == ["checks"]
    return address.path.removeprefix("/assets/"), query["checkDetail"][0]


def steps(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in client.get("/api/pipeline").json()["steps"]}


def test_without_a_report_each_step_names_its_command(client: httpx.Client) -> None:
    answer = client.get("/api/pipeline").json()

    assert {one["state"] for one in answer["steps"]} == {"never"}
    assert "claims reconcile" in {one["command"] for one in answer["steps"]}
    assets = {key.to_user_string() for key in defs.resolve_all_asset_keys()}
    for one in answer["steps"]:
        address = urlsplit(one["dagster_url"])
        assert f"{address.scheme}://{address.netloc}" == answer["dagster_url"]
        assert address.path.removeprefix("/assets/") in assets
    assert answer["days_behind"] == (yesterday() - FEB_3) / timedelta(days=1)
    assert {one["ledger"] for one in answer["held"]} == {None}


def test_the_newest_report_of_each_kind_counts(settings: Settings, client: httpx.Client) -> None:
    runs = settings.runs_path
    save_report(QualityReport("lake", 3, 6, (("ids_unique", 2), ("total_is_sum", 0)), ()), runs)
    counts = {"Claim": Counts(read=6, created=4, updated=1, rejected=1)}
    save_report(LoadReport("lake", "http://fhir", counts, {}, {}, 0, 1, 1, 0, 9, 1.0, 1.0, Latency()), runs)
    compared = {
        "Claim": TypeComparison(ledger=5, server=6, missing=0, changed=1),
        "Patient": TypeComparison(3, 3, 0, 0),
    }
    save_report(ReconcileReport("http://fhir", compared), runs)

    found = steps(client)

    assert found["quality"]["state"] == found["load"]["state"] == "bad"
    assert found["quality"]["summary"] == "2 findings in 6 claim versions (ids_unique)"
    assert found["load"]["summary"] == "4 created, 1 updated, 0 unchanged, 1 rejected, 0 failed"
    assert found["reconcile"]["state"] == "bad"
    assert found["reconcile"]["summary"] == "8 resources loaded, 0 missing on the server, 1 changed"
    [claims] = [one for one in client.get("/api/pipeline").json()["held"] if one["resource_type"] == "Claim"]
    assert {name: claims[name] for name in ("lake", "ledger", "server", "missing", "changed")} == {
        "lake": 5,
        "ledger": 5,
        "server": 6,
        "missing": 0,
        "changed": 1,
    }


def test_the_figures_of_fidelity_are_summed_up_as_by_the_command(settings: Settings, client: httpx.Client) -> None:
    verdicts: tuple[Verdict, ...] = ("holds", "holds", "misses", "uncertain", "reported")
    figures = [Measurement(1, "metric", "all", "%", 5.0, 4.0, 6.0, 5.0, None, verdict) for verdict in verdicts]
    report = FidelityReport("lake", FEB_3, FEB_3, 6, tuple(figures))
    save_report(report, settings.runs_path)

    assert report.summary() == "2 of 4 figures hold, 1 miss, 1 are uncertain, 0 cannot be judged (lake too small)"
    of_page = steps(client)["fidelity"]["summary"]
    assert of_page == f"{report.summary()}; missed: metric: all"
    assert report.render().endswith(report.summary())


def test_the_checks_of_the_newest_report_are_listed_those_with_findings_first(
    settings: Settings, client: httpx.Client
) -> None:
    counts = (("unique_ids", 0), ("total_is_sum", 2), ("codes_known", 1), ("of_another_version", 5))
    save_report(QualityReport("lake", 3, 6, counts, ()), settings.runs_path)

    checks = client.get("/api/pipeline").json()["checks"]

    assert [(one["name"], one["finding_count"], one["blocks"]) for one in checks] == [
        ("total_is_sum", 2, True),
        ("codes_known", 1, False),
        ("unique_ids", 0, True),
    ]
    assert all(one["meaning"] for one in checks)
    assert {check_in_dagster(one) for one in checks} <= CHECKS_IN_DAGSTER


@pytest.mark.heavy
def test_the_checks_of_the_tables_run_on_the_build_that_is_shown(settings: Settings, client: httpx.Client) -> None:
    with duckdb.connect(settings.analytics_path) as connection:
        connection.execute("insert into plans select * from plans where claim_count > 0 limit 1")

    checks = client.get("/api/pipeline/model-checks").json()
    failing = {one["name"]: one["finding_count"] for one in checks}

    assert {name for name, count in failing.items() if count} == {"plans_has_unique_keys", "plans_adds_up"}
    assert len(failing) == len(aggregate.CHECKS)
    with duckdb.connect(settings.analytics_path, read_only=True) as connection:
        assert {one["name"]: len(connection.sql(one["sql"]).fetchall()) for one in checks} == failing
    assert {check_in_dagster(one) for one in checks} <= CHECKS_IN_DAGSTER


def test_a_dry_run_and_an_unreadable_file_are_passed_over(settings: Settings, client: httpx.Client) -> None:
    runs = settings.runs_path
    runs.mkdir(exist_ok=True)
    (runs / "20990101T000000Z-quality-zz.json").write_text("{torn")
    (runs / "20990101T000000Z-load-zz.json").write_text(json.dumps({"kind": "load", "is_dry_run": True}))

    assert {one["state"] for one in steps(client).values()} == {"never"}


FINISHED = "2025-02-04T00:00:00+00:00"
OTHER_SHAPES: list[dict[str, Any]] = [
    {"kind": "load", "finished_at": FINISHED},
    {"kind": "load", "finished_at": FINISHED, "total": [1], "exit_code": 0},
    {"kind": "generate", "start": "2025-01-01", "end": "2025-01-02", "new_claims": 3},
    {"kind": "quality", "finished_at": "2025-02-04T00:00:00", "findings": 0, "claim_versions": 1, "checks": {}},
    {"kind": "reconcile", "finished_at": FINISHED, "is_equal": True, "by_type": {"Claim": {"ledger": 1, "server": 1}}},
    {"kind": "reconcile", "finished_at": FINISHED, "is_equal": True, "by_type": None},
    {"kind": "fidelity", "finished_at": FINISHED, "measurements": 5, "misses": 0},
]


@pytest.mark.parametrize("report", OTHER_SHAPES)
def test_the_report_of_another_version_is_no_error(
    settings: Settings, client: httpx.Client, report: dict[str, Any]
) -> None:
    kind = report["kind"]
    settings.runs_path.mkdir(exist_ok=True)
    (settings.runs_path / f"20250204T000000Z-{kind}-zz.json").write_text(json.dumps(report))

    step = steps(client)[kind]

    assert (step["state"], step["summary"]) == ("bad", f"The report of another version cannot be read: claims {kind}")
    assert {one["ledger"] for one in client.get("/api/pipeline").json()["held"]} == {None}
