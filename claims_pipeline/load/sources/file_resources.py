"""The resources of FHIR R4 files, as they were spooled: in tiers, as chunks, with what cannot be loaded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from claims_pipeline.fhir import RESOURCE_SCHEMA, content_hash
from claims_pipeline.load.sources.references import rewritten
from claims_pipeline.load.sources.spool import PART_ROWS, Spool, references_in

FILE_SCHEMA = pl.Schema(
    {**RESOURCE_SCHEMA, "source": pl.String(), "tier": pl.Int32(), "together": pl.Int64()},
)
"""`source`: "file:line". `tier`: number of the loading step, a resource refers to earlier tiers only. `together`: null,
or a number that resources share whose references go in a cycle: they must be in one transaction, and follow one
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

DELETED_SCHEMA = pl.Schema({"resource_type": pl.String(), "resource_id": pl.String(), "source": pl.String()})
"""Resources that the input names as deleted."""

CHUNK_ROWS = 5_000
CHUNK_CHARACTERS = 8 * 1024 * 1024

_REFUSED = """
SELECT place(name, line, entry) AS source, resource_type, resource_id, reason
FROM refused JOIN inputs USING (file)
WHERE refused.rowid BETWEEN $first AND $last ORDER BY refused.rowid
"""

_DANGLING = """
SELECT source, resource_type, resource_id, reason
FROM dangling JOIN located USING (seq)
WHERE dangling.rowid BETWEEN $first AND $last ORDER BY dangling.rowid
"""

_SUPERSEDED = """
SELECT
    older.source, older.resource_type, older.resource_id,
    'comes again with other content at ' || newer.source || ', which counts' AS reason
FROM superseded
JOIN located AS older USING (seq)
JOIN located AS newer ON newer.seq = superseded.newer
WHERE superseded.rowid BETWEEN $first AND $last ORDER BY superseded.rowid
"""

_PRESENT = """
SELECT key FROM kept WHERE key = ANY($names)
UNION
SELECT key FROM (SELECT resource_type || '/' || $prefix || resource_id AS key FROM refused) WHERE key = ANY($names)
"""

_KEYS = """
SELECT seq, source, tier, together FROM placed JOIN located USING (seq)
WHERE tier = $tier AND part = $part ORDER BY together NULLS FIRST, seq
"""


@dataclass(frozen=True)
class FileResources:
    """What `read_files` found, spooled to disk.

    Attributes:
        spool: the bodies and keys.
        tier_count: number of loading steps.
        count: resources that `chunks` yields, each id once.
        identical_count: resources that came again with the same content and are left out.
        rejected_count: rows that `rejected` yields.
        superseded_count: rows that `superseded` yields.
        unreadable_count: places in the input whose type and id could not be read.
        deleted: what is to be deleted and does not also come as a resource, with the columns of `DELETED_SCHEMA`.
        remarks: notes about input that was skipped or left out.
        id_prefix: put before the ids in the input.
    """

    spool: Spool
    tier_count: int
    count: int
    identical_count: int
    rejected_count: int
    superseded_count: int
    unreadable_count: int
    deleted: pl.DataFrame
    remarks: Sequence[str]
    id_prefix: str = ""

    def present(self, names: Sequence[str]) -> set[str]:
        """Return those of the "Type/id" that the input has, refused ones included."""
        found = self.spool.execute(_PRESENT, {"names": list(names), "prefix": self.id_prefix}).fetchall()
        return {name for (name,) in found}

    def rejected(self) -> Iterator[pl.DataFrame]:
        """Yield input that cannot be loaded, some at a time, with the columns of `REJECTED_SCHEMA`."""
        yield from self.spool.pages(_REFUSED, "refused", REJECTED_SCHEMA)
        yield from self.spool.pages(_DANGLING, "dangling", REJECTED_SCHEMA)

    def superseded(self) -> Iterator[pl.DataFrame]:
        """Yield resources that came again later with other content, with the columns of `REJECTED_SCHEMA`."""
        return self.spool.pages(_SUPERSEDED, "superseded", REJECTED_SCHEMA)

    def types(self) -> dict[str, int]:
        """Return how many resources of each type there are."""
        query = "SELECT resource_type, count(*) FROM placed JOIN resources USING (seq) GROUP BY resource_type"
        return dict(self.spool.frame(query).rows())

    def chunks(self) -> Iterator[pl.DataFrame]:
        """Yield the resources tier after tier, with the columns of `FILE_SCHEMA`; a chunk is of one tier."""
        for tier in range(self.tier_count):
            pieces = self._pieces(tier)
            circular = self.spool.frame("SELECT count(together) AS n FROM placed WHERE tier = $tier", tier=tier)
            size = circular["n"].item()
            yield from _regrouped(pieces, self.spool, size) if size else _merged(pieces)

    def _pieces(self, tier: int) -> Iterator[pl.DataFrame]:
        """Yield the resources of a tier part by part."""
        for part in self.spool.parts(tier):
            keys = self.spool.frame(_KEYS, tier=tier, part=part)
            bodies = self.spool.bodies(part).join(keys, on="seq", maintain_order="left")
            yield rewritten(self.spool, bodies, part).select(
                "resource_type",
                "resource_id",
                "body",
                content_hash(pl.col("body")).alias("content_hash"),
                _named_resources(pl.col("body")).alias("references"),
                "source",
                pl.col("tier").cast(pl.Int32),
                "together",
            )


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


def _regrouped(pieces: Iterator[pl.DataFrame], spool: Spool, size: int) -> Iterator[pl.DataFrame]:
    """Bring together, across parts, the resources that share a number `together`; a chunk splits none of them."""
    buckets, folder = -(-size // PART_ROWS), spool.folder
    for number, piece in enumerate(pieces):
        by_bucket = piece.with_columns(bucket=pl.col("together").hash() % buckets)
        for (bucket,), rows in by_bucket.group_by("bucket"):
            with spool.translated():
                rows.drop("bucket").write_parquet(folder / f"cycles-{bucket:06}-{number:06}.parquet")
    for bucket in range(buckets):
        files = sorted(folder.glob(f"cycles-{bucket:06}-*.parquet"))
        if files:
            with spool.translated():
                together = pl.read_parquet(files).sort("together", maintain_order=True)
            yield together
        for file in files:
            file.unlink()
