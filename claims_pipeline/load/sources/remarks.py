"""What a person is told of input that was skipped or left out, once a kind."""

from collections.abc import Iterator

from claims_pipeline.load.options import LoadOptions
from claims_pipeline.load.sources.inputs import SkippedFiles
from claims_pipeline.load.sources.spool import Spool

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
"""  # noqa: S608  constants of ours

_ENTRIES = "SELECT what, place(name, line, entry) FROM skipped JOIN inputs USING (file) ORDER BY file, line, entry"

_REFERRED = """
SELECT regexp_extract(reference, '([A-Z][A-Za-z]+)/[^/]+(?:/_history/[^/]+)?$', 1) AS resource_type,
    count(DISTINCT seq) AS referring
FROM links GROUP BY resource_type ORDER BY resource_type
"""

OF_ANOTHER_VERSION = 3
"""Fewer resources with elements or of types that R4 does not have are taken for slips, not for another version."""

_NOT_R4 = """
SELECT count(*) FROM refused
WHERE reason LIKE '%is not an element of FHIR R4%' OR reason LIKE '%is not a resource type of FHIR R4%'
"""


def remarks(spool: Spool, skipped: SkippedFiles, options: LoadOptions) -> list[str]:
    """Return a sentence for each kind of what was skipped or left out.

    Files of folders and archives that plainly hold no resources, such as logs, are no longer refused but skipped, if
    other files hold some.
    """
    spool.execute(_OTHER_FILES)
    spool.execute("DELETE FROM refused WHERE file IN (SELECT file FROM other_files)")
    for name, kind in spool.execute("SELECT name, kind FROM other_files ORDER BY file").fetchall():
        skipped.add(name, kind)
    return [*skipped.told(), *_of_version(spool), *_of_entries(spool), *_of_types(spool, options)]


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
