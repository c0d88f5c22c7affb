"""Resources that the real server refuses: found among thousands, by whole bundles, and as the cause of others."""

import json
from collections.abc import Iterator
from math import ceil, log2
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.load import Counts, list_dead_letters, load_files, reconcile, retry_dead_letters
from claims_pipeline.settings import Settings
from claims_pipeline_tests.server_state import ids

pytestmark = pytest.mark.server

BUNDLE = 100
SMALL_BUNDLE = 20
CODE_NOBODY_KNOWS = {"gender": "nonsense"}
DAY_NO_CALENDAR_HAS = {"birthDate": "2024-13-45"}
PAYER = {"reference": "Organization/cause-payer"}

AMONG = [
    pytest.param(1_000, DAY_NO_CALENDAR_HAS, 'Invalid date/time format: "2024-13-45"', id="a date among 1,000"),
    pytest.param(
        10_000,
        CODE_NOBODY_KNOWS,
        "Unknown AdministrativeGender code 'nonsense'",
        id="a code among 10,000",
        marks=pytest.mark.slow,
    ),
]


def patients(path: Path, prefix: str, count: int, poison: dict[int, dict[str, Any]]) -> str:
    """Write patients, numbered from 0; those of `poison` have these elements instead."""

    def lines() -> Iterator[str]:
        for number in range(count):
            patient = {"resourceType": "Patient", "id": f"{prefix}-{number:05d}", "gender": "male"}
            yield json.dumps(patient | poison.get(number, {})) + "\n"

    path.write_text("".join(lines()))
    return str(path)


@pytest.mark.parametrize(("count", "elements", "reason"), AMONG)
def test_one_poison_resource_among_thousands_is_the_only_one_refused(
    target: Settings, tmp_path: Path, count: int, elements: dict[str, Any], reason: str
) -> None:
    prefix, culprit = f"among{count}{next(iter(elements)).lower()}", count * 2 // 3
    file = patients(tmp_path / "patients.ndjson", prefix, count, {culprit: elements})

    report = load_files([file], target)

    assert report.by_type == {"Patient": Counts(read=count, created=count - 1, rejected=1)}
    assert report.exit_code == 1
    assert report.requests_with_resources - count // BUNDLE <= 2 * ceil(log2(BUNDLE)) + 1
    assert report.retries == 0
    letters = list_dead_letters(target)
    assert letters["resource_id"].to_list() == [f"{prefix}-{culprit:05d}"]
    assert reason in letters["reason"][0]
    assert len(ids(target.fhir_base_url, "Patient", prefix)) == count - 1
    assert reconcile(target, deep=True).is_equal
    assert load_files([file], target).requests_with_resources == 0


def test_a_whole_bundle_of_poison_ends_in_as_many_dead_letters_and_its_neighbours_load(
    target: Settings, tmp_path: Path
) -> None:
    second_bundle = range(SMALL_BUNDLE, 2 * SMALL_BUNDLE)
    poison = {number: CODE_NOBODY_KNOWS if number % 2 else DAY_NO_CALENDAR_HAS for number in second_bundle}
    file = patients(tmp_path / "patients.ndjson", "bundle", 4 * SMALL_BUNDLE, poison)

    report = load_files([file], target.model_copy(update={"batch_size": SMALL_BUNDLE}))

    assert report.by_type == {"Patient": Counts(read=80, created=60, rejected=20)}
    assert report.requests_with_resources == 4 + 2 * (SMALL_BUNDLE - 1)
    told = report.render() + json.dumps(report.to_json())
    assert "HAPI-1821" in told
    assert "nonsense" not in told
    assert target.ledger_path.stat().st_mode & 0o777 == 0o600
    letters = {letter["resource_id"]: letter for letter in list_dead_letters(target).to_dicts()}
    assert sorted(letters) == [f"bundle-{number:05d}" for number in second_bundle]
    assert {letter["bundle"] for letter in letters.values()} == {"2"}
    for number in second_bundle:
        expected = "Unknown AdministrativeGender code" if number % 2 else "Invalid date/time format"
        assert expected in letters[f"bundle-{number:05d}"]["reason"]
    expected_ids = [f"bundle-{number:05d}" for number in range(4 * SMALL_BUNDLE) if number not in second_bundle]
    assert ids(target.fhir_base_url, "Patient", "bundle-") == expected_ids
    assert reconcile(target, deep=True).is_equal


def test_resources_of_a_rejected_patient_are_rejected_and_load_with_the_corrected_one(
    target: Settings, tmp_path: Path
) -> None:
    export = tmp_path / "export"
    write_export(export, people=4, claims_each=3, genders={2: "nonsense"})

    report = load_files([str(export)], target)

    assert report.exit_code == 1
    letters = {f"{row['resource_type']}/{row['resource_id']}": row for row in list_dead_letters(target).to_dicts()}
    belonging = {"Coverage/cause-coverage-2", *(f"Claim/cause-claim-2-{number}" for number in range(3))}
    assert set(letters) == {"Patient/cause-patient-2", *belonging}
    assert "Unknown AdministrativeGender code 'nonsense'" in letters["Patient/cause-patient-2"]["reason"]
    for name in belonging:
        assert letters[name]["reason"].startswith("refers to Patient/cause-patient-2, which was rejected")
        assert letters[name]["missing_target"] == "Patient/cause-patient-2"
    assert report.by_type["Claim"] == Counts(read=12, created=9, rejected=3)
    assert reconcile(target, deep=True).is_equal
    again = load_files([str(export)], target)
    assert again.requests_with_resources == 0
    causes = {failure.name: failure.text for failure in again.failures if "refers to" not in failure.text}
    assert causes == {
        "Patient/cause-patient-2": "was rejected before and has not changed; "
        "claims dead-letters show Patient/cause-patient-2"
    }

    write_export(export, people=4, claims_each=3, genders={2: "female"})
    mended = load_files([str(export)], target)

    assert mended.exit_code == 0
    assert mended.by_type["Claim"] == Counts(read=12, unchanged=9, created=3)
    assert mended.by_type["Coverage"] == Counts(read=4, unchanged=3, created=1)
    assert list_dead_letters(target).is_empty()
    assert len(ids(target.fhir_base_url, "Claim", "cause-")) == 12
    assert reconcile(target, deep=True).is_equal


def test_what_lacked_the_target_of_a_conditional_reference_loads_when_that_has_come(
    target: Settings, tmp_path: Path
) -> None:
    npi = {"system": "http://hl7.org/fhir/sid/us-npi", "value": "9900000017"}
    encounter = {
        "resourceType": "Encounter",
        "id": "match-encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "participant": [{"individual": {"reference": f"Practitioner?identifier={npi['system']}|{npi['value']}"}}],
    }
    condition = {
        "resourceType": "Condition",
        "id": "match-condition",
        "subject": {"reference": "Patient/match-patient"},
        "encounter": {"reference": "Encounter/match-encounter"},
    }
    people = tmp_path / "people.ndjson"
    lines = [{"resourceType": "Patient", "id": "match-patient"}, encounter, condition]
    people.write_text("".join(json.dumps(line) + "\n" for line in lines))
    practitioners = tmp_path / "practitioners.ndjson"
    practitioners.write_text(
        json.dumps({"resourceType": "Practitioner", "id": "match-practitioner", "identifier": [npi]}) + "\n"
    )

    first = load_files([str(people)], target)
    assert first.total == Counts(read=3, created=1, rejected=2)
    told = first.render() + json.dumps(first.to_json())
    assert "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|***" in told
    assert "9900000017" not in told

    assert load_files([str(practitioners)], target).exit_code == 0
    assert load_files([str(people)], target).total == Counts(read=3, unchanged=1, created=2)
    assert list_dead_letters(target).is_empty()


def test_dead_letters_that_refer_to_one_another_are_retried_in_the_order_of_their_references(
    target: Settings, tmp_path: Path
) -> None:
    def coded(resource_type: str, **elements: Any) -> dict[str, Any]:
        return {"resourceType": resource_type, "id": "chain-1", "status": "final", "code": {"text": "x"}, **elements}

    subject = {"subject": {"reference": "Patient/chain-1"}}
    encounter = {
        "resourceType": "Encounter",
        "id": "chain-1",
        "status": "finished",
        "class": {"code": "AMB"},
        **subject,
    }
    report = coded("DiagnosticReport", encounter={"reference": "Encounter/chain-1"}, **subject)
    file = tmp_path / "chain.ndjson"
    file.write_text(f"{json.dumps(report)}\n{json.dumps(encounter)}\n")
    assert load_files([str(file)], target).total == Counts(read=2, rejected=2)
    load_files([patients(tmp_path / "patient.ndjson", "chain", 1, {0: {"id": "chain-1"}})], target)

    assert retry_dead_letters([], target).total == Counts(read=2, created=2)
    assert list_dead_letters(target).is_empty()


def write_export(folder: Path, *, people: int, claims_each: int, genders: dict[int, str]) -> None:
    """Write people with a coverage and some claims each, one file a type; all are male but for those of `genders`."""
    resources: list[dict[str, Any]] = [{"resourceType": "Organization", "id": "cause-payer", "name": "Example Health"}]
    for person in range(people):
        patient = {"reference": f"Patient/cause-patient-{person}"}
        coverage = {"reference": f"Coverage/cause-coverage-{person}"}
        gender = genders.get(person, "male")
        resources.append({"resourceType": "Patient", "id": f"cause-patient-{person}", "gender": gender})
        resources.append(
            {
                "resourceType": "Coverage",
                "id": f"cause-coverage-{person}",
                "status": "active",
                "beneficiary": patient,
                "payor": [PAYER],
            }
        )
        resources += [claim(f"cause-claim-{person}-{number}", patient, coverage) for number in range(claims_each)]
    folder.mkdir(exist_ok=True)
    for resource_type in {resource["resourceType"] for resource in resources}:
        lines = [json.dumps(resource) for resource in resources if resource["resourceType"] == resource_type]
        (folder / f"{resource_type}.ndjson").write_text("\n".join(lines) + "\n")


def claim(claim_id: str, patient: dict[str, str], coverage: dict[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "Claim",
        "id": claim_id,
        "status": "active",
        "type": {"text": "professional"},
        "use": "claim",
        "patient": patient,
        "created": "2025-01-01",
        "provider": PAYER,
        "priority": {"text": "normal"},
        "insurance": [{"sequence": 1, "focal": True, "coverage": coverage}],
    }
