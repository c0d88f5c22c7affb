"""A feed straight into files of a format."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from claims_pipeline.export.formats import FORMATS
from claims_pipeline.export.statistics import statistics, write_statistics
from claims_pipeline.export.target import replaced, require_target, statistics_path
from claims_pipeline.generate import GenerateReport, generate_range
from claims_pipeline.lake import Feed, Lake

PARQUET = "parquet"


def produce(
    feed: Feed,
    output: Path,
    *,
    form: str = PARQUET,
    compress: bool = False,
    jobs: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> GenerateReport:
    """Write a feed's whole range to `output` in a format, and its statistics beside it.

    Formats other than `parquet` go by way of a lake that is removed afterwards.

    Args:
        feed: what to write.
        output: the lake (`parquet`), the folder (`ndjson`, `bundles`) or the file (`json`).
        form: `parquet` or one of FORMATS.
        compress: gzip the files (Parquet is compressed as it is).
        jobs: chunks of days that are worked on at the same time.
        on_progress: called with the days done and all days.

    Raises:
        ConfigError: the output is refused (see `require_target`), or the lake belongs to another feed.
    """
    began = time.perf_counter()
    require_target(output, form)

    def generated(lake: Lake) -> GenerateReport:
        return generate_range(lake, feed, start=feed.start_date, end=feed.end_date, jobs=jobs, on_progress=on_progress)

    if form == PARQUET:
        report = generated(Lake(output))
        facts = statistics(Lake(output), feed)
        files = report.files_written
    else:
        with replaced(output, FORMATS[form]) as work:
            lake = Lake(work / "lake")
            report = generated(lake)
            files = FORMATS[form].write(lake, work / "output", compress)
            facts = statistics(lake, feed)
    write_statistics(statistics_path(output), facts)
    return replace(report, output=str(output), files_written=files, seconds=time.perf_counter() - began)
