"""OperationOutcomes: whether the text names the cause, and the part of it that may be printed."""

import pytest

from claims_pipeline.load.sending.operation_outcome import (
    is_about_a_value,
    is_own_trouble,
    missing_target,
    operation_outcome_text,
    without_values,
)

PARSE = "error processing: HAPI-0450: Failed to parse request body as JSON resource. Error was: "
BATCH = (
    "error processing: HAPI-0550: could not execute batch [Batch entry 0 insert into HFJ_SPIDX_STRING "
    "(SP_VALUE_EXACT) values (('{value}')) was aborted: ERROR: {error}  Call getNextException to see other errors] "
    "[insert into HFJ_SPIDX_STRING (SP_VALUE_EXACT) values (?)]"
)

SHOWN = {
    "date": (
        PARSE + 'HAPI-1821: [element="birthDate"] Invalid attribute value "1980-13-45": Invalid date/time format: "x"',
        "error processing: HAPI-0450, HAPI-1821: invalid value, invalid date or time, cannot be read as a resource "
        "(at birthDate)",
    ),
    "code with quotes in it": (
        PARSE + 'HAPI-1821: [element="gender"] Invalid attribute value "O&apos;Brien &quot;x&quot; y": '
        "Unknown AdministrativeGender code 'O'Brien \"x\" y'",
        "error processing: HAPI-0450, HAPI-1821: invalid value, unknown code, cannot be read as a resource (at gender)",
    ),
    "narrative without quotation marks": (
        PARSE + "HAPI-1755: String does not appear to be valid XML/XHTML (error is \"Unexpected character ' '\"): "
        "<div>JANE SAMPLE & SON, born 1980-01-02, HIV",
        "error processing: HAPI-0450, HAPI-1755: the narrative is not valid XHTML, cannot be read as a resource",
    ),
    "reference without quotation marks": (
        "error processing: HAPI-0505: Invalid resource reference found at path[Patient.managingOrganization] - "
        "Does not contain resource type - John Smith 555-12-3456",
        "error processing: HAPI-0505: invalid reference (at Patient.managingOrganization)",
    ),
    "reference that is no id": (
        "error processing: HAPI-1094: Resource Organization/John Smith 555 not found, specified in path: Patient.link",
        "error processing: HAPI-1094: the target of a reference is not on the server (at Patient.link)",
    ),
    "missing target": (
        "error processing: HAPI-1094: Resource Patient/p-1 not found, specified in path: Claim.patient",
        "error processing: HAPI-1094: the target of a reference is not on the server (at Claim.patient) (Patient/p-1)",
    ),
    "type of a target": (
        "error processing: HAPI-0931: Invalid reference found at path 'Patient.managingOrganization'. "
        "Resource type 'Patient' is not valid for this path",
        "error processing: HAPI-0931: the type of the target is not allowed here, invalid reference "
        "(at Patient.managingOrganization)",
    ),
    "match URL": (
        'error processing: HAPI-1091: Invalid match URL "Patient?identifier=http://x.org/ssn|123-45-6789&name=A B" '
        "- No resources match this search",
        "error processing: HAPI-1091: no resource matches (Patient?identifier=http://x.org/ssn|***&name=***)",
    ),
    "match URL with a name for a system": (
        'error processing: HAPI-1091: Invalid match URL "Patient?identifier=Jane Sample|1" - No resources match this',
        "error processing: HAPI-1091: no resource matches (Patient?identifier=***)",
    ),
    "bare match URL": (
        "error processing: hash exists: Patient?identifier=123-45-6789",
        "error processing: reason not shown",
    ),
    "NUL": (
        "HTTP 409: " + BATCH.format(value="JANE SAMPLE", error='invalid byte sequence for encoding "UTF8": 0x00'),
        "HTTP 409: error processing: HAPI-0550: a character that the database cannot store",
    ),
    "what is still referred to": (
        "error processing: HAPI-0550: Unable to delete Organization/o because at least one resource has a reference to "
        "this resource. First reference found was resource Patient/p/_history/1 in path Patient.managingOrganization",
        "error processing: HAPI-0550: another resource refers to it (Patient/p)",
    ),
    "anything": (
        "Jane Sample, HIV positive, has called 555-12-3456",
        "reason not shown",
    ),
    "place": (
        "error invalid: this doesn't fit: Ann Lee (at Patient.name[0].family, Patient.text)",
        "error invalid: reason not shown (at Patient.name[0].family)",
    ),
}


@pytest.mark.parametrize(("said", "shown"), SHOWN.values(), ids=SHOWN.keys())
def test_only_codes_phrases_paths_and_ids_are_shown(said: str, shown: str) -> None:
    assert without_values(said) == shown


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("HAPI-1094: Resource Patient/nope not found, specified in path: Claim.patient", "Patient/nope"),
        (
            'HAPI-1091: Invalid match URL "Practitioner?identifier=http://x.org/n|9" - No resources match this search',
            "Practitioner?identifier=http://x.org/n|***",
        ),
        ('HAPI-2207: Invalid match URL "Patient?active=true" - Multiple resources match this search', ""),
        ("HAPI-1821: anything else", ""),
    ],
)
def test_what_a_resource_lacks_is_read_from_the_outcome(said: str, missing: str) -> None:
    assert missing_target(said) == missing


@pytest.mark.parametrize(
    "error",
    [
        'invalid byte sequence for encoding "UTF8": 0x00',
        "value too long for type character varying(500)",
        "integer out of range",
        "index row size 3000 exceeds btree version 4 maximum 2704 for index",
    ],
)
@pytest.mark.parametrize("value", ["Sample", "lost connection, deadlock detected"])
def test_an_error_of_the_database_about_a_value_is_known_whatever_the_values_are(error: str, value: str) -> None:
    said = BATCH.format(value=value, error=error)

    assert (is_about_a_value(said), is_own_trouble(said)) == (True, False)


@pytest.mark.parametrize(
    "error",
    [
        "deadlock detected",
        "could not serialize access due to concurrent update",
        'duplicate key value violates unique constraint "idx_resver_id_ver"',
        "terminating connection due to administrator command",
        "could not extend file: No space left on device",
    ],
)
@pytest.mark.parametrize("value", ["Sample", "integer out of range, invalid byte sequence"])
def test_trouble_of_the_database_is_known_whatever_the_values_are(error: str, value: str) -> None:
    said = BATCH.format(value=value, error=error)

    assert (is_about_a_value(said), is_own_trouble(said)) == (False, True)


@pytest.mark.parametrize(
    ("issue", "text"),
    [
        ({"diagnostics": "no", "expression": ["Patient.name", "Patient.id"]}, "no (at Patient.name, Patient.id)"),
        ({"diagnostics": "no", "location": ["/f:Patient"]}, "no (at /f:Patient)"),
        ({"details": {"text": "not this one"}}, "not this one"),
        ({"details": "odd"}, "no reason given"),
        ({}, "no reason given"),
    ],
)
def test_an_issue_says_what_is_wrong_and_where(issue: dict[str, object], text: str) -> None:
    resource = {"resourceType": "OperationOutcome", "issue": ["odd", issue, issue | {"severity": "warning"}]}

    said = operation_outcome_text(resource)

    assert said == f"error unknown: {text}\nwarning unknown: {text}"
    assert operation_outcome_text({"resourceType": "OperationOutcome"}) == ""
    assert operation_outcome_text([resource]) == operation_outcome_text(resource | {"resourceType": "Bundle"}) == ""
