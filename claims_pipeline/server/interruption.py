"""What becomes of processes that a command started when it ends early."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from claims_pipeline.errors import ClaimsPipelineError, Interrupted
from claims_pipeline.processes import started_here
from claims_pipeline.processes import stop as end
from claims_pipeline.server.control import OnStep, stop_started_here
from claims_pipeline.server.status import running
from claims_pipeline.settings import Settings

STOP_SECONDS = 20
GO_ON = "the same command again goes on with what is missing"


@contextmanager
def none_left_behind(settings: Settings, on_step: OnStep) -> Iterator[None]:
    """Stop what this process started of the embedded server when a signal ends the block; see `stopping_what_started`.

    Raises:
        Interrupted: a signal came.
    """
    with stopping_what_started(
        lambda: stop_started_here(settings, on_step), lambda: running(settings), on_step, by="claims server stop"
    ):
        yield


@contextmanager
def stopping_what_started(
    stop: Callable[[], None], names: Callable[[], list[str]], on_step: OnStep, *, by: str
) -> Iterator[None]:
    """Call `stop` when a signal ends the block, and say what still runs then or after an error.

    A second signal ends the stopping.

    Args:
        stop: stops what this process started.
        names: returns the names of what runs, whoever started it.
        on_step: told each step as it begins.
        by: the command that stops what runs.

    Raises:
        Interrupted: a signal came; the message says what still runs.
    """
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as signalled:
        with suppress(KeyboardInterrupt, ClaimsPipelineError):
            on_step("interrupted: stopping what was started")
            stop()
            for process in started_here():  # what was not noted in a pid file yet
                end(process, seconds=STOP_SECONDS)
        where = signalled.where if isinstance(signalled, Interrupted) else ""
        raise _interrupted(names(), where, by) from signalled
    except ClaimsPipelineError:
        if left := names():
            on_step(f"still running: {', '.join(left)} ({by} stops it)")
        raise


def _interrupted(left: list[str], where: str, by: str) -> Interrupted:
    if left:
        return Interrupted(f"interrupted; still running: {', '.join(left)}", where=where, fix=f"{by}; {GO_ON}")
    return Interrupted("interrupted; nothing that it started still runs", where=where, fix=GO_ON)
