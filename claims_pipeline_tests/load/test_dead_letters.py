"""What is kept of rejections, and for how long."""

import json
import resource
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims_pipeline import schema
from claims_pipeline.errors import ConfigError, DataError, ServerUnavailable
from claims_pipeline.load import (
    Counts,
    LoadOptions,
    Progress,
    discard_dead_letters,
    list_dead_letters,
    load_files,
    load_lake,
    reconcile,
    remove,
    retry_dead_letters,
)
from claims_pipeline.load.ledger.dead_letters import LIST_SCHEMA, SCHEMA
from claims_pipeline.load.ledger.settling import settle
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.pipeline.rejections import DeadLetters
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, patient_of, rewrite, tiny_lake
from claims_pipeline_tests.load.fake_server import FakeServer, Request, Response, about, everything, outcome
from claims_pipeline_tests.load.sources.samples import observation

NOT_JSON = '{"resourceType": "Patient", "id": '


def rejected(resource_id: str, reason: str = "because", missing: str = "") -> Result:
    claim = Resource("Claim", resource_id, f"hash of {resource_id}", "", "claims/2025-01-01", "{}", ["Patient/p-1"])
    return Result(claim, "rejected", text=reason, missing_target=missing, full_text=f"{reason}: Jane Sample")


def run(ledger: Ledger, *results: Result) -> list[str]:
    """Do what a load does with results, and return its remarks."""
    letters = DeadLetters(ledger)
    letters.add(results, "claims")
    settle(ledger, results, "claims")
    return letters.close()


def loaded(result: Result) -> Result:
    return result._replace(outcome="created", version_id="1")


def letters_in(path: Path) -> list[tuple[str, str]]:
    """Return name and reason of each letter in a ledger, open or not, in the order in which they were written."""
    with open_ledger(path) as ledger, ledger.reading() as connection:
        query = "SELECT letter, shown_reason FROM dead_letters JOIN dead_letter_contents USING (letter) ORDER BY number"
        return connection.execute(query).fetchall()


def write(file: Path, *lines: str | dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return file


def test_the_latest_letter_of_each_rejection_is_kept_however_many_loads_there_are(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        for day in range(5):
            run(ledger, rejected("c-1", f"on day {day}", "Patient/p-1"), rejected("c-2"))

    assert letters_in(tmp_path / "ledger.sqlite") == [("Claim/c-1", "on day 4"), ("Claim/c-2", "because")]


def test_a_letter_that_is_no_longer_open_is_dropped_with_what_it_held(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        run(ledger, rejected("c-1"), rejected("c-2"))
        run(ledger, loaded(rejected("c-1")))
        with ledger.reading() as connection:
            held = connection.execute("SELECT letter FROM dead_letter_contents").fetchall()

    assert letters_in(tmp_path / "ledger.sqlite") == [("Claim/c-2", "because")]
    assert held == [("Claim/c-2",)]


def test_a_letter_of_a_crashed_run_that_the_ledger_does_not_know_is_not_open(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with open_ledger(settings.ledger_path) as ledger:
        DeadLetters(ledger).add([rejected("c-1")], "claims")

    assert list_dead_letters(settings).is_empty()


def test_a_list_has_neither_resources_nor_what_the_server_quotes(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with open_ledger(settings.ledger_path) as ledger:
        run(ledger, rejected("c-1", missing="Patient/p-1"))

    listed = list_dead_letters(settings, with_contents=False)
    whole = list_dead_letters(settings)

    assert listed.schema == LIST_SCHEMA
    assert listed["reason"].to_list() == ["because"]
    assert whole.schema == SCHEMA
    assert whole.select("reason", "references", "body", "missing_target").row(0) == (
        "because: Jane Sample",
        ["Patient/p-1"],
        "{}",
        "Patient/p-1",
    )


def test_an_installation_without_a_ledger_has_no_letters(tmp_path: Path) -> None:
    assert list_dead_letters(Settings(home=tmp_path)).schema == SCHEMA
    assert list_dead_letters(Settings(home=tmp_path), with_contents=False).schema == LIST_SCHEMA
    assert list(tmp_path.iterdir()) == []


@pytest.mark.heavy
def test_a_full_disk_ends_the_load_with_its_report_and_loses_nothing(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(about("Patient/p-1", 422, "HAPI-0931: no" + " and no" * 5_000))
    patients = [{"resourceType": "Patient", "id": f"p-{n}", "name": [{"text": "x" * 20_000}]} for n in range(3)]
    file = write(tmp_path / "p.ndjson", *patients)
    load_files([str(write(tmp_path / "first.ndjson", {"resourceType": "Patient", "id": "first"}))], fake_target)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = fake_target.ledger_path.with_suffix(".sqlite-wal")
    size = max(limit.stat().st_size if limit.exists() else 0, fake_target.ledger_path.stat().st_size) + 8_000

    def when_the_culprit_is_alone(request: Any) -> None:
        if request.names == ["Patient/p-1"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    fake_server.behave(when_the_culprit_is_alone)
    try:
        report = load_files([str(file)], fake_target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert report.exit_code == 1
    assert "the ledger cannot be used" in report.render()
    assert "free some disk space" in report.render()
    assert (report.total.rejected, report.total.read) == (0, 3)
    fake_server.behave_well()
    assert load_files([str(file)], fake_target).total.loaded + report.total.loaded >= 3


@pytest.mark.heavy
def test_input_that_cannot_be_read_has_one_letter_whatever_the_folder_it_is_loaded_from(
    fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "export" / "bad.ndjson", NOT_JSON)
    load_files([str(file)], fake_target)
    monkeypatch.chdir(file.parent)
    load_files(["bad.ndjson"], fake_target)
    monkeypatch.chdir(tmp_path)
    load_files(["export/../export"], fake_target)

    assert list_dead_letters(fake_target)["source"].to_list() == [f"{file}:1"]
    assert len(letters_in(fake_target.ledger_path)) == 1


@pytest.mark.heavy
def test_the_letters_of_a_file_that_is_gone_go_when_its_folder_is_read_again(
    fake_target: Settings, tmp_path: Path
) -> None:
    bad = write(tmp_path / "export" / "bad.ndjson", NOT_JSON)
    write(tmp_path / "export" / "good.ndjson", {"resourceType": "Patient", "id": "gone-1"})
    elsewhere = write(tmp_path / "export-2" / "bad.ndjson", NOT_JSON)
    load_files([str(tmp_path / "export"), str(elsewhere)], fake_target)
    bad.unlink()

    report = load_files([str(tmp_path / "export")], fake_target)

    assert report.exit_code == 0
    assert list_dead_letters(fake_target)["source"].to_list() == [f"{elsewhere}:1"]


@pytest.mark.heavy
def test_the_letter_of_a_file_whose_name_ends_like_a_line_number_goes_when_it_is_corrected(
    fake_target: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "export:12", NOT_JSON)
    load_files([str(file)], fake_target)
    write(file, {"resourceType": "Patient", "id": "colon-1"})

    load_files([str(file)], fake_target)

    assert list_dead_letters(fake_target).is_empty()


@pytest.mark.heavy
def test_a_dry_run_leaves_dead_letters_as_they_are(fake_target: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "bad.ndjson", NOT_JSON)
    load_files([str(file)], fake_target)
    before = letters_in(fake_target.ledger_path)
    write(file, {"resourceType": "Patient", "id": "dry-1"})

    load_files([str(file)], fake_target, options=LoadOptions(is_dry_run=True))

    assert letters_in(fake_target.ledger_path) == before


@pytest.mark.heavy
def test_a_dead_letter_is_sent_again_when_its_cause_is_gone(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(about("Patient/p-1", 422, "HAPI-0931: no"))
    load_files([str(write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "p-1"}))], fake_target)
    assert list_dead_letters(fake_target)["bundle"].to_list() == ["1"]
    fake_server.behave_well()

    with pytest.raises(ConfigError, match="no dead letter: Patient/p-2"):
        retry_dead_letters(["Patient/p-2"], fake_target)
    assert retry_dead_letters(["Patient/p-1"], fake_target).total == Counts(read=1, created=1)
    assert list_dead_letters(fake_target).is_empty()


@pytest.mark.heavy
def test_a_server_that_is_not_ready_is_not_waited_for(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(about("Patient/p-1", 422, "HAPI-0931: no"))
    load_files([str(write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "p-1"}))], fake_target)
    fake_server.behave(everything(503))
    fake_server.requests.clear()

    with pytest.raises(ServerUnavailable):
        retry_dead_letters([], fake_target)
    assert len(fake_server.requests) == 1


@pytest.mark.heavy
def test_what_refers_to_another_dead_letter_is_sent_again_after_it(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    target = fake_target.model_copy(update={"batch_size": 1})
    panel = observation("panel", "Patient/p-1", hasMember=[{"reference": "Observation/value"}])
    load_files([str(write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "p-1"}))], target)
    fake_server.behave(about("Observation/value", 422, "HAPI-0931: no"))
    load_files([str(write(tmp_path / "o.ndjson", panel, observation("value", "Patient/p-1")))], target)
    assert list_dead_letters(target)["resource_id"].to_list() == ["panel", "value"]
    fake_server.behave_well()

    assert retry_dead_letters([], target).total == Counts(read=2, created=2)
    assert list_dead_letters(target).is_empty()


def test_what_the_loader_refused_is_not_sent_again_and_is_named(fake_target: Settings, tmp_path: Path) -> None:
    unknown_element = {"resourceType": "Patient", "id": "p-1", "born": "1970"}
    load_files([str(write(tmp_path / "people.ndjson", unknown_element))], fake_target)

    report = retry_dead_letters([], fake_target)

    assert (report.total.read, report.requests_with_resources) == (0, 0)
    assert report.remarks[0].startswith("not sent again, because the loader refused them: 1; correct them")
    with pytest.raises(DataError, match="Patient/p-1 cannot be sent again: the loader refused it"):
        retry_dead_letters(["Patient/p-1"], fake_target)


@pytest.mark.parametrize("name", ["bad.ndjson", "bad.ndjson:1", "."])
def test_the_letters_of_a_file_that_is_gone_can_be_discarded(
    fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bad = write(tmp_path / "export" / "bad.ndjson", NOT_JSON)
    elsewhere = write(tmp_path / "export-2" / "bad.ndjson", NOT_JSON)
    load_files([str(bad), str(elsewhere)], fake_target)
    bad.unlink()
    monkeypatch.chdir(bad.parent)

    assert discard_dead_letters([name], fake_target) == 1

    assert list_dead_letters(fake_target)["source"].to_list() == [f"{elsewhere}:1"]
    assert len(letters_in(fake_target.ledger_path)) == 1


def test_an_empty_name_discards_nothing(fake_target: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the current folder would discard the letters of all files in it."""
    load_files([str(write(tmp_path / "bad.ndjson", NOT_JSON))], fake_target)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match="an empty name of a dead letter"):
        discard_dead_letters([""], fake_target)

    assert list_dead_letters(fake_target).height == 1


def test_a_name_that_no_letter_has_discards_nothing_before_the_first_load(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(ConfigError, match="no dead letter: Patient/p-1"):
        discard_dead_letters(["Patient/p-1"], settings)
    assert discard_dead_letters([], settings) == 0


@pytest.mark.heavy
def test_a_discarded_update_leaves_what_the_server_holds_and_is_sent_again_when_it_is_found_again(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "p-1"})
    load_files([str(file)], fake_target)
    fake_server.behave(about("Patient/p-1", 422, "HAPI-0931: no"))
    write(file, {"resourceType": "Patient", "id": "p-1", "active": True})
    load_files([str(file)], fake_target)

    assert discard_dead_letters(["Patient/p-1"], fake_target) == 1

    assert list_dead_letters(fake_target).is_empty()
    assert reconcile(fake_target, deep=True).is_equal
    assert load_files([str(file)], fake_target).total == Counts(read=1, rejected=1)


@pytest.mark.heavy
def test_a_discarded_row_of_a_lake_is_sent_again_with_its_day(fake_server: FakeServer, fake_target: Settings) -> None:
    shape = Shape("discard", days=1)
    lake = tiny_lake(fake_target.lake_path, shape)
    patient = f"Patient/{patient_of(shape, 0, 0)}"
    fake_server.behave(about(patient, 422, "HAPI-0931: no"))
    refused = load_lake(lake, fake_target).total.rejected

    with pytest.raises(ConfigError, match="no dead letter: Patient/nobody"):
        discard_dead_letters([patient, "Patient/nobody"], fake_target)
    with pytest.raises(ConfigError, match=r"no dead letter: \."):  # a folder holds no rows of a lake
        discard_dead_letters(["."], fake_target)
    assert list_dead_letters(fake_target).height == refused
    assert discard_dead_letters([], fake_target) == refused

    fake_server.behave_well()
    assert load_lake(lake, fake_target).total.created == refused
    assert list_dead_letters(fake_target).is_empty()


@pytest.mark.heavy
def test_what_was_rejected_is_forgotten_with_what_was_loaded(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(about("Patient/p-1", 422, "HAPI-0931: no"))
    patients = [{"resourceType": "Patient", "id": f"p-{n}"} for n in range(3)]
    load_files([str(write(tmp_path / "p.ndjson", *patients))], fake_target)

    assert remove(fake_target).exit_code == 0

    assert letters_in(fake_target.ledger_path) == []


def test_a_ledger_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ledger here"):
        list_dead_letters(Settings(home=tmp_path), ledger_path=tmp_path / "none.sqlite")


@pytest.mark.server
def test_loads_of_the_same_lake_do_not_pile_up_what_a_rejected_patient_leaves_behind(target: Settings) -> None:
    shape = Shape("pile", days=1)
    lake = tiny_lake(target.lake_path, shape)
    wrong = patient_of(shape, 0, 0)
    rewrite(lake, schema.PATIENTS, shape.dates[0], pl.col("patient_id") == wrong, gender="nonsense")

    reports = [load_lake(lake, target) for _ in range(4)]

    assert {report.total.rejected for report in reports} == {3}
    assert len(letters_in(target.ledger_path)) == list_dead_letters(target).height == 3


def encounter(name: str, *conditions: str) -> dict[str, Any]:
    diagnoses = [{"condition": {"reference": f"Condition/{condition}"}} for condition in conditions]
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished",
        "class": {"code": "AMB"},
        "diagnosis": diagnoses,
    }


def condition(name: str, encounter: str) -> dict[str, Any]:
    references = {"subject": {"reference": "Patient/p-1"}, "encounter": {"reference": f"Encounter/{encounter}"}}
    return {"resourceType": "Condition", "id": name, **references}


@pytest.mark.heavy
def test_dead_letters_that_refer_to_each_other_are_sent_again_in_one_transaction(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    cycles = [resource for n in "ab" for resource in (encounter(f"e-{n}", f"c-{n}"), condition(f"c-{n}", f"e-{n}"))]
    seen = observation("o-1", "Patient/p-1", encounter={"reference": "Encounter/e-a"})
    target = fake_target.model_copy(update={"batch_size": 1})
    load_files([str(write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "p-1"}))], target)
    fake_server.behave(lambda request: outcome(422, "HAPI-0931: no") if request.is_transaction else None)
    load_files([str(write(tmp_path / "c.ndjson", *cycles, seen))], target)
    fake_server.behave_well()
    fake_server.requests.clear()

    assert retry_dead_letters([], target).total == Counts(read=5, created=5)

    sent = [sorted(request.names) for request in fake_server.transactions]
    assert sorted(sent[:2]) == [["Condition/c-a", "Encounter/e-a"], ["Condition/c-b", "Encounter/e-b"]]
    assert sent[2:] == [["Observation/o-1"]]
    assert list_dead_letters(target).is_empty()


@pytest.mark.heavy
def test_dead_letters_of_several_loads_form_the_cycles_that_their_references_make(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    load_files([str(write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "p-1"}))], fake_target)
    fake_server.behave(lambda request: outcome(422, "HAPI-0931: no") if request.is_transaction else None)
    for name in "ab":  # each load numbers its cycle alike
        cycle = [encounter(f"e-{name}", f"c-{name}"), condition(f"c-{name}", f"e-{name}")]
        load_files([str(write(tmp_path / f"{name}.ndjson", *cycle))], fake_target)
    load_files([str(write(tmp_path / "e.ndjson", encounter("e-d", "c-d")))], fake_target)
    load_files([str(write(tmp_path / "c.ndjson", condition("c-d", "e-d")))], fake_target)

    def refuses_one(request: Request) -> Response | None:
        return outcome(422, "HAPI-0931: no") if "Condition/c-a" in request.names else None

    fake_server.behave_well()
    fake_server.behave(refuses_one)

    report = retry_dead_letters([], fake_target)

    assert report.total == Counts(read=6, created=4, rejected=2)
    left = list_dead_letters(fake_target)
    assert sorted(left["resource_id"]) == ["c-a", "e-a"]


@pytest.mark.heavy
def test_of_a_lake_and_of_files_each_dead_letter_is_sent_again_with_its_origin(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    lake = tiny_lake(fake_target.lake_path, Shape("both", days=1))
    fake_server.behave(lambda request: outcome(422, "HAPI-0931: no") if request.is_transaction else None)
    refused = load_lake(lake, fake_target).total.rejected
    file = write(tmp_path / "p.ndjson", {"resourceType": "Patient", "id": "p-1"})
    load_files([str(file)], fake_target)
    fake_server.behave_well()
    told: list[Progress] = []

    report = retry_dead_letters([], fake_target, on_progress=told.append)

    assert report.total == Counts(read=refused + 1, created=refused + 1)
    assert (told[-1].settled, told[-1].total) == (refused + 1, refused + 1)
    assert load_files([str(file)], fake_target).total == Counts(read=1, unchanged=1)
    assert load_lake(lake, fake_target).requests_with_resources == 0
    assert reconcile(fake_target, deep=True).is_equal


def test_a_ledger_that_is_named_must_be_there(tmp_path: Path) -> None:
    settings, none = Settings(home=tmp_path), tmp_path / "none.sqlite"

    with pytest.raises(ConfigError, match="no ledger here"):
        retry_dead_letters([], settings, ledger_path=none)
    with pytest.raises(ConfigError, match="no ledger here"):
        discard_dead_letters([], settings, ledger_path=none)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.heavy
def test_letters_are_listed_retried_and_discarded_in_the_ledger_that_is_named(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    ledger_path = tmp_path / "other.sqlite"
    fake_server.behave(lambda request: outcome(422, "HAPI-0931: no") if request.is_transaction else None)
    patients = [{"resourceType": "Patient", "id": f"p-{n}"} for n in range(3)]
    file = write(tmp_path / "p.ndjson", *patients)
    load_files([str(file)], fake_target, ledger_path=ledger_path)

    assert list_dead_letters(fake_target).is_empty()
    assert list_dead_letters(fake_target, ledger_path=ledger_path).height == 3
    assert discard_dead_letters(["Patient/p-0"], fake_target, ledger_path=ledger_path) == 1
    fake_server.behave_well()
    assert retry_dead_letters(["Patient/p-2"], fake_target, ledger_path=ledger_path).total.created == 1
    assert list_dead_letters(fake_target, ledger_path=ledger_path)["resource_id"].to_list() == ["p-1"]


def test_what_the_loader_refused_is_named_with_its_place(fake_target: Settings, tmp_path: Path) -> None:
    file = write(tmp_path / "people.ndjson", {"resourceType": "Patient", "id": "p-1", "born": "1970"})
    load_files([str(file)], fake_target)

    with pytest.raises(DataError) as caught:
        retry_dead_letters(["Patient/p-1"], fake_target)

    assert caught.value.where == f"{file}:1"
