"""When what has no days is made again."""

import dagster as dg

when_days_have_changed = (
    dg.AutomationCondition.any_deps_updated().since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
"""Something that the asset is made from is new, and no run is at work on either."""
