"""Everything of one installation at once: the FHIR server, the dashboard, the Dagster UI, and the demo.

Belongs here: which services there are, their order, starting and stopping them together.
Does not: how the FHIR server starts (server), what a page shows (dashboard), what an asset does (orchestration).
"""

from claims_pipeline.stack.control import StackStatus, down, status, up
from claims_pipeline.stack.demo import DemoReport, demo, demo_settings

__all__ = ["DemoReport", "StackStatus", "demo", "demo_settings", "down", "status", "up"]
