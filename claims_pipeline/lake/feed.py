"""`feed.json`: the settings that a lake was made with, one feed a lake."""

from datetime import date
from pathlib import Path
from typing import Self

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from claims_pipeline.errors import DataError, FeedMismatch
from claims_pipeline.files import write_atomically
from claims_pipeline.settings import Settings

FEED_FILE = "feed.json"
GENERATOR_VERSION = 1
"""Rises whenever the same feed would give other rows."""


class Feed(BaseModel):
    """Everything that the generated rows depend on.

    `claims` ids are spread over `start_date`..`end_date`; days after `end_date` go on at the same rate.
    `patients` is the population; the people seen may be fewer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(ge=0, lt=2**63)
    patients: int = Field(ge=1)
    claims: int = Field(ge=1)
    start_date: date
    end_date: date
    version: int = GENERATOR_VERSION

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_date < self.start_date:
            msg = f"end_date {self.end_date} lies before start_date {self.start_date}"
            raise ValueError(msg)
        return self

    def differences(self, other: "Feed", *, theirs_are: str = "wanted") -> list[str]:
        """Return one line for each field in which `other`, what is wanted or what `theirs_are`, differs."""
        theirs = other.model_dump()
        return [
            f"{name}: the lake has {value}, {theirs_are} {theirs[name]}"
            for name, value in self.model_dump().items()
            if value != theirs[name]
        ]


def read_feed(root: Path) -> Feed | None:
    """Return the feed of the lake at `root`, or None where there is no feed yet.

    Raises:
        DataError: feed.json is there but is not a feed.
    """
    file = root / FEED_FILE
    try:
        return Feed.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError) as error:
        raise DataError(
            "feed.json does not describe a feed", where=str(file), fix="restore it, or make the lake anew"
        ) from error


def resolve_feed(root: Path, settings: Settings) -> Feed:
    """Return the feed of the lake at `root`, which is bound to it from now on.

    A setting that was given must agree with the lake's; one that was not is the lake's, or its default for a new lake.

    Raises:
        FeedMismatch: a setting that was given differs from the lake's feed.
    """
    stored = read_feed(root)
    names = ("seed", "patients", "claims", "start_date", "end_date")
    chosen = settings if stored is None else stored
    values = {name: getattr(settings if name in settings.model_fields_set else chosen, name) for name in names}
    feed = Feed(**values)
    require_feed(root, feed)
    return feed


def require_feed(root: Path, feed: Feed) -> None:
    """Bind the lake at `root` to `feed`: write feed.json if there is none, else compare.

    Raises:
        FeedMismatch: the lake belongs to a feed with other settings; all differences are listed.
    """
    stored = read_feed(root) or _bind(root, feed)
    if differences := stored.differences(feed):
        is_version_equal = stored.version == feed.version
        go_on = "leave these settings out to go on with this lake" if is_version_equal else "make the lake anew"
        raise FeedMismatch(
            f"the lake belongs to another feed ({'; '.join(differences)})",
            where=str(root / FEED_FILE),
            fix=f"{go_on}, or choose another folder: CLAIMS_HOME, --output",
        )


def _bind(root: Path, feed: Feed) -> Feed:
    """Write feed.json unless another process was first, and return the feed that it holds."""
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{FEED_FILE}.lock"):
        if stored := read_feed(root):
            return stored
        write_atomically(root / FEED_FILE, feed.model_dump_json(indent=2).encode() + b"\n")
    return feed
