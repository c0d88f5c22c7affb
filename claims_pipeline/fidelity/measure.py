"""Measuring a lake: every figure of reference/data/calibration.csv."""

from collections.abc import Callable, Mapping

import polars as pl

from claims_pipeline.fidelity.charges import charge_ratios, charge_trend, concentration
from claims_pipeline.fidelity.children import births, family_members, well_child_visits
from claims_pipeline.fidelity.estimate import Figures
from claims_pipeline.fidelity.maternity import births_with_delivery, cesareans
from claims_pipeline.fidelity.members import (
    coded_conditions,
    coverage,
    disabled_use,
    enrolled_conditions,
    medicare_by_age,
)
from claims_pipeline.fidelity.movement import (
    deaths,
    dual_eligibles,
    gaps,
    member_months,
    members_of_first_day,
    new_conditions,
    turnover,
)
from claims_pipeline.fidelity.receipt import completeness, corrections, final_status
from claims_pipeline.fidelity.report import FidelityReport, Measurement, is_large_enough, verdict_of
from claims_pipeline.fidelity.sample import Sample, sample_of
from claims_pipeline.fidelity.screening import (
    colorectal_screening,
    hemoglobin_tests,
    influenza_vaccinations,
    mammograms,
)
from claims_pipeline.fidelity.use import (
    claims_a_member,
    emergency_visits_by_payer,
    new_patients,
    office_visits_a_member,
)
from claims_pipeline.fidelity.visits import (
    asthma_emergencies,
    asthma_seasons,
    cities,
    holiday_weeks,
    lines_per_claim,
    respiratory_infections,
    seasons,
    telehealth,
    visit_levels,
    weekends,
)
from claims_pipeline.lake import Lake
from claims_pipeline.reference import read_table

OF_SAMPLE: Mapping[int, Callable[[Sample], Figures]] = {
    1: lambda sample: visit_levels(sample, "9921", range(1, 6)),
    2: lambda sample: visit_levels(sample, "9920", range(2, 6)),
    3: lines_per_claim,
    4: seasons,
    5: respiratory_infections,
    6: holiday_weeks,
    7: coverage,
    8: medicare_by_age,
    9: concentration,
    11: charge_ratios,
    12: cities,
    13: weekends,
    14: completeness,
    15: final_status,
    21: family_members,
    22: births,
    23: well_child_visits,
    24: corrections,
    25: asthma_seasons,
    26: asthma_emergencies,
    27: disabled_use,
    28: colorectal_screening,
    29: member_months,
    30: telehealth,
    31: cesareans,
    32: births_with_delivery,
    33: claims_a_member,
    34: office_visits_a_member,
    35: emergency_visits_by_payer,
    36: new_patients,
    37: mammograms,
    38: hemoglobin_tests,
    39: influenza_vaccinations,
    40: charge_trend,
}
"""What measures each row of calibration.csv that is about a sample of the lake."""

OF_MEMBERS: Mapping[int, Callable[[pl.DataFrame], Figures]] = {
    16: turnover,
    17: gaps,
    18: deaths,
    19: new_conditions,
    20: dual_eligibles,
}
"""The same for rows about the members of the first day."""


def measure(lake: Lake) -> FidelityReport:
    """Compare a lake with the public figures.

    Visits, charges and conditions are measured on services of the first 12 months, so that their run-out of a year is
    included.

    Raises:
        DataError: the lake has no feed.json, or lacks tables.
    """
    sample = sample_of(lake)
    members = members_of_first_day(sample)
    figures: dict[tuple[int, str], Figures] = {
        **{(row, ""): figures_of(sample) for row, figures_of in OF_SAMPLE.items()},
        **{(row, ""): figures_of(members) for row, figures_of in OF_MEMBERS.items()},
        (10, "Conditions among those 65 and over"): enrolled_conditions(sample),
        (10, "Conditions coded on a claim within 12 months (65 and over)"): coded_conditions(sample),
    }
    large = is_large_enough(sample.start, sample.end, sample.claim_count)
    rows = read_table("calibration").join(read_table("calibration_sources"), on="row", maintain_order="left")
    return FidelityReport(
        lake=str(lake.root),
        start=sample.start,
        end=sample.end,
        claims=sample.claim_count,
        measurements=tuple(_measurement(row, figures, is_large=large) for row in rows.iter_rows(named=True)),
    )


def _measurement(row: dict[str, object], figures: dict[tuple[int, str], Figures], *, is_large: bool) -> Measurement:
    number, metric, part = int(str(row["row"])), str(row["metric"]), str(row["part"])
    of_row = figures[number, metric] if (number, metric) in figures else figures[number, ""]
    found = of_row[part]
    target, low, high = (None if row[name] is None else float(str(row[name])) for name in ("target", "low", "high"))
    return Measurement(
        row=number,
        metric=metric,
        part=part,
        unit=str(row["unit"]),
        target=target,
        low=low,
        high=high,
        generated=None if found is None else round(found.value, 3),
        standard_error=round(found.error, 3) if found and found.error else None,
        verdict=verdict_of(found, low, high, is_large=is_large),
        source=f"{row['source']}; {row['tolerance']}",
    )
