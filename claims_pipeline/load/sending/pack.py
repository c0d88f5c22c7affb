"""Resources into transaction bundles, and bundles into halves."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, groupby

from claims_pipeline.load.resource import Resource

ENTRY_CHARACTERS = 100
"""What an entry has besides the resource."""

Encode = Callable[[Sequence[Resource]], bytes]


def bundles(resources: Sequence[Resource], size: int) -> Iterator[Sequence[Resource]]:
    """Yield resources in order, at most `size` at a time; those that belong together are never parted."""
    start = 0
    for end in _boundaries(resources):
        if end - start > size and (last := _last_boundary(resources, start, start + size)):
            yield resources[start:last]
            start = last
        if end - start >= size:
            yield resources[start:end]
            start = end
    if start < len(resources):
        yield resources[start:]


def halves(
    resources: Sequence[Resource], *, by_size: bool = False
) -> tuple[Sequence[Resource], Sequence[Resource]] | None:
    """Return two parts, equal in number or size as far as may be; None if one resource is left, or one circle."""
    boundaries = list(_boundaries(resources))[:-1]
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


def _boundaries(resources: Sequence[Resource]) -> Iterator[int]:
    """Yield where a bundle may end."""
    end = 0
    for together, group in groupby(resources, key=lambda resource: resource.together):
        count = sum(1 for _ in group)
        if together is None:
            yield from range(end + 1, end + count + 1)
        else:
            yield end + count
        end += count


def _last_boundary(resources: Sequence[Resource], start: int, limit: int) -> int:
    """Return the last place up to `limit` where a bundle may end, 0 if there is none after `start`."""
    return max((b for b in range(start + 1, limit + 1) if _may_end(resources, b)), default=0)


def _may_end(resources: Sequence[Resource], at: int) -> bool:
    return resources[at].together is None or resources[at].together != resources[at - 1].together
