"""`claims load` as a person meets it when something is wrong: two or three lines, an exit code, no traceback."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from claims_pipeline.load.ledger.dead_letters import UNREADABLE, Letter, put_letters
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.ports import free_port
from claims_pipeline_tests.cli.running import run_claims
from claims_pipeline_tests.lakes import Shape, tiny_lake

COMMAND = [sys.executable, "-m", "claims_pipeline.cli", "load"]


def run(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_claims("load", *options, CLAIMS_HOME=str(home))


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (["--fhir-base", "127.0.0.1:8080/fhir"], 2, "--fhir-base: not the address of a FHIR server"),
        (["--fhir-base", ""], 2, "--fhir-base: empty"),
        (["--workers", "65"], 2, "--workers: should be 64 or less"),
        (["--workers", "0"], 2, "--workers: should be 1 or more"),
        (["--batch-size", "0"], 2, "--batch-size: should be 1 or more"),
        (["--day", "2025-02-30"], 2, "--day should be a day such as 2025-01-31, not '2025-02-30'"),
        (["--day", "2025-W01-3"], 2, "--day should be a day such as 2025-01-31, not '2025-W01-3'"),
        (["--start-date", "20250105", "--end-date", "2025-01-06"], 2, "--start-date should be a day"),
        (["--day", "2025-01-01", "--end-date", "2025-01-02"], 2, "--day cannot be combined"),
        (["--start-date", "2025-03-01"], 2, "the lake has no partition of 2025-03-01"),
        (["--start-date", "2025-01-02", "--end-date", "2025-01-01"], 2, "lies before --start-date"),
        (["no-such-lake"], 2, "there is no such file or folder"),
        ([""], 2, "the name of a file or folder is empty"),
        (["--vanished", "hide"], 2, "--vanished: 'hide' is not one of keep, entered-in-error, delete"),
        (["--types", "Patient,Pateint"], 2, "'Pateint' is not a resource type of FHIR R4"),
        (["--exclude", "patient"], 2, "'patient' is not a resource type of FHIR R4"),
        (["--types", "Observation"], 2, "--types and --exclude leave nothing of the lake"),
        (["--types", ","], 2, "--types names no resource type"),
        (["export", "--exclude", ""], 2, "--exclude names no resource type"),
        (["export", "--types", "Patient", "--exclude", "Patient,Claim"], 2, "leave nothing to load"),
        (["--id-prefix", "x-"], 2, "--id-prefix is for files"),
        (["export", "--id-prefix", "a_b"], 2, "--id-prefix is made of letters, digits, '-' and '.'"),
        (["--adopt", "--dry-run"], 2, "--adopt writes the ledger and the server's marker, a dry run writes nothing"),
        (["--adopt", "--reset"], 2, "--adopt and --reset exclude each other"),
        (["--day", "2020-02-29"], 2, "the lake has no partition of 2020-02-29"),
        (["--hash-file", "/dev/null/ledger"], 1, "cannot make the ledger's folder"),
    ],
)
def test_bad_input_is_reported_in_two_or_three_lines(
    tmp_path: Path, options: list[str], exit_code: int, message: str
) -> None:
    tiny_lake(tmp_path / "lake", Shape("bad", days=1))

    done = run(tmp_path, *options)

    lines = done.stderr.splitlines()
    assert done.returncode == exit_code
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert len(lines) <= 3


@pytest.mark.parametrize("options", [["--day", "2025-01-01"], ["--every-version"]])
def test_what_concerns_the_days_of_a_lake_is_refused_for_files(tmp_path: Path, options: list[str]) -> None:
    file = tmp_path / "patients.ndjson"
    file.write_text('{"resourceType":"Patient","id":"p-1"}\n')

    done = run(tmp_path, str(file), *options)

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {options[0]}")


@pytest.mark.parametrize(
    ("options", "exit_code", "kind"),
    [
        (["--day", "2025-02-30"], 2, "ConfigError"),
        (["--no-such-option"], 2, "ConfigError"),
        (["--workers", "many"], 2, "ConfigError"),
        (["no-such-lake"], 2, "ConfigError"),
        (["--no-wait", "--fhir-base", "http://127.0.0.1:1/fhir"], 3, "ServerUnavailable"),
    ],
)
def test_an_error_is_json_where_that_was_asked_for(
    tmp_path: Path, options: list[str], exit_code: int, kind: str
) -> None:
    tiny_lake(tmp_path / "lake", Shape("json", days=1))

    done = run(tmp_path, "--json", *options)

    error = json.loads(done.stdout)["error"]
    assert done.returncode == exit_code == error["exit_code"]
    assert error["kind"] == kind
    assert f"error: {error['message']}" in done.stderr.splitlines()


@pytest.mark.parametrize(
    "command",
    [
        ["dead-letters", "list"],
        ["dead-letters", "retry"],
        ["dead-letters", "discard", "--all"],
        ["reconcile"],
        ["remove", "--yes"],
    ],
    ids=" ".join,
)
def test_a_mistyped_ledger_is_refused_and_not_made(tmp_path: Path, command: list[str]) -> None:
    typo = tmp_path / "folder" / "leger.sqlite"

    done = run_claims(*command, "--hash-file", str(typo), CLAIMS_HOME=str(tmp_path / "home"))

    assert done.returncode == 2
    assert done.stderr.startswith(f"error: there is no ledger here\nwhere: {typo}\ntry: ")
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_load_there_are_no_dead_letters_and_no_ledger(tmp_path: Path) -> None:
    done = run_claims("dead-letters", "list", CLAIMS_HOME=str(tmp_path))

    assert (done.returncode, done.stdout) == (0, "0 dead letters\n")
    assert list(tmp_path.iterdir()) == []


def test_dead_letters_are_discarded_by_name_or_all_of_them(tmp_path: Path) -> None:
    home = {"CLAIMS_HOME": str(tmp_path)}
    nothing, both = (run_claims("dead-letters", "discard", *names, **home) for names in ([], ["Patient/p-1", "--all"]))
    for refused in (nothing, both):
        assert refused.returncode == 2
        assert refused.stderr.startswith("error: dead letters to discard: names, or --all for all of them\ntry: ")

    done = run_claims("dead-letters", "discard", "--all", "--json", **home)

    assert (done.returncode, json.loads(done.stdout)) == (0, {"discarded": 0})
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_ends_with_exit_code_3(tmp_path: Path) -> None:
    tiny_lake(tmp_path / "lake", Shape("unanswered", days=1))
    base = f"http://127.0.0.1:{free_port()}/fhir"

    done = run(tmp_path, "--no-wait", "--fhir-base", base)

    assert done.returncode == 3
    assert done.stderr.splitlines()[-3:] == [
        "error: the FHIR server did not answer: connection refused",
        f"where: {base}",
        "try:   claims server start, or point --fhir-base at a server that runs",
    ]


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_load_that_is_ended_while_it_waits_for_the_server_reports_it(tmp_path: Path, number: signal.Signals) -> None:
    tiny_lake(tmp_path / "lake", Shape("waiting", days=1))
    environment = {"CLAIMS_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [*COMMAND, "--fhir-base", f"http://127.0.0.1:{free_port()}/fhir"]
    load = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert load.stderr is not None
    assert [load.stderr.readline().split(" http")[0] for _ in range(2)] == ["asking", "waiting for"]
    time.sleep(1.5)

    load.send_signal(number)
    _, err = load.communicate(timeout=30)

    assert load.returncode == 130
    assert err.splitlines() == [
        f"error: interrupted by {number.name}",
        "try:   run the same command again: it continues where it stopped",
    ]


def test_a_ledger_that_is_none_is_named(tmp_path: Path) -> None:
    tiny_lake(tmp_path / "lake", Shape("noledger", days=1))
    (tmp_path / "text").write_text("this is not a database, whatever its name says\n" * 100)

    done = run(tmp_path, "--hash-file", str(tmp_path / "text"))

    assert done.returncode == 1
    assert "the ledger cannot be used: file is not a database" in done.stderr


def test_input_without_an_id_is_listed_and_shown_by_its_place(tmp_path: Path) -> None:
    place = f"{tmp_path / 'ids.ndjson'}:1"
    refused = Letter(
        datetime.now(UTC), "Patient", None, 0, "id is missing", None, place, "", UNREADABLE, None, None, ""
    )
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        put_letters(ledger, [refused])

    listed, shown, *unknown = (
        run_claims("dead-letters", *arguments, CLAIMS_HOME=str(tmp_path))
        for arguments in (["list"], ["show", place], ["show", "Patient"], ["show", ""])
    )

    assert listed.stdout.splitlines()[0] == f"Patient from {place}"
    assert "resource_type   Patient\n" in shown.stdout
    assert [done.stderr.splitlines()[0] for done in unknown] == [
        "error: no dead letter: Patient",
        "error: no dead letter: ",
    ]
