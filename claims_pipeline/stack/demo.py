"""The demo: the whole pipeline once, from nothing to a dashboard, through Dagster and the real FHIR server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, ClassVar

from claims_pipeline import aggregate, server
from claims_pipeline.definitions import defs
from claims_pipeline.errors import ConfigError
from claims_pipeline.home import make_home
from claims_pipeline.lake import Feed, Lake, first_day, requested_feed, require_feed
from claims_pipeline.orchestration.run import materialize_range
from claims_pipeline.reports import aligned
from claims_pipeline.schema import CLAIMS
from claims_pipeline.settings import Settings, load_settings, yesterday
from claims_pipeline.signals import handlers_restored
from claims_pipeline.stack import fhir_server
from claims_pipeline.stack.control import start_all
from claims_pipeline.stack.interruption import none_left_behind
from claims_pipeline.stack.services import dagster_instance

CURRENT_STATE = {"Patient": "patients_current", "Coverage": "coverages_current", "Claim": "claims_current"}
"""Model that holds the current state of each resource type of the feed."""


_OPTIONS = {"claims": "--claims", "patients": "--patients", "end_date": "--days"}
"""The option of `claims demo` that sets each setting."""


@dataclass(frozen=True)
class DemoReport:
    """What the demo made, and whether the FHIR server holds what the lake does.

    Attributes:
        feed: the feed of the lake.
        run_id: Dagster run that did the work.
        lake_counts: resources of the lake's current state by type.
        server_counts: resources of the FHIR server by type.
        addresses: web addresses by service; empty when nothing was left running.
    """

    kind: ClassVar[str] = "demo"

    feed: Feed
    run_id: str
    lake_counts: Mapping[str, int]
    server_counts: Mapping[str, int]
    addresses: Mapping[str, str]

    @property
    def is_equal(self) -> bool:
        """Whether lake and server hold the same number of each type."""
        return self.lake_counts == self.server_counts

    @property
    def is_complete(self) -> bool:
        """Whether the server holds as many of each type as the lake, or more: it may hold other data too."""
        return all(self.server_counts.get(name, 0) >= count for name, count in self.lake_counts.items())

    def render(self) -> str:
        """Return the lines that are printed."""
        more_or_fewer = "more: other data too" if self.is_complete else "FEWER than the lake: claims reconcile"
        verdict = "equal" if self.is_equal else more_or_fewer
        rows = [
            ("feed", f"{self.feed.start_date} to {self.feed.end_date}, seed {self.feed.seed}"),
            ("lake", _counts(self.lake_counts)),
            ("FHIR server", f"{_counts(self.server_counts)}  ({verdict})"),
            ("Dagster run", self.run_id),
            *self.addresses.items(),
        ]
        return aligned(rows)

    def to_json(self) -> dict[str, Any]:
        """Return the same facts as JSON values."""
        return {
            "feed": self.feed.model_dump(mode="json"),
            "run_id": self.run_id,
            "lake_counts": dict(self.lake_counts),
            "server_counts": dict(self.server_counts),
            "is_equal": self.is_equal,
            "is_complete": self.is_complete,
            "addresses": dict(self.addresses),
        }


def demo(settings: Settings, *, serve: bool, on_step: Callable[[str], None]) -> DemoReport:
    """Start the FHIR server, materialize the feed's days in one Dagster run, and compare server and lake.

    Args:
        settings: sizes that were given must agree with the lake, if there is one.
        serve: also start the dashboard and the Dagster UI, and leave them running.
        on_step: called with each step as it begins.

    Raises:
        FeedMismatch: the lake belongs to another feed.
        ConfigError: the feed begins in the future.
        ServiceError: a service did not start, or the run failed; services that were started before keep running.
        Interrupted: a signal came; what was started is stopped.
    """
    feed = requested_feed(settings.lake_path, settings)
    if feed.start_date > yesterday():
        raise ConfigError(
            f"the feed begins on {feed.start_date}, which is not over yet",
            fix="set CLAIMS_START_DATE to an earlier day",
        )
    with none_left_behind(settings, on_step):
        return _demo(settings, feed, serve=serve, on_step=on_step)


def _demo(settings: Settings, feed: Feed, *, serve: bool, on_step: Callable[[str], None]) -> DemoReport:
    if fhir_server.is_embedded(settings):
        server.start(settings, on_step)
    make_home(settings.home)
    require_feed(settings.lake_path, feed)  # the assets know the lake, not the options of this command
    end = last_day(feed, Lake(settings.lake_path))
    on_step(f"Dagster: {feed.start_date} to {end}, {feed.claims:,} claims, {feed.patients:,} patients")
    folder = dagster_instance(settings)
    with handlers_restored():
        run_id = materialize_range(defs, instance_folder=folder, start=feed.start_date, end=end)
    models = aggregate.build(Lake(settings.lake_path), settings.analytics_path).row_counts
    addresses = {"FHIR server": settings.fhir_base_url}
    if serve:
        addresses |= {service.name: service.url for service in start_all(settings, on_step).services}
    return DemoReport(
        feed=feed,
        run_id=run_id,
        lake_counts={name: models[model] for name, model in CURRENT_STATE.items()},
        server_counts=fhir_server.resource_counts(settings, CURRENT_STATE),
        addresses=addresses,
    )


def last_day(feed: Feed, lake: Lake) -> date:
    """Return the last day of a demo: that of the feed, or of a lake that goes on after it; yesterday at the latest.

    Later days have no partition yet.
    """
    return min(max([feed.end_date, *lake.days(CLAIMS)]), yesterday())


def demo_settings(*, days: int | None, claims: int | None, patients: int | None) -> Settings:
    """Return the settings of a demo of `days` days from the start date; a size that is None stays as it is.

    Raises:
        ConfigError: there are no such days, or a setting is wrong.
    """
    try:
        end = None if days is None else first_day(load_settings()) + timedelta(days=days - 1)
    except OverflowError as error:
        raise ConfigError(f"--days {days} leads beyond the calendar") from error
    return load_settings(named=_OPTIONS.__getitem__, claims=claims, patients=patients, end_date=end)


def _counts(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{name} {count:,}" for name, count in counts.items())
