"""What is wrong now, as incidents: one alert is sent when an incident begins, and an all-clear when it is over.

A day of the feed has one incident at most, whatever is wrong with it: a failed load, checks that warn, staleness. A day
that is not loaded is worse than a warning: if the alert was sent for a warning only, a second message says so.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime

from pydantic import BaseModel, Field

from claims_pipeline.orchestration.notify import PLACES, Message

DAYS_NAMED = 10


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Incident(BaseModel):
    """Something that is wrong, with some days or with what has no days.

    Attributes:
        cause: what can be wrong in one way, such as "runs", a check or a job; the first one that was noticed.
        subject: one line for a person.
        text: what failed, and where to look.
        days: days that it is about; none for what has no days.
        wrong: causes by day that is still wrong.
        since: when it was noticed, ISO 8601.
        is_told: whether its alert is among the messages to send, or was sent.
    """

    cause: str
    subject: str
    text: str
    days: list[date] = []
    wrong: dict[date, list[str]] = {}
    since: str = Field(default_factory=_now)
    is_told: bool = False

    @property
    def is_over(self) -> bool:
        """Whether all of its days are right again; never for what has no days."""
        return bool(self.days) and not self.wrong

    def add(self, cause: str, days: Iterable[date]) -> None:
        """Note that something is wrong with days, known to it or new."""
        for day in days:
            causes = self.wrong.setdefault(day, [])
            if cause not in causes:
                causes.append(cause)
        self.days = sorted({*self.days, *self.wrong})

    def take(self, cause: str, days: Iterable[date] | None) -> None:
        """Note that something is right again with some days, or with all if None."""
        for day in list(self.wrong) if days is None else days:
            left = [other for other in self.wrong.pop(day, []) if other != cause]
            if left:
                self.wrong[day] = left

    def opened(self) -> Message:
        """Return the alert."""
        return Message(self.subject, f"{self.text}\n{_named(self.days)}since {self.since}")

    def closed(self) -> Message:
        """Return the all-clear."""
        return Message(f"over: {self.subject}", f"{_named(self.days)}it began at {self.since}")


class Unsent(BaseModel):
    """A message that is still to be delivered to some places.

    Attributes:
        subject: one line for a person.
        text: what stands below it.
        places: where it is still to be delivered.
        is_logged: whether it is in the log of a tick.
    """

    subject: str
    text: str
    places: list[str]
    is_logged: bool = False


class Book(BaseModel):
    """The open incidents, and the messages that are not delivered yet.

    Attributes:
        runs_until: runs that changed until then (seconds since 1970) have been looked at.
        checks_until: evaluations of checks until then have been looked at.
        open: incidents that are not over.
        unsent: messages that are still to be delivered, the oldest first.
    """

    runs_until: float = 0.0
    checks_until: float = 0.0
    open: list[Incident] = Field(default_factory=list)
    unsent: list[Unsent] = Field(default_factory=list)

    def begin(
        self,
        cause: str,
        subject: str,
        text: str,
        days: Iterable[date] = (),
        *,
        goes_on: bool = False,
        news_unless: Collection[str] | None = None,
    ) -> None:
        """Open an incident for the days that have none, or for what has no days.

        What else is wrong with a day that has an incident becomes part of that one.

        Args:
            cause: what is wrong, in one way.
            subject: one line for a person.
            text: what failed, and where to look.
            days: the days that it is about; none for what has no days.
            goes_on: whether all days belong to the open incident of the same cause.
            news_unless: causes that say the same or more of a day. Days whose alert was sent for none of these are
                named in one more message. Without it, what joins an incident is not sent again.
        """
        subject, text = _printable(subject), _printable(text)
        of_cause = [incident for incident in self.open if incident.cause == cause]
        new = set(days)
        if not new:
            if not any(not incident.days for incident in of_cause):
                self.open.append(Incident(cause=cause, subject=subject, text=text))
            return
        if news_unless is not None and not (goes_on and of_cause):
            told = {day for incident in self.open if incident.is_told for day in new & incident.wrong.keys()}
            if worse := told.difference(*map(self.days, news_unless)):
                text_of_worse = f"{text}\n{_named(sorted(worse))}an alert for these days was sent before"
                self._queue(Message(f"also: {subject}", text_of_worse))
        for incident in self.open:
            known = new & incident.wrong.keys()
            if known and not incident.is_told and cause not in {one for day in known for one in incident.wrong[day]}:
                incident.text += f"\nalso: {subject}"
            incident.add(cause, known)
            new -= known
        if not new:
            return
        if goes_on and of_cause:
            of_cause[0].add(cause, new)
            return
        incident = Incident(cause=cause, subject=subject, text=text)
        incident.add(cause, new)
        self.open.append(incident)

    def end(self, cause: str, days: Iterable[date] | None = None) -> None:
        """Note that something is right again with some days, or with all if None; close the incidents that are over."""
        right = None if days is None else set(days)
        still_open = []
        for incident in self.open:
            incident.take(cause, right)
            if incident.is_over or (incident.cause == cause and not incident.days):
                if incident.is_told:
                    self._queue(incident.closed())
            else:
                still_open.append(incident)
        self.open = still_open

    def days(self, cause: str) -> list[date]:
        """Return the days with which something is wrong."""
        return sorted({day for incident in self.open for day, causes in incident.wrong.items() if cause in causes})

    def report(self) -> None:
        """Add the alerts of the incidents that have begun to the messages to send."""
        for incident in self.open:
            if not incident.is_told:
                incident.is_told = True
                self._queue(incident.opened())

    def _queue(self, message: Message) -> None:
        self.unsent.append(Unsent(subject=message.subject, text=message.text, places=list(PLACES)))


def _printable(text: str) -> str:
    """Escape what no encoding takes, such as parts of a file name that are no text."""
    return text.encode(errors="backslashreplace").decode()


def _named(days: Sequence[date]) -> str:
    if not days:
        return ""
    more = len(days) - DAYS_NAMED
    return "days: " + ", ".join(map(str, days[:DAYS_NAMED])) + (f" and {more:,} more\n" if more > 0 else "\n")
