"""Moves the clock of each Python process that has this folder in PYTHONPATH forward by CLOCK_MOVED_BY seconds.

Dagster starts its daemon, code server and runs as processes of their own: they inherit the variable. gRPC's core goes
by the real clock: a clock that is behind it would make each deadline a timeout, and one that is ahead would let a
server wait until the real clock has caught up before it starts.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc._server  # type: ignore[import-untyped]
import time_machine


def move_clock(seconds: float) -> None:
    """Move this process's clock, except for the moment in which a gRPC server starts."""
    start_server = grpc._server._start
    moved = time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True)
    moved.start()

    def start_by_the_real_clock(state: Any) -> None:
        moved.stop()
        try:
            start_server(state)
        finally:
            time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True).start()

    grpc._server._start = start_by_the_real_clock


if moved_by := os.environ.get("CLOCK_MOVED_BY"):
    move_clock(float(moved_by))
