"""The visits of a year: claims are drawn, and those that do not fit the patient's history go to somebody else.

Belongs here: what a visit may not be, given the patient's other visits.
Does not: what a visit is (claims).
"""
