"""Faults between the loader and the real server: whatever happens, the server ends up equal to the lake.

Each fault is made by a proxy in front of the real server. Nothing is lost and nothing is twice: each claim has one
version, and `reconcile --deep` finds no difference.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from claims_pipeline.errors import FhirError, ServerUnavailable
from claims_pipeline.load import Counts, LoadReport, list_dead_letters, load_lake, reconcile, remove
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.proxy import Fault, Request, Rule, faulty
from claims_pipeline_tests.server_state import ids, versions

pytestmark = pytest.mark.server

PROXY_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
HTML = {"Content-Type": "text/html"}
DAMAGED = Fault(status=200, headers={"Content-Encoding": "gzip"}, body=b"no gzip", is_passed_on=True)


def every(number: int, fault: Fault) -> Rule:
    """Let every `number`-th bundle meet the fault, from the second on."""
    return lambda request: fault if request.number % number == 2 % number and request.number else None


def one_in_five_busy() -> Rule:
    randomness = random.Random(5)  # noqa: S311 - the fifth has to be a fifth, not a secret
    return lambda request: Fault(status=503) if request.number and randomness.random() < 0.2 else None


def storm_of_429() -> Rule:
    return lambda request: Fault(status=429, headers={"Retry-After": "1"}) if 3 <= request.number <= 8 else None


FAULTS: dict[str, Callable[[], Rule]] = {
    "a fifth of the answers is 503": one_in_five_busy,
    "a storm of 429 with Retry-After": storm_of_429,
    "the connection is reset before the write": lambda: every(4, Fault(is_cut=True)),
    "the connection is reset after the write": lambda: every(4, Fault(is_cut=True, is_passed_on=True)),
    "the answer comes too late": lambda: every(9, Fault(delay_seconds=6.0, is_passed_on=True)),
    "the answer is cut in the middle": lambda: every(4, Fault(keep_bytes=300)),
    "the answer is not JSON": lambda: every(4, Fault(status=200, body=b"OK", is_passed_on=True)),
    "the answer is the page of a proxy": lambda: every(4, Fault(status=502, headers=HTML, body=PROXY_PAGE)),
    "the page of a proxy comes with 200": lambda: every(4, Fault(status=200, headers=HTML, body=PROXY_PAGE)),
    "the answer cannot be decompressed": lambda: every(4, DAMAGED),
    "the server is slow": lambda: every(2, Fault(delay_seconds=0.3)),
    "the answer is 409": lambda: every(4, Fault(status=409)),
}


@dataclass(frozen=True)
class Loaded:
    shape: Shape
    report: LoadReport


def load_through(target: Settings, shape: Shape, rule: Rule) -> Loaded:
    lake = tiny_lake(target.lake_path, shape)
    with faulty(target.fhir_base_url, rule) as proxy:
        settings = target.model_copy(
            update={
                "fhir_base_url": proxy.base_url,
                "batch_size": 4,
                "fhir_wait_seconds": 60,
                "fhir_request_seconds": 5.0,  # a busy machine takes more than 2 s for an answer
            }
        )
        return Loaded(shape, load_lake(lake, settings))


@pytest.mark.parametrize("name", FAULTS)
def test_the_server_ends_up_equal_to_the_lake_when(target: Settings, name: str) -> None:
    shape = Shape(f"fault{list(FAULTS).index(name)}", days=3, claims_a_day=12, patients=12)

    report = load_through(target, shape, FAULTS[name]()).report

    assert report.exit_code == 0
    assert report.by_type["Claim"].loaded == 36
    assert "slow" in name or report.retries > 0
    claims = ids(target.fhir_base_url, "Claim", shape.prefix)
    assert len(claims) == len(set(claims)) == 36
    assert versions(target.fhir_base_url, "Claim", shape.prefix) == {1}
    assert reconcile(target, deep=True).is_equal


def test_a_damaged_answer_to_a_question_is_asked_for_again(target: Settings) -> None:
    met: set[str] = set()

    def first_of_each_kind(request: Request) -> Fault | None:
        kind = request.target.rpartition("/")[2] if request.method != "PUT" and not request.number else ""
        if not kind or kind in met:
            return None
        met.add(kind)
        return DAMAGED

    shape = Shape("damaged", days=1)
    lake = tiny_lake(target.lake_path, shape)
    with faulty(target.fhir_base_url, first_of_each_kind) as proxy:
        settings = target.model_copy(update={"fhir_base_url": proxy.base_url})
        load_lake(lake, settings)

        assert reconcile(settings, repair=True, wait=True).is_equal

    assert {"claims-pipeline-ledger", "_search"} <= met


def test_a_damaged_answer_to_the_marker_is_reported(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("damagedmarker", days=1))

    with faulty(target.fhir_base_url, lambda request: DAMAGED if request.method == "PUT" else None) as proxy:
        report = load_lake(lake, target.model_copy(update={"fhir_base_url": proxy.base_url}))

    assert report.exit_code == 3
    assert "the answer is damaged" in report.render()


def test_a_write_whose_answer_was_lost_counts_as_already_equal(target: Settings) -> None:
    lost = Fault(is_cut=True, is_passed_on=True)

    loaded = load_through(target, Shape("lost", days=1), lambda request: lost if request.number == 6 else None)

    assert loaded.report.total.already_equal > 0
    assert loaded.report.exit_code == 0


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "denies access: HTTP 401"),
        (403, "denies access: HTTP 403"),
        (404, "this address takes no transactions: HTTP 404"),
        (405, "this address takes no transactions: HTTP 405"),
    ],
)
def test_a_server_that_denies_access_stops_the_load_and_nothing_is_rejected(
    target: Settings, status: int, message: str
) -> None:
    shape = Shape(f"door{status}", days=3, claims_a_day=12, patients=12)

    report = load_through(target, shape, lambda r: Fault(status=status) if r.number > 10 else None).report

    assert report.stopped is not None
    assert message in report.stopped.message
    assert report.exit_code == 1
    assert report.total.rejected == 0
    assert report.total.failed > 0
    assert load_lake(tiny_lake(target.lake_path, shape), target).exit_code == 0


def test_an_address_below_the_base_is_not_taken_for_a_marker_that_cannot_be_read(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("below", days=1))

    with pytest.raises(
        FhirError, match="not the base of a FHIR server: it answers with a CapabilityStatement"
    ) as caught:
        load_lake(lake, target.model_copy(update={"fhir_base_url": f"{target.fhir_base_url}/metadata"}))

    assert "delete" not in caught.value.fix


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (Fault(status=403), FhirError, "everything that was loaded is deleted, except the ledger's marker: HTTP 403"),
        (Fault(is_cut=True), ServerUnavailable, "did not answer: the connection was closed in the middle"),
    ],
)
def test_a_marker_that_stays_after_all_was_removed_is_reported(
    target: Settings, fault: Fault, error: type[FhirError], message: str
) -> None:
    lake = tiny_lake(target.lake_path, Shape("stays", days=1))

    with faulty(target.fhir_base_url, lambda request: fault if request.method == "DELETE" else None) as proxy:
        settings = target.model_copy(update={"fhir_base_url": proxy.base_url})
        load_lake(lake, settings)
        with pytest.raises(error, match=message):
            remove(settings)

        proxy.rule = lambda _: None
        assert remove(settings).exit_code == 0
        assert ids(target.fhir_base_url, "Basic", "claims-pipeline-ledger") == []


@pytest.mark.parametrize("path", ["/fhir/nowhere", "/nowhere", ""])
def test_a_wrong_base_path_of_a_real_server_is_reported_at_once(target: Settings, path: str) -> None:
    lake = tiny_lake(target.lake_path, Shape("path", days=1))
    base_url = target.fhir_base_url.removesuffix("/fhir") + path

    with pytest.raises(FhirError, match=r"there is no FHIR (R4 )?server at this address"):
        load_lake(lake, target.model_copy(update={"fhir_base_url": base_url}))

    assert ids(target.fhir_base_url, "Claim", "path-") == []
    assert list_dead_letters(target).is_empty()


def test_a_bundle_that_is_too_large_is_halved(target: Settings) -> None:
    def at_most_three(request: Request) -> Fault | None:
        return Fault(status=413) if request.body.count(b'"method"') > 3 else None

    loaded = load_through(target, Shape("large", days=3, claims_a_day=12, patients=12), at_most_three)

    assert loaded.report.exit_code == 0
    assert loaded.report.by_type["Claim"].created == 36


def test_one_resource_that_the_server_always_fails_over_harms_no_other(target: Settings) -> None:
    def over_one(request: Request) -> Fault | None:
        return Fault(status=500) if b"poison500-claim-20250101-000002" in request.body else None

    loaded = load_through(target, Shape("poison500", days=3, claims_a_day=12, patients=12), over_one)

    assert loaded.report.by_type["Claim"] == Counts(read=36, created=35, rejected=1)
    assert loaded.report.exit_code == 1


def test_a_server_that_stops_answering_ends_the_load_with_exit_code_3(target: Settings) -> None:
    shape = Shape("silent", days=3, claims_a_day=12, patients=12)
    lake = tiny_lake(target.lake_path, shape)

    with faulty(target.fhir_base_url, lambda r: Fault(is_cut=True) if r.number > 10 else None) as proxy:
        settings = target.model_copy(
            update={"fhir_base_url": proxy.base_url, "batch_size": 4, "fhir_patience_seconds": 2.0}
        )
        report = load_lake(lake, settings)

    assert report.exit_code == 3
    assert "accepted nothing for 2 s" in report.render()
    assert report.total.rejected == 0
    assert load_lake(lake, target).exit_code == 0
    assert reconcile(target, deep=True).is_equal


def test_at_most_the_allowed_number_of_requests_is_under_way(target: Settings) -> None:
    shape = Shape("width", days=5, claims_a_day=20, patients=20)
    lake = tiny_lake(target.lake_path, shape)
    with faulty(target.fhir_base_url, lambda r: Fault(delay_seconds=0.1) if r.number else None) as proxy:
        settings = target.model_copy(update={"fhir_base_url": proxy.base_url, "batch_size": 5, "workers": 3})
        report = load_lake(lake, settings)

    assert proxy.most_at_once == 3
    assert report.exit_code == 0
