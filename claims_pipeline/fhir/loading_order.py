"""The order in which tables and resource types are loaded: the one place that derives it, from the renderings."""

from collections.abc import Collection, Mapping

from claims_pipeline import schema
from claims_pipeline.fhir.render import NOT_IN_FHIR, RENDERINGS, Rendering


def loading_order(
    tables: Mapping[str, schema.Table], renderings: Mapping[str, Rendering], not_in_fhir: Collection[str]
) -> tuple[schema.Table, ...]:
    """Return the rendered tables in the order of `renderings`.

    Raises:
        ValueError: a table is neither rendered nor named as one that has no resource, or is both; a rendering is of no
            table, or refers to a resource type that comes later.
    """
    if forgotten := sorted(set(tables) - set(renderings) - set(not_in_fhir)):
        msg = f"tables without a rendering: {', '.join(forgotten)}; add one to RENDERINGS, or name it in NOT_IN_FHIR"
        raise ValueError(msg)
    if doubtful := sorted(set(renderings) & set(not_in_fhir)):
        msg = f"both in RENDERINGS and in NOT_IN_FHIR: {', '.join(doubtful)}"
        raise ValueError(msg)
    if unknown := sorted((set(renderings) | set(not_in_fhir)) - set(tables)):
        msg = f"not in schema.TABLES: {', '.join(unknown)}"
        raise ValueError(msg)
    earlier: set[str] = set()
    for name, rendering in renderings.items():
        if later := {resource_type for resource_type, _ in rendering.references} - earlier:
            msg = f"{name} refers to {', '.join(sorted(later))}, which RENDERINGS does not have before it"
            raise ValueError(msg)
        earlier.add(rendering.resource_type)
    return tuple(tables[name] for name in renderings)


RENDERED_TABLES = loading_order(schema.TABLES, RENDERINGS, NOT_IN_FHIR)
"""Tables that are loaded into FHIR, in loading order: a table's resources refer to those of earlier tables only."""

TIERS = tuple(dict.fromkeys(RENDERINGS[table.name].resource_type for table in RENDERED_TABLES))
"""Resource types of the lake in loading order: a type refers to earlier ones only."""
