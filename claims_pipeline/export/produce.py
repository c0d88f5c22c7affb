"""Writing a feed directly to files of a format."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from claims_pipeline.errors import DataError
from claims_pipeline.export.formats import FORMATS
from claims_pipeline.export.statistics import FeedTally, write_statistics
from claims_pipeline.export.target import (
    PARQUET,
    chosen_format,
    put_in_place,
    require_target,
    statistics_path,
    working_folder,
)
from claims_pipeline.generate import GenerateReport, OnDays, generate_range
from claims_pipeline.lake import Feed, Lake


def produce(
    feed: Feed,
    output: Path,
    *,
    form: str | None = None,
    compress: bool = False,
    jobs: int = 1,
    on_progress: OnDays | None = None,
) -> GenerateReport:
    """Write all days of a feed to `output` in a format, and the statistics beside it.

    Formats other than `parquet` are written from a temporary lake, which is removed afterwards.

    Args:
        feed: what to write.
        output: the lake (`parquet`), the folder (`ndjson`, `bundles`) or the file (`json`).
        form: `parquet` or one of FORMATS; None for the format that the name of the output says (see `chosen_format`).
        compress: gzip the files; a Bundle whose name ends in .gz is compressed anyway.
        jobs: chunks of days, or parts of a year's visits, that are generated at the same time.
        on_progress: called with the number of days done and of all days.

    Raises:
        ConfigError: the output is refused (see `chosen_format`, `require_target`), or the lake is of another feed.
        DataError: the disk is full, or fails; the output is as it was.
    """
    began = time.perf_counter()
    chosen, is_packed = chosen_format(output, form, compress=compress)
    require_target(output, chosen)
    with write_errors_named(output):
        report = _produced(feed, output, form=chosen, compress=is_packed, jobs=jobs, on_progress=on_progress)
    return replace(report, output=str(output), seconds=time.perf_counter() - began)


@contextmanager
def write_errors_named(output: Path) -> Iterator[None]:
    """Raise a DataError that names `output` if a file cannot be written in a `with` block."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"writing failed: {error.strerror or error}",
            where=str(output),
            fix="free disk space, or choose another output",
        ) from error


def _produced(
    feed: Feed, output: Path, *, form: str, compress: bool, jobs: int, on_progress: OnDays | None
) -> GenerateReport:
    tally = FeedTally(feed)

    def generated(lake: Lake) -> GenerateReport:
        return generate_range(
            lake,
            feed,
            start=feed.start_date,
            end=feed.end_date,
            jobs=jobs,
            on_progress=on_progress,
            on_tables=tally.add,
        )

    if form == PARQUET:
        report = generated(Lake(output))
    else:
        with working_folder(output, FORMATS[form]) as work:
            lake = Lake(work / "lake")
            report = generated(lake)
            files = FORMATS[form].write(lake, work / "output", compress)
            is_new = put_in_place(work, output)
        if is_new:
            report = replace(report, files_written=files, files_unchanged=0)
        else:
            report = replace(report, files_written=0, files_unchanged=files)
    write_statistics(statistics_path(output), tally.facts())
    return report
