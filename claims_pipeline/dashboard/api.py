"""The routes of the JSON API."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from claims_pipeline import __version__
from claims_pipeline.dashboard.analytics import NotBuilt, View
from claims_pipeline.dashboard.answers import ChartLink, ClaimPage, Health, PatientPage, Problem, Stats
from claims_pipeline.dashboard.charts import CHARTS, Chart
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.lists import ClaimQuery, PatientQuery, claim_page, patient_page
from claims_pipeline.dashboard.stats import build_of, stats

router = APIRouter(
    responses={
        422: {"model": Problem, "description": "A parameter is wrong"},
        503: {"model": Problem, "description": "The analytics are not built yet, or too much was asked at once"},
    }
)


def current_view(request: Request) -> View:
    """Return the latest build."""
    view: View = request.app.state.analytics.view()
    return view


CurrentView = Annotated[View, Depends(current_view)]


@router.get("/health", tags=["service"], summary="Does it answer, and has it figures to show")
def get_health(request: Request) -> Health:
    """Answer without a password, so that a container's health check needs none; says nothing about the data."""
    try:
        built_at = build_of(current_view(request)).built_at
    except NotBuilt:
        return Health(status="ok", version=__version__, analytics="not built", built_at=None)
    return Health(status="ok", version=__version__, analytics="built", built_at=built_at)


@router.get("/api/stats", tags=["figures"], summary="Headline figures")
def get_stats(view: CurrentView, filters: Annotated[Filters, Query()]) -> Stats:
    """Counts are of every status, charges of the active claims; a status filter decides both."""
    return stats(view, filters)


@router.get("/api/claims", tags=["lists"], summary="Claims in their current version")
def get_claims(view: CurrentView, query: Annotated[ClaimQuery, Query()]) -> ClaimPage:
    """Return a part of the list, the latest received first unless sorted otherwise."""
    return claim_page(view, query)


@router.get("/api/patients", tags=["lists"], summary="Patients with a claim")
def get_patients(view: CurrentView, query: Annotated[PatientQuery, Query()]) -> PatientPage:
    """Return a part of the list, with each patient's claims in numbers."""
    return patient_page(view, query)


@router.get("/api/charts", tags=["charts"], summary="The charts that there are")
def get_charts() -> list[ChartLink]:
    """Return the charts in the order of the page."""
    return [
        ChartLink(
            name=chart.name,
            title=chart.title,
            description=chart.description,
            width=chart.width,
            href=f"/api/charts/{chart.name}",
        )
        for chart in CHARTS
    ]


def _add_chart_route(chart: Chart) -> None:
    def get_chart(view: CurrentView, filters: Annotated[Filters, Query()]) -> dict[str, Any]:
        return chart.draw(view, filters)

    router.add_api_route(
        f"/api/charts/{chart.name}",
        get_chart,
        tags=["charts"],
        name=f"get_chart_{chart.draw.__name__}",
        summary=chart.title,
        description=f"{chart.description} A Vega-Lite specification with its data.",
    )


for _chart in CHARTS:
    _add_chart_route(_chart)
