"""What a lake no longer has, branch by branch, with the server in memory (test_vanished.py: with the real one)."""

from collections.abc import Collection

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.lake import Lake
from claims_pipeline.load import LoadOptions, LoadReport, Vanished, load_files, load_lake
from claims_pipeline.load.ledger import holdings
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import START, Shape, tiny_lake, write
from claims_pipeline_tests.load.fake_server import FakeServer, about
from claims_pipeline_tests.load.sources.samples import ndjson, patient


@pytest.fixture
def lake(fake_target: Settings) -> Lake:
    return tiny_lake(fake_target.lake_path, Shape("lake", days=1))


def drop_claims(lake: Lake, *numbers: int) -> None:
    ends = [f"{number:06}" for number in numbers]
    claims = lake.read(schema.CLAIMS, START)
    is_dropped = pl.col("claim_id").str.slice(-6).is_in(ends)
    write(lake, schema.CLAIMS, claims.filter(~is_dropped).to_dicts(), START)


def load(lake: Lake, target: Settings, vanished: Vanished, types: Collection[str] = ()) -> LoadReport:
    return load_lake(lake, target, options=LoadOptions(vanished=vanished, types=frozenset(types)))


@pytest.mark.heavy
def test_what_the_server_has_lost_is_counted_once_and_settled(
    fake_server: FakeServer, fake_target: Settings, lake: Lake
) -> None:
    load_lake(lake, fake_target)
    drop_claims(lake, 0, 1)
    del fake_server.held[fake_server.names("Claim")[0]]

    report = load(lake, fake_target, Vanished.ENTERED_IN_ERROR)

    assert report.vanished == {"Claim already gone from the server": 1, "Claim entered in error": 1}
    assert load(lake, fake_target, Vanished.ENTERED_IN_ERROR).vanished == {}


@pytest.mark.heavy
def test_many_are_entered_in_error_a_part_at_a_time(
    fake_server: FakeServer, fake_target: Settings, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_lake(lake, fake_target)
    drop_claims(lake, 0, 1, 2)
    monkeypatch.setattr(holdings, "ROWS_AT_ONCE", 2)
    fake_server.requests.clear()

    report = load(lake, fake_target, Vanished.ENTERED_IN_ERROR)

    assert report.vanished == {"Claim entered in error": 3}
    assert [len(request.entries) for request in fake_server.transactions][-2:] == [2, 1]


@pytest.mark.heavy
def test_what_cannot_be_deleted_is_named_and_tried_again(
    fake_server: FakeServer, fake_target: Settings, lake: Lake
) -> None:
    load_lake(lake, fake_target)
    name = fake_server.names("Claim")[0]
    drop_claims(lake, 0, 1)
    fake_server.behave(about(name, 412, "HAPI-0966: Resource deletion is not permitted on this server"))

    report = load(lake, fake_target, Vanished.DELETE)

    assert report.vanished == {"Claim deleted": 1, "Claim not deleted": 1}
    assert report.exit_code == 1
    assert name in report.render()
    fake_server.behave_well()
    assert load(lake, fake_target, Vanished.DELETE).vanished == {"Claim deleted": 1}


@pytest.mark.heavy
def test_a_type_that_was_not_asked_for_is_left_alone(
    fake_server: FakeServer, fake_target: Settings, lake: Lake
) -> None:
    load_lake(lake, fake_target)
    drop_claims(lake, 0)
    load_lake(lake, fake_target)  # it is kept, and known to have vanished
    before = fake_server.names()

    report = load(lake, fake_target, Vanished.DELETE, types=["Patient"])

    assert report.vanished == {}
    assert fake_server.names() == before


@pytest.mark.heavy
def test_what_files_no_longer_have_is_not_the_lakes_to_delete(
    fake_server: FakeServer, fake_target: Settings, lake: Lake
) -> None:
    file = fake_target.home / "Patient.ndjson"
    file.write_text(ndjson(patient("a"), patient("b")))
    load_files([str(file)], fake_target)
    file.write_text(ndjson(patient("a")))
    assert load_files([str(file)], fake_target).vanished == {"Patient kept": 1}

    assert load(lake, fake_target, Vanished.DELETE).vanished == {}
    assert "Patient/b" in fake_server.names()
