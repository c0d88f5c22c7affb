"""Background processes that outlive the command that started them, and their pid files.

A process is identified by its pid, its boot and its start time: a pid alone may belong to another program by now. On
Linux the kernel gives each boot an id and counts start times from the boot, so both are compared; elsewhere, and for a
pid file without them, the start time by the clock. A zombie counts as dead, because containers without an init may
never reap one. A pid file that names a process that no longer runs is stale, and is treated as if it did not exist.
"""

import json
import math
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from claims_pipeline.errors import ServiceError
from claims_pipeline.files import write_atomically
from claims_pipeline.home import UMASK
from claims_pipeline.log_rotation import lines_of, rotated
from claims_pipeline.signals import LAUNCHER, with_default_signals

START_TOLERANCE_SECONDS = 2.0
"""The kernel derives start times from the clock, so a corrected clock moves them a little."""

TICK_SECONDS = 0.02
"""Two of the kernel's ticks: the precision with which a start time since the boot is read again."""

POLL_SECONDS = 0.1

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""Linux generates a new id at each boot."""

_children: list[subprocess.Popen[bytes]] = []  # kept, so that subprocess polls and reaps them while this process lives
_started: "list[ProcessIdentity]" = []


@dataclass(frozen=True)
class ProcessIdentity:
    """Identity of one process, distinct from that of a later one with the same pid.

    Attributes:
        pid: process id.
        started: start time by the clock, seconds since 1970 (UTC).
        since_boot: start time in seconds since the boot, nan if not known.
        boot: id of the boot, empty if not known.
    """

    pid: int
    started: float
    since_boot: float = math.nan
    boot: str = ""

    @property
    def started_at(self) -> datetime:
        """Start time in UTC."""
        return datetime.fromtimestamp(self.started, UTC)


def identify(pid: int) -> ProcessIdentity | None:
    """Return the identity of a living process, None if there is none with this pid."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        started = process.create_time()
        return ProcessIdentity(pid, started, round(started - psutil.boot_time(), 3), _boot())
    except (psutil.Error, ValueError):
        return None


def is_running(process: ProcessIdentity) -> bool:
    """Return whether exactly this process runs."""
    return _found_again(process) is not None


def _found_again(process: ProcessIdentity) -> ProcessIdentity | None:
    """Return psutil's object for exactly this process, None if it has ended."""
    now = identify(process.pid)
    if now is None:
        return None
    if now.boot and process.boot:
        is_same = now.boot == process.boot and abs(now.since_boot - process.since_boot) < TICK_SECONDS
    else:
        is_same = abs(now.started - process.started) < START_TOLERANCE_SECONDS
    return now if is_same else None


def _boot() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def command_line(process: ProcessIdentity) -> list[str]:
    """Return the program and arguments of a process, empty if it has ended."""
    try:
        return psutil.Process(process.pid).cmdline()
    except psutil.Error:
        return []


def write_pid_file(path: Path, process: ProcessIdentity) -> None:
    """Record a process in a pid file, replacing the file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(asdict(process)).encode())


def read_pid_file(path: Path) -> ProcessIdentity | None:
    """Return the living process that a pid file names; None if the file is missing, unreadable or stale."""
    process = _recorded(path)
    return _found_again(process) if process else None


def survivors(path: Path) -> list[ProcessIdentity]:
    """Return the processes that the killed process of a pid file started and that still run; none while it runs."""
    process = _recorded(path)
    if process is None or identify(process.pid) or not _is_of_this_boot(process):
        return []
    return [member for member in _session(process.pid) if member.started > process.started - START_TOLERANCE_SECONDS]


def _is_of_this_boot(process: ProcessIdentity) -> bool:
    if process.boot and (boot := _boot()):
        return process.boot == boot
    return process.started > psutil.boot_time() - START_TOLERANCE_SECONDS


def _recorded(path: Path) -> ProcessIdentity | None:
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
        since_boot = float(recorded.get("since_boot", math.nan))
        boot = str(recorded.get("boot", ""))
        return ProcessIdentity(int(recorded["pid"]), float(recorded["started"]), since_boot, boot)
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _session(leader: int) -> list[ProcessIdentity]:
    """Return the running processes of a session; while there is one, the leader's pid is not reused."""
    if not hasattr(os, "getsid"):
        return []
    found = []
    for pid in psutil.pids():
        with suppress(OSError):
            if os.getsid(pid) == leader:
                found.append(identify(pid))
    return [process for process in found if process]


def start_detached(
    command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> ProcessIdentity:
    """Start a program in a new session, so that it outlives this process and its terminal, and return its identity.

    It begins with the default action of each signal, even if this process ignores some.

    Args:
        command: program and arguments.
        log: file for standard output and standard error; it is rotated at the start and when it is full.
        env: environment; that of this process if None.
        cwd: working directory; that of this process if None.

    Raises:
        ServiceError: the program is missing or cannot be run, or ended at once.
    """
    try:
        with rotated(log) as output:
            child = subprocess.Popen(
                with_default_signals(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=cwd,
                start_new_session=True,
                umask=UMASK,
            )
    except OSError as error:
        raise ServiceError(f"cannot run {command[0]}: {error.strerror}", fix="make setup") from error
    _children.append(child)
    process = identify(child.pid)
    if process:
        note_started(process)
        wait_until(lambda: LAUNCHER not in command_line(process), seconds=10)  # until then it may ignore signals
    if process is None or not is_running(process):
        last_words = "".join(f": {line}" for line in lines_of(log)[-1:])
        message = f"{Path(command[0]).name} ended at once with code {child.wait()}{last_words}"
        raise ServiceError(message, where=str(log))
    return process


def note_started(process: ProcessIdentity) -> None:
    """Record a process that was started in another way than with `start_detached`, for `started_here`."""
    _started.append(process)


def started_here() -> list[ProcessIdentity]:
    """Return the detached processes that this process started and that still run, the latest first."""
    return [process for process in reversed(_started) if is_running(process)]


def stop(process: ProcessIdentity, *, seconds: float) -> bool:
    """End a process and the processes that it started: ask them to end, then kill those left after `seconds`.

    Returns:
        True if nothing had to be killed.
    """
    return _end([process] if is_running(process) else [], _family(process), seconds=seconds)


def stop_survivors(path: Path, *, seconds: float) -> bool:
    """End the processes that the killed process of a pid file left running, and return whether there were any."""
    left = survivors(path)
    _end(left, left, seconds=seconds)
    return bool(left)


def _end(asked: list[ProcessIdentity], family: list[ProcessIdentity], *, seconds: float) -> bool:
    for process in asked:
        with suppress(psutil.Error):
            psutil.Process(process.pid).terminate()
    ended = wait_until(lambda: not any(map(is_running, family)), seconds=seconds)
    for member in filter(is_running, family):
        with suppress(psutil.Error):
            psutil.Process(member.pid).kill()
    wait_until(lambda: not any(map(is_running, family)), seconds=10)
    _reap()
    return ended


def _reap() -> None:
    """Collect the exit codes of the children that ended, so that none stays as a zombie while this process lives."""
    _children[:] = [child for child in _children if child.poll() is None]


def _family(process: ProcessIdentity) -> list[ProcessIdentity]:
    if not is_running(process):
        return []
    with suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
        return [process, *filter(None, (identify(child.pid) for child in children))]
    return [process]


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Return True as soon as `condition` holds, False if it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
