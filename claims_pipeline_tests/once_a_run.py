"""What several modules read and none changes: made by the first worker that needs it, for all of them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` has filled once in this run, in whichever worker asked first.

    Its name begins with that of the package whose tests read it: all packages share the run's folder.
    """
    own = factory.getbasetemp()
    of_the_run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, is_made = of_the_run / name, of_the_run / f"{name}.made"
    with FileLock(of_the_run / f"{name}.lock"):
        if not is_made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a worker whose `make` failed
            folder.mkdir()
            make(folder)
            is_made.touch()
    return folder
