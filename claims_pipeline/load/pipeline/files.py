"""FHIR R4 files through the pipeline, tier after tier."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

import polars as pl

from claims_pipeline.load.pipeline.pipeline import Pipeline
from claims_pipeline.load.resource import CHUNK_SCHEMA, FILES, KEY, NAME_OF_STANDARD_INPUT
from claims_pipeline.load.sources import STANDARD_INPUT, FileResources

REMARKS_SHOWN = 5


async def load_read_files(pipeline: Pipeline, resources: FileResources, paths: Sequence[str]) -> None:
    """Load what was read from `paths`; what could not be read is rejected with its file and line."""
    dangling = _dangling(resources)
    rejected = pl.concat([resources.rejected, dangling])
    if not pipeline.is_dry_run:
        read = [NAME_OF_STANDARD_INPUT if path == STANDARD_INPUT else path for path in paths]
        pipeline.dead_letters.add_unreadable(rejected, read)
    pipeline.tally.add_unreadable(rejected)
    pipeline.tally.add_superseded_input(resources.superseded)
    pipeline.remarks += _remarks(resources)
    pipeline.total = resources.count
    chunks = (_without(chunk, dangling) for chunk in resources.chunks())
    for _, tier in groupby(chunks, key=lambda chunk: chunk["tier"][0]):
        await pipeline.load((chunk.drop("tier") for chunk in tier), FILES)
        if pipeline.sender.stopped is not None:
            return


def _dangling(resources: FileResources) -> pl.DataFrame:
    """Return resources that name another by a `urn:` that nothing in the input has: no server can know it."""
    unresolved = resources.unresolved(starting_with="urn:")
    reason = pl.format("refers to {}, which is nowhere in the input", pl.col("reference"))
    return unresolved.unique(KEY, keep="first", maintain_order=True).select(
        "source", "resource_type", "resource_id", reason.alias("reason")
    )


def _without(chunk: pl.DataFrame, dangling: pl.DataFrame) -> pl.DataFrame:
    kept = chunk.join(dangling, on=KEY, how="anti", maintain_order="left") if dangling.height else chunk
    return kept.with_columns(as_of=pl.lit("")).select(*CHUNK_SCHEMA.names(), "tier")


def _remarks(resources: FileResources) -> Iterator[str]:
    if resources.identical_count:
        yield f"{resources.identical_count:,} resources came more than once with the same content and count once"
    for row in resources.superseded.head(REMARKS_SHOWN).iter_rows(named=True):
        yield f"{row['resource_type']}/{row['resource_id']} at {row['source']} {row['reason']}"
    types = Counter(resources.superseded["resource_type"].to_list())
    if (hidden := types.total() - REMARKS_SHOWN) > 0:
        yield f"{hidden:,} more resources came again with other content; the last one counts"
