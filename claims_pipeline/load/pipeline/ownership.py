"""Refuses a load that would overwrite resources of another source.

Ids of two feeds are the same and mean other people and claims. Files and a lake, or two exports, belong together if
they are known to be of one feed. Files of unknown origin belong together: the export of the next day is in another
folder than that of today.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ValidationError

from claims_pipeline.errors import FeedMismatch, OwnedByOthers
from claims_pipeline.fhir import RENDERINGS
from claims_pipeline.lake import Feed
from claims_pipeline.load.ledger.holdings import Holding, held_among, ids_from_files, is_all_from_files_without_feed
from claims_pipeline.load.ledger.store import Ledger
from claims_pipeline.load.options import LoadOptions, OnMismatch
from claims_pipeline.load.resource import FILES, KEY
from claims_pipeline.load.sources.file_resources import FileResources
from claims_pipeline.load.sources.lake import Partition, chunks_of_ids, latest_days

NAMES_SHOWN = 3


class _Statistics(BaseModel):
    feed: Feed


def feed_of_export(paths: Sequence[str]) -> str | None:
    """Return, as JSON, the feed that a path is an export of, by the statistics beside it; None if there are none."""
    if len(paths) != 1:
        return None
    path = Path(os.path.abspath(paths[0]))  # noqa: PTH100  "." has no name, and `resolve` follows links
    statistics = path.parent / f"{path.stem if path.suffix == '.json' else path.name}.stats.json"
    try:
        return _Statistics.model_validate_json(statistics.read_bytes()).feed.model_dump_json()
    except (OSError, ValidationError):
        return None


def require_own_feed(ledger: Ledger, feed: Feed, options: LoadOptions) -> None:
    """Check that the ledger belongs to the feed: two feeds use the same ids for different claims.

    Raises:
        FeedMismatch: the ledger knows another feed.
    """
    stored = ledger.info().get("feed")
    known = Feed.model_validate_json(stored) if stored else feed
    differences = feed.differences(known, theirs_are="the ledger has")
    if differences and options.on_mismatch is not OnMismatch.RESET:
        raise FeedMismatch(
            f"the ledger knows another feed ({differences[0]}{', and more' if len(differences) > 1 else ''})",
            where=str(ledger.path),
            fix="load it into another server with another ledger (--hash-file), or forget the old one: --reset",
        )


def require_own_files(ledger: Ledger, resources: FileResources, feed: str | None) -> None:
    """Check that files overwrite nothing of a lake or of the export of another feed.

    Raises:
        OwnedByOthers: they would.
    """
    if not is_all_from_files_without_feed(ledger):
        _require_own(ledger, resources.chunks(), FILES, feed)


def require_own_tables(ledger: Ledger, changed: Sequence[Partition], feed: str | None) -> None:
    """Check that the partitions of a lake that are about to be loaded overwrite nothing that came from files.

    Raises:
        OwnedByOthers: they would.
    """
    tables = {partition.table.name: partition.table for partition in changed}
    for table in tables.values():
        if ids := ids_from_files(ledger, RENDERINGS[table.name].resource_type):
            of_table = [partition for partition in changed if partition.table is table]
            _require_own(ledger, _latest(of_table, ids), table.name, feed)


def _latest(partitions: Sequence[Partition], ids: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the latest versions of some ids in partitions of one table, as chunks."""
    lake, table = partitions[0].lake, partitions[0].table
    days: Mapping[str, date | None] = latest_days(lake, table, ids) if table.is_daily else dict.fromkeys(ids)
    by_day: dict[date | None, list[str]] = defaultdict(list)
    for resource_id, day in days.items():
        by_day[day].append(resource_id)
    for partition in partitions:
        if partition.day in by_day:
            yield from chunks_of_ids(partition, by_day[partition.day])


def _require_own(ledger: Ledger, chunks: Iterable[pl.DataFrame], origin: str, feed: str | None) -> None:
    stored = ledger.info().get("feed")
    owners: Counter[str] = Counter()
    names: list[str] = []
    for chunk in chunks:
        hashes = {(kind, id_): content_hash for kind, id_, content_hash in chunk.select(*KEY, "content_hash").rows()}
        for owned in held_among(ledger, list(hashes)):
            if owned.content_hash == hashes[owned[:2]] or _is_same_source(owned, origin, feed, stored):
                continue
            owners[_owner(owned, stored)] += 1
            names += [owned.name] if len(names) < NAMES_SHOWN else []
    if owners:
        whose = ", ".join(f"{count:,} from {owner}" for owner, count in owners.most_common(NAMES_SHOWN))
        raise OwnedByOthers(
            f"{owners.total():,} resources that this would overwrite with other content came from elsewhere: {whose}",
            where=", ".join(names) + (", ..." if owners.total() > len(names) else ""),
            fix="load it into another server with another ledger (--hash-file), or overwrite them: --take-over",
        )


def _is_same_source(owned: Holding, origin: str, feed: str | None, feed_of_lake: str | None) -> bool:
    """Return whether the id means the same in both sources."""
    theirs = feed_of_lake if owned.origin != FILES else owned.feed
    if theirs is not None and feed is not None:
        return theirs == feed
    return (owned.origin == FILES) == (origin == FILES)


def _owner(owned: Holding, feed_of_lake: str | None) -> str:
    if owned.origin == FILES:
        return str(Path(owned.source).parent) if owned.source else "files"
    return f"a lake ({_named(feed_of_lake)})" if feed_of_lake else "a lake"


def _named(feed: str) -> str:
    known = Feed.model_validate_json(feed)
    return f"seed {known.seed}, {known.claims:,} claims of {known.patients:,} patients from {known.start_date}"
