"""What the launchpad asks about a load; the feed itself stays what feed.json says."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from claims_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from claims_pipeline.load import LoadOptions


class LoadConfig(dg.Config):
    """Options of one load; what is left out is that of the environment."""

    fhir_base_url: str | None = Field(default=None, description="Server to load into; default CLAIMS_FHIR_BASE_URL.")
    batch_size: int | None = Field(default=None, ge=1, le=1_000, description="Resources in a bundle.")
    workers: int | None = Field(default=None, ge=1, le=64, description="Most requests at once.")
    is_full: bool = Field(default=False, description="Send everything, also what the server has already.")
    vanished: str = Field(
        default="keep",
        pattern="^(keep|entered-in-error|delete)$",
        description="What no partition holds any more: keep, entered-in-error or delete.",
    )

    def applied_to(self, settings: Settings) -> Settings:
        """Return the settings of an installation with these options instead of its own.

        Raises:
            ConfigError: an option is not valid.
        """
        return load_settings(
            home=settings.home, fhir_base_url=self.fhir_base_url, batch_size=self.batch_size, workers=self.workers
        )

    def options(self) -> "LoadOptions":
        """Return what the loader is asked for."""
        from claims_pipeline.load import LoadOptions, Vanished

        return LoadOptions(vanished=Vanished(self.vanished))
