"""The procedure codes of births, and at which ages women give birth."""

VAGINAL = ("59400", "59409", "59410", "59610", "59612", "59614")
CESAREAN = ("59510", "59514", "59515", "59618", "59620", "59622")
"""CPT: births, with or without the care before and after, and after an earlier cesarean."""
MOTHERS = (12, 55)
"""Youngest and oldest age that is taken for possible."""
