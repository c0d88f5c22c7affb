"""The installation's own Dagster instance: opened the first time by one process, and found again by the UI."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from filelock import FileLock

MODULE = "claims_pipeline.definitions"
REPOSITORY = "__repository__"
"""Name that Dagster gives to the one repository of a module's definitions."""


@contextmanager
def opened_instance(folder: Path) -> Iterator[dg.DagsterInstance]:
    """Yield the instance in a folder, its storage made before anything else can open it."""
    prepare_instance(folder)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


def prepare_instance(folder: Path) -> None:
    """Let one process make the tables of a new instance: two at once fail with "table already exists"."""
    done = folder / ".tables-made"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".first-open.lock"), dg.DagsterInstance.from_config(str(folder)) as instance:
        instance.get_runs(limit=1)
        instance.event_log_storage.get_maximum_record_id()
        instance.all_instigator_state()
        done.touch()


def remote_origin() -> RemoteRepositoryOrigin:
    """Return where the jobs are defined, as `claims up` and workspace.yaml name it: the UI runs them again there."""
    location = ManagedGrpcPythonEnvCodeLocationOrigin(
        loadable_target_origin=LoadableTargetOrigin(executable_path=sys.executable, module_name=MODULE),
        location_name=MODULE,
    )
    return RemoteRepositoryOrigin(location, REPOSITORY)
