"""The lake: Parquet partitions in Hive layout, `<table>/day=YYYY-MM-DD/part.parquet` or `year=YYYY`.

Belongs here: paths, atomic writes, scans, digests, the feed that a lake belongs to.
Does not: what the rows mean (schema), how they come about (generate), where they go (load, aggregate).
"""

from claims_pipeline.lake.chosen_days import chosen_days, days_from, require_days
from claims_pipeline.lake.feed import Feed, first_day, read_feed, requested_feed, require_feed
from claims_pipeline.lake.parquet import ROW_GROUP
from claims_pipeline.lake.store import Lake, require_partitions, scan_partitions
from claims_pipeline.lake.writer import LakeWriter

__all__ = [
    "ROW_GROUP",
    "Feed",
    "Lake",
    "LakeWriter",
    "chosen_days",
    "days_from",
    "first_day",
    "read_feed",
    "requested_feed",
    "require_days",
    "require_feed",
    "require_partitions",
    "scan_partitions",
]
