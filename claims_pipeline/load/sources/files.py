"""FHIR R4 files as resources for the loader: NDJSON, Bundles, folders of them, `.gz` of each, standard input."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from claims_pipeline.fhir import RESOURCE_SCHEMA, content_hash
from claims_pipeline.load.sources.checks import admit
from claims_pipeline.load.sources.documents import Refusal, candidates
from claims_pipeline.load.sources.inputs import Input, inputs
from claims_pipeline.load.sources.json_values import JsonReader
from claims_pipeline.load.sources.references import place, resolve, rewritten
from claims_pipeline.load.sources.spool import PART_ROWS, Spool, references_in

FILE_SCHEMA = pl.Schema(
    {**RESOURCE_SCHEMA, "source": pl.String(), "tier": pl.Int32(), "together": pl.Int64()},
)
"""`source`: "file:line". `tier`: number of the loading step, a resource refers to earlier tiers only. `together`: null,
or a number that resources share whose references go in a circle: they must be in one transaction, and follow one
another."""

REJECTED_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "reason": pl.String(),
    }
)
"""Input that is not loaded, and why; type and id are null where they could not be read."""

UNRESOLVED_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "resource_type": pl.String(),
        "resource_id": pl.String(),
        "reference": pl.String(),
    }
)
"""A resource and what it refers to."""

CHUNK_ROWS = 5_000
CHUNK_CHARACTERS = 8 * 1024 * 1024
TOLD_EVERY = 10_000

_REJECTED = """
SELECT name || ':' || line AS source, resource_type, resource_id, reason
FROM refused JOIN inputs USING (file) ORDER BY file, line
"""

_SUPERSEDED = """
SELECT
    older.source, older.resource_type, older.resource_id,
    'comes again with other content at ' || newer.source || ', which counts' AS reason
FROM located AS older
JOIN kept ON kept.key = older.resource_type || '/' || older.resource_id AND kept.seq <> older.seq
JOIN located AS newer ON newer.seq = kept.seq AND newer.content_hash <> older.content_hash
ORDER BY older.seq
"""

_UNRESOLVED = r"""
SELECT source, resource_type, resource_id, targets.target AS reference
FROM targets
ANTI JOIN kept ON kept.key = targets.target
JOIN located USING (seq)
WHERE regexp_matches(targets.target, '^([A-Z][A-Za-z]+/[A-Za-z0-9\-.]+$|urn:)')
    AND starts_with(targets.target, $starting_with)
ORDER BY seq
"""

_KEYS = """
SELECT seq, source, tier, together FROM placed JOIN located USING (seq)
WHERE tier = $tier AND part = $part ORDER BY together NULLS FIRST, seq
"""

_REPLACED = """
SELECT targets.seq, reference, target
FROM targets JOIN resources USING (seq) WHERE is_rewritten AND part = $part
"""

_COUNTS = "SELECT (SELECT count(*) FROM resources), (SELECT count(*) FROM kept)"


@dataclass(frozen=True)
class FileResources:
    """What `read_files` found, spooled to disk.

    Attributes:
        spool: the bodies and keys.
        tier_count: number of loading steps.
        count: resources that `chunks` yields, each id once.
        identical_count: resources that came again with the same content and are left out.
        rejected: input that cannot be loaded, with the columns of `REJECTED_SCHEMA`.
        superseded: resources that came again later with other content, with the columns of `REJECTED_SCHEMA`.
    """

    spool: Spool
    tier_count: int
    count: int
    identical_count: int
    rejected: pl.DataFrame
    superseded: pl.DataFrame

    def chunks(self) -> Iterator[pl.DataFrame]:
        """Yield the resources tier after tier, with the columns of `FILE_SCHEMA`; a chunk is of one tier."""
        for tier in range(self.tier_count):
            pieces = self._pieces(tier)
            circular = self.spool.frame("SELECT count(together) AS n FROM placed WHERE tier = $tier", tier=tier)
            size = circular["n"].item()
            yield from _regrouped(pieces, self.spool.folder, size) if size else _merged(pieces)

    def unresolved(self, starting_with: str = "") -> pl.DataFrame:
        """Return who refers to something that is nowhere in the input, with the columns of `UNRESOLVED_SCHEMA`.

        A server may have it, unless it is named by a `urn:`, which means an entry of the same Bundle. Conditional
        references and absolute URLs are left to the server.

        Args:
            starting_with: only references that begin so.
        """
        return self.spool.frame(_UNRESOLVED, starting_with=starting_with).cast(UNRESOLVED_SCHEMA)

    def _pieces(self, tier: int) -> Iterator[pl.DataFrame]:
        """Yield the resources of a tier part by part."""
        for part in self.spool.parts(tier):
            keys = self.spool.frame(_KEYS, tier=tier, part=part)
            replaced = self.spool.frame(_REPLACED, part=part)
            bodies = pl.read_parquet(self.spool.part_path(part)).join(keys, on="seq", maintain_order="left")
            yield rewritten(bodies, replaced).select(
                "resource_type",
                "resource_id",
                "body",
                content_hash(pl.col("body")).alias("content_hash"),
                _named_resources(pl.col("body")).alias("references"),
                "source",
                pl.col("tier").cast(pl.Int32),
                "together",
            )


@contextmanager
def read_files(
    paths: Sequence[str], spool_folder: Path, on_read: Callable[[int], None] = lambda _: None
) -> Iterator[FileResources]:
    """Read FHIR R4 files; memory stays under 500 MB however large they are.

    Args:
        paths: files, folders of them, or "-" for standard input.
        spool_folder: where a temporary folder is made, closed to others; it is removed when the block ends.
        on_read: told now and then how many resources have been read.

    Raises:
        DataError: a path does not exist or a folder holds no FHIR file. Anything wrong inside a file is a row of
            `rejected`, and the rest is read.
    """
    files = inputs(paths)
    spool_folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=spool_folder, prefix="spool-") as folder, closing(Spool(Path(folder))) as spool:
        _read(files, spool, on_read)
        resolve(spool)
        tier_count = place(spool.connection)
        superseded = spool.frame(_SUPERSEDED).cast(REJECTED_SCHEMA)
        read, kept = spool.frame(_COUNTS).row(0)
        yield FileResources(
            spool=spool,
            tier_count=tier_count,
            count=kept,
            identical_count=read - kept - superseded.height,
            rejected=spool.frame(_REJECTED).cast(REJECTED_SCHEMA),
            superseded=superseded,
        )


def _read(files: list[Input], spool: Spool, on_read: Callable[[int], None]) -> None:
    bundle_numbers, resource_numbers = count(), count(1)
    for number, file in enumerate(files):
        spool.add_input(number, file.name)
        for found in candidates(JsonReader(file.texts()), bundle_numbers):
            spool.add(number, found if isinstance(found, Refusal) else admit(found))
            if (read := next(resource_numbers)) % TOLD_EVERY == 0:
                on_read(read)
    spool.flush()


def _named_resources(body: pl.Expr) -> pl.Expr:
    """Return the distinct `Type/id` that a resource refers to, without versions."""
    found = references_in(body).list.eval(pl.element().str.extract(r"^([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(?:/|$)"))
    return found.list.drop_nulls().list.unique(maintain_order=True)


def _merged(pieces: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Join small pieces, so that a bundle is not cut short by the end of a part."""
    waiting: list[pl.DataFrame] = []
    rows = characters = 0
    for piece in pieces:
        waiting.append(piece)
        rows += piece.height
        characters += int(piece["body"].str.len_bytes().sum())
        if rows >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield pl.concat(waiting)
            waiting, rows, characters = [], 0, 0
    if waiting:
        yield pl.concat(waiting)


def _regrouped(pieces: Iterator[pl.DataFrame], folder: Path, size: int) -> Iterator[pl.DataFrame]:
    """Bring together, across parts, the resources that share a number `together`; a chunk splits none of them."""
    buckets = -(-size // PART_ROWS)
    for number, piece in enumerate(pieces):
        by_bucket = piece.with_columns(bucket=pl.col("together").hash() % buckets)
        for (bucket,), rows in by_bucket.group_by("bucket"):
            rows.drop("bucket").write_parquet(folder / f"circles-{bucket:06}-{number:06}.parquet")
    for bucket in range(buckets):
        files = sorted(folder.glob(f"circles-{bucket:06}-*.parquet"))
        if files:
            yield pl.read_parquet(files).sort("together", maintain_order=True)
        for file in files:
            file.unlink()
