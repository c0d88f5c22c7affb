"""Commands that load nothing, in an installation that has no ledger: they make none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from claims_pipeline.errors import LedgerMismatch, ServerUnavailable
from claims_pipeline.load import (
    LoadOptions,
    discard_dead_letters,
    list_dead_letters,
    load_files,
    reconcile,
    remove,
    retry_dead_letters,
)
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import FakeServer
from claims_pipeline_tests.load.sources.samples import ndjson, patient

Command = Callable[[Settings], object]


def dry_run(settings: Settings) -> object:
    """Say what a load of one patient would send."""
    source = settings.home.parent / "Patient.ndjson"
    source.write_text(ndjson(patient("a")))
    return load_files([str(source)], settings, wait=False, options=LoadOptions(is_dry_run=True))


ASKING: dict[str, Command] = {
    "remove": remove,
    "reconcile": reconcile,
    "reconcile --deep": lambda settings: reconcile(settings, deep=True),
    "dead-letters retry": lambda settings: retry_dead_letters([], settings),
    "load --dry-run": dry_run,
}
"""Those that ask the server."""

COMMANDS: dict[str, Command] = ASKING | {
    "dead-letters list": list_dead_letters,
    "dead-letters discard": lambda settings: discard_dead_letters([], settings),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that_loads_nothing_makes_no_ledger(
    fake_server: FakeServer, fake_target: Settings, command: Command
) -> None:
    command(fake_target)

    assert not fake_target.ledger_path.exists()
    assert fake_server.names() == []


@pytest.mark.parametrize("command", ASKING.values(), ids=ASKING)
def test_a_command_that_loads_nothing_makes_no_ledger_if_the_server_is_down(tmp_path: Path, command: Command) -> None:
    down = Settings(home=tmp_path / "home", fhir_base_url="http://127.0.0.1:1/fhir", fhir_wait_seconds=0.1)

    with pytest.raises(ServerUnavailable):
        command(down)

    assert not down.ledger_path.exists()


@pytest.mark.parametrize("command", ASKING.values(), ids=ASKING)
def test_a_server_that_another_ledger_fills_is_refused_in_the_name_of_the_ledger_that_is_not_there(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, command: Command
) -> None:
    (tmp_path / "theirs.ndjson").write_text(ndjson(patient("b")))
    load_files([str(tmp_path / "theirs.ndjson")], fake_target, ledger_path=tmp_path / "theirs.sqlite")

    with pytest.raises(LedgerMismatch) as refusal:
        command(fake_target)

    assert str(refusal.value.where).endswith(f" and {fake_target.ledger_path}")
    assert not fake_target.ledger_path.exists()
    assert fake_server.names() == ["Patient/b"]
