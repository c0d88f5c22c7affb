"""Faults between the loader and the real server: whatever happens, the server ends up equal to the lake.

Each fault is made by a proxy in front of the real server. Nothing is lost and nothing is twice: each claim has one
version, and `reconcile --deep` finds no difference. sending/test_send.py has each fault alone, with the server in
memory.
"""

import random
from collections.abc import Callable
from itertools import cycle

import pytest

from claims_pipeline.errors import FhirError
from claims_pipeline.load import list_dead_letters, load_lake, reconcile
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import Shape, tiny_lake
from claims_pipeline_tests.load.proxy import Fault, Request, Rule, faulty
from claims_pipeline_tests.server_state import ids, versions

pytestmark = pytest.mark.server

PROXY_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
HTML = {"Content-Type": "text/html"}
CONNECTION = {
    "reset before the write": Fault(is_cut=True),
    "reset after the write": Fault(is_cut=True, is_passed_on=True),
    "answer too late": Fault(delay_seconds=6.0, is_passed_on=True),
    "answer cut in the middle": Fault(keep_bytes=300),
}
UNPACKABLE = Fault(status=200, headers={"Content-Encoding": "gzip"}, body=b"no gzip", is_passed_on=True)
ANSWER = {
    "not JSON": Fault(status=200, body=b"OK", is_passed_on=True),
    "page of a proxy": Fault(status=502, headers=HTML, body=PROXY_PAGE),
    "page of a proxy with 200": Fault(status=200, headers=HTML, body=PROXY_PAGE),
    "cannot be decompressed": UNPACKABLE,
}
BUSY = {"409": Fault(status=409), "slow": Fault(delay_seconds=0.3)}
STORM = Fault(status=429, headers={"Retry-After": "1"})

Meet = Callable[[str], None]
"""Is called with the name of each fault that a bundle meets."""


def in_turn(faults: dict[str, Fault], meet: Meet) -> Rule:
    """Let every third bundle meet the next fault."""
    following = cycle(faults)

    def rule(request: Request) -> Fault | None:
        if request.number % 3 != 2:
            return None
        name = next(following)
        meet(name)
        return faults[name]

    return rule


def busy(meet: Meet) -> Rule:
    """Answer the third to the eighth bundle with 429 and a fifth of the others with 503; some meet 409 or wait."""
    randomness = random.Random(5)  # noqa: S311 - the fifth has to be a fifth, not a secret
    others = in_turn(BUSY, meet)

    def rule(request: Request) -> Fault | None:
        if 3 <= request.number <= 8:
            meet("429")
            return STORM
        if request.number and randomness.random() < 0.2:
            meet("503")
            return Fault(status=503)
        return others(request)

    return rule


RULES: dict[str, tuple[set[str], Callable[[Meet], Rule]]] = {
    "the connection fails": ({*CONNECTION}, lambda meet: in_turn(CONNECTION, meet)),
    "answers are damaged": ({*ANSWER}, lambda meet: in_turn(ANSWER, meet)),
    "the server is busy": ({*BUSY, "429", "503"}, busy),
}


@pytest.mark.parametrize("name", RULES)
def test_the_server_ends_up_equal_to_the_lake_when(target: Settings, name: str) -> None:
    names, rule = RULES[name]
    met: set[str] = set()
    shape = Shape(f"fault{list(RULES).index(name)}", days=3, claims_a_day=12, patients=12)
    lake = tiny_lake(target.lake_path, shape)

    with faulty(target.fhir_base_url, rule(met.add)) as proxy:
        settings = target.model_copy(
            update={
                "fhir_base_url": proxy.base_url,
                "batch_size": 4,
                "fhir_wait_seconds": 60,
                "fhir_request_seconds": 5.0,  # a busy machine takes more than 2 s for an answer
            }
        )
        report = load_lake(lake, settings)

    assert met == names
    assert report.exit_code == 0
    assert report.by_type["Claim"].loaded == 36
    assert report.retries > 0
    assert report.total.already_equal > 0 or name == "the server is busy"  # written, but the answer was lost
    claims = ids(target.fhir_base_url, "Claim", shape.prefix)
    assert len(claims) == len(set(claims)) == 36
    assert versions(target.fhir_base_url, "Claim", shape.prefix) == {1}
    assert reconcile(target, deep=True).is_equal


def test_an_address_below_the_base_is_not_taken_for_a_marker_that_cannot_be_read(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("below", days=1))

    with pytest.raises(
        FhirError, match="not the base of a FHIR server: it answers with a CapabilityStatement"
    ) as caught:
        load_lake(lake, target.model_copy(update={"fhir_base_url": f"{target.fhir_base_url}/metadata"}))

    assert "delete" not in caught.value.fix


@pytest.mark.parametrize("path", ["/fhir/nowhere", "/nowhere", ""])
def test_a_wrong_base_path_of_a_real_server_is_reported_at_once(target: Settings, path: str) -> None:
    lake = tiny_lake(target.lake_path, Shape("path", days=1))
    base_url = target.fhir_base_url.removesuffix("/fhir") + path

    with pytest.raises(FhirError, match=r"there is no FHIR (R4 )?server at this address"):
        load_lake(lake, target.model_copy(update={"fhir_base_url": base_url}))

    assert ids(target.fhir_base_url, "Claim", "path-") == []
    assert list_dead_letters(target).is_empty()
