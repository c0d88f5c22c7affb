"""Deleting from the server what the ledger says is ours."""
