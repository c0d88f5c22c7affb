"""Promises of the loader that hold for any input: nothing is lost in the counting, nothing older overrules."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, log2

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.load.ledger.diff import diff
from claims_pipeline.load.ledger.settling import settle, touch
from claims_pipeline.load.ledger.store import Ledger, open_ledger
from claims_pipeline.load.resource import CHUNK_SCHEMA, KEY, Resource, Result
from claims_pipeline.load.sending.bundles import bundles, halves
from claims_pipeline.load.tally import Counts

DAYS = [(date(2025, 1, 1) + timedelta(days=n)).isoformat() for n in range(4)]

rows = st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.sampled_from(DAYS))
results = st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz"), st.sampled_from(DAYS), st.booleans())


def chunk_of(found: list[tuple[str, str, str]]) -> pl.DataFrame:
    """Make a chunk of (id, content, day), newest day first, one row per id and day."""
    unique = {(resource_id, day): content for resource_id, content, day in found}
    ordered = sorted(unique.items(), key=lambda item: item[0][1], reverse=True)
    return pl.DataFrame(
        [("Patient", i, "{}", content, [], day, "test", None) for (i, day), content in ordered],
        schema=CHUNK_SCHEMA,
        orient="row",
    )


def resource(resource_id: str, content: str, day: str) -> Resource:
    return Resource("Patient", resource_id, content, day, "test", "{}", [])


def settle_all(ledger: Ledger, known: list[tuple[str, str, str, bool]]) -> None:
    for resource_id, content, day, is_rejected in sorted(known, key=lambda row: row[2]):
        outcome = "rejected" if is_rejected else "created"
        settle(ledger, [Result(resource(resource_id, content, day), outcome, "1")], "patients")


@pytest.mark.heavy
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=st.lists(results, max_size=6), found=st.lists(rows, max_size=12), full=st.booleans())
def test_each_row_has_exactly_one_end(
    tmp_path_factory: pytest.TempPathFactory,
    known: list[tuple[str, str, str, bool]],
    found: list[tuple[str, str, str]],
    full: bool,
) -> None:
    chunk = chunk_of(found)
    with open_ledger(tmp_path_factory.mktemp("l") / "ledger.sqlite") as ledger:
        settle_all(ledger, known)

        delta = diff(ledger, chunk, full=full)

    parts = (delta.to_send, delta.unchanged, delta.superseded, delta.still_rejected)
    key = [*KEY, "as_of", "content_hash"]
    assert pl.concat(parts).select(key).sort(key).equals(chunk.select(key).sort(key))


@pytest.mark.heavy
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(rows, min_size=1, max_size=12), cuts=st.lists(st.integers(0, 12), max_size=3))
def test_loading_in_any_portions_leaves_the_newest_version_of_each_id(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, str, str]], cuts: list[int]
) -> None:
    chunk = chunk_of(found)
    newest = {row["resource_id"]: row for row in reversed(chunk.to_dicts())}
    edges = sorted({0, chunk.height, *(min(cut, chunk.height) for cut in cuts)})
    portions = [chunk.slice(a, b - a) for a, b in pairwise(edges)]
    server: dict[str, str] = {}

    with open_ledger(tmp_path_factory.mktemp("l") / "ledger.sqlite") as ledger:
        for portion in sorted(portions, key=lambda p: p.hash_rows(seed=len(cuts))[0]):
            delta = diff(ledger, portion)
            to_send = delta.to_send.with_columns(labels=pl.lit(None, dtype=pl.String()))  # as of the rows of a lake
            sent = [Resource(*row) for row in to_send.select(Resource._fields).rows()]
            server |= {resource.resource_id: resource.content_hash for resource in sent}
            settle(ledger, [Result(resource, "updated", "1") for resource in sent], "patients")
            touch(ledger, delta.to_touch, "patients")

    assert server == {resource_id: row["content_hash"] for resource_id, row in newest.items()}


@given(counts=st.tuples(*[st.integers(0, 9)] * 9))
def test_counts_that_do_not_add_up_are_refused(counts: tuple[int, ...]) -> None:
    if counts[0] == sum(counts[1:]):
        assert Counts(*counts).read == counts[0]
    else:
        with pytest.raises(ValueError, match="unaccounted for"):
            Counts(*counts)


groups = st.lists(st.tuples(st.integers(1, 5), st.booleans()), max_size=12)


@pytest.mark.heavy
@given(groups=groups, size=st.integers(1, 6))
def test_bundles_hold_everything_in_order_and_part_nothing_that_belongs_together(
    groups: list[tuple[int, bool]], size: int
) -> None:
    resources = [
        resource(str(number), "", "")._replace(together=number if is_cycle else None)
        for number, (count, is_cycle) in enumerate(groups)
        for _ in range(count)
    ]

    packed = list(bundles(resources, size))

    assert [r for bundle in packed for r in bundle] == resources
    homes: dict[int, set[int]] = {}
    for index, bundle in enumerate(packed):
        for member in bundle:
            if member.together is not None:
                homes.setdefault(member.together, set()).add(index)
        is_one_cycle = len({member.together for member in bundle}) == 1 and bundle[0].together is not None
        assert len(bundle) <= size or is_one_cycle
    assert all(len(indexes) == 1 for indexes in homes.values())


def test_a_full_bundle_does_not_wait_for_the_next_resource() -> None:
    def slow_input() -> Iterator[Resource]:
        yield resource("a", "", "")
        yield resource("b", "", "")
        pytest.fail("a third resource was asked for")

    assert [r.resource_id for r in next(iter(bundles(slow_input(), 2)))] == ["a", "b"]


@pytest.mark.heavy
@given(count=st.integers(2, 500), data=st.data())
def test_a_culprit_is_found_in_at_most_twice_the_logarithm_of_the_bundle(count: int, data: st.DataObject) -> None:
    culprit = data.draw(st.integers(0, count - 1))
    resources = [resource(str(number), "", "") for number in range(count)]
    requests, suspects = 0, [resources]
    while suspects:
        parts = halves(suspects.pop())
        for part in parts or ():
            requests += 1
            if any(r.resource_id == str(culprit) for r in part):
                suspects.append(list(part))

    assert requests <= 2 * ceil(log2(count)) + 1
