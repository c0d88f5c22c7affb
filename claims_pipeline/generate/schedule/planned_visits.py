"""Visits whose claims have a day of receipt of their own: of pregnancies and births, of dialysis, in hospital."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.numbers.choices import WeightTable
from claims_pipeline.generate.numbers.draws import Bits, Integers
from claims_pipeline.generate.schedule.calendar import LONGEST_LAG, LONGEST_WAIT, lag_weights, next_open


@dataclass(frozen=True)
class PlannedVisits:
    """Visits whose claims have a day of receipt of their own, as arrays of equal length.

    Attributes:
        received: day of receipt.
        counter: for random draws.
        episode: the same, but shared by the visits of a stay in hospital.
        story: row of the stories table.
        person: number of the patient.
        service: day of the service.
        codes: rows of the diagnoses table, NONE behind the last, shape (visits, most diagnoses); without any, the
            diagnoses are drawn as those of other visits.
    """

    received: Integers
    counter: Bits
    episode: Bits
    story: Integers
    person: Integers
    service: Integers
    codes: Integers

    def at(self, rows: NDArray[np.bool_] | Integers) -> "PlannedVisits":
        """Return some of the visits."""
        return PlannedVisits(*(values[rows] for values in vars(self).values()))

    @staticmethod
    def joined(parts: Sequence["PlannedVisits"]) -> "PlannedVisits":
        """Return the visits of all parts in one."""
        names = [field.name for field in fields(PlannedVisits)]
        return PlannedVisits(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def planned_receipt(last_service: Integers, bits: Bits, *, days: Integers | int = 0) -> Integers:
    """Return the open day on which the payer receives the claims of each visit, or of the visits of some days.

    No claim comes more than `LONGEST_LAG` days after its service.

    Args:
        last_service: the last day of service of each.
        bits: random bits of each.
        days: between the first and the last day of service.
    """
    lag = WeightTable(lag_weights()).choose(bits)
    return next_open(last_service + np.minimum(lag, LONGEST_LAG - LONGEST_WAIT - days))
