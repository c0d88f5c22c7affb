"""The lake into the real server: what is sent, and what the server holds afterwards (pipeline/: each branch)."""

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.load import Counts, load_lake
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, patient_of, rewrite, tiny_lake
from claims_pipeline_tests.load.proxy import faulty
from claims_pipeline_tests.server_state import ids, read

pytestmark = pytest.mark.server


def test_a_first_load_puts_the_current_state_of_the_lake_on_the_server(target: Settings) -> None:
    shape = Shape("first")
    lake = tiny_lake(target.lake_path, shape)

    report = load_lake(lake, target)

    assert report.by_type == {
        "Organization": Counts(read=2, created=2),
        "Location": Counts(read=1, created=1),
        "Practitioner": Counts(read=1, created=1),
        "Patient": Counts(read=12, unchanged=7, created=5),
        "Coverage": Counts(read=12, unchanged=7, created=5),
        "Claim": Counts(read=12, created=12),
    }
    assert report.exit_code == 0
    assert len(ids(target.fhir_base_url, "Claim", "first-")) == 12
    assert len(ids(target.fhir_base_url, "Patient", "first-")) == 5


def test_the_same_load_again_sends_one_request_and_no_resource(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("again"))
    load_lake(lake, target)

    report = load_lake(lake, target)

    assert report.total == Counts(read=40, unchanged=40)
    assert report.requests_with_resources == 0
    assert report.requests == 1
    assert "nothing was sent, all of it is unchanged" in report.render()


def test_a_new_address_sends_exactly_that_patient(target: Settings) -> None:
    shape = Shape("address")
    lake = tiny_lake(target.lake_path, shape)
    load_lake(lake, target)
    moved = patient_of(shape, 2, 1)
    rewrite(lake, schema.PATIENTS, shape.dates[2], pl.col("patient_id") == moved, address_line="2 New Street")

    with faulty(target.fhir_base_url, lambda _: None) as proxy:
        forwarded = target.model_copy(update={"fhir_base_url": proxy.base_url})
        report = load_lake(lake, forwarded)

    assert report.total == Counts(read=40, unchanged=39, updated=1)
    sent = [request.body.decode() for request in proxy.seen if request.number]
    assert len(sent) == 1
    assert sent[0].count('"method":"PUT"') == 1
    assert f'"url":"Patient/{moved}"' in sent[0]
    assert read(target.fhir_base_url, f"Patient/{moved}")["address"][0]["line"] == ["2 New Street"]
