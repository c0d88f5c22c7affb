"""Progress over days: a bar on a terminal, a line for each quarter elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from claims_pipeline.cli.app import err


@contextmanager
def day_progress(text: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function to be called with the days done and all days."""
    if not err.is_terminal:
        quarters: set[int] = set()

        def print_quarters(done: int, total: int) -> None:
            quarter = 4 * done // total
            if quarter not in quarters:
                quarters.add(quarter)
                err.print(f"{text}: {done:,} of {total:,} days")

        yield print_quarters
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
