from typing import Any

import pytest

from claims_pipeline.load.sources.elements import problems, r4

CLAIM: dict[str, Any] = {
    "resourceType": "Claim",
    "id": "claim-1",
    "status": "active",
    "type": {"coding": [{"code": "professional"}]},
    "use": "claim",
    "patient": {"reference": "Patient/p1"},
    "created": "2025-01-05",
    "_created": {"extension": [{"url": "https://example.org/precision", "valueCode": "day"}]},
    "provider": {"display": "A"},
    "priority": {"text": "normal"},
    "insurance": [{"sequence": 1, "focal": False, "coverage": {"reference": "Coverage/c1"}}],
    "diagnosis": [{"sequence": 1, "diagnosisCodeableConcept": {"text": "Cough"}}],
    "contained": [{"resourceType": "Medication", "id": "m1"}],
    "extension": [{"url": "https://example.org/a", "valuePeriod": {"start": "2025"}}],
    "item": [{"sequence": 1, "productOrService": {"text": "a"}, "servicedDate": "2025-01-05"}],
}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"status": None}, "Claim.status is empty"),
        ({"identifier": [{}]}, "Claim.identifier[0] is empty"),
        ({"identifier": [None]}, "Claim.identifier[0] is empty"),
        ({"insurance": []}, "Claim.insurance is empty"),
        ({"use": "  "}, "Claim.use is empty"),
        ({"insurance": [{"sequence": 1, "focal": True}]}, "Claim.insurance[0].coverage is missing"),
        ({"diagnosis": [{"sequence": 1}]}, "Claim.diagnosis[0].diagnosis[x] is missing"),
        (
            {"diagnosis": [{"sequence": 1, "diagnosis": {}}]},
            "Claim.diagnosis[0].diagnosis is not an element of FHIR R4",
        ),
        ({"type": {"code": "professional"}}, "Claim.type.code is not an element of FHIR R4"),
        ({"type": [{"text": "a"}]}, "Claim.type is a list"),
        ({"use": {"code": "claim"}}, "Claim.use is an object"),
        ({"total": 12}, "Claim.total is not an object"),
        ({"contained": [{"resourceType": "Foo"}]}, "Claim.contained[0]: 'Foo' is not a resource type of FHIR R4"),
        ({"extension": [{"valueCode": "a"}]}, "Claim.extension[0].url is missing"),
        ({"payor": [{}]}, "Claim.payor is not an element of FHIR R4"),
        ({"_payor": {}}, "Claim._payor is not an element of FHIR R4"),
        ({"": 1}, "Claim.(a member) is not an element of FHIR R4"),
    ],
)
def test_each_breach_of_the_definition_is_named_with_its_path(change: dict[str, Any], problem: str) -> None:
    assert list(problems(CLAIM)) == []
    assert problem in list(problems(CLAIM | change))


def test_a_missing_value_may_be_explained_by_an_extension() -> None:
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    claim = {name: value for name, value in CLAIM.items() if name not in ("created", "_created")}

    assert list(problems(claim)) == ["Claim.created is missing"]
    assert list(problems(claim | {"_created": absent})) == []


def test_elements_that_repeat_the_content_of_others_are_followed() -> None:
    nested: dict[str, Any] = {"linkId": "1", "type": "group", "item": [{"linkId": "2"}]}
    questionnaire = {"resourceType": "Questionnaire", "status": "active", "item": [nested]}

    assert list(problems(questionnaire)) == ["Questionnaire.item[0].item[0].type is missing"]


def test_all_resource_types_of_r4_are_known_and_no_data_type_is_one() -> None:
    assert len(r4().resource_types) == 146
    assert {"Claim", "Patient", "Binary", "Parameters"} <= r4().resource_types
    assert r4().resource_types.isdisjoint({"Period", "Extension", "Claim.item"})
