"""The FHIR server of the settings: whether this program starts it, whether it answers, what it holds."""

from collections.abc import Iterable

import httpx

from claims_pipeline.errors import ServerUnavailable
from claims_pipeline.fhir_access import client_options
from claims_pipeline.settings import Settings

ANSWER_SECONDS = 10
COUNT_SECONDS = 60


def is_embedded(settings: Settings) -> bool:
    """Return whether this program starts the FHIR server of these settings."""
    return settings.fhir_base_url == settings.embedded_fhir_base_url


def answers(settings: Settings) -> bool:
    """Return whether the server answers with its CapabilityStatement.

    Raises:
        ConfigError: the settings that say who we are contradict each other.
    """
    with httpx.Client(timeout=ANSWER_SECONDS, **client_options(settings)) as client:
        try:
            return client.get(f"{settings.fhir_base_url}/metadata").is_success
        except httpx.HTTPError:
            return False


def resource_counts(settings: Settings, resource_types: Iterable[str]) -> dict[str, int]:
    """Return how many resources of each type the server holds.

    Raises:
        ServerUnavailable: it does not say.
    """
    with httpx.Client(timeout=COUNT_SECONDS, **client_options(settings)) as client:
        return {name: _count(client, f"{settings.fhir_base_url}/{name}") for name in resource_types}


def _count(client: httpx.Client, url: str) -> int:
    try:
        answer = client.get(url, params={"_summary": "count"}, headers={"Cache-Control": "no-cache"})
        return int(answer.raise_for_status().json()["total"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise ServerUnavailable(
            f"the FHIR server does not say how many resources it holds: {error}", where=url, fix="claims status"
        ) from error
