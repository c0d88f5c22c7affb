"""The asset graph as JSON values, for a review or a CI job."""

from typing import Any

import dagster as dg


def lineage(defs: dg.Definitions) -> dict[str, Any]:
    """Return parents, partitions, group, kinds, pools, checks and automation of all assets, by key."""
    graph = defs.resolve_asset_graph()
    return {key.to_user_string(): _asset(graph, key) for key in sorted(graph.get_all_asset_keys())}


def _asset(graph: Any, key: dg.AssetKey) -> dict[str, Any]:
    node = graph.get(key)
    checks = (graph.get(check) for check in node.check_keys)
    return {
        "parents": sorted(parent.to_user_string() for parent in node.parent_keys),
        "partitions": type(node.partitions_def).__name__ if node.partitions_def else None,
        "group": node.group_name,
        "kinds": sorted(node.kinds),
        "pools": sorted(node.pools or ()),
        "checks": sorted(f"{check.key.name}{' (blocking)' if check.blocking else ''}" for check in checks),
        "is_automated": node.automation_condition is not None,
    }
