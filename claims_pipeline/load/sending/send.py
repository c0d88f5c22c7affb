"""One transaction bundle to the server and back: what an answer means, when to try again, when to split.

The FHIR server names no culprit when it refuses a transaction, so a refused bundle is halved until the culprits are
alone: at most 2 * ceil(log2(n)) further requests for one among n. A bundle is sent again after anything that may
pass: PUT by id is idempotent, so a lost answer to a write that was done costs a request, not a duplicate.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import httpx

from claims_pipeline.errors import ClaimsPipelineError, FhirError, ServerUnavailable
from claims_pipeline.load.resource import Resource, Result
from claims_pipeline.load.sending.answer import (
    Answer,
    Meaning,
    missing_target,
    read_answer,
    read_error,
    without_values,
)
from claims_pipeline.load.sending.client import FhirClient
from claims_pipeline.load.sending.limits import InFlightLimit, backoff_seconds
from claims_pipeline.load.sending.pack import Encode, deletion, halves, size, transaction

SUSPECT_ATTEMPTS = 6
"""A bundle that the server answers with an error this often, while it takes others, holds the cause itself."""
SUSPECT_PART_ATTEMPTS = 2
"""A part of such a bundle gets fewer attempts."""

OnResults = Callable[[Sequence[Result]], Awaitable[None]]


@dataclass
class Stop:
    """Why nothing more is sent, for all who share it."""

    reason: ClaimsPipelineError | None = None
    happened: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Sender:
    """Sends bundles with retries; every resource given to `deliver` comes back in exactly one result.

    Attributes:
        largest: most resources in one bundle.
        encode: what is done with the resources.
    """

    client: FhirClient
    limit: InFlightLimit
    patience_seconds: float
    largest: int
    encode: Encode = transaction
    randomness: random.Random = field(default_factory=random.Random)
    _too_large: list[tuple[int, int]] = field(default_factory=list)
    _last_success: float = 0.0
    _not_before: float = 0.0
    _stop: Stop = field(default_factory=Stop)

    @property
    def stopped(self) -> ClaimsPipelineError | None:
        """Why nothing more is sent; None while sending goes on."""
        return self._stop.reason

    def deleting(self) -> "Sender":
        """Return a sender that deletes; what stops one stops the other."""
        return replace(self, encode=deletion)

    async def deliver(
        self, resources: Sequence[Resource], on_results: OnResults, *, attempts: int = SUSPECT_ATTEMPTS
    ) -> None:
        """Send resources until each is loaded, rejected or given up; tell `on_results` of each part as it settles.

        Args:
            resources: one bundle; if the server is known to take none so large, it is halved before it is sent.
            on_results: told what became of resources, each of them once.
            attempts: errors of the server after which it is the bundle that is suspected.
        """
        if self._is_too_large(resources) and halves(resources):
            answer = Answer(Meaning.TOO_LARGE)
        else:
            answer = await self._send_until_decided(resources, attempts)
        if answer.meaning is Meaning.ACCEPTED:
            entries = zip(resources, answer.entries, strict=True)
            await on_results([Result(resource, *entry) for resource, entry in entries])
            return
        if answer.meaning is Meaning.TOO_LARGE:
            self._note_too_large(resources)
        parts = halves(resources, by_size=answer.meaning is Meaning.TOO_LARGE) or ()
        if answer.meaning.is_about_content and parts and self.stopped is None:
            fewer = SUSPECT_PART_ATTEMPTS if answer.meaning is Meaning.SUSPECT else attempts
            for part in parts:
                await self.deliver(part, on_results, attempts=fewer)
        else:
            is_decided = answer.meaning in {Meaning.REFUSED, Meaning.TOO_LARGE} and not parts
            await on_results([_given_up(resource, answer, is_decided=is_decided) for resource in resources])

    def _is_too_large(self, resources: Sequence[Resource]) -> bool:
        """Tell whether the server has refused a bundle that was no larger.

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
        """Send nothing more; what is in flight may end."""
        self._stop.reason = self._stop.reason or reason
        self._stop.happened.set()

    async def _send_until_decided(self, resources: Sequence[Resource], attempts: int) -> Answer:
        content = self.encode(resources)
        began = time.monotonic()
        attempt, errors = 0, 0
        answer = Answer(Meaning.PASSING, text="not sent")
        while self.stopped is None:
            answer = await self._attempt(content, len(resources))
            attempt += 1
            if answer.meaning is Meaning.STOP:
                self.stop(FhirError(answer.text, where=self.client.base_url, fix=answer.fix))
            if answer.meaning.is_final:
                return answer
            errors += answer.meaning is Meaning.SERVER_ERROR
            is_part = attempts == SUSPECT_PART_ATTEMPTS
            if errors >= attempts and (is_part or self._last_success > began):
                return Answer(Meaning.SUSPECT, answer.status, answer.text)
            if time.monotonic() - began > self.patience_seconds:
                self._give_up(answer, began)
                return answer
            await self._pause(attempt, answer)
        return answer

    async def _attempt(self, content: bytes, count: int) -> Answer:
        began = time.monotonic()
        try:
            response = await self.client.post_bundle(content, is_deletion=self.encode is deletion)
        except httpx.RequestError as error:
            answer = read_error(error)
        except ClaimsPipelineError as error:  # the authorisation server gives us no token
            self.stop(error)
            answer = Answer(Meaning.STOP, text=error.message, fix=error.fix)
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
        """Wait for the next attempt, at least as long as the server asked anyone to."""
        self.client.traffic.retries += 1
        now = time.monotonic()
        self._not_before = max(self._not_before, now + (answer.retry_after or 0.0))
        seconds = max(backoff_seconds(attempt, answer.retry_after, self.randomness), self._not_before - now)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.happened.wait(), seconds)

    def _give_up(self, answer: Answer, began: float) -> None:
        if self._last_success < began:  # nobody else got through either: it is the server
            self.stop(
                ServerUnavailable(
                    f"the FHIR server took nothing for {self.patience_seconds:.0f} s: {without_values(answer.text)}",
                    where=self.client.base_url,
                    fix="see what ails it (claims server logs), then run the same command again",
                )
            )


def _given_up(resource: Resource, answer: Answer, *, is_decided: bool) -> Result:
    text = without_values(answer.text)
    if not is_decided:
        return Result(resource, "failed", "", answer.status, text)
    missing = missing_target(answer.text)
    return Result(resource, "rejected", "", answer.status, text, missing, full_text=answer.text)
