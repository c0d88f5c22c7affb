"""What is wrong now, as incidents: each is told once when it begins and once when it is over."""

from collections.abc import Iterable, Sequence
from datetime import date

from pydantic import BaseModel, Field

from claims_pipeline.orchestration.notify import Message

DAYS_NAMED = 10


class Incident(BaseModel):
    """Something that is wrong.

    Attributes:
        subject: one line for a person.
        text: what failed, and where to look.
        days: days that are still wrong; it is over when there are none. Empty from the start for what has no days.
        since: when it was noticed, ISO 8601.
    """

    subject: str
    text: str
    days: list[date] = []
    since: str

    def opened(self) -> Message:
        """Return the alert."""
        return Message(self.subject, f"{self.text}\n{_named(self.days)}since {self.since}")

    def closed(self) -> Message:
        """Return the all-clear."""
        return Message(f"over: {self.subject}", f"{_named(self.days)}it began at {self.since}")


class Book(BaseModel):
    """The open incidents; the cursor of the sensor `alerts`.

    Attributes:
        runs_until: runs that changed until then (seconds since 1970) have been looked at.
        checks_until: evaluations of checks until then have been looked at.
        open: incidents by family, what can be wrong in one way, such as "runs" or a check.
        unsent: alerts and all-clears that are still to be delivered, as subject and text.
    """

    runs_until: float = 0.0
    checks_until: float = 0.0
    open: dict[str, list[Incident]] = Field(default_factory=dict)
    unsent: list[tuple[str, str]] = Field(default_factory=list)

    def begin(self, family: str, incident: Incident) -> None:
        """Open an incident for what is not part of an open one of its family."""
        others = self.open.setdefault(family, [])
        known = {day for other in others for day in other.days}
        days = [day for day in incident.days if day not in known]
        if others and not days:
            return
        new = incident.model_copy(update={"days": days})
        others.append(new)
        self._tell(new.opened())

    def end(self, family: str, days: Iterable[date] | None = None) -> None:
        """Take days that are right again off a family's incidents, all of them if None; close those that have none."""
        right = None if days is None else set(days)
        still_open = []
        for incident in self.open.pop(family, []):
            left = [] if right is None else [day for day in incident.days if day not in right]
            if left:
                still_open.append(incident.model_copy(update={"days": left}))
            else:
                self._tell(incident.closed())
        if still_open:
            self.open[family] = still_open

    def days(self, family: str) -> list[date]:
        """Return the days of a family's open incidents."""
        return sorted({day for incident in self.open.get(family, []) for day in incident.days})

    def tell_open_ones_only(self) -> None:
        """Forget what was to be told, and tell of the incidents that are open now."""
        self.unsent = []
        for incident in (one for family in self.open.values() for one in family):
            self._tell(incident.opened())

    def _tell(self, message: Message) -> None:
        self.unsent.append((message.subject, message.text))


def _named(days: Sequence[date]) -> str:
    if not days:
        return ""
    more = len(days) - DAYS_NAMED
    return "days: " + ", ".join(map(str, days[:DAYS_NAMED])) + (f" and {more:,} more\n" if more > 0 else "\n")
