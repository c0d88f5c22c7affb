"""Loads chunks from a source: they are compared, checked, sent and counted.

Belongs here: the order of steps, for the lake and for files. Does not: the steps themselves.
"""
