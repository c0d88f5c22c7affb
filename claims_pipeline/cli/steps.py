"""The steps of a long command on standard error.

A step reads `who: what`. On a terminal each `who` has one line that shows its latest step and the time it took;
elsewhere each step is a line with the seconds since the beginning.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from claims_pipeline.cli.app import err


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """Yield the function that shows the next step."""
    if not err.is_terminal:
        began = time.monotonic()
        yield lambda text: err.print(f"{time.monotonic() - began:6.1f} s  {text}", markup=False)
        return
    columns = (SpinnerColumn(finished_text=" "), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=err) as progress:
        lines: dict[str, TaskID] = {}

        def finish() -> None:
            for line in lines.values():
                progress.update(line, completed=1)

        def next_step(text: str) -> None:
            who = text.split(": ", 1)[0]
            if who in lines:
                progress.update(lines[who], description=text)
            else:
                finish()
                lines[who] = progress.add_task(text, total=1)

        yield next_step
        finish()
