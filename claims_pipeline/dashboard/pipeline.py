"""What the pipeline did last: the newest report of each kind under `runs/`, and how far the data reach."""

import json
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from claims_pipeline import quality
from claims_pipeline.aggregate import CHECKS
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.held import Held, held
from claims_pipeline.dashboard.shown_sql import RUN_AS_IT_IS
from claims_pipeline.lake import Lake
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings, yesterday

OTHER_SHAPES = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a report of another version of the program may raise; pydantic's errors are ValueErrors."""

Kind = Literal["generate", "quality", "fidelity", "load", "reconcile", "aggregate"]
KINDS: dict[Kind, tuple[str, str, str]] = {
    "generate": ("Days generated", "claims generate", "claims"),
    "quality": ("Every row checked", "claims quality", "claims?view=checks"),
    "load": ("Loaded into the FHIR server", "claims load", "fhir_load"),
    "reconcile": ("FHIR server compared with the ledger", "claims reconcile", "fhir_load?view=checks"),
    "aggregate": ("Aggregates built", "claims aggregate", "claims_current"),
    "fidelity": ("Compared with public figures", "claims fidelity", "fidelity"),
}
"""By kind: what it did, the command that does it, and the page of the Dagster UI under `/assets/` that shows it."""


class Step(BaseModel):
    """The newest report of one kind of run. Of Dagster's runs only loads leave a report here."""

    kind: Kind
    title: str
    command: str
    finished_at: AwareDatetime | None = Field(description="Null where there is no report.")
    state: Literal["good", "bad", "never"]
    summary: str
    dagster_url: str = Field(description="The asset that does the same in the Dagster UI, or its checks.")


class CheckResult(BaseModel):
    """What one check found."""

    name: str
    of: str = Field(description="What is checked: rows of the lake, or a table of analytics.duckdb.")
    meaning: str
    finding_count: int = Field(description="Rows that fail it.")
    blocks: bool = Field(description="Whether a row of the lake that fails is kept from the FHIR server.")
    dagster_url: str = Field(description="The same check in the Dagster UI.")
    sql: str | None = Field(
        description=f"Selects the rows of a table that fail it; null for rows of the lake. {RUN_AS_IT_IS}"
    )


class Pipeline(BaseModel):
    """What the pipeline did last, and how far the data reach."""

    last_day: date = Field(description="Last day that the aggregates have.")
    days_behind: int = Field(description="From there to yesterday.")
    steps: list[Step]
    checks: list[CheckResult] = Field(description="Of the newest `claims quality`, those with findings first.")
    held: list[Held] = Field(description="By resource type, the lake against the newest `claims reconcile`.")
    dagster_url: str


def pipeline(view: View, settings: Settings) -> Pipeline:
    """Return the newest report of each kind, and the days by which the aggregates are behind."""
    newest = {kind: _newest(settings.runs_path, kind) for kind in KINDS}
    dagster_url = _dagster_url(settings)
    last_day = view.built_from.last_day
    return Pipeline(
        last_day=last_day,
        days_behind=max(0, (yesterday() - last_day).days),
        steps=[_step(kind, report, dagster_url) for kind, report in newest.items()],
        checks=_checks(newest["quality"], dagster_url),
        held=held(view, Lake(settings.lake_path), loaded=newest["load"], compared=newest["reconcile"]),
        dagster_url=dagster_url,
    )


def _dagster_url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.dagster_port}"


def _check_url(dagster_url: str, asset: str, check: str) -> str:
    return f"{dagster_url}/assets/{asset}?view=checks&checkDetail={check}"


def _newest(folder: Path, kind: Kind) -> dict[str, Any] | None:
    """Return the newest readable report of a kind that is no dry run's: file names begin with the time."""
    for file in sorted(folder.glob(f"*-{kind}-*.json"), reverse=True):
        try:
            report = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(report, dict) and report.get("kind") == kind and not report.get("is_dry_run"):
            return report
    return None


def _step(kind: Kind, report: dict[str, Any] | None, dagster_url: str) -> Step:
    title, command, page = KINDS[kind]
    step = Step(
        kind=kind,
        title=title,
        command=command,
        finished_at=None,
        state="never",
        summary="No report",
        dagster_url=f"{dagster_url}/assets/{page}",
    )
    if report is None:
        return step
    try:
        is_good, summary = _SUMMARIES[kind](report)
        state = "good" if is_good else "bad"
        return Step.model_validate(
            {**dict(step), "finished_at": report["finished_at"], "state": state, "summary": summary}
        )
    except OTHER_SHAPES:
        unread = f"The report of another version cannot be read: {command}"
        return step.model_copy(update={"state": "bad", "summary": unread})


def _checks(report: dict[str, Any] | None, dagster_url: str) -> list[CheckResult]:
    """Return what a report of the checks of the lake's rows counts; a check that it does not know is left out."""
    counts = (report or {}).get("checks")
    if not isinstance(counts, dict):
        return []
    results = [
        CheckResult(
            name=one.name,
            of="lake",
            meaning=one.meaning,
            finding_count=counts[one.name],
            blocks=one.blocks,
            dagster_url=_check_url(dagster_url, CLAIMS.name, one.name),
            sql=None,
        )
        for one in quality.CHECKS
        if isinstance(counts.get(one.name), int)
    ]
    return sorted(results, key=lambda one: -one.finding_count)


def model_checks(view: View, settings: Settings) -> list[CheckResult]:
    """Return what the checks of the build's tables find, the same that Dagster runs, those with findings first."""
    results = [
        CheckResult(
            name=one.name,
            of=one.model,
            meaning=one.meaning,
            finding_count=view.select_remembered(f"select count(*) as n from ({one.sql})")[0]["n"],
            blocks=False,
            dagster_url=_check_url(_dagster_url(settings), one.model, one.name),
            sql=one.sql,
        )
        for one in CHECKS
    ]
    return sorted(results, key=lambda one: -one.finding_count)


def _of_generate(report: dict[str, Any]) -> tuple[bool, str]:
    return True, f"{report['start']} to {report['end']}: {report['new_claims']:,} claims"


def _of_quality(report: dict[str, Any]) -> tuple[bool, str]:
    failed = sorted(name for name, count in report["checks"].items() if count)
    named = ", ".join(failed) or f"{len(report['checks'])} checks"
    return not failed, f"{report['findings']:,} findings in {report['claim_versions']:,} claim versions ({named})"


def _of_fidelity(report: dict[str, Any]) -> tuple[bool, str]:
    missed = [f"{one['metric']}: {one['part']}" for one in report["measurements"] if one["verdict"] == "misses"]
    return not missed, "; missed: ".join([report["summary"], *([", ".join(missed)] if missed else [])])


def _of_load(report: dict[str, Any]) -> tuple[bool, str]:
    total = report["total"]
    names = ("created", "updated", "unchanged", "rejected", "failed")
    counts = ", ".join(f"{int(total.get(name) or 0):,} {name}" for name in names)
    stopped = f"; stopped: {report['error']['message']}" if report.get("error") else ""
    return report["exit_code"] == 0, f"{counts}{stopped}"


def _of_reconcile(report: dict[str, Any]) -> tuple[bool, str]:
    by_type = report["by_type"].values()
    held = f"{sum(counts['ledger'] for counts in by_type):,} resources loaded"
    if any(counts["missing"] is None for counts in by_type):
        return report["is_equal"], f"{held}; counts compared"
    missing, changed = (sum(counts[name] or 0 for counts in by_type) for name in ("missing", "changed"))
    return report["is_equal"], f"{held}, {missing:,} missing on the server, {changed:,} changed"


def _of_aggregate(report: dict[str, Any]) -> tuple[bool, str]:
    return True, f"{report['first_day']} to {report['last_day']}, {report['day_count']:,} days"


_SUMMARIES = {
    "generate": _of_generate,
    "quality": _of_quality,
    "fidelity": _of_fidelity,
    "load": _of_load,
    "reconcile": _of_reconcile,
    "aggregate": _of_aggregate,
}
