"""What the assets share: the installation that they work in."""

from datetime import date

import dagster as dg

from claims_pipeline.days import parse_day
from claims_pipeline.lake import Feed, Lake, requested_feed
from claims_pipeline.settings import Settings, load_settings


class Installation(dg.ConfigurableResource[None]):
    """The folder, lake and feed of one installation.

    `home` overrides CLAIMS_HOME; all else comes from the `CLAIMS_*` environment when a run needs it.
    """

    home: str | None = None

    @property
    def settings(self) -> Settings:
        """Settings, read anew."""
        return load_settings(home=self.home)

    @property
    def lake(self) -> Lake:
        """The lake of the installation."""
        return Lake(self.settings.lake_path)

    def feed(self) -> Feed:
        """Return the lake's feed, or that of the settings where there is no lake yet."""
        settings = self.settings
        return requested_feed(settings.lake_path, settings)


def days_of(context: dg.AssetExecutionContext) -> list[date]:
    """Return the days of the run, one or a range, in order."""
    return sorted(parse_day(key) for key in context.partition_keys)
