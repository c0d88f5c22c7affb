import json

import pytest

from claims_pipeline import schema
from claims_pipeline.fhir import RENDERINGS
from claims_pipeline.lake import Lake
from claims_pipeline.load.sources.elements import problems
from claims_pipeline_tests.fhir.feed import resources


@pytest.mark.parametrize("name", RENDERINGS)
def test_the_feed_breaks_no_definition_of_r4(lake: Lake, name: str) -> None:
    for body in resources(lake, schema.TABLES[name])["body"]:
        assert list(problems(json.loads(body))) == []


@pytest.mark.heavy
def test_every_reference_of_the_feed_leads_to_a_resource_of_the_feed(lake: Lake) -> None:
    everything = [resources(lake, schema.TABLES[name]) for name in RENDERINGS]
    names = {f"{row[0]}/{row[1]}" for frame in everything for row in frame.iter_rows()}

    for frame in everything:
        assert set(frame["references"].explode().drop_nulls()) <= names
