"""How close the generated data is to public figures about real claims.

Belongs here: measuring a lake against reference/data/calibration.csv. Does not: how the data comes about (generate),
whether single rows are right (quality).
"""

from claims_pipeline.fidelity.measure import measure
from claims_pipeline.fidelity.report import FidelityReport, Measurement

__all__ = ["FidelityReport", "Measurement", "measure"]
