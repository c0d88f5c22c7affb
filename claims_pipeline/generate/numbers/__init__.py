"""Random numbers, days, ids and arrays: what every part of the generator computes with.

Belongs here: functions on arrays that know nothing of people, visits or claims.
"""
