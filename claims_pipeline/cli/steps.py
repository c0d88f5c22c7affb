"""The steps of a long command on standard error: one moving line on a terminal, a line each elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from claims_pipeline.cli.app import err


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Yield the function that shows the next step; a terminal keeps each finished step with its time."""
    if not err.is_terminal:
        began = time.monotonic()
        yield lambda text: err.print(f"{time.monotonic() - began:6.1f} s  {text}", markup=False)
        return
    with Progress(
        SpinnerColumn(finished_text=" "),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=err,
    ) as progress:

        def next_step(text: str) -> None:
            _finish(progress)
            progress.add_task(text, total=1)

        yield next_step
        _finish(progress)


def _finish(progress: Progress) -> None:
    for task in progress.task_ids:
        progress.update(task, completed=1)
