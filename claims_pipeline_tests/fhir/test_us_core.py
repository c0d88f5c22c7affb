"""What the feed declares to conform to US Core does so: the real server validates it against the profiles."""

import json
from typing import Any

import httpx
import pytest

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS, render
from claims_pipeline.lake import Lake
from claims_pipeline_tests import defaults
from claims_pipeline_tests.fhir import us_core
from claims_pipeline_tests.fhir.feed import resources
from claims_pipeline_tests.fhir.test_validate import errors, sample

WITH_PROFILE = {name: kind for name, kind in RENDERINGS.items() if kind.resource_type in us_core.ELEMENTS}


def found_in(client: httpx.Client, resource: dict[str, Any]) -> list[str]:
    kind = resource["resourceType"]
    answer = client.post(f"{kind}/$validate", params={"profile": us_core.url(kind)}, json=resource)
    return errors(answer)


@pytest.mark.server
@pytest.mark.parametrize("name", WITH_PROFILE)
def test_the_feed_conforms_to_the_profile_that_it_declares(lake: Lake, name: str, profiles: httpx.Client) -> None:
    bodies = [json.loads(body) for body in sample(resources(lake, schema.TABLES[name]))]

    assert {tuple(body["meta"]["profile"]) for body in bodies} == {(us_core.url(WITH_PROFILE[name].resource_type),)}
    assert [issue for body in bodies for issue in found_in(profiles, body)] == []


@pytest.mark.server
@pytest.mark.parametrize(
    ("name", "without", "named"),
    [
        ("patients", "identifier", "Patient.identifier"),
        ("patients", "gender", "Patient.gender"),
        ("practitioners", "identifier", "Practitioner.identifier"),
        ("organizations", "active", "Organization.active"),
        ("locations", "name", "Location.name"),
        ("coverages", "relationship", "Coverage.relationship"),
    ],
)
def test_the_server_would_find_what_a_profile_misses(
    lake: Lake, name: str, without: str, named: str, profiles: httpx.Client
) -> None:
    body = json.loads(resources(lake, schema.TABLES[name])["body"][0])
    del body[without]

    assert any(named in issue for issue in found_in(profiles, body))


@pytest.mark.server
def test_the_server_would_find_a_wrong_npi(lake: Lake, profiles: httpx.Client) -> None:
    body = json.loads(resources(lake, schema.PRACTITIONERS)["body"][0])
    body["identifier"][0]["value"] = "9000000000"

    assert any("us-core-17" in issue for issue in found_in(profiles, body))


def test_a_coverage_without_a_member_number_declares_no_profile() -> None:
    frame = defaults.frame(schema.COVERAGES, [{"member_id": None}, {"member_id": " "}, {"member_id": "M1"}])

    metas = [json.loads(body)["meta"] for body in render(schema.COVERAGES, frame)["body"]]

    assert [meta.get("profile") for meta in metas] == [None, None, [us_core.url("Coverage")]]
