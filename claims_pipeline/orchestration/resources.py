"""What the assets share: the installation that they work in."""

from datetime import date

import dagster as dg

from claims_pipeline.errors import ConfigError
from claims_pipeline.lake import Feed, Lake, requested_feed
from claims_pipeline.orchestration.partitions import daily, days_of_run
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
    """Return the days of the run, one or a range, in order.

    Raises:
        ConfigError: the run has no days, or one that is not a partition: Dagster launches such runs by their tags.
    """
    days = days_of_run(context.run.tags)
    if not days:
        raise ConfigError("the run has no days", fix="launch it for a partition: a day, or a range of days")
    first, last = daily.get_first_partition_key(), daily.get_last_partition_key()
    for day in (days[0], days[-1]):
        if not daily.has_partition_key(str(day)):
            raise ConfigError(
                f"{day} is not a partition: they are {first} to {last}",
                fix="launch the run for days that are over and that the feed has",
            )
    return days
