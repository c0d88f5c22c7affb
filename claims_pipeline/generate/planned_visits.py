"""Visits whose claims have a day of receipt of their own: of pregnancies and births, of dialysis, in hospital."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from claims_pipeline.generate.draws import Bits, Integers


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
