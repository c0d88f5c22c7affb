"""How answers are judged, and how a report reads: without a server."""

import json
import random
from typing import Any

import httpx
import pytest

from claims_pipeline.errors import ServerUnavailable
from claims_pipeline.load.report import Latency, LoadReport
from claims_pipeline.load.sending.answer import Meaning, described, read_answer, read_error
from claims_pipeline.load.sending.send import backoff_seconds
from claims_pipeline.load.tally import Counts, Failure, Pending

REQUEST = httpx.Request("POST", "http://127.0.0.1/fhir")
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "processing", "diagnostics": "HAPI-1094: Resource Patient/nope not found"}],
}
NO_CHANGE = {
    "resourceType": "OperationOutcome",
    "issue": [{"details": {"coding": [{"code": "SUCCESSFUL_UPDATE_NO_CHANGE"}]}}],
}


def answer(status: int, body: Any = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers=headers, request=REQUEST)


@pytest.mark.parametrize(
    ("response", "meaning"),
    [
        (answer(400, OUTCOME), Meaning.REFUSED),
        (answer(404, OUTCOME), Meaning.REFUSED),
        (answer(412, OUTCOME), Meaning.REFUSED),
        (answer(422, OUTCOME), Meaning.REFUSED),
        (answer(400, b"<html>"), Meaning.SERVER_ERROR),
        (answer(404, b"<html>"), Meaning.STOP),
        (answer(405, b""), Meaning.STOP),
        (answer(401, OUTCOME), Meaning.STOP),
        (answer(403, OUTCOME), Meaning.STOP),
        (answer(302, b"", location="https://elsewhere"), Meaning.STOP),
        (answer(413, b""), Meaning.TOO_LARGE),
        (answer(408, b""), Meaning.PASSING),
        (answer(425, b""), Meaning.PASSING),
        (answer(409, OUTCOME), Meaning.SERVER_ERROR),
        (answer(429, b""), Meaning.OVERLOADED),
        (answer(503, b""), Meaning.OVERLOADED),
        (answer(500, OUTCOME), Meaning.SERVER_ERROR),
        (answer(200, b"OK"), Meaning.TROUBLE),
        (answer(200, {"resourceType": "Bundle", "entry": []}), Meaning.TROUBLE),
    ],
    ids=lambda value: str(value.status_code) if isinstance(value, httpx.Response) else value.name,
)
def test_an_answer_says_what_to_do_next(response: httpx.Response, meaning: Meaning) -> None:
    assert read_answer(response, 1).meaning is meaning


def test_created_updated_and_already_equal_are_distinguished() -> None:
    entries = [
        {"response": {"status": "201 Created", "etag": 'W/"1"'}},
        {"response": {"status": "200 OK", "etag": 'W/"2"'}},
        {"response": {"status": "200 OK", "etag": 'W/"1"', "outcome": NO_CHANGE}},
    ]

    read = read_answer(answer(200, {"resourceType": "Bundle", "entry": entries}), 3)

    assert [(entry.outcome, entry.version_id) for entry in read.entries] == [
        ("created", "1"),
        ("updated", "2"),
        ("already_equal", "1"),
    ]


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7.0), ("9999", 120.0), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)]
)
def test_retry_after_is_a_number_or_a_date_and_never_an_hour(value: str, seconds: float | None) -> None:
    assert read_answer(answer(503, b"", **{"Retry-After": value}), 1).retry_after == seconds


def test_the_pause_grows_is_random_and_respects_retry_after() -> None:
    randomness = random.Random(1)  # noqa: S311 - a test repeats itself

    assert all(0 <= backoff_seconds(1, None, randomness) <= 0.5 for _ in range(100))
    assert max(backoff_seconds(20, None, randomness) for _ in range(100)) <= 20
    assert min(backoff_seconds(1, 3.0, randomness) for _ in range(100)) >= 3.0


def report(**values: Any) -> LoadReport:
    facts: dict[str, Any] = {
        "source": "lake",
        "server": "http://127.0.0.1:8080/fhir",
        "by_type": {},
        "by_day": {},
        "vanished": {},
        "vanished_failed": 0,
        "requests": 1,
        "requests_with_resources": 0,
        "retries": 0,
        "sent_bytes": 0,
        "seconds": 0.3,
        "sending_seconds": 0.0,
        "latency": Latency(),
    }
    return LoadReport(**(facts | values))


def test_a_report_reads_like_this() -> None:
    text = report(
        by_type={
            "Claim": Counts(read=1200, unchanged=197, created=1000, rejected=1, failed=2),
            "Patient": Counts(5, 5),
        },
        requests=14,
        requests_with_resources=11,
        retries=1,
        sent_bytes=2_400_000,
        seconds=2.5,
        sending_seconds=2.0,
        latency=Latency.of([0.1, 0.2, 0.3]),
        status_codes={"200": 10, "503": 1},
        in_flight=[(0.0, 2), (1.0, 3)],
        failures=[Failure("rejected", "Claim/c-1", "claims/2025-01-01", 400, "error processing: HAPI-1821")],
    ).render()

    assert text == "\n".join(
        [
            "Load: lake -> http://127.0.0.1:8080/fhir",
            "         read unchanged superseded created updated equal rejected failed",
            "Claim   1,200       197          0   1,000       0     0        1      2",
            "Patient     5         5          0       0       0     0        0      0",
            "total   1,205       202          0   1,000       0     0        1      2",
            "Requests with resources   11",
            "Requests in all, retries  14 1",
            "Answers by status         200:10 503:1",
            "Sent                      2.3 MiB",
            "Time in all, sending      2.5 s, 2.0 s",
            "Claims/s, resources/s     500 500",
            "Latency p50 p95 p99 max   200 ms 300 ms 300 ms 300 ms",
            "In flight at most         3",
            "rejected Claim/c-1 from claims/2025-01-01 (HTTP 400)",
            "  error processing: HAPI-1821",
            "... and 2 more",
            "try: claims dead-letters list   (rejected: not sent again until they change)",
            "try: the same command again   (failed: still to do, it continues where it stopped)",
        ]
    )


@pytest.mark.parametrize(("rejected", "hidden"), [(20, ""), (22, "... and 2 more")])
def test_a_report_names_the_first_twenty_that_were_rejected(rejected: int, hidden: str) -> None:
    failures = [Failure("rejected", f"Claim/c-{n}", "claims/2025-01-01", 400, "not this one") for n in range(rejected)]

    text = report(by_type={"Claim": Counts(read=rejected, rejected=rejected)}, failures=failures).render()

    assert text.count("not this one") == 20
    assert "".join(line for line in text.splitlines() if line.startswith("...")) == hidden


def test_an_unchanged_lake_is_reported_as_unchanged() -> None:
    assert "Requests with resources   0 (nothing was sent, all of it is unchanged)" in report().render()


def test_a_load_that_sent_nothing_has_no_figures_of_sending() -> None:
    assert report().render().splitlines()[-4:] == [
        "Requests with resources   0 (nothing was sent, all of it is unchanged)",
        "Requests in all, retries  1 0",
        "Answers by status         -",
        "Time in all               0.3 s",
    ]


def test_exit_codes_say_how_the_load_ended() -> None:
    assert report().exit_code == 0
    assert report(by_type={"Claim": Counts(read=1, rejected=1)}).exit_code == 1
    assert report(by_type={"Claim": Counts(read=1, failed=1)}).exit_code == 1
    assert report(by_type={"Claim": Counts(read=1, to_send=1)}, is_dry_run=True).exit_code == 0
    assert report(stopped=ServerUnavailable("it took nothing")).exit_code == 3


def test_a_report_is_json() -> None:
    value = json.loads(json.dumps(report(by_type={"Claim": Counts(read=1, created=1)}).to_json()))

    assert value["total"]["loaded"] == 1
    assert value["requests_with_resources"] == 0


def test_a_dry_run_lists_what_it_would_send_and_what_failed() -> None:
    dry = report(
        by_type={"Patient": Counts(read=3, unchanged=1, to_send=2)},
        would_send=[Pending("Patient/p-1", "patients/2025-01-01")],
        is_dry_run=True,
    )

    assert dry.render().splitlines()[:4] == [
        "Dry run of a load: lake -> http://127.0.0.1:8080/fhir",
        "        read unchanged superseded rejected failed to send",
        "Patient    3         1          0        0      0       2",
        "total      3         1          0        0      0       2",
    ]
    assert dry.render().splitlines()[-2:] == ["would send Patient/p-1 from patients/2025-01-01", "... and 1 more"]
    assert dry.to_json()["total"]["to_send"] == 2
    assert dry.to_json()["total"]["failed"] == 0
    assert dry.to_json()["failures"] == []
    assert dry.to_json()["would_send"] == [{"name": "Patient/p-1", "source": "patients/2025-01-01"}]


def test_only_a_dry_run_leaves_something_to_send() -> None:
    with pytest.raises(ValueError, match="resources were left to send"):
        report(by_type={"Patient": Counts(read=1, to_send=1)})


def test_the_table_of_a_large_load_fits_80_columns() -> None:
    counts = Counts(read=900_000, unchanged=400_000, superseded=50_000, created=400_000, updated=50_000)

    text = report(by_type={"Practitioner": counts, "Organization": Counts(1, 1)}).render()

    assert max(map(len, text.splitlines()[1:5])) <= 80


def test_quantiles_of_latencies_are_values_that_occurred() -> None:
    assert Latency.of([number / 1_000 for number in range(200, 0, -1)]) == Latency(0.101, 0.191, 0.199, 0.2)
    assert Latency.of([0.12346]) == Latency(0.1235, 0.1235, 0.1235, 0.1235)
    assert Latency.of([]) == Latency(None, None, None, None)


def test_the_json_of_a_report_has_all_its_facts() -> None:
    counts = Counts(read=4, created=1, updated=1, failed=2)
    facts = report(
        by_type={"Patient": Counts(read=1, unchanged=1), "Claim": counts},
        by_day={"2025-01-01": {"Claim": counts}},
        vanished={"Claim not deleted": 1},
        vanished_failed=1,
        sending_seconds=0.5,
        status_codes={"200": 1},
        in_flight=[(0.0, 2), (1.0, 3)],
        remarks=["one"],
        stopped=ServerUnavailable("it took nothing"),
    ).to_json()

    assert json.loads(json.dumps(facts)) == facts
    assert list(facts["by_type"]) == ["Claim", "Patient"]
    assert facts["by_day"] == {"2025-01-01": {"Claim": counts.to_json()}}
    assert (facts["claims_per_second"], facts["resources_per_second"]) == (4.0, 4.0)
    assert (facts["vanished"], facts["vanished_failed"]) == ({"Claim not deleted": 1}, 1)
    assert (facts["in_flight"], facts["status_codes"], facts["remarks"]) == ([[0.0, 2], [1.0, 3]], {"200": 1}, ["one"])
    assert (facts["error"]["message"], facts["exit_code"]) == ("it took nothing", 3)
    assert facts["latency"] == {"p50": None, "p95": None, "p99": None, "max": None}


def test_what_vanished_and_why_a_load_stopped_are_in_the_report() -> None:
    failed = report(vanished={"Patient kept": 1, "Claim not deleted": 1_200}, vanished_failed=1_200)
    lines = failed.render().splitlines()

    assert "No longer in the source   Claim not deleted: 1,200, Patient kept: 1" in lines
    assert "Requests with resources   0" in lines
    assert lines[-1] == "try: remove what refers to what has vanished, then the same command again"
    assert failed.exit_code == 1
    error = ServerUnavailable("it took nothing", where="http://x", fix="wait")
    cut_short = report(by_type={"Claim": Counts(read=7, failed=7)}, stopped=error)
    assert cut_short.render().splitlines()[-5:] == [
        "7 were not sent",
        "try: the same command again   (failed: still to do, it continues where it stopped)",
        "error: it took nothing",
        "where: http://x",
        "try:   wait",
    ]
    assert cut_short.to_json()["error"] == error.to_json()
    assert "nothing was sent" not in report(is_dry_run=True).render()


@pytest.mark.parametrize(
    ("value", "now", "seconds"),
    [
        ("Thu, 01 Jan 2026 00:00:30 GMT", "Thu, 01 Jan 2026 00:00:00 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:30 -0000", "Thu, 01 Jan 2026 00:00:00 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:30 GMT", 0.0),
        ("-5", "", 0.0),
        ("nan", "", 0.0),
        ("1.5", "", 1.5),
        (" ", "", None),
    ],
)
def test_a_date_to_wait_for_is_one_of_the_servers_clock(value: str, now: str, seconds: float | None) -> None:
    assert read_answer(answer(503, b"", **{"Retry-After": value, "Date": now}), 1).retry_after == seconds


@pytest.mark.parametrize(
    ("attempt", "longest"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 20.0), (50, 20.0), (5_000, 20.0)]
)
def test_the_longest_pause_doubles_up_to_a_limit(attempt: int, longest: float) -> None:
    randomness = random.Random(1)  # noqa: S311 - a test repeats itself
    pauses = [backoff_seconds(attempt, None, randomness) for _ in range(300)]

    assert 0.95 * longest < max(pauses) <= longest
    assert 0 <= min(pauses) < 0.05 * longest


def test_a_pause_that_the_server_asks_for_is_a_little_longer_each_time_in_another_way() -> None:
    randomness = random.Random(1)  # noqa: S311 - a test repeats itself
    pauses = [backoff_seconds(9, 3.0, randomness) for _ in range(300)]

    assert 3.0 <= min(pauses) < 3.05
    assert 3.45 < max(pauses) <= 3.5


@pytest.mark.parametrize(
    ("error", "said", "label", "meaning"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "connection refused", "connection", Meaning.PASSING),
        (httpx.ConnectError("All connection attempts failed"), "connection refused", "connection", Meaning.PASSING),
        (httpx.ConnectError("Name not known"), "Name not known", "connection", Meaning.PASSING),
        (httpx.ConnectTimeout(""), "no connection in time", "timeout", Meaning.PASSING),
        (httpx.ReadTimeout(""), "no answer in time", "timeout", Meaning.PASSING),
        (httpx.WriteTimeout(""), "it did not take the request in time", "timeout", Meaning.PASSING),
        (httpx.ReadError("x"), "the connection was reset", "connection", Meaning.PASSING),
        (httpx.WriteError("x"), "the connection was reset", "connection", Meaning.PASSING),
        (httpx.RemoteProtocolError("x"), "the connection was closed in the middle", "connection", Meaning.PASSING),
        (
            httpx.DecodingError("x"),
            "the answer is damaged: it cannot be decompressed",
            "connection",
            Meaning.TROUBLE,
        ),
        (httpx.UnsupportedProtocol("x"), "UnsupportedProtocol", "connection", Meaning.PASSING),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_instead_of_an_answer_is_said_in_plain_words(
    error: httpx.RequestError, said: str, label: str, meaning: Meaning
) -> None:
    read = read_error(error)

    assert (read.text, read.shown, read.label, read.meaning) == (said, said, label, meaning)
    assert read.is_overload == (label == "timeout")


def test_an_overload_is_one_that_the_server_says_or_that_shows_in_no_answer_in_time() -> None:
    assert read_answer(answer(503, b""), 1).is_overload
    assert read_answer(answer(429, b""), 1).is_overload
    assert not read_answer(answer(500, OUTCOME), 1).is_overload
    assert read_answer(answer(500, OUTCOME), 1).label == "500"


@pytest.mark.parametrize(("number", "meaning"), [(1, Meaning.TROUBLE), (2, Meaning.ACCEPTED), (3, Meaning.TROUBLE)])
def test_an_answer_has_an_entry_for_each_resource(number: int, meaning: Meaning) -> None:
    entries = [{"response": {"status": "201 Created"}}] * number

    assert read_answer(answer(200, {"resourceType": "Bundle", "entry": entries}), 2).meaning is meaning


@pytest.mark.parametrize(("status", "meaning"), [("299 x", Meaning.ACCEPTED), ("300 x", Meaning.REFUSED)])
def test_an_entry_that_was_refused_refuses_the_transaction(status: str, meaning: Meaning) -> None:
    entries = [{"response": {"status": "200 OK"}}, {"response": {"status": status}}]

    read = read_answer(answer(200, {"resourceType": "Bundle", "entry": entries}), 2)

    assert (read.meaning, read.status) == (meaning, 300 if meaning is Meaning.REFUSED else 200)


def test_what_an_answer_says_is_shown_without_the_values_in_it() -> None:
    nul = {"severity": "error", "diagnostics": 'HAPI-0389: ERROR: invalid byte sequence for encoding "Jane"'}
    read = read_answer(answer(500, {"resourceType": "OperationOutcome", "issue": [nul]}), 1)

    assert read.meaning is Meaning.REFUSED
    assert "Jane" in read.text
    assert read.shown == "HTTP 500: error unknown: HAPI-0389: a character that the database cannot store"
    assert described(answer(422, OUTCOME)).startswith("HTTP 422 error processing: HAPI-1094")
    assert described(answer(502, b"<html>")) == "HTTP 502"
    assert read_answer(answer(502, b"<html>"), 1).shown == "HTTP 502: no reason given"
    assert read_answer(answer(413, OUTCOME), 1).shown == "too large for the server"
