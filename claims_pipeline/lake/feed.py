"""`feed.json`: the settings that a lake was made with, one feed a lake."""

from datetime import date
from pathlib import Path
from typing import Self

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from claims_pipeline.days import Day
from claims_pipeline.errors import ConfigError, DataError, FeedMismatch
from claims_pipeline.files import write_atomically
from claims_pipeline.settings import MOST_CLAIMS, MOST_IRREGULARITIES, MOST_PATIENTS, Settings

FEED_FILE = "feed.json"
FEED_SETTINGS = ("seed", "patients", "claims", "start_date", "end_date", "irregularities")
GENERATOR_VERSION = 8
"""Rises whenever the same feed would give other rows."""


class Feed(BaseModel):
    """Everything that the generated rows depend on.

    `claims` ids are spread over `start_date`..`end_date`; days after `end_date` go on at the same rate.
    `patients` is the population; the people seen may be fewer. `irregularities` is the share of claims that are made
    irregular (generate/irregularities/irregularities.py).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(ge=0, lt=2**63)
    patients: int = Field(ge=1, le=MOST_PATIENTS)
    claims: int = Field(ge=1, le=MOST_CLAIMS)
    start_date: Day
    end_date: Day
    irregularities: float = Field(default=0.0, ge=0, le=MOST_IRREGULARITIES)
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
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValidationError, UnicodeDecodeError) as error:
        raise DataError(
            "feed.json does not describe a feed", where=str(file), fix="restore it, or generate the lake again"
        ) from error


def requested_feed(root: Path, settings: Settings) -> Feed:
    """Return the feed of the lake at `root`, or the feed of the settings where there is no lake; nothing is written.

    Every command and asset asks here, so that a lake's feed.json decides, and there is one default without a lake.

    Raises:
        FeedMismatch: a setting that was given (as option or variable) differs from the lake's feed, or the lake was
            made by another version of the generator.
        ConfigError: the settings end before they start.
    """
    stored = read_feed(root)
    if stored is None:
        if settings.end_date < settings.start_date:
            raise ConfigError(
                f"the feed's end {settings.end_date} lies before its start {settings.start_date}",
                fix="--start-date and --end-date, or CLAIMS_START_DATE and CLAIMS_END_DATE",
            )
        return Feed(**{name: getattr(settings, name) for name in FEED_SETTINGS})
    given = {name: getattr(settings, name) for name in FEED_SETTINGS if name in settings.model_fields_set}
    _require_equal(root, stored, stored.model_copy(update=given | {"version": GENERATOR_VERSION}))
    return stored


def first_day(settings: Settings) -> date:
    """Return the first day of the installation's feed: that of its lake, or of the settings where there is no lake."""
    stored = read_feed(settings.lake_path)
    return stored.start_date if stored else settings.start_date


def require_feed(root: Path, feed: Feed) -> None:
    """Bind the lake at `root` to `feed`: write feed.json if there is none, else compare.

    Raises:
        FeedMismatch: the lake belongs to a feed with other settings; all differences are listed.
    """
    _require_equal(root, read_feed(root) or _bind(root, feed), feed)


def _require_equal(root: Path, stored: Feed, feed: Feed) -> None:
    if differences := stored.differences(feed):
        is_version_equal = stored.version == feed.version
        go_on = "leave these settings out to go on with this lake" if is_version_equal else "generate the lake again"
        if feed.end_date > stored.end_date and feed == stored.model_copy(update={"end_date": feed.end_date}):
            go_on = f"claims generate --until {feed.end_date} (and the same --output) adds the days after its last one"
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
