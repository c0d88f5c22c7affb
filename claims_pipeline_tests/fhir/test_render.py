import hashlib
import json
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline import schema
from claims_pipeline.errors import DataError
from claims_pipeline.fhir import RENDERINGS, RESOURCE_SCHEMA, mapping_digest, render
from claims_pipeline.fhir.checks import ValuesNotAllowed
from claims_pipeline_tests.fhir import by_row
from claims_pipeline_tests.fhir.rows import frame, rows

RENDERED = tuple(schema.TABLES[name] for name in RENDERINGS)

CLAIM: dict[str, Any] = {
    "claim_id": "claim-20250105-000042",
    "claim_status": "active",
    "version_number": 1,
    "claim_frequency_code": "1",
    "replaced_claim_id": None,
    "received_date": date(2025, 1, 5),
    "claim_start_date": date(2025, 1, 2),
    "claim_end_date": date(2025, 1, 2),
    "patient_id": "patient-000123",
    "patient_name": "Ana Núñez",
    "coverage_id": "coverage-000123-20250101",
    "payer_id": "payer-01",
    "organization_id": "organization-0001",
    "billing_npi": "9000000004",
    "practitioner_id": "practitioner-0001",
    "rendering_npi": "9000000004",
    "location_id": "location-0001",
    "facility_city": "Boston",
    "facility_state": "MA",
    "place_of_service_code": "11",
    "diagnosis_codes": ["I10", "E11.9"],
    "lines": [
        {
            "claim_line_number": 1,
            "hcpcs_code": "99213",
            "modifiers": ["25", "RT"],
            "diagnosis_pointers": [1, 2],
            "line_service_date": date(2025, 1, 2),
            "place_of_service_code": "11",
            "unit_count": 2,
            "unit_charge_amount": Decimal("62.50"),
            "charge_amount": Decimal("125.00"),
        }
    ],
    "total_charge_amount": Decimal("125.00"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("table", RENDERED, ids=lambda table: table.name)
@settings(max_examples=25)
@given(data=st.data())
def test_rendering_by_columns_equals_a_dict_a_row(table: schema.Table, data: st.DataObject) -> None:
    drawn = data.draw(rows(table))
    expected = [by_row.canonical(getattr(by_row, table.name)(row)) for row in drawn]

    resources = render(table, frame(table, drawn))

    assert resources["body"].to_list() == expected
    assert resources.schema == RESOURCE_SCHEMA
    for resource, body in zip(resources.iter_rows(named=True), map(json.loads, expected), strict=True):
        assert (resource["resource_type"], resource["resource_id"]) == (body["resourceType"], body["id"])
        assert resource["content_hash"] == hashlib.sha256(resource["body"].encode()).hexdigest()
        assert sorted(resource["references"]) == sorted(references_in(body))


@pytest.mark.heavy
@pytest.mark.parametrize("table", RENDERED, ids=lambda table: table.name)
@settings(max_examples=20)
@given(data=st.data())
def test_fhir_never_gets_a_null_or_an_empty_value(table: schema.Table, data: st.DataObject) -> None:
    bodies = render(table, frame(table, data.draw(rows(table))))["body"]

    assert all(values_are_there(json.loads(body)) for body in bodies)


def test_a_claim_reads_as_the_mapping_says() -> None:
    body = render(schema.CLAIMS, frame(schema.CLAIMS, [CLAIM]))["body"].item()
    claim = json.loads(body)

    assert claim["patient"] == {"reference": "Patient/patient-000123", "display": "Ana Núñez"}
    assert claim["diagnosis"][1]["diagnosisCodeableConcept"]["coding"][0]["code"] == "E11.9"
    item = claim["item"][0]
    assert item["productOrService"]["text"] == "Office visit, established patient, 20-29 minutes"
    assert [modifier["coding"][0]["system"] for modifier in item["modifier"]] == [by_row.CPT, by_row.HCPCS]
    assert item["locationCodeableConcept"]["text"] == "Boston, MA"
    assert '"unitPrice":{"currency":"USD","value":62.50}' in body


@pytest.mark.heavy
def test_many_rows_come_out_in_their_order() -> None:
    few = frame(schema.CLAIMS, [CLAIM | {"claim_id": f"claim-{number}", "lines": None} for number in range(3)])
    number = pl.int_range(25_000).cast(pl.String)
    many = pl.concat([few.head(1)] * 25_000).with_columns(claim_id=pl.lit("claim-") + number)

    resources = render(schema.CLAIMS, many)

    assert resources["resource_id"].equals(many["claim_id"].alias("resource_id"))
    assert resources.head(3).equals(render(schema.CLAIMS, few))
    with pytest.raises(DataError, match="not allowed in claim_24999"):
        render(schema.CLAIMS, many.with_columns(pl.col("claim_id").replace("claim-24999", "claim_24999")))


def test_no_row_is_no_resource() -> None:
    for table in RENDERED:
        assert render(table, pl.DataFrame(schema=table.polars_schema)).is_empty()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"claim_id": "claim_1"}, "claim_id is missing or not allowed in claim_1"),
        ({"claim_id": "x" * 65}, "claim_id is missing or not allowed"),
        ({"patient_id": None}, "patient_id is missing or not allowed in claim-20250105-000042 (missing)"),
        ({"patient_id": '","admin":"'}, "patient_id is missing or not allowed"),
        ({"claim_status": "open"}, "claim_status is missing or not allowed in claim-20250105-000042"),
        ({"received_date": None}, "received_date is missing"),
        ({"diagnosis_codes": ["I10", 'E"1']}, "diagnosis_code is missing or not allowed in claim-20250105-000042"),
        ({"diagnosis_codes": [None]}, "diagnosis_code is missing"),
        (
            {"lines": [CLAIM["lines"][0] | {"hcpcs_code": "9921"}]},
            "hcpcs_code is missing or not allowed in claim-20250105-000042",
        ),
        (
            {"lines": [CLAIM["lines"][0] | {"modifiers": ["2 5"]}]},
            "modifier is missing or not allowed in claim-20250105-000042",
        ),
        ({"lines": [CLAIM["lines"][0] | {"charge_amount": None}]}, "charge_amount is missing"),
        ({"lines": [None]}, "claim_line_number is missing"),
    ],
)
def test_a_row_that_fhir_cannot_hold_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError) as caught:
        render(schema.CLAIMS, frame(schema.CLAIMS, [CLAIM, CLAIM | wrong]))

    assert named in caught.value.message


def test_the_value_of_a_wrong_row_is_in_no_message() -> None:
    with pytest.raises(ValuesNotAllowed) as caught:
        render(schema.CLAIMS, frame(schema.CLAIMS, [CLAIM | {"claim_status": "hiv positive 555-12-3456"}]))

    assert "555" not in str(caught.value) + caught.value.render()
    assert "'hiv positive 555-12-3456' in claim-20250105-000042" in caught.value.with_values


def test_all_wrong_columns_are_named_at_once() -> None:
    with pytest.raises(DataError) as caught:
        render(schema.CLAIMS, frame(schema.CLAIMS, [CLAIM | {"payer_id": "a b", "coverage_id": ""}] * 9))

    assert "payer_id is" in caught.value.message
    assert "coverage_id is" in caught.value.message
    assert "and 6 more rows" in caught.value.message


def test_a_table_without_a_resource_is_refused() -> None:
    with pytest.raises(DataError, match="enrollment has no FHIR resource"):
        render(schema.ENROLLMENT, pl.DataFrame(schema=schema.ENROLLMENT.polars_schema))


def test_the_mapping_digest_changes_with_a_label_and_with_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    compute = mapping_digest.__wrapped__
    before = compute()
    assert before == compute() == mapping_digest()

    monkeypatch.setattr("claims_pipeline.fhir.digest.procedure_labels", lambda: {"99213": "Another label"})

    assert compute() != before


def references_in(element: Any) -> set[str]:
    if isinstance(element, list):
        return set().union(*map(references_in, element))
    if not isinstance(element, dict):
        return set()
    own = {element["reference"]} if "reference" in element else set()
    return own.union(*map(references_in, element.values()))


def values_are_there(element: Any) -> bool:
    if isinstance(element, dict):
        return bool(element) and all(map(values_are_there, element.values()))
    if isinstance(element, list):
        return bool(element) and all(map(values_are_there, element))
    return element is not None and (not isinstance(element, str) or element.strip() != "")
