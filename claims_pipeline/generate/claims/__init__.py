"""What a claim says: provider, lines, modifiers, charges, and mistakes that are corrected later.

Belongs here: the content of visits and claims, by columns.
Does not: when they happen (schedule).
"""
