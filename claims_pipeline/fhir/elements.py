"""Which FHIR element each column of a table becomes, read from the templates."""

from collections.abc import Iterator, Mapping

from claims_pipeline.fhir.claim import DIAGNOSIS, ITEM, MODIFIER
from claims_pipeline.fhir.render import RENDERINGS
from claims_pipeline.fhir.template import Optional, Slot, Template
from claims_pipeline.schema import Table

_ARRAYS: Mapping[str, tuple[Template, str]] = {
    "diagnoses": (DIAGNOSIS, ""),
    "items": (ITEM, "lines."),
    "modifier_concepts": (MODIFIER, "lines."),
}
"""Columns that `prepare` adds for the arrays of a claim: the template of an element, and the column of its structs."""

_SOURCES: Mapping[str, tuple[str, ...]] = {
    "specialty_label": ("specialty",),
    "plan_type_label": ("plan_type",),
    "coverage_type_code": ("plan_type",),
    "payment_source_code": ("plan_type",),
    "coverage_profiles": ("member_id",),
    "dependent": ("dependent_number",),
    "diagnosis_code": ("diagnosis_codes",),
    "diagnosis_label": ("diagnosis_codes",),
    "sequence": ("diagnosis_codes",),
    "diagnosis_sequences": ("lines.diagnosis_pointers",),
    "procedure_system": ("lines.hcpcs_code",),
    "procedure_label": ("lines.hcpcs_code",),
    "facility_place": ("facility_city", "facility_state"),
    "modifier": ("lines.modifiers",),
    "modifier_system": ("lines.modifiers",),
}
"""Other columns that `prepare` adds, and what they are made from."""


def elements_of(table: Table) -> dict[str, list[str]]:
    """Return the FHIR elements that each column (`birth_date`) or field of structs (`lines.hcpcs_code`) becomes.

    Columns that no element holds are left out; so is every column of a table that has no FHIR resource.
    """
    rendering = RENDERINGS.get(table.name)
    if rendering is None:
        return {}
    elements: dict[str, list[str]] = {}
    for column, element in _walk(rendering.template, rendering.resource_type):
        for source in _SOURCES.get(column.rpartition(".")[2], (column,)):
            if element not in elements.setdefault(source, []):
                elements[source].append(element)
    return elements


def _walk(template: Template, path: str, within: str = "") -> Iterator[tuple[str, str]]:
    """Yield each column of a template, or field of the structs `within` it, with the path of its element."""
    match template:
        case Slot(column) if column in _ARRAYS:
            element, structs = _ARRAYS[column]
            yield from _walk(element, path, structs)
        case Slot(column):
            yield f"{within}{column}", path
        case Optional(element):
            yield from _walk(element, path, within)
        case str() | int():
            return
        case Mapping():
            for key, element in template.items():
                yield from _walk(element, f"{path}.{key}", within)
        case _:
            for element in template:
                yield from _walk(element, path, within)
