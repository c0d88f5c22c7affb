"""FHIR R4 files through the pipeline, tier after tier."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby

import polars as pl

from claims_pipeline.load.options import LoadOptions
from claims_pipeline.load.pipeline.ownership import feed_of_export, require_own_files
from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.pipeline.vanished_files import settle_vanished_files
from claims_pipeline.load.resource import CHUNK_SCHEMA, FILES, NAME_OF_STANDARD_INPUT
from claims_pipeline.load.sources import STANDARD_INPUT, FileResources

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
        if pipeline.sender.stopped is not None:
            return
    await settle_vanished_files(pipeline, resources, paths, options)


def _repeated(pipeline: Pipeline, resources: FileResources) -> Iterator[str]:
    """Count resources that come again later in the input, and say so."""
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
