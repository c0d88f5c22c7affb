"""What a load tells while it runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Where a load is; as text, one line.

    Attributes:
        stage: what is being loaded, or waited for.
        settled: resources whose end is known.
        total: resources to look at in all, 0 if not known.
        claims_per_second: claims loaded a second so far.
        in_flight: requests under way.
        retries: requests that repeated an earlier one.
        seconds_left: at the rate so far, None if not known.
    """

    stage: str
    settled: int = 0
    total: int = 0
    claims_per_second: float = 0.0
    in_flight: int = 0
    retries: int = 0
    seconds_left: float | None = None

    def __str__(self) -> str:
        if not self.total and not self.settled:
            return self.stage
        parts = [f"{self.stage}: {self.settled:,}" + (f" of {self.total:,}" if self.total else "") + " resources"]
        if self.in_flight or self.claims_per_second:
            parts.append(f"{self.claims_per_second:,.0f} claims/s")
            parts.append(f"{self.in_flight} in flight, {self.retries:,} retries")
        if self.seconds_left is not None:
            parts.append(f"{self.seconds_left:,.0f} s left")
        return ", ".join(parts)


OnProgress = Callable[[Progress], None]


def at_most_every(seconds: float, on_progress: Callable[[str], None]) -> OnProgress:
    """Return a callback that passes on a line when the stage changes, and otherwise every `seconds`."""
    last_stage, last_time = "", float("-inf")

    def pass_on(progress: Progress) -> None:
        nonlocal last_stage, last_time
        now = time.monotonic()
        if progress.stage != last_stage or now - last_time >= seconds:
            last_stage, last_time = progress.stage, now
            on_progress(str(progress))

    return pass_on


def silent(progress: Progress) -> None:
    """Tell nothing."""
    del progress
