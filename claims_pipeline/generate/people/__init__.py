"""Who is insured: people and their families, where they live, what they have, which plan covers them when.

Belongs here: what is true of a person on a day, as a pure function of (feed, person, day).
Does not: when somebody is seen (schedule).
"""
