"""Rows of the lake's tables to canonical FHIR JSON."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import polars as pl

from claims_pipeline import schema
from claims_pipeline.errors import DataError
from claims_pipeline.fhir.checks import require_allowed_values
from claims_pipeline.fhir.claim import CLAIM, with_diagnoses_and_items
from claims_pipeline.fhir.coverage import COVERAGE, with_coverage_type
from claims_pipeline.fhir.parties import LOCATION, ORGANIZATION, PATIENT, PAYER, PRACTITIONER, with_specialty_label
from claims_pipeline.fhir.resource import RESOURCE_SCHEMA, content_hash
from claims_pipeline.fhir.template import Template, compile_template


@dataclass(frozen=True)
class Rendering:
    """How a table becomes resources.

    Attributes:
        resource_type: the FHIR resource type.
        id_column: the column that holds the resource's id.
        template: the resource.
        references: resource type and id column of everything that the resource names.
        prepare: adds the columns that the template needs beyond the table's.
    """

    resource_type: str
    id_column: str
    template: Template
    references: tuple[tuple[str, str], ...] = ()
    prepare: Callable[[pl.DataFrame], pl.DataFrame] = field(default=lambda frame: frame)


RENDERINGS: Mapping[str, Rendering] = MappingProxyType(
    {
        "payers": Rendering("Organization", "payer_id", PAYER),
        "organizations": Rendering("Organization", "organization_id", ORGANIZATION),
        "locations": Rendering("Location", "location_id", LOCATION, (("Organization", "organization_id"),)),
        "practitioners": Rendering("Practitioner", "practitioner_id", PRACTITIONER, prepare=with_specialty_label),
        "patients": Rendering("Patient", "patient_id", PATIENT),
        "coverages": Rendering(
            "Coverage",
            "coverage_id",
            COVERAGE,
            (("Patient", "patient_id"), ("Patient", "subscriber_id"), ("Organization", "payer_id")),
            with_coverage_type,
        ),
        "claims": Rendering(
            "Claim",
            "claim_id",
            CLAIM,
            (
                ("Patient", "patient_id"),
                ("Coverage", "coverage_id"),
                ("Organization", "payer_id"),
                ("Organization", "organization_id"),
                ("Practitioner", "practitioner_id"),
                ("Location", "location_id"),
            ),
            with_diagnoses_and_items,
        ),
    }
)
"""By table, in loading order: what a table refers to stands before it (loading_order.py checks that)."""

NOT_IN_FHIR = frozenset({"plans", "enrollment", "visits", "irregularities"})
"""Tables that have no FHIR resource."""

_SLICE_ROWS = 10_000
"""Rows rendered at once: memory is used again, which makes 200,000 claims a fifth faster (benchmarks/render.py)."""

_THREADS = 2
"""Slices rendered at once: concatenation is single-threaded in Polars, and releases Python's lock."""


def render(table: schema.Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Render rows of one of the tables in `RENDERINGS`.

    Args:
        table: the table that `frame` is of.
        frame: its declared columns.

    Returns:
        One resource a row, in row order, with the columns of `RESOURCE_SCHEMA`.

    Raises:
        DataError: a code or id has characters that FHIR or JSON does not allow there, or a required value is
            missing; the ids of the rows are named.
    """
    try:
        rendering = RENDERINGS[table.name]
    except KeyError:
        raise DataError(f"{table.name} has no FHIR resource", fix=f"one of {', '.join(RENDERINGS)}") from None
    if frame.height <= _SLICE_ROWS:
        return _render(rendering, frame)
    with ThreadPoolExecutor(_THREADS) as pool:
        return pl.concat(pool.map(partial(_render, rendering), frame.iter_slices(_SLICE_ROWS)))


def _render(rendering: Rendering, frame: pl.DataFrame) -> pl.DataFrame:
    prepared = rendering.prepare(frame)
    require_allowed_values(prepared, rendering.template, id_column=rendering.id_column)
    rendered = prepared.select(
        pl.lit(rendering.resource_type).alias("resource_type"),
        pl.col(rendering.id_column).alias("resource_id"),
        compile_template(rendering.template).alias("body"),
        _references(rendering).alias("references"),
    )
    hashed = rendered.with_columns(content_hash(pl.col("body")).alias("content_hash"))
    return hashed.select(RESOURCE_SCHEMA.names())


def _references(rendering: Rendering) -> pl.Expr:
    if not rendering.references:
        return pl.lit([], dtype=pl.List(pl.String))
    texts = [piece for type_, column in rendering.references for piece in (pl.lit(f" {type_}/"), pl.col(column))]
    return pl.concat_str(texts).str.strip_prefix(" ").str.split(" ").list.unique()  # four times as fast as concat_list
