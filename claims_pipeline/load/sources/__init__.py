"""Sources of resources: partitions of a lake, or any FHIR R4 files.

Belongs here: reading, ordering, deduplicating, and the checks that need no server.
Does not: comparing with the ledger, sending.
"""
