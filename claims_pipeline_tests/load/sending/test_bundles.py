"""Resources packed into bundles, and bundles split into halves: what belongs together stays together."""

import json

import pytest

from claims_pipeline.load.resource import Resource
from claims_pipeline.load.sending.bundles import ENTRY_CHARACTERS, bundles, deletion, halves, size, transaction


def resource(name: str, *, together: int | None = None, body: str = "{}") -> Resource:
    return Resource("Patient", name, "", "", "test", body, [], together)


def packed(*resources: Resource, at_most: int) -> list[str]:
    """The ids of each bundle, as one text."""
    return ["".join(one.resource_id for one in bundle) for bundle in bundles(resources, at_most)]


@pytest.mark.parametrize(
    ("at_most", "expected"), [(1, ["a", "b", "c", "d"]), (2, ["ab", "cd"]), (3, ["abc", "d"]), (4, ["abcd"])]
)
def test_a_bundle_holds_at_most_so_many_resources_in_their_order(at_most: int, expected: list[str]) -> None:
    assert packed(*map(resource, "abcd"), at_most=at_most) == expected


def test_nothing_makes_no_bundle() -> None:
    assert packed(at_most=3) == []


def test_a_cycle_that_does_not_fit_begins_a_new_bundle_and_may_be_larger_than_one() -> None:
    cycle = [resource(name, together=7) for name in "xyz"]

    assert packed(resource("a"), *cycle, resource("b"), at_most=4) == ["axyz", "b"]
    assert packed(resource("a"), *cycle, resource("b"), at_most=3) == ["a", "xyz", "b"]
    assert packed(resource("a"), *cycle, resource("b"), at_most=2) == ["a", "xyz", "b"]


def test_two_cycles_that_follow_one_another_are_two() -> None:
    cycles = [
        resource("p", together=1),
        resource("q", together=1),
        resource("r", together=2),
        resource("s", together=2),
    ]

    assert packed(*cycles, at_most=3) == ["pq", "rs"]


def split(*resources: Resource, by_size: bool = False) -> tuple[str, ...] | None:
    parts = halves(resources, by_size=by_size)
    return parts and tuple("".join(one.resource_id for one in part) for part in parts)


def test_halves_have_the_same_number_of_resources_as_far_as_possible() -> None:
    assert split(*map(resource, "abcd")) == ("ab", "cd")
    assert split(*map(resource, "abc")) == ("a", "bc")
    assert split(*map(resource, "ab")) == ("a", "b")
    assert split(resource("l", body="x" * 10_000), *map(resource, "abc")) == ("la", "bc")


def test_one_resource_or_one_cycle_has_no_halves() -> None:
    assert split(resource("a")) is None
    assert split(resource("a", together=1), resource("b", together=1)) is None


def test_a_cycle_is_in_one_of_the_halves() -> None:
    cycle = [resource(name, together=1) for name in "xyz"]

    assert split(*cycle, resource("a")) == ("xyz", "a")
    assert split(resource("a"), *cycle) == ("a", "xyz")


def test_halves_by_size_divide_the_characters() -> None:
    large = resource("l", body="x" * 10_000)

    assert split(large, *map(resource, "abc"), by_size=True) == ("l", "abc")
    assert split(*map(resource, "abc"), large, by_size=True) == ("abc", "l")


def test_the_size_of_a_bundle_counts_its_bodies_and_its_entries() -> None:
    assert size([]) == 0
    assert size([resource("a", body="12345"), resource("b", body="123")]) == 8 + 2 * ENTRY_CHARACTERS


def test_a_transaction_puts_each_resource_at_its_id_and_a_deletion_deletes_it() -> None:
    sent = json.loads(transaction([resource("a", body='{"id":"a"}')]))
    deleted = json.loads(deletion([resource("a"), resource("b")]))

    assert sent == {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "PUT", "url": "Patient/a"}, "resource": {"id": "a"}}],
    }
    assert [entry["request"]["url"] for entry in deleted["entry"]] == ["Patient/a", "Patient/b"]
    assert {entry["request"]["method"] for entry in deleted["entry"]} == {"DELETE"}
