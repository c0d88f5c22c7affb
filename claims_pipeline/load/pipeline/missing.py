"""Finds what resources need and the server lacks: targets of their references, and resource types.

Such resources are not sent. Each target and type is asked for once a load.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from claims_pipeline.load.ledger.diff import Unknown
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.reconciling.reads import on_server, unknown_types
from claims_pipeline.load.resource import Result, resources_of
from claims_pipeline.load.sending.client import FhirClient

TARGETS_SHOWN = 10


@dataclass
class ServerContents:
    """Targets and resource types that the server was asked for in this load, each once."""

    ledger: Ledger
    client: FhirClient
    _has_target: dict[str, bool] = field(default_factory=dict)
    _has_type: dict[str, bool] = field(default_factory=dict)

    async def why_missing(self, unknown: Mapping[str, Unknown], *, failed: Collection[str]) -> dict[str, str]:
        """Return, by "Type/id", why resources cannot refer to those targets that the server does not have.

        Args:
            unknown: targets that the ledger does not know to be on the server.
            failed: "Type/id" of the resources that failed in this load.
        """
        to_ask = [target for target in unknown if target not in self._has_target]
        found = await on_server(self.client, to_ask) if to_ask else set()
        self._has_target.update({target: target in found for target in to_ask})
        return {
            target: why_missing(target, what, failed=failed)
            for target, what in unknown.items()
            if not self._has_target[target]
        }

    async def split_by_type(self, resources: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of types that the server has, and the rest."""
        new = set(resources["resource_type"].unique()) - self._has_type.keys()
        if new:
            unknown = await unknown_types(self.ledger, self.client, new)
            self._has_type.update({resource_type: resource_type not in unknown for resource_type in new})
        lacking = [resource_type for resource_type, has in self._has_type.items() if not has]
        is_unknown = pl.col("resource_type").is_in(lacking)
        return resources.filter(~is_unknown), resources.filter(is_unknown)

    async def remarks_on_types(self, numbers: Mapping[str, int]) -> list[str]:
        """Return a remark for each of the resource types (type -> resources) that the server does not have."""
        unknown = await unknown_types(self.ledger, self.client, numbers.keys())
        return [
            f"{no_such_type(resource_type)}, of which the input has {numbers[resource_type]:,}"
            for resource_type in sorted(unknown)
        ]


def split_by_missing(resources: pl.DataFrame, missing: Mapping[str, str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split resources into those that may be sent and those that refer to something missing.

    Args:
        resources: columns of `resource.CHUNK_SCHEMA`.
        missing: why, by "Type/id", in the order in which they count where a resource refers to several.

    Returns:
        The first with the columns of `resources`; the second also with `lacks`, all that is missing in that order.
    """
    if not missing:
        return resources, resources.clear().with_columns(lacks=pl.lit(None, dtype=pl.List(pl.String())))
    order = pl.DataFrame({"lacks": list(missing)}).with_row_index("order")
    lacking = (
        resources.lazy()
        .with_row_index("row")
        .explode("references")
        .join(order.lazy(), left_on="references", right_on="lacks")
        .group_by("row")
        .agg(pl.col("references").sort_by("order").alias("lacks"))
        .collect()
    )
    marked = resources.with_row_index("row").join(lacking, on="row", how="left", maintain_order="left").drop("row")
    may_go = pl.col("lacks").is_null()
    return marked.filter(may_go).select(resources.columns), marked.filter(~may_go)


def why_missing(target: str, unknown: Unknown, *, failed: Collection[str]) -> str:
    """Return why a resource that refers to `target` cannot be loaded."""
    if target in failed:
        return f"refers to {target}, which could not be loaded yet"
    if unknown.was_rejected:
        lacked = f", because it refers to {unknown.lacked}" if unknown.lacked else ""
        return f"refers to {target}, which was rejected{lacked}"
    return f"refers to {target}, which is neither in the input nor on the server"


def results_of_unknown_types(rows: pl.DataFrame, origin: str) -> list[Result]:
    """Return rows (columns of `resource.CHUNK_SCHEMA`) whose type the server does not have as rejected."""
    return [
        Result(resource, "rejected", text=no_such_type(resource.resource_type))
        for resource in resources_of(rows, origin)
    ]


def results_of_lacking(
    lacking: pl.DataFrame, origin: str, missing: Mapping[str, str], *, failed: Collection[str]
) -> list[Result]:
    """Return resources that lack a target: failed if that target may still be loaded, otherwise rejected.

    Args:
        lacking: the second result of `split_by_missing`.
        origin: the lake's table, or "files".
        missing: why, by "Type/id".
        failed: "Type/id" of the resources that failed in this load.
    """
    return [
        Result(
            resource,
            "failed" if lacks[0] in failed else "rejected",
            text=_all_reasons(lacks, missing),
            missing_target=lacks[0],
        )
        for resource, lacks in zip(resources_of(lacking, origin), lacking["lacks"].to_list(), strict=True)
    ]


def no_such_type(resource_type: str) -> str:
    """Return why a resource cannot be sent whose type is not in the server's CapabilityStatement."""
    return f"the server has no resource type {resource_type}"


def _all_reasons(lacks: Sequence[str], missing: Mapping[str, str]) -> str:
    """Return why a resource cannot be loaded that lacks several things: the first of them in full, and the others."""
    more = f"; and to {', '.join(lacks[1:TARGETS_SHOWN])}" if len(lacks) > 1 else ""
    hidden = len(lacks) - TARGETS_SHOWN
    return missing[lacks[0]] + more + (f" and {hidden:,} more that are missing" if hidden > 0 else "")
