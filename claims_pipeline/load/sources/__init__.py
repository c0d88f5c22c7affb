"""Sources of resources: partitions of a lake, or any FHIR R4 files.

Belongs here: reading, ordering, deduplicating, and the checks that need no server.
Does not: comparing with the ledger, sending.
"""

from claims_pipeline.load.sources.file_resources import DELETED_SCHEMA, FILE_SCHEMA, REJECTED_SCHEMA, FileResources
from claims_pipeline.load.sources.files import read_files
from claims_pipeline.load.sources.inputs import STANDARD_INPUT
from claims_pipeline.load.sources.lake import DAILY, DIRECTORY, Partition, partitions

__all__ = [
    "DAILY",
    "DELETED_SCHEMA",
    "DIRECTORY",
    "FILE_SCHEMA",
    "REJECTED_SCHEMA",
    "STANDARD_INPUT",
    "FileResources",
    "Partition",
    "partitions",
    "read_files",
]
