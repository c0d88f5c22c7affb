"""A signal in the last moments of a load or a removal: with nothing left to do, it ends as if none had come."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from claims_pipeline import schema
from claims_pipeline.cli.app import app
from claims_pipeline.errors import Interrupted
from claims_pipeline.load import LoadOptions, Vanished, load_files, load_lake, remove
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import START, Shape, rewrite, tiny_lake, write
from claims_pipeline_tests.load.fake_server import FakeServer, Request
from claims_pipeline_tests.load.sources.samples import coverage, ndjson, patient


@pytest.fixture(autouse=True)
def _a_signal_that_the_load_does_not_catch_fails_the_test() -> Iterator[None]:
    def fail(*_: object) -> None:
        raise AssertionError("the load did not catch the signal")

    before = signal.signal(signal.SIGTERM, fail)
    yield
    signal.signal(signal.SIGTERM, before)


def interrupted_at(wanted: Callable[[Request], bool]) -> Callable[[Request], None]:
    """Return a rule of the server that interrupts the load while a request is in flight."""

    def rule(request: Request) -> None:
        if wanted(request):
            os.kill(os.getpid(), signal.SIGTERM)

    return rule


def is_of_claims(request: Request) -> bool:
    return request.is_transaction and request.names[0].startswith("Claim/")


def test_a_signal_while_the_last_bundle_of_a_lake_is_in_flight(fake_server: FakeServer, fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("last", days=1, claims_a_day=2))
    fake_server.behave(interrupted_at(is_of_claims))

    report = load_lake(lake, fake_target)

    assert (report.exit_code, report.stopped, report.by_type["Claim"].loaded) == (0, None, 2)
    assert isinstance(report.interrupted, Interrupted)
    assert load_lake(lake, fake_target).total.unchanged == report.total.read


def test_after_such_a_signal_the_command_does_not_go_on_to_aggregate(
    fake_server: FakeServer, fake_target: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_lake(fake_target.lake_path, Shape("command", days=1, claims_a_day=2))
    fake_server.behave(interrupted_at(is_of_claims))
    monkeypatch.setenv("CLAIMS_HOME", str(fake_target.home))
    monkeypatch.setenv("CLAIMS_FHIR_BASE_URL", fake_target.fhir_base_url)

    done = CliRunner().invoke(app, ["load"])

    assert done.exit_code == 0, done.output
    assert "interrupted by SIGTERM: not aggregated\ntry: claims aggregate\n" in done.stderr
    assert not fake_target.analytics_path.exists()


def test_a_signal_while_the_marker_is_raised_at_the_end(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(patient("a")))
    fake_server.behave(interrupted_at(lambda request: request.method == "PUT" and bool(fake_server.names())))

    report = load_files([str(tmp_path / "a.ndjson")], fake_target)

    assert (report.exit_code, report.stopped, report.total.loaded) == (0, None, 1)


def test_a_signal_before_the_last_bundle_ends_the_load(fake_server: FakeServer, fake_target: Settings) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("early", days=1, claims_a_day=2))
    fake_server.behave(interrupted_at(lambda request: request.is_transaction and not is_of_claims(request)))

    report = load_lake(lake, fake_target)

    assert report.exit_code == 130
    assert not fake_server.names("Claim")


@pytest.mark.parametrize("vanished", [Vanished.DELETE, Vanished.ENTERED_IN_ERROR])
def test_a_signal_before_what_has_vanished_is_withdrawn_ends_the_load(
    fake_server: FakeServer, fake_target: Settings, vanished: Vanished
) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("gone", days=1, claims_a_day=3))
    load_lake(lake, fake_target)
    before = fake_server.names()
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("1"), claim_status="cancelled")
    claims = lake.read(schema.CLAIMS, START)
    write(lake, schema.CLAIMS, claims.filter(~pl.col("claim_id").str.ends_with("0")).to_dicts(), START)
    fake_server.behave(interrupted_at(is_of_claims))

    report = load_lake(lake, fake_target, options=LoadOptions(vanished=vanished))

    assert (report.exit_code, report.by_type["Claim"].updated) == (130, 1)
    assert fake_server.names() == before


def test_a_signal_while_the_last_deletion_is_in_flight(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(patient("a"), patient("b")))
    load_files([str(tmp_path / "a.ndjson")], fake_target)
    fake_server.behave(interrupted_at(lambda request: request.is_transaction))

    report = remove(fake_target)

    assert (report.by_type, report.left) == ({"Patient": 2}, 0)
    assert not fake_server.held


def test_a_signal_before_the_last_deletion_ends_the_removal(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    (tmp_path / "a.ndjson").write_text(ndjson(patient("a"), coverage("c", "Patient/a")))
    load_files([str(tmp_path / "a.ndjson")], fake_target)
    fake_server.behave(interrupted_at(lambda request: request.is_transaction))

    with pytest.raises(Interrupted):
        remove(fake_target)

    assert fake_server.names() == ["Patient/a"]
