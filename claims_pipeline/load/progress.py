"""The progress of a load while it runs."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

PACE_SECONDS = 30.0
"""The pace is that of this time: a server becomes faster, and resource types differ, so older figures mislead."""

REPORT_SECONDS = 1.0
"""Progress is reported at least this often, also while the server accepts nothing."""

FORECAST_SECONDS = 3.0
"""The time left is not estimated from less time than this."""


@dataclass(frozen=True)
class Progress:
    """The progress of a load; as text, one line.

    Attributes:
        stage: what is being loaded, or waited for.
        settled: resources that have a result.
        total: resources of the load, 0 if not known.
        claims_per_second: claims loaded a second, over the last `PACE_SECONDS`.
        resources_per_second: resources loaded a second, over the last `PACE_SECONDS`.
        in_flight: requests in flight, None while nothing is sent.
        retries: requests that repeated an earlier one.
        seconds_left: at that pace, None if not known.
    """

    stage: str
    settled: int = 0
    total: int = 0
    claims_per_second: float = 0.0
    resources_per_second: float = 0.0
    in_flight: int | None = None
    retries: int = 0
    seconds_left: float | None = None

    @property
    def time_left(self) -> str:
        """Such as "1:02:03 left" or "0:42 left"; empty if not known."""
        if self.seconds_left is None:
            return ""
        minutes, seconds = divmod(round(self.seconds_left), 60)
        hours, minutes = divmod(minutes, 60)
        return (f"{hours}:{minutes:02}" if hours else f"{minutes}") + f":{seconds:02} left"

    @property
    def speed(self) -> str:
        """Such as "1,412 claims/s"; of all resources while no claims are loaded."""
        if self.claims_per_second:
            return f"{self.claims_per_second:,.0f} claims/s"
        return f"{self.resources_per_second:,.0f} resources/s"

    def __str__(self) -> str:
        if not self.total and not self.settled:
            return self.stage
        parts = [f"{self.stage}: {self.settled:,}" + (f" of {self.total:,}" if self.total else "") + " resources"]
        if self.in_flight is not None:
            parts.append(self.speed)
            parts.append(f"{self.in_flight} in flight, {self.retries:,} retries")
        return ", ".join([*parts, self.time_left] if self.time_left else parts)


class _Sample(NamedTuple):
    time: float
    settled: int
    claims: int
    resources: int


@dataclass
class Pace:
    """How fast a load was over the last `PACE_SECONDS`."""

    _samples: deque[_Sample] = field(default_factory=deque)

    def add(self, now: float, settled: int, claims: int, resources: int) -> None:
        """Record how many resources are settled, and how many claims and resources are loaded, at a time in seconds."""
        self._samples.append(_Sample(now, settled, claims, resources))
        while self._samples[0] is not self._samples[-1] and self._samples[1].time <= now - PACE_SECONDS:
            self._samples.popleft()

    @property
    def claims_per_second(self) -> float:
        """Claims loaded a second in that time, counted from the first that was sent; 0 before."""
        return self._per_second("claims", self._since("claims"))

    @property
    def resources_per_second(self) -> float:
        """Resources loaded a second in that time, or in the part of it in which claims are loaded; 0 before."""
        return self._per_second("resources", self._since("claims" if self.claims_per_second else "resources"))

    def progress(
        self, stage: str, *, settled: int, total: int, claims: int, resources: int, in_flight: int, retries: int
    ) -> Progress:
        """Record these numbers as of now, and return them as a progress with the pace and the time left."""
        self.add(time.monotonic(), settled, claims, resources)
        return Progress(
            stage=stage,
            settled=settled,
            total=total,
            claims_per_second=self.claims_per_second,
            resources_per_second=self.resources_per_second,
            in_flight=in_flight,
            retries=retries,
            seconds_left=self.seconds_left(total - settled),
        )

    def _since(self, counted: Literal["claims", "resources"]) -> _Sample | None:
        """Return the last sample before something was counted, or the first sample."""
        without = [sample for sample in self._samples if not getattr(sample, counted)]
        return without[-1] if without else next(iter(self._samples), None)

    def _per_second(self, counted: Literal["claims", "resources"], began: _Sample | None) -> float:
        if began is None or self._samples[-1].time <= began.time:
            return 0.0
        ended = self._samples[-1]
        loaded: int = getattr(ended, counted) - getattr(began, counted)
        return loaded / (ended.time - began.time)

    def seconds_left(self, remaining: int) -> float | None:
        """Return how many seconds `remaining` resources take at this pace; None if it is too early to say."""
        if not self._samples or not remaining:
            return None
        first, last = self._samples[0], self._samples[-1]
        seconds, settled = last.time - first.time, last.settled - first.settled
        return seconds * remaining / settled if settled and seconds >= FORECAST_SECONDS else None


OnProgress = Callable[[Progress], None]


@asynccontextmanager
async def reporting(on_progress: OnProgress, progress: Progress) -> AsyncIterator[None]:
    """Report a progress that does not change, at once and every `REPORT_SECONDS`, during a `with` block."""

    async def again() -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            on_progress(progress)

    on_progress(progress)
    task = asyncio.create_task(again())
    try:
        yield
    finally:
        task.cancel()


def at_most_every(seconds: float, on_progress: Callable[[str], None]) -> OnProgress:
    """Return a callback that passes on a line when a stage is new, and otherwise every `seconds`.

    (A stage may come again, such as the same table on each day.)
    """
    seen: set[str] = set()
    last_time = float("-inf")

    def pass_on(progress: Progress) -> None:
        nonlocal last_time
        now = time.monotonic()
        if progress.stage not in seen or now - last_time >= seconds:
            seen.add(progress.stage)
            last_time = now
            on_progress(str(progress))

    return pass_on


def silent(progress: Progress) -> None:
    """Report nothing."""
    del progress
