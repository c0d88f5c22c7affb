"""The ledger against the server: the marker, counts, and each resource.

Belongs here: reading what the server holds. Does not: writing resources (sending).
"""
