"""Irregular claims among a year's visits, each with a label, so that detectors can be scored.

Belongs here: the kinds of irregularities.
Does not: finding them (quality).
"""
