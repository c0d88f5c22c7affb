"""Properties: the server holds exactly what the source has, and gives back exactly what was loaded."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.load import LoadOptions, LoadReport, Vanished, load_files, reconcile, remove
from claims_pipeline.load.sending import client
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import BASE, FakeServer, stored
from claims_pipeline_tests.load.sources.samples import ndjson

pytestmark = pytest.mark.heavy

FEW = settings(max_examples=6, suppress_health_check=list(HealthCheck))
IDS = "abcdef"

Graph = dict[str, set[str]]
"""Ids of resources, each with the ids of those that it refers to."""

GRAPHS = st.dictionaries(st.sampled_from(IDS), st.sets(st.sampled_from(IDS), max_size=3), min_size=1)


def resources(graph: Graph, tag: str = "") -> list[dict[str, Any]]:
    return [
        {
            "resourceType": "Observation",
            "id": resource_id,
            "status": "final",
            "code": {"text": "x"},
            "meta": {"tag": [{"code": tag or "none"}]},
            **({"hasMember": [{"reference": f"Observation/{other}"} for other in members]} if members else {}),
        }
        for resource_id, targets in sorted(graph.items())
        if (members := sorted(targets & graph.keys())) is not None
    ]


@contextmanager
def installation() -> Iterator[tuple[FakeServer, Settings, Path]]:
    """A server in memory with a resource of somebody else, settings for it, and an empty folder."""
    server = FakeServer()
    server.held["Patient/theirs"] = stored(1, {"resourceType": "Patient", "id": "theirs"})
    with (
        tempfile.TemporaryDirectory() as home,
        patch.object(client, "transport", lambda _: httpx.ASGITransport(server)),
    ):
        folder = Path(home) / "export"
        folder.mkdir()
        yield server, Settings(home=Path(home), fhir_base_url=BASE, fhir_wait_seconds=0.1), folder


def load(target: Settings, folder: Path, graph: Graph, tag: str = "", vanished: Vanished = Vanished.KEEP) -> LoadReport:
    (folder / "Observation.ndjson").write_text(ndjson(*resources(graph, tag)))
    return load_files([str(folder)], target, options=LoadOptions(vanished=vanished))


def held(server: FakeServer) -> dict[str, dict[str, Any]]:
    return {name: server.held[name].resource for name in server.names("Observation")}


@FEW
@given(graphs=st.lists(st.tuples(GRAPHS, st.sampled_from(["", "x", "y"])), min_size=1, max_size=4))
def test_after_each_load_the_server_holds_what_the_folder_has(graphs: list[tuple[Graph, str]]) -> None:
    with installation() as (server, target, folder):
        for graph, tag in graphs:
            report = load(target, folder, graph, tag, Vanished.DELETE)

            assert report.exit_code == 0
            assert held(server) == {f"Observation/{one['id']}": one for one in resources(graph, tag)}
            assert reconcile(target, deep=True).is_equal
            assert load(target, folder, graph, tag, Vanished.DELETE).requests_with_resources == 0
        assert "Patient/theirs" in server.held


@FEW
@given(graphs=st.lists(GRAPHS, min_size=1, max_size=3))
def test_removing_leaves_what_others_have_and_nothing_else(graphs: list[Graph]) -> None:
    with installation() as (server, target, folder):
        for graph in graphs:
            load(target, folder, graph)

        report = remove(target)

        assert report.exit_code == 0
        assert [*server.held] == ["Patient/theirs"]
        assert load(target, folder, graphs[0]).total.created == len(graphs[0])
