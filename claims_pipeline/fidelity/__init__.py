"""Comparison of a lake with public figures about real claims.

Belongs here: measuring a lake against reference/data/calibration.csv. Does not: how the data is generated (generate),
whether single rows are correct (quality).
"""

from claims_pipeline.fidelity.measure import measure
from claims_pipeline.fidelity.report import FidelityReport, Measurement

__all__ = ["FidelityReport", "Measurement", "measure"]
