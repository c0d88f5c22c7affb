import pytest

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS
from claims_pipeline.fhir.elements import elements_of


@pytest.mark.parametrize(
    ("table", "column", "elements"),
    [
        (schema.PATIENTS, "birth_date", ["Patient.birthDate"]),
        (schema.PATIENTS, "zip_code", ["Patient.address.postalCode"]),
        (schema.COVERAGES, "plan_type", ["Coverage.type.coding.code", "Coverage.type.text"]),
        (schema.CLAIMS, "patient_id", ["Claim.patient.reference"]),
        (schema.CLAIMS, "total_charge_amount", ["Claim.total.value"]),
        (schema.CLAIMS, "replaced_claim_id", ["Claim.related.claim.identifier.value"]),
        (schema.CLAIMS, "lines.line_service_date", ["Claim.item.servicedDate"]),
        (schema.CLAIMS, "facility_state", ["Claim.item.locationCodeableConcept.text"]),
        (schema.CLAIMS, "lines.modifiers", ["Claim.item.modifier.coding.code", "Claim.item.modifier.coding.system"]),
    ],
)
def test_a_column_is_where_its_template_puts_it(table: schema.Table, column: str, elements: list[str]) -> None:
    assert elements_of(table)[column] == elements


@pytest.mark.parametrize("name", RENDERINGS)
def test_every_element_comes_from_a_declared_column_or_field(name: str) -> None:
    table = schema.TABLES[name]
    columns = {column.name for column in table.columns}
    fields = {f"{column.name}.{field.name}" for column in table.columns for field in column.fields}
    assert elements_of(table).keys() <= columns | fields


def test_a_table_without_a_resource_has_no_elements() -> None:
    assert elements_of(schema.ENROLLMENT) == {}
