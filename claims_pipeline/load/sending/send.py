"""Sends transaction bundles: when to try again, when to split, when to give up.

The FHIR server does not name the resource for which it refuses a transaction, so a refused bundle is halved until the
refused resources are alone: at most 2 * ceil(log2(n)) further requests for one among n. A bundle is sent again after
any temporary error: PUT by id is idempotent, so the loss of an answer costs a request and makes no duplicate.

HTTP 409 and 5xx may be about the server or about one resource. A bundle that meets them again, while the server accepts
other writes, is halved too. A single resource that is refused `ALONE_ATTEMPTS` times, while the server accepts another
write after each, is rejected. If the server reports an error of its own, nothing is rejected.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import httpx

from claims_pipeline.errors import ClaimsPipelineError, FhirError, ServerUnavailable
from claims_pipeline.load.resource import NOT_SENT, Resource, Result
from claims_pipeline.load.sending.answer import (
    Answer,
    Meaning,
    read_answer,
    read_error,
)
from claims_pipeline.load.sending.bundles import Encode, deletion, halves, size, transaction
from claims_pipeline.load.sending.client import FhirClient
from claims_pipeline.load.sending.in_flight import InFlightLimit
from claims_pipeline.load.sending.operation_outcome import missing_target

SUSPECT_ATTEMPTS = 2
"""After this many failures of a bundle, while the server accepts other writes, the bundle is the cause."""
ALONE_ATTEMPTS = 4
"""A single resource is sent this often before it is rejected."""
TROUBLE_ATTEMPTS, TROUBLE_PART_ATTEMPTS = 6, 2
"""After this many errors of the server with one bundle, while other bundles succeed, it is sent in parts."""
CONFLICT_RETRIES = 2
"""Repetitions that the server makes itself of a bundle that meets another write: faster than those of the loader."""
BACKOFF_BASE_SECONDS = 0.5
BACKOFF_CAP_SECONDS = 20.0
DOUBLINGS_AT_MOST = 16
"""More than the cap needs; without a limit, the pause of a load with a long patience is too large for a float."""

OnResults = Callable[[Sequence[Result]], Awaitable[None]]
Probe = Callable[[], Awaitable[bool]]


@dataclass
class Stop:
    """Why nothing more is sent; shared by senders."""

    reason: ClaimsPipelineError | None = None
    happened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Sender:
    """Sends bundles with retries; every resource passed to `deliver` has exactly one result.

    Attributes:
        largest: most resources in one bundle.
        encode: makes the bundle, of updates or deletions.
        probe: returns whether the server accepts another write; None if there is no way to find out.
    """

    client: FhirClient
    limit: InFlightLimit
    patience_seconds: float
    largest: int
    encode: Encode = transaction
    probe: Probe | None = None
    randomness: random.Random = field(default_factory=random.Random)
    _too_large: list[tuple[int, int]] = field(default_factory=list)
    _last_success: float = 0.0
    _not_before: float = 0.0
    _stop: Stop = field(default_factory=Stop)
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def stopped(self) -> ClaimsPipelineError | None:
        """Why nothing more is sent; None while the sender sends."""
        return self._stop.reason

    def deleting(self) -> "Sender":
        """Return a sender that deletes; what stops one stops the other."""
        return replace(self, encode=deletion)

    async def deliver(
        self, resources: Sequence[Resource], on_results: OnResults, *, is_part_of_suspect: bool = False
    ) -> None:
        """Send resources until each is loaded, rejected or given up; call `on_results` with each part as it settles.

        Args:
            resources: one bundle; if the server is known to take none so large, it is halved before it is sent.
            on_results: called with the results, each resource once.
            is_part_of_suspect: they are a part of a bundle that the server failed over.
        """
        parts = halves(resources)
        if parts and self._is_too_large(resources):
            answer = Answer(Meaning.TOO_LARGE, shown="too large for the server")
        else:
            answer = await self._send_until_decided(resources, is_alone=not parts, is_part=is_part_of_suspect)
        if answer.meaning is Meaning.ACCEPTED:
            entries = zip(resources, answer.entries, strict=True)
            await on_results([Result(resource, *entry) for resource, entry in entries])
            return
        if answer.meaning is Meaning.TOO_LARGE:
            self._note_too_large(resources)
            parts = halves(resources, by_size=True)
        if answer.meaning.is_about_content and parts and self.stopped is None:
            is_suspect = is_part_of_suspect or answer.meaning in {Meaning.SUSPECT, Meaning.REFUSED}
            for part in parts:
                await self.deliver(part, on_results, is_part_of_suspect=is_suspect)
        else:
            is_decided = answer.meaning in {Meaning.REFUSED, Meaning.TOO_LARGE} and not parts
            await on_results([_given_up(resource, answer, is_decided=is_decided) for resource in resources])

    def _is_too_large(self, resources: Sequence[Resource]) -> bool:
        """Return whether the server has refused a bundle that was no larger.

        A server may limit the entries of a bundle or its bytes. Only what is no smaller in either than one that was
        refused is sure to be refused too: one large resource says nothing about bundles of small ones.
        """
        if not self._too_large:
            return False
        count, characters = len(resources), size(resources)
        return any(count >= refused[0] and characters >= refused[1] for refused in self._too_large)

    def _note_too_large(self, resources: Sequence[Resource]) -> None:
        if not self._is_too_large(resources):
            count, characters = len(resources), size(resources)
            larger = [refused for refused in self._too_large if refused[0] >= count and refused[1] >= characters]
            self._too_large[:] = [*(r for r in self._too_large if r not in larger), (count, characters)]

    def stop(self, reason: ClaimsPipelineError) -> None:
        """Send nothing more; requests in flight may end."""
        self._stop.reason = self._stop.reason or reason
        self._stop.happened.set()

    async def _send_until_decided(self, resources: Sequence[Resource], *, is_alone: bool, is_part: bool) -> Answer:
        content = self.encode(resources)
        errors_enough = ALONE_ATTEMPTS if is_alone else 1 if is_part else SUSPECT_ATTEMPTS
        troubles_enough = TROUBLE_PART_ATTEMPTS if is_part and not is_alone else TROUBLE_ATTEMPTS
        began = time.monotonic()
        attempt, errors, troubles = 0, 0, 0
        answer = Answer(Meaning.PASSING, text=NOT_SENT, shown=NOT_SENT)
        while self.stopped is None:
            sent = time.monotonic()
            answer = await self._attempt(content, len(resources), is_first=attempt == 0 and not is_part)
            attempt += 1
            if answer.meaning is Meaning.STOP:
                self.stop(FhirError(answer.text, where=self.client.base_url, fix=answer.fix))
            if answer.meaning.is_final:
                return answer
            if answer.meaning is Meaning.SERVER_ERROR:
                errors += not (is_alone or errors + 1 >= errors_enough) or await self._takes_others(since=sent)
                if errors >= errors_enough:
                    return replace(answer, meaning=Meaning.REFUSED if is_alone else Meaning.SUSPECT)
            troubles += answer.meaning is Meaning.TROUBLE
            if troubles >= troubles_enough and self._last_success > began:
                return replace(answer, meaning=Meaning.SUSPECT)
            if time.monotonic() - began > self.patience_seconds:
                self._give_up(answer, began)
                return answer
            await self._pause(attempt, answer)
        return answer

    async def _takes_others(self, *, since: float) -> bool:
        """Return whether the server has accepted another write since a time, or accepts one now."""
        async with self._probing:
            if self._last_success <= since and self.probe is not None and await self.probe():
                self._last_success = time.monotonic()
        return self._last_success > since

    async def _attempt(self, content: bytes, count: int, *, is_first: bool) -> Answer:
        began = time.monotonic()
        is_deletion = self.encode is deletion
        conflict_retries = CONFLICT_RETRIES if is_first and not is_deletion else 0
        try:
            response = await self.client.post_bundle(
                content, is_deletion=is_deletion, conflict_retries=conflict_retries
            )
        except httpx.RequestError as error:
            answer = read_error(error)
        except ClaimsPipelineError as error:  # the authorisation server issues no token
            self.stop(error)
            answer = Answer(Meaning.STOP, text=error.message, shown=error.message, fix=error.fix)
        else:
            answer = read_answer(response, count)
        seconds = time.monotonic() - began
        self.client.traffic.count_status(answer.label)
        if answer.meaning is Meaning.ACCEPTED:
            self._last_success = time.monotonic()
            self.client.traffic.latencies.append(seconds)
            if 2 * count >= self.largest or self._too_large:  # the last few of a chunk say nothing about the others
                self.limit.on_answer(seconds)
        elif answer.is_overload:
            self.limit.on_overload(began)
        return answer

    async def _pause(self, attempt: int, answer: Answer) -> None:
        """Wait for the next attempt, at least as long as the server has asked in any answer."""
        self.client.traffic.retries += 1
        now = time.monotonic()
        self._not_before = max(self._not_before, now + (answer.retry_after or 0.0))
        seconds = max(backoff_seconds(attempt, answer.retry_after, self.randomness), self._not_before - now)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.happened.wait(), seconds)

    def _give_up(self, answer: Answer, began: float) -> None:
        if self._last_success < began:  # no other bundle was accepted either: the server is the cause
            self.stop(
                ServerUnavailable(
                    f"the FHIR server accepted nothing for {self.patience_seconds:.0f} s: {answer.shown}",
                    where=self.client.base_url,
                    fix="look for the cause (claims server logs), then run the same command again",
                )
            )


def backoff_seconds(attempt: int, retry_after: float | None, randomness: random.Random) -> float:
    """Return how long to wait after the `attempt`-th failure (from 1): full jitter, never before Retry-After."""
    if retry_after is not None:
        return retry_after + randomness.uniform(0.0, BACKOFF_BASE_SECONDS)
    doublings = min(attempt - 1, DOUBLINGS_AT_MOST)
    return randomness.uniform(0.0, min(BACKOFF_CAP_SECONDS, BACKOFF_BASE_SECONDS * 2**doublings))


def _given_up(resource: Resource, answer: Answer, *, is_decided: bool) -> Result:
    if not is_decided:
        return Result(resource, "failed", "", answer.status, answer.shown)
    missing = missing_target(answer.text)
    return Result(resource, "rejected", "", answer.status, answer.shown, missing, full_text=answer.text)
