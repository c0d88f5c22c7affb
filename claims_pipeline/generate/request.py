"""Which feed a person asks for: what they gave, else what the lake has, else defaults around today."""

from datetime import date, timedelta
from pathlib import Path

from pydantic import ValidationError

from claims_pipeline.errors import ConfigError, FeedMismatch
from claims_pipeline.lake import Feed, read_feed
from claims_pipeline.settings import Settings

NAMES = ("seed", "patients", "claims", "start_date", "end_date")
DEFAULT_DAYS = 365
MOST = {"claims": 10**9, "patients": 10**8}
"""Counters of draws hold numbers below 2**32, and a population must fit into memory."""


def requested_feed(settings: Settings, root: Path, *, today: date) -> Feed:
    """Return the feed for the output `root`; nothing is written.

    Settings that were not given (as option or CLAIMS_* variable) are those of the lake at `root`. Where there is no
    lake the feed starts one year before `today` and ends 365 days later, yesterday at the latest.

    Raises:
        FeedMismatch: a setting that was given differs from the feed of the lake at `root`.
        ConfigError: the settings make no feed.
    """
    given = {name: getattr(settings, name) for name in NAMES if name in settings.model_fields_set}
    stored = read_feed(root)
    if stored is not None:
        wanted = _feed(stored.model_dump(exclude={"version"}) | given)
        if differences := stored.differences(wanted):
            raise FeedMismatch(
                f"the lake belongs to another feed ({'; '.join(differences)})",
                where=str(root),
                fix="choose another output, or leave these options out",
            )
        return stored
    start = given.get("start_date", _a_year_before(today))
    end = max(start, min(start + timedelta(days=DEFAULT_DAYS - 1), today - timedelta(days=1)))
    defaults = {"seed": settings.seed, "patients": settings.patients, "claims": settings.claims}
    return _feed(defaults | {"start_date": start, "end_date": end} | given)


def _feed(values: dict[str, object]) -> Feed:
    try:
        feed = Feed.model_validate(values)
    except ValidationError as error:
        problems = [problem["msg"].removeprefix("Value error, ") for problem in error.errors(include_url=False)]
        raise ConfigError("; ".join(problems), fix="claims generate --help") from error
    for name, most in MOST.items():
        if getattr(feed, name) > most:
            raise ConfigError(f"{name}: at most {most:,}", fix="claims generate --help")
    return feed


def _a_year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
