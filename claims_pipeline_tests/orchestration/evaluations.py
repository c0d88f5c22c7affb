"""Evaluations of checks as a run reports them, for the tests of the alerts."""

from typing import Any

import dagster as dg


def evaluate(instance: dg.DagsterInstance, name: str, *, passed: bool, **metadata: Any) -> None:
    """Report the result of a check of `claims`."""
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=dg.AssetKey("claims"), check_name=name, passed=passed, metadata=metadata)
    )


def warn(instance: dg.DagsterInstance, check: str, day: str, description: str | None = None) -> None:
    """Report that a check of `claims` fails for a day."""
    metadata: dict[str, Any] = {"first_day": day, "last_day": day, "faulty_days": {day: 1}}
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("claims"), check_name=check, passed=False, metadata=metadata, description=description
        )
    )
