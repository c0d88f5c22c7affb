"""Synchronises FHIR resources into a server: sends what it does not have, and accounts for each of them.

Belongs here: sources, the ledger, comparing, sending, reports of loads, reconciliation.
Does not: rendering (fhir), partitions (lake), the server itself (server).
"""

from claims_pipeline.load.progress import OnProgress, Progress, at_most_every
from claims_pipeline.load.report import Counts, Failure, LoadReport
from claims_pipeline.load.run import LoadOptions, load_lake

__all__ = ["Counts", "Failure", "LoadOptions", "LoadReport", "OnProgress", "Progress", "at_most_every", "load_lake"]
