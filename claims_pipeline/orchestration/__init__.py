"""Dagster: partitions, assets, checks, jobs, schedules. Thin: each asset body calls one library function.

Nothing here knows how a claim is made, rendered, sent or counted.

Dagster imports the definitions in each of its processes, and for each run. What only a step or a tick needs (the
generator, the loader, HTTP) is imported there, which takes a third off that time; test_definitions.py holds the list.
"""

import warnings

import dagster as dg

# Backfill policies are marked beta, on every asset that has one: 15 times at each start.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
