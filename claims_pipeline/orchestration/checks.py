"""Asset checks of the rows of `claims`: those that block the load of their day, and those that warn."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from claims_pipeline import quality
from claims_pipeline.orchestration.failures import RETRIES, failing_as_dagster
from claims_pipeline.orchestration.faulty_days import WARNINGS
from claims_pipeline.orchestration.feed_assets import claims
from claims_pipeline.orchestration.partitions import days_of_run
from claims_pipeline.orchestration.resources import Installation
from claims_pipeline.schema import CLAIMS

DAYS_SHOWN = 31
IDS_SHOWN = 10


@dg.multi_asset_check(
    name="claims_quality",
    specs=[
        dg.AssetCheckSpec(check.name, asset=claims, description=check.meaning, blocking=check.name not in WARNINGS)
        for check in quality.CHECKS
    ],
    can_subset=True,
    retry_policy=RETRIES,
)
def claims_quality(context: dg.AssetCheckExecutionContext, installation: Installation) -> Iterator[dg.AssetCheckResult]:
    """Look for faults in the rows of the run's days, or of all days when the run has none."""
    with failing_as_dagster():
        lake = installation.lake
        days = days_of_run(context.run.tags) or lake.days(CLAIMS)
        findings = quality.findings(lake, days)
    for key in sorted(context.selected_asset_check_keys, key=lambda key: key.name):
        yield _result(key, findings.filter(check=key.name), days)


def _result(key: dg.AssetCheckKey, findings: pl.DataFrame, days: list[date]) -> dg.AssetCheckResult:
    """Return the result of one check over all days.

    A blocking result would keep the good days of a range from the server; of those the load leaves the faulty ones out.
    """
    by_day = findings.group_by("day", maintain_order=True).agg(pl.len(), pl.col("id").unique(maintain_order=True))
    counts = dict(by_day.select("day", "len").iter_rows())
    blocks = key.name not in WARNINGS and (None in counts or counts.keys() >= set(days))
    metadata = about_days(days, {day or days[0]: count for day, count in counts.items()})
    metadata["findings"] = dg.MetadataValue.int(findings.height)
    if counts:
        metadata["first_ids"] = dg.MetadataValue.table(_first_ids(by_day))
    return dg.AssetCheckResult(
        passed=not counts,
        check_name=key.name,
        asset_key=key.asset_key,
        severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _first_ids(by_day: pl.DataFrame) -> list[dg.TableRecord]:
    """Return a row for each of the first faulty days: the day, the findings, the first ids."""
    return [
        dg.TableRecord({"day": str(day or "directory"), "findings": count, "first_ids": ", ".join(ids[:IDS_SHOWN])})
        for day, count, ids in by_day.head(DAYS_SHOWN).iter_rows()
    ]


def about_days(days: Sequence[date], faulty: Mapping[date, int | float]) -> dict[str, dg.MetadataValue]:
    """Return metadata that names the days checked and the faulty ones, each with a number; `alerts` reads it."""
    metadata: dict[str, dg.MetadataValue] = {"days_checked": dg.MetadataValue.int(len(days))}
    if days:
        metadata |= {"first_day": dg.MetadataValue.text(str(days[0])), "last_day": dg.MetadataValue.text(str(days[-1]))}
    if faulty:
        metadata["faulty_days"] = dg.MetadataValue.json({str(day): number for day, number in faulty.items()})
    return metadata
