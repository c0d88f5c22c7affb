"""Medicare's conversion factor over time."""

from typing import TYPE_CHECKING

from claims_pipeline.reference.tables import read_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_COLUMNS = {"pfs": "conversion_factor", "anesthesia": "anesthesia_factor"}


def conversion_factors(days: "NDArray[np.int64]", schedule: str = "pfs") -> "NDArray[np.float64]":
    """Return the conversion factor of a schedule, `pfs` or `anesthesia`, on each day, US dollars per unit.

    Days are counted from 1970-01-01. Those before the first entry have the first factor, those after the last entry
    the last one.
    """
    table = read_table("conversion_factors")
    starts = table["from_date"].str.to_date().to_physical().to_numpy()
    row = starts.searchsorted(days, side="right").clip(1) - 1
    factors: NDArray[np.float64] = table[_COLUMNS[schedule]].to_numpy()[row]
    return factors
