"""Stopping the processes that a command started when a signal ends the command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from claims_pipeline.errors import ClaimsPipelineError, Interrupted
from claims_pipeline.processes import started_here
from claims_pipeline.processes import stop as end
from claims_pipeline.server.control import OnStep, stop_started_here
from claims_pipeline.server.status import running
from claims_pipeline.settings import Settings

STOP_SECONDS = 20
GO_ON = "the same command again continues with what is missing"


@contextmanager
def none_left_behind(settings: Settings, on_step: OnStep) -> Iterator[None]:
    """Stop the processes of the embedded server that the `with` block started if a signal ends it.

    See `stopping_what_started`.

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
    """Call `stop` if a signal ends the `with` block, and report what still runs then.

    Other processes that the block started are stopped too; those that ran before it keep running. A second signal
    interrupts the stopping. An error stops nothing; what runs is reported if the block started some of it.

    Args:
        stop: stops the processes that this process started.
        names: returns the names of the services that run, regardless of who started them.
        on_step: called with each step as it begins.
        by: the command that stops those services.

    Raises:
        Interrupted: a signal was received; the message names what still runs.
    """
    before = started_here()
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as signalled:
        with suppress(KeyboardInterrupt, ClaimsPipelineError):
            on_step("interrupted: stopping what was started")
            stop()
            for process in started_here():
                if process not in before:  # it has no pid file yet
                    end(process, seconds=STOP_SECONDS)
        where = signalled.where if isinstance(signalled, Interrupted) else ""
        raise _interrupted(names(), where, by) from signalled
    except ClaimsPipelineError:
        if set(started_here()) - set(before) and (left := names()):
            on_step(f"still running: {', '.join(left)} ({by} stops it)")
        raise


def _interrupted(left: list[str], where: str, by: str) -> Interrupted:
    if left:
        return Interrupted(f"interrupted; still running: {', '.join(left)}", where=where, fix=f"{by}; {GO_ON}")
    return Interrupted("interrupted; nothing that it started still runs", where=where, fix=GO_ON)
