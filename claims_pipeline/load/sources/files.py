"""Reads FHIR R4 files as resources for the loader: NDJSON, Bundles, folders and archives of them, standard input."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from claims_pipeline.errors import DataError
from claims_pipeline.load.options import DEFAULTS, LoadOptions
from claims_pipeline.load.ordering import place
from claims_pipeline.load.sources.admission import Admitted, admit, named
from claims_pipeline.load.sources.candidates import Candidate, Deletion, Refusal, Skipped, candidates
from claims_pipeline.load.sources.elements import r4
from claims_pipeline.load.sources.file_resources import DELETED_SCHEMA, FileResources
from claims_pipeline.load.sources.inputs import Input, SkippedFiles, inputs
from claims_pipeline.load.sources.json_values import JsonReader
from claims_pipeline.load.sources.references import resolve
from claims_pipeline.load.sources.spool import Spool
from claims_pipeline.load.sources.streams import opened

REPORT_EVERY = 10_000

_DELETED = """
SELECT resource_type, $prefix || resource_id AS resource_id, any_value(place(name, line, entry)) AS source
FROM deletions JOIN inputs USING (file)
ANTI JOIN kept ON kept.key = resource_type || '/' || $prefix || resource_id
GROUP BY ALL ORDER BY ALL
"""

_UNREADABLE = "count(*) FILTER (resource_type IS NULL OR resource_id IS NULL)"
SHOWN = 5

_EMPTY = "empty"
_OUTCOMES = "of OperationOutcomes: the server that exported them reported errors"
_OTHER = "without FHIR resources"

_OTHER_FILES = f"""
CREATE TABLE other_files AS
SELECT
    file,
    any_value(name) AS name,
    CASE WHEN any_value(reason) = 'the file is empty' THEN '{_EMPTY}'
        WHEN bool_and(resource_type = 'OperationOutcome') THEN '{_OUTCOMES}' ELSE '{_OTHER}' END AS kind
FROM refused JOIN inputs USING (file)
WHERE is_scanned AND (EXISTS (FROM resources) OR EXISTS (FROM deletions))
    AND file NOT IN (SELECT file FROM resources UNION SELECT file FROM deletions)
GROUP BY file HAVING bool_and(is_other)
"""  # noqa: S608  own constants

_ENTRIES = "SELECT what, place(name, line, entry) FROM skipped JOIN inputs USING (file) ORDER BY file, line, entry"

_REFERRED = """
SELECT
    regexp_extract(coalesce(target, reference), '([A-Z][A-Za-z]+)/[^/]+(?:/_history/[^/]+)?$', 1) AS resource_type,
    count(DISTINCT seq) AS referring
FROM links LEFT JOIN full_urls ON full_urls.bundle = links.bundle AND full_urls.full_url = links.reference
GROUP BY resource_type ORDER BY resource_type
"""

OF_ANOTHER_VERSION = 3
"""With fewer resources of unknown types or with unknown elements, another FHIR version is not suggested."""

_NOT_R4 = """
SELECT count(*) FROM refused
WHERE reason LIKE '%is not an element of FHIR R4%' OR reason LIKE '%is not a resource type of FHIR R4%'
"""


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
        spool_folder: where a temporary folder is made, closed to others; it is removed when the block ends, and so is
            `spool_folder` if it is empty then.
        on_read: called repeatedly with the number of resources read so far.
        server_base: address of the server that the resources are meant for: absolute references to it become relative.
        options: the prefix of ids, and the resource types that are wanted.

    Raises:
        ConfigError: a path does not exist, or a folder is a lake.
        DataError: a folder holds no FHIR file, or the disk is full. Anything wrong inside a
            file is a row of `rejected`, and the rest is read.
    """
    skipped = SkippedFiles()
    files = inputs(paths, skipped)
    with (
        _temporary_folder(spool_folder) as folder,
        closing(Spool(folder, follows_names=bool(options.id_prefix))) as spool,
    ):
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


def not_spoolable(folder: Path, error: OSError) -> DataError:
    """Return the error of a folder that cannot be made, or written to, to spool in."""
    return DataError(
        f"what is read cannot be spooled: {error.strerror}",
        where=str(folder),
        fix="make the folder writable, or set CLAIMS_HOME to another",
    )


@contextmanager
def _temporary_folder(parent: Path) -> Iterator[Path]:
    """Make a folder in `parent`; remove it at the end, and those above it that are empty then, up to two."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = TemporaryDirectory(dir=parent, prefix="spool-", ignore_cleanup_errors=True)
    except OSError as error:
        raise not_spoolable(parent, error) from error
    try:
        with temporary as folder:
            yield Path(folder)
    finally:
        with suppress(OSError):  # not empty: another load is at work
            parent.rmdir()
            parent.parent.rmdir()


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
                if (read := next(resource_numbers)) % REPORT_EVERY == 0:
                    on_read(read)
    spool.flush()


def _wanted(
    found: Candidate | Refusal | Deletion | Skipped, spool: Spool, options: LoadOptions
) -> Admitted | Refusal | Deletion | Skipped | None:
    """Return what is added to the spool; None, and note it there, if its type is left out."""
    if isinstance(found, Candidate):
        resource = found.resource if isinstance(found.resource, dict) else {}
        resource_type = str(resource.get("resourceType"))
        if _is_left_out(resource_type, options):
            spool.leave_out(resource_type, named(found, resource, options.id_prefix))
            return None
        return admit(found, options.id_prefix)
    if isinstance(found, Deletion) and _is_left_out(found.resource_type, options):
        spool.leave_out(found.resource_type, None)
        return None
    return found


def _is_left_out(resource_type: str, options: LoadOptions) -> bool:
    return resource_type in r4().resource_types and not options.wants(resource_type)


def remarks(spool: Spool, skipped: SkippedFiles, options: LoadOptions) -> list[str]:
    """Return a sentence for each kind of skipped or left out input.

    Files of folders and archives that hold no resources, such as logs, are skipped instead of refused if other files
    hold some.
    """
    spool.execute(_OTHER_FILES)
    spool.execute("DELETE FROM refused WHERE file IN (SELECT file FROM other_files)")
    for name, kind in spool.execute("SELECT name, kind FROM other_files ORDER BY file").fetchall():
        skipped.add(name, kind)
    return [*skipped.sentences(), *_of_version(spool), *_of_entries(spool), *_of_types(spool, options)]


def _of_version(spool: Spool) -> Iterator[str]:
    (number,) = spool.execute(_NOT_R4).fetchone()
    if number >= OF_ANOTHER_VERSION:
        yield (
            f"{number:,} resources are of types, or have elements, that FHIR R4 (4.0.1) does not have: "
            f"are these files of another version, such as R4B or R5?"
        )


def _of_entries(spool: Spool) -> Iterator[str]:
    found = spool.execute(_ENTRIES).fetchall()
    yield from (f"skipped {what}, at {source}" for what, source in found[:SHOWN])
    if len(found) > SHOWN:
        yield f"skipped such entries of {len(found) - SHOWN:,} more Bundles"


def _of_types(spool: Spool, options: LoadOptions) -> Iterator[str]:
    if not spool.left_out:
        return
    counts = ", ".join(f"{count:,} {resource_type}" for resource_type, count in sorted(spool.left_out.items()))
    yield f"left out by --types or --exclude: {counts}"
    for resource_type, referring in spool.execute(_REFERRED).fetchall():
        if resource_type in spool.left_out and not options.wants(resource_type):
            resources = "resource refers" if referring == 1 else "resources refer"
            yield (
                f"{referring:,} {resources} to {resource_type}, which is left out: "
                "loaded where the server holds the target, rejected otherwise"
            )
