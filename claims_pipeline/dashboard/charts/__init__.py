"""The charts: each a function from a view and a query to a Vega-Lite specification, with its data inside.

Belongs here: queries for charts and their looks. Does not: drawing (static/charts.js), routes (api).
A new chart is one function with the decorator `chart`; the API, the page, OpenAPI and the tests find it there.
"""

# imported, they register their charts
from claims_pipeline.dashboard.charts import cost_trend, geography, procedures, shares, timeline
from claims_pipeline.dashboard.charts.registry import Chart, ChartQuery, Spec, registered

CHARTS: tuple[Chart, ...] = registered()

__all__ = ["CHARTS", "Chart", "ChartQuery", "Spec", "cost_trend", "geography", "procedures", "shares", "timeline"]
