"""The current state of a lake as files: FHIR for any server, statistics beside them.

Belongs here: NDJSON, transaction bundles, a collection Bundle, stats.json. Does not: how rows come about (generate),
how resources look (fhir), sending them to a server (load).
"""

from claims_pipeline.export.formats import FORMATS, Format
from claims_pipeline.export.produce import produce
from claims_pipeline.export.statistics import statistics, write_statistics
from claims_pipeline.export.target import require_target, statistics_path

__all__ = ["FORMATS", "Format", "produce", "require_target", "statistics", "statistics_path", "write_statistics"]
