"""The resolved asset graph against graph.json: what changes in it is to be seen in a review.

`python -m claims_pipeline_tests.orchestration.test_graph` writes the file anew.
"""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from claims_pipeline.definitions import defs

FILE = Path(__file__).with_name("graph.json")


def graph() -> dict[str, Any]:
    """Return keys, parents, partitions, groups, kinds, pools, checks and automation of all assets."""
    resolved = defs.resolve_asset_graph()
    return {
        key.to_user_string(): {
            "parents": sorted(parent.to_user_string() for parent in resolved.get(key).parent_keys),
            "partitions": type(resolved.get(key).partitions_def).__name__ if resolved.get(key).partitions_def else None,
            "group": resolved.get(key).group_name,
            "kinds": sorted(resolved.get(key).kinds),
            "pools": sorted(resolved.get(key).pools or ()),
            "checks": sorted(
                f"{check.name}{' (blocking)' if resolved.get(check).blocking else ''}"
                for check in resolved.get(key).check_keys
            ),
            "is_automated": resolved.get(key).automation_condition is not None,
        }
        for key in sorted(resolved.get_all_asset_keys())
    }


def test_the_graph_is_the_one_that_was_reviewed() -> None:
    assert graph() == json.loads(FILE.read_text(encoding="utf-8"))


def test_every_asset_has_an_owner_a_description_a_kind_and_a_place_in_the_code() -> None:
    for key in defs.resolve_asset_graph().get_all_asset_keys():
        node = defs.resolve_asset_graph().get(key)
        assert node.owners
        assert node.description
        assert node.kinds
        assert "dagster/code_references" in node.metadata


def test_columns_of_the_aggregates_lead_back_to_the_lake() -> None:
    nodes = defs.resolve_asset_graph()
    by_day = nodes.get(dg.AssetKey("claims_by_day")).metadata["dagster/column_lineage"]
    current = nodes.get(dg.AssetKey("claims_current")).metadata["dagster/column_lineage"]

    assert isinstance(by_day, dg.TableColumnLineage)
    assert isinstance(current, dg.TableColumnLineage)
    assert [dep.asset_key.to_user_string() for dep in by_day.deps_by_column["facility_state"]] == ["claims_current"]
    assert [dep.asset_key.to_user_string() for dep in current.deps_by_column["facility_state"]] == ["claims"]


def test_another_sql_is_another_code_version() -> None:
    versions = {
        key.to_user_string(): defs.resolve_asset_graph().get(key).code_version
        for key in defs.resolve_asset_graph().get_all_asset_keys()
    }

    assert versions["claims_by_day"] != versions["procedures_by_day"]
    assert versions["claims"] == versions["patients"]


if __name__ == "__main__":
    FILE.write_text(json.dumps(graph(), indent=1) + "\n", encoding="utf-8")
