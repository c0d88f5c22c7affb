"""Dagster: partitions, assets, checks, jobs, schedules. Thin: each asset body calls one library function.

Nothing here knows how a claim is made, rendered, sent or counted.
"""
