from pathlib import Path

import pytest

from claims_pipeline.load import sources
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.sources.r4_definition import HEADER, elements_of_the_definition


@pytest.mark.server
def test_the_elements_are_those_of_the_definitions_that_the_server_validates_by(fhir_server: Settings) -> None:
    jar = next(fhir_server.cache.glob("jars-*/hapi-fhir-validation-resources-r4-8.8.0.jar"))
    expected = HEADER + "".join(",".join(row) + "\n" for row in elements_of_the_definition(jar))

    assert (Path(sources.__file__).parent / "r4_elements.csv").read_text(encoding="utf-8") == expected
