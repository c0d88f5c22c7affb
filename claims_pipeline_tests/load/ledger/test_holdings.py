"""Which resources of files lie under the paths that are loaded."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from claims_pipeline.load.ledger.holdings import deleted, held, lost_by_lake, under
from claims_pipeline.load.ledger.settling import settle
from claims_pipeline.load.ledger.states import State
from claims_pipeline.load.ledger.store import open_ledger
from claims_pipeline.load.resource import FILES, Resource, Result

SOURCES = ("/in/a", "/in/a/b.ndjson", "/in/a/c/d.ndjson", "/in/a-b/e.ndjson", "/in/a.zip/f.ndjson", "/in/ab", "/é/g")


@pytest.mark.parametrize(
    ("roots", "found"),
    [
        ([], []),
        (["/in/a"], SOURCES[:3]),
        (["/in/a/"], SOURCES[:3]),
        (["/in/a", "/in/a/c", "/in/a/b.ndjson"], SOURCES[:3]),
        (["/in/a", "/in/a/b.ndjson"], SOURCES[:3]),
        (["/in/a/c", "/in/a-b"], SOURCES[2:4]),
        (["/in/a.zip", "/é"], ["/in/a.zip/f.ndjson", "/é/g"]),
        (["/"], SOURCES),
        ([*(f"/in/other-{number}" for number in range(3_000)), "/in/ab"], ["/in/ab"]),
    ],
    ids=[
        "none",
        "a folder",
        "with a slash",
        "in one another",
        "a file in a folder",
        "several",
        "an archive",
        "the root",
        "thousands",
    ],
)
def test_what_lies_under_paths_is_found_once(tmp_path: Path, roots: list[str], found: Sequence[str]) -> None:
    resources = [Resource("Patient", str(n), "hash", "", f"{source}:1", "{}", []) for n, source in enumerate(SOURCES)]
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        settle(ledger, [Result(resource, "created", "1") for resource in resources], FILES)

        rows = [row for page in under(ledger, roots, State.LOADED, is_held=True) for row in page]

    assert [row.source for row in rows] == list(found)


@pytest.mark.parametrize(("is_held", "found"), [(True, ["old"]), (False, ["new", "old"])])
def test_what_was_rejected_is_held_only_if_an_earlier_version_was_loaded(
    tmp_path: Path, is_held: bool, found: list[str]
) -> None:
    def result(name: str, outcome: str) -> Result:
        return Result(Resource("Patient", name, f"hash {outcome}", "", "/in/a:1", "{}", []), outcome, "1")

    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        settle(ledger, [result("old", "created")], FILES)
        settle(ledger, [result("old", "rejected"), result("new", "rejected")], FILES)

        rows = [row for page in under(ledger, ["/in"], State.REJECTED, is_held=is_held) for row in page]

    assert [row.resource_id for row in rows] == found


def test_pages_are_read_in_the_order_of_the_primary_key_without_sorting(tmp_path: Path) -> None:
    statements: list[str] = []
    with open_ledger(tmp_path / "ledger.sqlite") as ledger:
        with ledger.reading() as connection:
            connection.set_trace_callback(statements.append)  # later transactions use this connection again
        for pages in (
            held(ledger),
            deleted(ledger),
            lost_by_lake(ledger, State.VANISHED),
            under(ledger, ["/in"], State.LOADED, is_held=True),
        ):
            assert list(pages) == []
        queries = [statement for statement in statements if "LIMIT" in statement]
        with ledger.reading() as connection:
            plans = [str(connection.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()) for query in queries]

    assert len(plans) == 4
    assert all("USING PRIMARY KEY" in plan and "TEMP B-TREE" not in plan for plan in plans)
