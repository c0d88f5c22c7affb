"""Loads FHIR R4 files, tier after tier, and settles resources that these files no longer hold.

A resource is gone if its file or folder is loaded again without it, or if the input names it as deleted.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, groupby

import polars as pl

from claims_pipeline.load.ledger.holdings import Holding, held_among, under
from claims_pipeline.load.ledger.settling import settle_gone
from claims_pipeline.load.ledger.states import Event, Key, State, before
from claims_pipeline.load.options import LoadOptions, Vanished
from claims_pipeline.load.pipeline.ownership import feed_of_export, require_own_files
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.pipeline.withdrawal import withdraw
from claims_pipeline.load.resource import CHUNK_SCHEMA, FILES, NAME_OF_STANDARD_INPUT, path_of
from claims_pipeline.load.sources.file_resources import FileResources
from claims_pipeline.load.sources.inputs import STANDARD_INPUT

REMARKS_SHOWN = 5


async def load_read_files(
    pipeline: Pipeline, resources: FileResources, paths: Sequence[str], options: LoadOptions
) -> None:
    """Load what was read from `paths`; what could not be read is rejected with its file and line."""
    pipeline.feed = feed_of_export(paths)
    if not options.take_over:
        await asyncio.to_thread(require_own_files, pipeline.ledger, resources, pipeline.feed)
    read = [NAME_OF_STANDARD_INPUT if path == STANDARD_INPUT else path for path in paths]
    if not pipeline.is_dry_run:
        pipeline.dead_letters.begin_files(read)
    for rejected in resources.rejected():
        if not pipeline.is_dry_run:
            pipeline.dead_letters.add_unreadable(rejected)
        pipeline.tally.add_unreadable(rejected)
    pipeline.remarks += [*resources.remarks, *_repeated(pipeline, resources)]
    pipeline.total = resources.count
    await pipeline.name_unknown_types(resources.types())
    chunks = (chunk.with_columns(as_of=pl.lit("")) for chunk in resources.chunks())
    for _, tier in groupby(chunks, key=lambda chunk: chunk["tier"][0]):
        await pipeline.load((chunk.select(CHUNK_SCHEMA.names()) for chunk in tier), FILES)
        if pipeline.ended_by is not None:
            return
    await settle_vanished_files(pipeline, resources, paths, options)


def _repeated(pipeline: Pipeline, resources: FileResources) -> Iterator[str]:
    """Count resources that come again later in the input, and yield remarks about them."""
    if resources.identical_count:
        yield f"came more than once with the same content, and counts once: {resources.identical_count:,}"
    shown = 0
    for superseded in resources.superseded():
        pipeline.tally.add_superseded_input(superseded)
        for row in superseded.head(REMARKS_SHOWN - shown).iter_rows(named=True):
            shown += 1
            yield f"{row['resource_type']}/{row['resource_id']} at {row['source']} {row['reason']}"
    if (hidden := resources.superseded_count - shown) > 0:
        yield f"{hidden:,} more resources came again with other content; the last one counts"


async def settle_vanished_files(
    pipeline: Pipeline, resources: FileResources, paths: Sequence[str], options: LoadOptions
) -> None:
    """Keep, mark or delete what the input no longer has, or names as deleted.

    A resource is gone if it came from one of the paths, or a file below it, when it was last loaded, and is not in the
    input. If part of the input could not be read, only what the input itself names as deleted counts.

    Args:
        pipeline: the load, which has sent what the input has.
        resources: the input.
        paths: where it was read.
        options: what to do; resource types that are not loaded are left as they are.
    """
    named = _named_as_deleted(pipeline, resources)
    roots = [root for path in paths if path != STANDARD_INPUT and (root := path_of(path))]
    if resources.unreadable_count:
        pipeline.remarks.append(
            f"places of the input that could not be read: {resources.unreadable_count:,}; "
            "no resource counts as gone from the input"
        )
        roots = []
    keys_named = frozenset(row[:2] for row in named)

    def is_wanted(row: Holding) -> bool:
        return options.wants(row.resource_type) and row[:2] not in keys_named

    missing = partial(_missing, pipeline, resources, roots, is_wanted)
    if not pipeline.is_dry_run:
        for rows in chain([named], missing(before(Event.GONE), is_held=False)):
            settle_gone(pipeline.ledger, [row[:2] for row in rows])
    states = [State.VANISHED, *before(Event.GONE)] if pipeline.is_dry_run else [State.VANISHED]
    if options.vanished is Vanished.DELETE:  # what was marked entered-in-error can still be deleted
        states.append(State.WITHDRAWN)
    gone = chain([named] if named else [], missing(states, is_held=True))
    await withdraw(pipeline, gone, options.vanished)


def _named_as_deleted(pipeline: Pipeline, resources: FileResources) -> list[Holding]:
    """Return what the input names as deleted and the server holds from files; add a remark about the others."""
    keys: list[Key] = resources.deleted.select("resource_type", "resource_id").rows()
    held = held_among(pipeline.ledger, keys) if keys else []
    named = [row for row in held if row.origin == FILES and row.state != State.WITHDRAWN]
    if others := len(keys) - len(named):
        pipeline.remarks.append(f"named as deleted, but not loaded from files, and left alone: {others:,}")
    return named


def _missing(
    pipeline: Pipeline,
    resources: FileResources,
    roots: Sequence[str],
    is_wanted: Callable[[Holding], bool],
    states: Sequence[State],
    *,
    is_held: bool,
) -> Iterator[Sequence[Holding]]:
    """Yield resources that came from `roots`, are in some states and not in the input, a number at a time."""
    for rows in under(pipeline.ledger, roots, *states, is_held=is_held):
        present = resources.present([row.name for row in rows])
        if missing := [row for row in rows if row.name not in present and is_wanted(row)]:
            yield missing
