"""Packs resources into transaction bundles, and splits bundles into halves."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, groupby

from claims_pipeline.load.resource import Resource

ENTRY_CHARACTERS = 100
"""Characters of an entry besides those of the resource."""

Encode = Callable[[Sequence[Resource]], bytes]


def bundles(resources: Iterable[Resource], size: int) -> Iterator[Sequence[Resource]]:
    """Yield resources in order, at most `size` at a time; resources that share `together` stay in one bundle."""
    bundle: list[Resource] = []
    for inseparable in _inseparable(resources):
        if bundle and len(bundle) + len(inseparable) > size:
            yield bundle
            bundle = []
        bundle += inseparable
        if len(bundle) >= size:
            yield bundle
            bundle = []
    if bundle:
        yield bundle


def halves(
    resources: Sequence[Resource], *, by_size: bool = False
) -> tuple[Sequence[Resource], Sequence[Resource]] | None:
    """Return two parts, as equal in number or size as possible; None for one resource or one cycle."""
    boundaries = list(accumulate(map(len, _inseparable(resources))))[:-1]
    if not boundaries:
        return None
    before = [0, *accumulate(map(_size, resources))] if by_size else range(len(resources) + 1)
    middle = min(boundaries, key=lambda boundary: abs(2 * before[boundary] - before[-1]))
    return resources[:middle], resources[middle:]


def size(resources: Sequence[Resource]) -> int:
    """Return about how many characters a bundle of the resources has."""
    return sum(map(_size, resources))


def transaction(resources: Sequence[Resource]) -> bytes:
    """Return a transaction bundle that puts each resource at its id."""
    return _transaction(
        f'{{"request":{{"method":"PUT","url":"{resource.resource_type}/{resource.resource_id}"}},'
        f'"resource":{resource.body}}}'
        for resource in resources
    )


def deletion(resources: Sequence[Resource]) -> bytes:
    """Return a transaction bundle that deletes each resource."""
    return _transaction(
        f'{{"request":{{"method":"DELETE","url":"{resource.resource_type}/{resource.resource_id}"}}}}'
        for resource in resources
    )


def _size(resource: Resource) -> int:
    return len(resource.body) + ENTRY_CHARACTERS


def _transaction(entries: Iterator[str]) -> bytes:
    return f'{{"resourceType":"Bundle","type":"transaction","entry":[{",".join(entries)}]}}'.encode()


def _inseparable(resources: Iterable[Resource]) -> Iterator[Sequence[Resource]]:
    """Yield each resource alone, and those that belong together as one."""
    for together, group in groupby(resources, key=lambda resource: resource.together):
        if together is None:
            yield from ((resource,) for resource in group)
        else:
            yield tuple(group)
