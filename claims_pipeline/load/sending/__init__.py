"""Sends transaction bundles: packing, in-flight limit, retries, halving, what an answer means.

Belongs here: everything about requests that write. Does not: what is recorded of them (ledger).
"""
