"""What becomes of resources under whatever the server answers: each branch, against the server in memory."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from claims_pipeline.load import Counts, LoadReport, list_dead_letters, load_files, remove
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import (
    FakeServer,
    Request,
    Response,
    Rule,
    about,
    answer_lost,
    every_transaction,
    everything,
    lost,
    outcome,
    times,
)

NUL = (
    "HAPI-0550: could not execute batch [Batch entry 0 insert into HFJ_SPIDX_STRING (SP_VALUE_EXACT) values "
    "(('JANE SAMPLE')) was aborted: ERROR: invalid byte sequence for encoding \"UTF8\": 0x00  Call getNextException]"
)
UNSTORABLE = {
    "NUL": (409, NUL),
    "too long": (409, "HAPI-0550: could not execute batch: ERROR: value too long for type character varying(500)"),
    "too long on H2": (500, 'HAPI-0389: Value too long for column "SP_URI CHARACTER VARYING(500)"'),
    "not finite": (500, "HAPI-2223: Character I is neither a decimal digit number, decimal point, nor exponential"),
    "out of range": (500, "HAPI-0389: ERROR: integer out of range"),
}
TROUBLE = {
    "deadlock": (409, "HAPI-0550: could not execute batch: ERROR: deadlock detected"),
    "version": (409, "HAPI-0550: HAPI-0823: The operation has failed with a version constraint failure."),
    "new id": (409, "HAPI-0550: HAPI-0825: The operation has failed with a client-assigned ID constraint failure."),
    "no words": (409, ""),
    "database": (500, "HAPI-0389: CannotCreateTransactionException: Could not open JPA EntityManager for transaction"),
    "disk": (500, "HAPI-0389: ERROR: could not extend file: No space left on device"),
    "gateway": (502, ""),
    "gateway timeout": (504, "HAPI-9999: nothing came"),
    "busy": (503, ""),
    "too many": (429, ""),
}


def patients(folder: Path, count: int, *, start: int = 0) -> str:
    lines = (json.dumps({"resourceType": "Patient", "id": f"p-{n}"}) for n in range(start, start + count))
    file = folder / "patients.ndjson"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def transactions_about(server: FakeServer, name: str) -> int:
    return sum(name in request.names for request in server.transactions)


def impatient(target: Settings) -> Settings:
    return target.model_copy(update={"fhir_patience_seconds": 0.2})


def load(target: Settings, folder: Path, count: int) -> LoadReport:
    return load_files([patients(folder, count)], target)


@pytest.mark.heavy
@pytest.mark.parametrize("said", UNSTORABLE.values(), ids=UNSTORABLE.keys())
@pytest.mark.parametrize("count", [1, 200])
def test_what_the_database_cannot_hold_is_rejected_without_a_second_attempt(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, said: tuple[int, str], count: int
) -> None:
    fake_server.behave(about("Patient/p-0", *said))

    report = load(fake_target, tmp_path, count)

    assert report.total == Counts(read=count, created=count - 1, rejected=1)
    assert report.retries == 0
    assert transactions_about(fake_server, "Patient/p-0") <= 8
    (letter,) = list_dead_letters(fake_target).to_dicts()
    assert (letter["resource_id"], letter["http_status"]) == ("p-0", said[0])
    assert said[1] in letter["reason"]


@pytest.mark.heavy
def test_the_next_day_the_refused_resource_is_not_sent_again(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(about("Patient/p-0", 409, NUL))
    load(fake_target, tmp_path, 200)
    sent = len(fake_server.transactions)

    report = load(fake_target, tmp_path, 205)

    assert report.total == Counts(read=205, unchanged=199, created=5, rejected=1)
    assert len(fake_server.transactions) == sent + 1


@pytest.mark.heavy
@pytest.mark.parametrize("count", [1, 6, 200])
@pytest.mark.parametrize("status", [409, 500])
def test_what_the_server_fails_over_each_time_is_rejected_with_its_words(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, count: int, status: int
) -> None:
    fake_server.behave(about("Patient/p-0", status, "HAPI-9999: I choke on Jane Sample"))

    report = load(fake_target, tmp_path, count)

    assert report.total == Counts(read=count, created=count - 1, rejected=1)
    (letter,) = list_dead_letters(fake_target).to_dicts()
    assert "I choke on Jane Sample" in letter["reason"]
    alone = [request for request in fake_server.transactions if request.names == ["Patient/p-0"]]
    assert len(alone) == 4
    assert "Jane" not in report.render() + json.dumps(report.to_json())


@pytest.mark.heavy
@pytest.mark.parametrize("said", TROUBLE.values(), ids=TROUBLE.keys())
@pytest.mark.parametrize("count", [1, 120])
def test_trouble_of_the_server_over_one_resource_rejects_nothing(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, said: tuple[int, str], count: int
) -> None:
    status, text = said
    fake_server.behave(about("Patient/p-0", status, text) if text else silent_about("Patient/p-0", status))

    report = load(impatient(fake_target), tmp_path, count)

    assert report.total.rejected == 0
    assert report.total.failed >= 1
    assert transactions_about(fake_server, "Patient/p-0") >= 4
    assert list_dead_letters(fake_target).is_empty()
    fake_server.behave_well()
    assert load(fake_target, tmp_path, count).total.failed == 0
    assert len(fake_server.names()) == count


FAILS_EVERYTHING = {
    "every transaction, with words": every_transaction(500, "HAPI-9999: no idea"),
    "every transaction, without words": lambda request: Response(500) if request.is_transaction else None,
    "conflicts": every_transaction(409, "HAPI-9999: no idea"),
    "transactions are unknown": every_transaction(501, "HAPI-9999: no idea"),
    "every write": lambda request: outcome(500, "HAPI-9999: no idea") if request.method != "GET" else None,
}


@pytest.mark.heavy
@pytest.mark.parametrize("rule", FAILS_EVERYTHING.values(), ids=FAILS_EVERYTHING.keys())
def test_a_server_that_fails_everything_rejects_nothing_and_ends_the_load(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, rule: Rule
) -> None:
    def after_the_first(request: Request) -> object:
        is_marker_before_sending = request.path.startswith("Basic/") and not fake_server.transactions
        return None if is_marker_before_sending else rule(request)

    fake_server.behave(after_the_first)  # type: ignore[arg-type]

    report = load(impatient(fake_target), tmp_path, 300)

    assert report.exit_code == 3
    assert "accepted nothing" in report.render()
    assert report.total.rejected == 0
    assert list_dead_letters(fake_target).is_empty()


@pytest.mark.heavy
def test_a_server_that_stops_taking_anything_after_a_while_rejects_nothing(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(lambda _: outcome(500, "HAPI-9999: no idea") if len(fake_server.transactions) > 3 else None)

    report = load(impatient(fake_target), tmp_path, 900)

    assert report.total.rejected == 0
    assert 0 < report.total.created < 900
    assert report.exit_code == 3
    fake_server.behave_well()
    assert load(fake_target, tmp_path, 900).total.loaded == 900 - report.total.created


PASSING: dict[str, Callable[[FakeServer], Rule]] = {
    "500": lambda _: every_transaction(500),
    "502": lambda _: every_transaction(502),
    "409": lambda _: every_transaction(409),
    "408": lambda _: every_transaction(408),
    "425": lambda _: every_transaction(425),
    "429": lambda _: every_transaction(429, headers={"Retry-After": "0"}),
    "reset": lambda _: lost(httpx.ReadError("reset")),
    "timeout": lambda _: lost(httpx.ReadTimeout("late")),
    "refused": lambda _: lost(httpx.ConnectError("refused")),
    "damaged": lambda _: lost(httpx.DecodingError("gzip")),
    "answer lost": answer_lost,
    "not JSON": lambda _: lambda request: Response(200, b"<html>") if request.is_transaction else None,
    "no entries": lambda _: (
        lambda r: Response(200, {"resourceType": "Bundle", "entry": []}) if r.is_transaction else None
    ),
}


@pytest.mark.heavy
@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_what_passes_is_sent_again_and_nothing_is_lost(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, fault: Callable[[FakeServer], Rule]
) -> None:
    fake_server.behave(times(3, fault(fake_server)))

    report = load(fake_target, tmp_path, 150)

    assert report.exit_code == 0
    assert report.total.loaded == 150
    assert 1 <= report.retries <= 3


@pytest.mark.heavy
@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_denies_access_during_a_load_stops_it_at_once(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, status: int
) -> None:
    fake_server.behave(every_transaction(status, "HAPI-0333: no"))

    report = load(fake_target, tmp_path, 900)

    assert (report.exit_code, report.total.rejected) == (1, 0)
    assert len(fake_server.transactions) <= 4
    assert f"denies access: HTTP {status}" in report.render()
    fake_server.behave_well()
    assert load(fake_target, tmp_path, 900).total.loaded == 900


@pytest.mark.heavy
@pytest.mark.parametrize("status", [302, 404, 405])
def test_an_address_that_takes_no_transactions_stops_the_load_at_once(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, status: int
) -> None:
    fake_server.behave(lambda request: Response(status, b"") if request.is_transaction else None)

    report = load(fake_target, tmp_path, 900)

    assert (report.exit_code, report.total.rejected) == (1, 0)
    assert "takes no transactions" in report.render()
    fake_server.behave_well()
    assert load(fake_target, tmp_path, 900).total.loaded == 900


@pytest.mark.heavy
def test_bundles_that_are_too_large_are_halved_and_one_resource_that_is_too_large_is_rejected(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    def narrow(request: Request) -> Response | None:
        is_too_large = request.is_transaction and (len(request.entries) > 30 or "Patient/p-77" in request.names)
        return Response(413) if is_too_large else None

    fake_server.behave(narrow)

    assert load(fake_target, tmp_path, 200).total == Counts(read=200, created=199, rejected=1)


@pytest.mark.heavy
def test_a_bundle_as_large_as_one_that_was_refused_is_halved_before_it_is_sent_and_a_smaller_one_is_not(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(lambda r: Response(413) if r.is_transaction and len(r.entries) >= 64 else None)
    lines = [json.dumps({"resourceType": "Patient", "id": f"p-{n:03d}"}) for n in range(64 * 3 + 63)]
    file = tmp_path / "patients.ndjson"
    file.write_text("\n".join(lines) + "\n")
    settings = fake_target.model_copy(update={"batch_size": 64, "workers": 1})

    report = load_files([str(file)], settings)

    assert report.total == Counts(read=255, created=255)
    assert [len(request.entries) for request in fake_server.transactions] == [64, *[32] * 6, 63]


@pytest.mark.heavy
def test_a_cycle_is_never_parted_also_when_it_is_the_refused_resource(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    fake_server.behave(about("Condition/c-1", 422, "HAPI-9999: not this one"))
    cycle = [
        {
            "resourceType": "Encounter",
            "id": "e-1",
            "status": "finished",
            "class": {"code": "AMB"},
            "diagnosis": [{"condition": {"reference": "Condition/c-1"}}],
        },
        {
            "resourceType": "Condition",
            "id": "c-1",
            "subject": {"reference": "Patient/p-0"},
            "encounter": {"reference": "Encounter/e-1"},
        },
    ]
    file = Path(patients(tmp_path, 20))
    file.write_text(file.read_text() + "".join(json.dumps(resource) + "\n" for resource in cycle))

    report = load_files([str(file)], fake_target)

    assert report.total == Counts(read=22, created=20, rejected=2)
    assert {frozenset(r.names) for r in fake_server.transactions if "Condition/c-1" in r.names} == {
        frozenset({"Encounter/e-1", "Condition/c-1"})
    }


@pytest.mark.heavy
def test_what_cannot_be_deleted_stays_and_the_rest_goes(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path
) -> None:
    load(fake_target, tmp_path, 20)
    fake_server.behave(about("Patient/p-3", 500, "HAPI-9999: no"))

    report = remove(fake_target)

    assert (report.left, fake_server.names()) == (1, ["Patient/p-3"])


@pytest.mark.heavy
def test_a_server_that_is_not_there_is_reported(fake_server: FakeServer, fake_target: Settings, tmp_path: Path) -> None:
    load(fake_target, tmp_path, 3)
    fake_server.behave(everything(503))
    from claims_pipeline.errors import ServerUnavailable

    with pytest.raises(ServerUnavailable):
        load(fake_target, tmp_path, 3)


def silent_about(name: str, status: int) -> Rule:
    return lambda request: Response(status) if request.method != "GET" and name in request.names else None


@pytest.mark.heavy
@pytest.mark.parametrize(("status", "sent"), [(500, 2 + 5 + 4), (422, 1 + 5 + 1)])
def test_a_part_of_what_the_server_fails_over_is_sent_once_until_one_resource_is_left(
    fake_server: FakeServer, fake_target: Settings, tmp_path: Path, status: int, sent: int
) -> None:
    fake_server.behave(about("Patient/p-0", status, "HAPI-9999: no idea"))

    report = load(fake_target.model_copy(update={"batch_size": 64}), tmp_path, 64)

    assert report.total == Counts(read=64, created=63, rejected=1)
    assert transactions_about(fake_server, "Patient/p-0") == sent
