"""The build: all models are written to a temporary file, which then replaces the published one."""

import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from filelock import FileLock

from claims_pipeline.aggregate.built_from import (
    BuiltFrom,
    attach_read_only,
    read_built_from,
    write_built_from,
)
from claims_pipeline.aggregate.models import COUNT_PATIENTS, MODELS, models_digest
from claims_pipeline.aggregate.report import AggregateReport
from claims_pipeline.aggregate.source import LakeState, attach_lake, attach_reference, lake_state, unreadable
from claims_pipeline.errors import DataError
from claims_pipeline.files import replacing
from claims_pipeline.lake import Lake, read_feed

MEMORY_LIMIT = "2GB"
"""DuckDB spills to disk beyond this, so a build of any size fits beside a FHIR server on a small machine."""

OnStep = Callable[[str], None]
"""Called with the name of each model before it is built."""


def build(lake: Lake, analytics_path: Path, on_progress: OnStep | None = None) -> AggregateReport:
    """Build the analytics file of a lake, unless the published one was built from the same lake and models.

    A reader sees the old file or the new one. If two builds run at the same time, the second waits for the first.

    Raises:
        DataError: there is no lake, a table is missing or cannot be read; the published file stays as it is.
    """
    started = time.monotonic()
    state = lake_state(lake)  # before the rows are read, so that the next build detects a change during this one
    analytics_path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(analytics_path.with_name(f".{analytics_path.name}.lock")):
        is_unchanged = _is_built_from(analytics_path, state)
        if not is_unchanged:
            _publish(lake, state, analytics_path, on_progress)
        return AggregateReport(
            analytics_path=analytics_path,
            row_counts=_row_counts(analytics_path),
            day_count=len(state.days),
            first_day=state.days[0],
            last_day=state.days[-1],
            is_unchanged=is_unchanged,
            seconds=time.monotonic() - started,
        )


def _is_built_from(analytics_path: Path, state: LakeState) -> bool:
    built_from = read_built_from(analytics_path)
    return built_from is not None and (built_from.lake_digest, built_from.models_digest) == (
        state.digest,
        models_digest(),
    )


def _publish(lake: Lake, state: LakeState, analytics_path: Path, on_progress: OnStep | None) -> None:
    for left_by_a_killed_build in analytics_path.parent.glob(f".{analytics_path.name}.*.tmp*"):
        if left_by_a_killed_build.is_dir():
            shutil.rmtree(left_by_a_killed_build)
        else:
            left_by_a_killed_build.unlink()
    with replacing(analytics_path) as temporary:
        try:
            _build_file(lake, state, temporary, on_progress)
        except duckdb.Error as error:
            raise _unwritable(error, analytics_path) from error
        finally:
            temporary.with_name(f"{temporary.name}.wal").unlink(missing_ok=True)


def _unwritable(error: duckdb.Error, analytics_path: Path) -> DataError:
    return DataError(
        f"the analytics cannot be written: {str(error).splitlines()[0]}",
        where=str(analytics_path),
        fix="free some space on its disk, then: claims aggregate",
    )


def _build_file(lake: Lake, state: LakeState, file: Path, on_progress: OnStep | None) -> None:
    with (
        tempfile.TemporaryDirectory(prefix=f"{file.name}-spill-", dir=file.parent) as spill,
        duckdb.connect(file, config={"memory_limit": MEMORY_LIMIT, "temp_directory": spill}) as connection,
    ):
        try:
            attach_lake(connection, lake)
            attach_reference(connection)
            for model in MODELS:
                if on_progress:
                    on_progress(model.name)
                connection.execute(f"create table {model.name} as {model.sql}")
            patients = connection.execute("select count(*) from patient_numbers").fetchone()
            connection.execute(COUNT_PATIENTS.format(patient_count=max(1, patients[0] if patients else 0)))
        except duckdb.Error as error:
            if "Could not write file" in str(error):
                raise
            raise unreadable(error, lake) from error
        population = connection.execute("select count(*) from lake.enrollment").fetchone()
        feed = read_feed(lake.root)
        write_built_from(
            connection,
            BuiltFrom(
                lake_digest=state.digest,
                models_digest=models_digest(),
                feed=feed.model_dump_json() if feed else "",
                day_count=len(state.days),
                first_day=state.days[0],
                last_day=state.days[-1],
                population_count=population[0] if population else 0,
                built_at=datetime.now(UTC).replace(tzinfo=None),
            ),
        )
        connection.execute("checkpoint")  # closing makes one too, but says nothing if the disk is full


def _row_counts(analytics_path: Path) -> dict[str, int]:
    counts = ", ".join(f"(select count(*) from {model.name})" for model in MODELS)
    with duckdb.connect() as connection:
        attach_read_only(connection, analytics_path)
        row = connection.execute(f"select {counts}").fetchone() or ()
    return {model.name: count for model, count in zip(MODELS, row, strict=True)}
