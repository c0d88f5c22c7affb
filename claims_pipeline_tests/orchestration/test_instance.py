import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.workspace.load_target import ModuleTarget

from claims_pipeline.orchestration.instance import MODULE, opened_instance, remote_origin

OPEN = """
import sys
from pathlib import Path
from claims_pipeline.orchestration.instance import opened_instance
with opened_instance(Path(sys.argv[1])) as instance:
    print(len(instance.get_runs()))
"""


@pytest.mark.slow
def test_processes_that_open_a_new_instance_at_once_all_succeed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OPEN, str(tmp_path / "dagster")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [process.communicate()[1] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0], errors


@pytest.mark.heavy
def test_an_instance_is_prepared_once(tmp_path: Path) -> None:
    with opened_instance(tmp_path) as first:
        assert first.get_runs() == []
    made = (tmp_path / ".tables-made").stat().st_mtime_ns
    with opened_instance(tmp_path) as second:
        assert isinstance(second, dg.DagsterInstance)

    assert (tmp_path / ".tables-made").stat().st_mtime_ns == made


def test_runs_name_the_code_location_that_the_ui_loads() -> None:
    loaded = ModuleTarget(MODULE, attribute=None, working_directory=None, location_name=None).create_origins()

    assert [origin.location_name for origin in loaded] == [remote_origin().code_location_origin.location_name]
    assert remote_origin().repository_name == "__repository__"
