"""Dagster: partitions, assets, checks, jobs, schedules. Thin: each asset body calls one library function.

Nothing here knows how a claim is made, rendered, sent or counted.
"""

import warnings

import dagster as dg

# Backfill policies are marked beta, on every asset that has one: 15 times at each start.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
