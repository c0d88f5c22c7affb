"""FHIR R4 files as resources for the loader: NDJSON, Bundles, folders and archives of them, standard input."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from claims_pipeline.errors import DataError
from claims_pipeline.fhir import RESOURCE_SCHEMA, content_hash
from claims_pipeline.load.options import DEFAULTS, LoadOptions
from claims_pipeline.load.sources.checks import Admitted, admit
from claims_pipeline.load.sources.documents import Candidate, Deletion, Refusal, Skipped, candidates
from claims_pipeline.load.sources.elements import r4
from claims_pipeline.load.sources.inputs import Input, SkippedFiles, inputs
from claims_pipeline.load.sources.json_values import JsonReader
from claims_pipeline.load.sources.opening import opened
from claims_pipeline.load.sources.ordering import place
from claims_pipeline.load.sources.references import resolve, rewritten
from claims_pipeline.load.sources.remarks import remarks
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

DELETED_SCHEMA = pl.Schema({"resource_type": pl.String(), "resource_id": pl.String(), "source": pl.String()})
"""What the input says is to be deleted."""

CHUNK_ROWS = 5_000
CHUNK_CHARACTERS = 8 * 1024 * 1024
TOLD_EVERY = 10_000

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

_DELETED = """
SELECT resource_type, $prefix || resource_id AS resource_id, any_value(place(name, line, entry)) AS source
FROM deletions JOIN inputs USING (file)
ANTI JOIN kept ON kept.key = resource_type || '/' || $prefix || resource_id
GROUP BY ALL ORDER BY ALL
"""

_UNREADABLE = "count(*) FILTER (resource_type IS NULL OR resource_id IS NULL)"
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
        unreadable_count: places in the input where something stands whose type and id could not be read.
        deleted: what is to be deleted and does not also come as a resource, with the columns of `DELETED_SCHEMA`.
        remarks: what of the input was skipped or left out.
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
        """Return those of "Type/id" that the input has, also if it is refused."""
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


@contextmanager
def read_files(
    paths: Sequence[str],
    spool_folder: Path,
    on_read: Callable[[int], None] = lambda _: None,
    *,
    server_base: str = "",
    options: LoadOptions = DEFAULTS,
) -> Iterator[FileResources]:
    """Read FHIR R4 files; memory stays under 500 MB however large they are.

    Args:
        paths: files, archives, folders of files, or "-" for standard input.
        spool_folder: where a temporary folder is made, closed to others; both are removed when the block ends.
        on_read: told now and then how many resources have been read.
        server_base: address of the server that the resources are meant for: absolute references to it become relative.
        options: the prefix of ids, and the resource types that are wanted.

    Raises:
        DataError: a path does not exist, a folder holds no FHIR file, or the disk is full. Anything wrong inside a
            file is a row of `rejected`, and the rest is read.
    """
    skipped = SkippedFiles()
    files = inputs(paths, skipped)
    with _temporary_folder(spool_folder) as folder, closing(_spool(folder, options)) as spool:
        _read(files, spool, skipped, on_read, options)
        said = remarks(spool, skipped, options)
        resolve(spool, server_base=server_base, id_prefix=options.id_prefix)
        with spool.translated():
            tier_count = place(spool.connection)
        spool.execute("DELETE FROM placed WHERE seq IN (SELECT seq FROM dangling)")
        read, kept, superseded, refused, dangling = map(
            spool.number_of, ("resources", "kept", "superseded", "refused", "dangling")
        )
        yield FileResources(
            spool=spool,
            tier_count=tier_count,
            count=spool.number_of("placed"),
            identical_count=read - kept - superseded,
            rejected_count=refused + dangling,
            superseded_count=superseded,
            unreadable_count=spool.number_of("refused", _UNREADABLE),
            deleted=spool.frame(_DELETED, prefix=options.id_prefix).cast(DELETED_SCHEMA),
            remarks=said,
            id_prefix=options.id_prefix,
        )


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a folder in `parent`; remove it at the end, and those above it that are empty then, up to two."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(dir=parent, prefix="spool-", ignore_cleanup_errors=True)
    except OSError as error:
        raise DataError(
            f"what is read cannot be spooled: {error.strerror}",
            where=str(parent),
            fix="make the folder writable, or set CLAIMS_HOME to another",
        ) from error
    try:
        with temporary as folder:
            yield Path(folder)
    finally:
        with suppress(OSError):  # not empty: another load is at work
            parent.rmdir()
            parent.parent.rmdir()


def _spool(folder: Path, options: LoadOptions) -> Spool:
    return Spool(folder, follows_names=bool(options.id_prefix))


def _read(
    files: list[Input], spool: Spool, skipped: SkippedFiles, on_read: Callable[[int], None], options: LoadOptions
) -> None:
    bundle_numbers, resource_numbers, file_numbers = count(), count(1), count()
    for file in files:
        for document in opened(file, skipped):
            number = next(file_numbers)
            spool.add_input(number, document.name, is_scanned=document.is_scanned)
            for found in candidates(JsonReader(document.texts), bundle_numbers):
                if (wanted := _wanted(found, spool, options)) is not None:
                    spool.add(number, wanted)
                if (read := next(resource_numbers)) % TOLD_EVERY == 0:
                    on_read(read)
    spool.flush()


def _wanted(
    found: Candidate | Refusal | Deletion | Skipped, spool: Spool, options: LoadOptions
) -> Admitted | Refusal | Deletion | Skipped | None:
    """Return what was found as it is spooled; None if its type is left out, which is counted."""
    if isinstance(found, Candidate):
        resource_type = found.resource.get("resourceType") if isinstance(found.resource, dict) else None
    else:
        resource_type = found.resource_type if isinstance(found, Deletion) else None
    if isinstance(resource_type, str) and resource_type in r4().resource_types and not options.wants(resource_type):
        spool.left_out[resource_type] += 1
        return None
    return admit(found, options.id_prefix) if isinstance(found, Candidate) else found


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
                rows.drop("bucket").write_parquet(folder / f"circles-{bucket:06}-{number:06}.parquet")
    for bucket in range(buckets):
        files = sorted(folder.glob(f"circles-{bucket:06}-*.parquet"))
        if files:
            with spool.translated():
                together = pl.read_parquet(files).sort("together", maintain_order=True)
            yield together
        for file in files:
            file.unlink()
