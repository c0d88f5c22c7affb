"""What a server says about a resource, with and without what it quotes of it."""

import pytest

from claims_pipeline.load.sending.answer import missing_target, without_values

PARSE = "error processing: HAPI-0450: Failed to parse request body as JSON resource. Error was: HAPI-1821: "


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            PARSE
            + '[element="birthDate"] Invalid attribute value "1980-13-45": Invalid date/time format: "1980-13-45"',
            PARSE + '[element="birthDate"] Invalid attribute value "***": Invalid date/time format: "***"',
        ),
        (
            PARSE + '[element="gender"] Invalid attribute value "O&apos;Brien &quot;x&quot; y": '
            "Unknown AdministrativeGender code 'O'Brien \"x\" y'",
            PARSE + '[element="gender"] Invalid attribute value "***": Unknown AdministrativeGender code \'***\'',
        ),
        (
            "error processing: HAPI-0931: Invalid reference found at path 'Patient.managingOrganization'. "
            "Resource type 'Patient' is not valid for this path",
        )
        * 2,
        (
            'error processing: HAPI-1091: Invalid match URL "Patient?identifier=http://x.org/ssn|123-45-6789&name=A B" '
            "- No resources match this search",
            'error processing: HAPI-1091: Invalid match URL "Patient?identifier=http://x.org/ssn|***&name=***" '
            "- No resources match this search",
        ),
        (
            "error invalid: this doesn't fit: 'Ann Lee' (at Patient.name)",
            "error invalid: this doesn't fit: '***' (at Patient.name)",
        ),
        (
            "error processing: hash exists: Patient?identifier=123-45-6789",
            "error processing: hash exists: Patient?identifier=***",
        ),
        (("error processing: HAPI-1094: Resource Patient/p-1 not found, specified in path: Claim.patient",) * 2),
    ],
    ids=["date", "quotes in a value", "path and type", "match URL", "apostrophe", "bare match URL", "resource"],
)
def test_a_report_shows_no_value_of_a_resource(said: str, shown: str) -> None:
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
