"""A month of the real feed, and a server that knows the profiles which it declares."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from claims_pipeline.generate import generate_range
from claims_pipeline.lake import Feed, Lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.fhir import us_core
from claims_pipeline_tests.once_a_run import made_once

FEED = Feed(seed=3, patients=60, claims=150, start_date=date(2025, 1, 1), end_date=date(2025, 1, 31))


@pytest.fixture(scope="package")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    def make(folder: Path) -> None:
        generate_range(Lake(folder), FEED, start=FEED.start_date, end=FEED.end_date)

    return Lake(made_once(tmp_path_factory, "fhir-month", make))


@pytest.fixture(scope="package")
def profiles(fhir_server: Settings) -> Iterator[httpx.Client]:
    """A client of the server, which knows the profiles of US Core for as long as these tests run."""
    with httpx.Client(base_url=f"{fhir_server.fhir_base_url}/", timeout=60) as client:
        for resource_type in us_core.ELEMENTS:
            definition = us_core.structure_definition(resource_type)
            client.put(f"StructureDefinition/{definition['id']}", json=definition).raise_for_status()
        yield client
        for resource_type in us_core.ELEMENTS:
            client.delete(f"StructureDefinition/us-core-{resource_type.lower()}").raise_for_status()
