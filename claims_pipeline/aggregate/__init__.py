"""DuckDB models of the lake's current state, built into one file that is published atomically.

Belongs here: the models (`sql/*.sql`, one a file), their declaration and checks, the build, what a build was made from.
Does not: the charts and the pages that read them (dashboard), the rows that they are made of (lake, generate).
"""

from claims_pipeline.aggregate.build import build
from claims_pipeline.aggregate.built_from import BuiltFrom, read_built_from
from claims_pipeline.aggregate.checks import CHECKS, Check, violations
from claims_pipeline.aggregate.model import Model
from claims_pipeline.aggregate.models import MODELS
from claims_pipeline.aggregate.report import AggregateReport

__all__ = [
    "CHECKS",
    "MODELS",
    "AggregateReport",
    "BuiltFrom",
    "Check",
    "Model",
    "build",
    "read_built_from",
    "violations",
]
