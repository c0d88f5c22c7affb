"""What has no days is asked for when days have changed, and only then."""

import dagster as dg
import pytest

from claims_pipeline.aggregate import MODELS
from claims_pipeline.definitions import defs
from claims_pipeline.orchestration.partitions import daily

SELECTION = dg.AssetSelection.groups("analytics")
WITHOUT_DAYS = {"fidelity", *(model.name for model in MODELS)}


def asked_for(result: dg.EvaluateAutomationConditionsResult) -> set[str]:
    graph = defs.resolve_asset_graph()
    keys = graph.get_all_asset_keys()
    return {key.to_user_string() for key in keys if result.get_num_requested(key)}


def load_a_day(instance: dg.DagsterInstance, number: int) -> None:
    day = daily.get_partition_keys()[number]
    for asset in ("patients", "coverages", "claims"):
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=day))


@pytest.mark.heavy
def test_a_changed_day_asks_once_for_all_that_has_no_days(instance: dg.DagsterInstance) -> None:
    load_a_day(instance, 0)
    for asset in sorted({*WITHOUT_DAYS, "directory", "enrollment"}):
        instance.report_runless_asset_event(dg.AssetMaterialization(asset))
    at_first = dg.evaluate_automation_conditions(defs, instance, SELECTION)
    load_a_day(instance, 1)
    changed = dg.evaluate_automation_conditions(defs, instance, SELECTION, cursor=at_first.cursor)
    idle = dg.evaluate_automation_conditions(defs, instance, SELECTION, cursor=changed.cursor)

    assert asked_for(at_first) == set()
    assert asked_for(changed) == WITHOUT_DAYS
    assert asked_for(idle) == set()
