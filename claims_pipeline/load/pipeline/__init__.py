"""One load from its source to its end: chunks compared, checked, sent and counted.

Belongs here: the order of steps, for the lake and for files. Does not: the steps themselves.
"""
