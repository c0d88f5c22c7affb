"""The real server's `$validate` finds no error in a sample of every resource type that the feed becomes."""

from collections.abc import Iterator

import httpx
import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS
from claims_pipeline.lake import Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.fhir.feed import resources

SAMPLE = 12


def sample(rendered: pl.DataFrame) -> Iterator[str]:
    """Yield bodies from all lengths, the longest among them."""
    ordered = rendered.sort(pl.col("body").str.len_chars())
    yield from ordered.gather_every(max(1, ordered.height // SAMPLE))["body"]
    yield ordered["body"][-1]


@pytest.mark.server
@pytest.mark.parametrize("name", RENDERINGS)
def test_the_server_finds_no_error(lake: Lake, name: str, profiles: httpx.Client) -> None:
    url = f"{RENDERINGS[name].resource_type}/$validate"
    headers = {"Content-Type": "application/fhir+json"}

    bodies = sample(resources(lake, schema.TABLES[name]))
    answers = [profiles.post(url, content=body, headers=headers) for body in bodies]

    assert answers
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert [issue for answer in answers for issue in errors(answer)] == []


@pytest.mark.server
def test_the_server_would_find_an_error(fhir_server: Settings) -> None:
    url = f"{fhir_server.fhir_base_url}/Claim/$validate"
    claim = '{"resourceType":"Claim","status":"active"}'

    answer = httpx.post(url, content=claim, headers={"Content-Type": "application/fhir+json"}, timeout=60)

    assert any("Claim.patient" in issue for issue in errors(answer))


def errors(answer: httpx.Response) -> list[str]:
    issues = answer.json()["issue"]
    return [issue["diagnostics"] for issue in issues if issue["severity"] in ("error", "fatal")]
