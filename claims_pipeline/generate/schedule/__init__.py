"""Who is seen when, for which story and diagnoses, and when the payer receives the claim and its versions.

Belongs here: numbers of claims of a day, who takes a turn, courses, stays, births, reasons, lags, statuses.
Does not: what a claim says (claims), whether it fits the patient's other visits (years).
"""
