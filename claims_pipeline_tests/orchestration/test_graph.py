"""The resolved asset graph against graph.json: what changes in it is to be seen in a review.

`python -m claims_pipeline.definitions > claims_pipeline_tests/orchestration/graph.json` writes it anew.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from claims_pipeline.aggregate import MODELS, models
from claims_pipeline.definitions import defs
from claims_pipeline.orchestration import analytics_assets
from claims_pipeline.orchestration.lineage import lineage

FILE = Path(__file__).with_name("graph.json")


def feed_and_load(graph: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is declared here; the aggregates are declared, and tested, in `aggregate.models`."""
    return {asset: about for asset, about in graph.items() if about["group"] != "analytics"}


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    assert feed_and_load(lineage(defs)) == feed_and_load(json.loads(FILE.read_text(encoding="utf-8")))


def test_every_asset_has_an_owner_a_description_a_kind_and_a_place_in_the_code() -> None:
    for key in defs.resolve_asset_graph().get_all_asset_keys():
        node = defs.resolve_asset_graph().get(key)
        assert node.owners
        assert node.description
        assert node.kinds
        references = node.metadata["dagster/code_references"]
        assert isinstance(references, dg.CodeReferencesMetadataValue)
        assert {Path(getattr(one, "file_path", "")).parent.name for one in references.code_references} == {
            "orchestration"
        }


def test_columns_of_the_aggregates_lead_back_to_the_lake() -> None:
    nodes = defs.resolve_asset_graph()
    by_day = nodes.get(dg.AssetKey("claims_by_day")).metadata["dagster/column_lineage"]
    current = nodes.get(dg.AssetKey("claims_current")).metadata["dagster/column_lineage"]

    assert isinstance(by_day, dg.TableColumnLineage)
    assert isinstance(current, dg.TableColumnLineage)
    assert [dep.asset_key.to_user_string() for dep in by_day.deps_by_column["facility_state"]] == ["claims_current"]
    assert [dep.asset_key.to_user_string() for dep in current.deps_by_column["facility_state"]] == ["claims"]


def code_versions(keys: Iterable[str]) -> dict[str, str | None]:
    graph = defs.resolve_asset_graph()
    return {key: graph.get(dg.AssetKey(key)).code_version for key in keys}


def test_every_asset_has_a_code_version() -> None:
    versions = code_versions(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys())

    assert all(versions.values())
    assert versions["claims_by_day"] != versions["claims"] == versions["patients"]


def test_the_tables_of_the_analytics_have_one_code_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are built together: a change of one, or of the macro that none of them reads, builds all anew."""
    names = [model.name for model in MODELS]
    (version,) = set(code_versions(names).values())

    monkeypatch.setattr(models, "COUNT_PATIENTS", models.COUNT_PATIENTS + " ")

    assert {analytics_assets.specification(model).code_version for model in MODELS}.isdisjoint({version})
