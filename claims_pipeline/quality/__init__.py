"""Checks of single rows of a lake: ids, references, codes, amounts, dates.

Belongs here: checks that apply to any lake of these tables. Does not: whether the whole is realistic (fidelity).
"""

from claims_pipeline.quality.chunk import FINDING
from claims_pipeline.quality.findings import CHECKS, Check, findings
from claims_pipeline.quality.report import QualityReport, check

__all__ = ["CHECKS", "FINDING", "Check", "QualityReport", "check", "findings"]
