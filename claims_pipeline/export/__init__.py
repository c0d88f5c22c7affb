"""Export of a lake's current state: FHIR files for any server, and statistics.

Belongs here: NDJSON, transaction bundles, a collection Bundle, stats.json. Does not: how rows are generated (generate),
how resources are rendered (fhir), sending them to a server (load).
"""

from claims_pipeline.export.extend import extend
from claims_pipeline.export.formats import FORMATS, Format
from claims_pipeline.export.produce import produce
from claims_pipeline.export.statistics import FeedTally, write_statistics
from claims_pipeline.export.target import chosen_format, require_target, statistics_path

__all__ = [
    "FORMATS",
    "FeedTally",
    "Format",
    "chosen_format",
    "extend",
    "produce",
    "require_target",
    "statistics_path",
    "write_statistics",
]
