"""All checks over all days, in chunks that limit the memory used."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from claims_pipeline.lake import Lake
from claims_pipeline.quality import (
    anesthesia,
    coding,
    content,
    families,
    histories,
    maternity,
    parties,
    partitions,
    replacements,
    structure,
    values,
    whole,
)
from claims_pipeline.quality.chunk import FINDING, Chunk, read_chunk, read_directory
from claims_pipeline.schema import CLAIMS

VERSIONS_A_CHUNK = 100_000
"""Approximate number of claim versions in memory at a time."""


@dataclass(frozen=True)
class Check:
    """A check: its name, and the function that returns the rows that fail it; its docstring states the rule.

    Attributes:
        find: looks at the rows of some days, which are in memory, or (`find_in_lake`) at a lake and its days.
        blocks: whether a row that fails must not reach a FHIR server. A claim that is coded against a rule, or with a
            code that we do not know, is a whole claim all the same: what a payer must be able to receive.
    """

    name: str
    find: Callable[[Chunk], pl.DataFrame] | None = None
    find_in_lake: Callable[[Lake, Sequence[date]], pl.DataFrame] | None = None
    blocks: bool = True

    @property
    def meaning(self) -> str:
        """The rule that the check tests, as plain text of one line."""
        described = self.find or self.find_in_lake
        return " ".join((described.__doc__ or "").replace("`", "").split())


_BLOCKING = (
    values.values_valid,
    structure.unique_ids,
    structure.closed_references,
    structure.service_within_coverage,
    structure.dates_in_order,
    structure.received_by_its_day,
    structure.complete_claims,
    content.codes_valid,
    content.charges_positive,
    content.total_is_sum,
    content.npi_check_digits,
    parties.demographics_known,
    parties.identifiers_agree,
    parties.npis_unique,
    parties.header_fits_lines,
)
_WARNING = (
    content.codes_known,
    content.codes_fit_patient,
    parties.places_exist,
    families.relationships_plausible,
    replacements.frequency_fits_claim,
    maternity.deliveries_complete,
    coding.diagnoses_followed,
    coding.diagnoses_together,
    coding.procedures_together,
    coding.procedures_accompanied,
    coding.modifiers_present,
    coding.procedures_fit_diagnoses,
    coding.procedures_fit_plan,
    coding.units_possible,
)
_OF_THE_WHOLE = (
    partitions.partitions_complete,
    values.values_of_population_valid,
    whole.versions_consecutive,
    whole.coverages_apart,
    whole.member_numbers_unique,
    whole.claims_not_repeated,
    whole.claims_not_nearly_repeated,
    whole.claims_not_repeated_next_day,
    families.dependents_with_subscriber,
    replacements.replaced_claims_cancelled,
    histories.new_patients_unknown,
    histories.services_apart,
    maternity.deliveries_apart,
    anesthesia.anesthesia_with_procedure,
    histories.visit_levels_like_peers,
)
CHECKS: tuple[Check, ...] = (
    *(Check(find.__name__, find) for find in _BLOCKING),
    *(Check(find.__name__, find, blocks=False) for find in _WARNING),
    *(Check(find.__name__, find_in_lake=find, blocks=False) for find in _OF_THE_WHOLE),
)


def findings(lake: Lake, days: Iterable[date] | None = None) -> pl.DataFrame:
    """Return the faulty rows of some days (default: all): `check`, `table`, `day`, `id`, `detail`, sorted.

    Raises:
        DataError: a partition or a table of the directory is missing or unreadable.
    """
    chosen = sorted(lake.days(CLAIMS) if days is None else set(days))
    directory = read_directory(lake)
    parts = [FINDING.to_frame()]
    for chunk in _chunks(lake, chosen):
        rows = read_chunk(lake, chunk, directory)
        parts += [check.find(rows) for check in CHECKS if check.find]
    if chosen:
        parts += [check.find_in_lake(lake, chosen) for check in CHECKS if check.find_in_lake]
    return pl.concat(parts).unique().sort(FINDING.names(), nulls_last=True)


def _chunks(lake: Lake, days: Sequence[date]) -> Iterable[Sequence[date]]:
    """Split days into runs with about VERSIONS_A_CHUNK claim versions each."""
    if not days:
        return
    versions = dict(lake.scan(CLAIMS, days).group_by("day").len().collect().iter_rows())
    chunk: list[date] = []
    size = 0
    for day in days:
        chunk.append(day)
        size += versions.get(day, 0)
        if size >= VERSIONS_A_CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
