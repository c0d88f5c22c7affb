"""How many requests may be in flight: a limit that grows while the server keeps up, and halves when it does not."""

import asyncio
import time
from dataclasses import dataclass, field

IN_FLIGHT_AT_START = 2
LATENCY_TOLERANCE = 3.0
"""Grow while the latency is below this many times the best smoothed one: twice as many requests on a busy server
take twice as long each, which alone is no sign of overload."""

SMOOTHING = 0.2


@dataclass
class InFlightLimit:
    """A semaphore for requests in flight, whose size depends on the latency and the errors of the server.

    Additive increase, multiplicative decrease, as in TCP: the limit starts low, grows by one after each round of
    answers while the latency is stable, and is halved when the server is overloaded.

    Attributes:
        maximum: never more than this many.
        size: how many now.
        in_flight: requests in flight.
        history: (seconds since the start, size) at each change.
    """

    maximum: int
    size: int = 0
    in_flight: int = 0
    history: list[tuple[float, int]] = field(default_factory=list)
    _answers: int = 0
    _latency: float = 0.0
    _best_latency: float = float("inf")
    _last_decrease: float = float("-inf")
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._resize(min(IN_FLIGHT_AT_START, self.maximum))

    async def acquire(self) -> None:
        """Wait until one more request may be in flight."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.in_flight < self.size)
            self.in_flight += 1

    async def release(self) -> None:
        """Release the place that `acquire` took."""
        async with self._changed:
            self.in_flight -= 1
            self._changed.notify_all()

    def on_answer(self, seconds: float) -> None:
        """Record the latency of an answer; the limit grows by one after a round of fast answers."""
        self._latency = seconds if not self._latency else (1 - SMOOTHING) * self._latency + SMOOTHING * seconds
        self._best_latency = min(self._best_latency, self._latency)
        self._answers += 1
        if self._answers >= self.size and self._latency <= LATENCY_TOLERANCE * self._best_latency:
            self._resize(min(self.maximum, self.size + 1))

    def expect_other_latency(self) -> None:
        """Reset the recorded latencies, because the resources that follow take another time."""
        self._latency, self._best_latency = 0.0, float("inf")

    def on_overload(self, began: float) -> None:
        """Halve the limit, once for all requests that were in flight together.

        Args:
            began: `time.monotonic()` when the request that failed was sent.
        """
        if began > self._last_decrease:
            self._last_decrease = time.monotonic()
            self._resize(max(1, self.size // 2))

    def _resize(self, size: int) -> None:
        self._answers = 0
        if size != self.size:
            self.size = size
            self.history.append((round(time.monotonic() - self._began, 3), size))
