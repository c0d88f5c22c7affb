"""What the launchpad asks about a load; the feed itself stays what feed.json says."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from claims_pipeline.errors import ConfigError
from claims_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from claims_pipeline.load import LoadOptions


class LoadConfig(dg.Config):
    """Options of one load; what is left out is that of the environment.

    Values are judged when the load begins: an error of a constraint here would lack what to do, and be tried again.
    """

    fhir_base_url: str | None = Field(default=None, description="Server to load into; default CLAIMS_FHIR_BASE_URL.")
    batch_size: int | None = Field(default=None, description="Resources in a bundle, 1 to 1,000.")
    workers: int | None = Field(default=None, description="Most requests at once, 1 to 64.")
    is_full: bool = Field(default=False, description="Send everything, also what the server has already.")
    vanished: str = Field(
        default="keep", description="What no partition holds any more: keep, entered-in-error or delete."
    )

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings of an installation with these options instead of its own.

        Raises:
            ConfigError: an option is not valid.
        """
        return load_settings(
            home=settings.home,
            fhir_base_url=self.fhir_base_url,
            batch_size=self.batch_size,
            workers=self.workers,
        )

    def options(self) -> "LoadOptions":
        """Return what the loader is asked for.

        Raises:
            ConfigError: an option is not valid.
        """
        from claims_pipeline.load import LoadOptions, Vanished

        ways = [way.value for way in Vanished]
        if self.vanished not in ways:
            raise ConfigError(
                f"vanished: {self.vanished!r} is not one of {', '.join(ways)}",
                fix="correct it, or leave it out to have the default",
            )
        return LoadOptions(vanished=Vanished(self.vanished))
