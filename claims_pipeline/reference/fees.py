"""Medicare's conversion factor over time."""

from typing import TYPE_CHECKING

from claims_pipeline.reference.tables import read_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def conversion_factors(days: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Return the physician fee schedule's conversion factor on each day (days since 1970-01-01), US dollars per unit.

    Days before the first entry have the first factor, days after the last entry the last one.
    """
    table = read_table("conversion_factors")
    starts = table["from_date"].str.to_date().to_physical().to_numpy()
    row = starts.searchsorted(days, side="right").clip(1) - 1
    factors: NDArray[np.float64] = table["conversion_factor"].to_numpy()[row]
    return factors
