"""What one FHIR server holds of the loaded resources: the ledger, its lock, and what is compared with it.

Belongs here: reading and writing the ledger. Does not: asking the server (reconciling).
"""
