"""The routes of the JSON API."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO, Annotated, Any

from anyio import from_thread, move_on_after
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse

from claims_pipeline import __version__
from claims_pipeline.dashboard.analytics import View
from claims_pipeline.dashboard.anomalies import Anomalies, anomalies
from claims_pipeline.dashboard.answers import ChartLink, Health, Problem
from claims_pipeline.dashboard.breakdown import Breakdown, BreakdownQuery, breakdown
from claims_pipeline.dashboard.cards import Cards, cards
from claims_pipeline.dashboard.changes import ChangeQuery, WhatChanged, what_changed
from claims_pipeline.dashboard.charts import CHARTS, Chart, ChartQuery
from claims_pipeline.dashboard.charts.patient_timeline import patient_timeline
from claims_pipeline.dashboard.concentration import Concentration, concentration
from claims_pipeline.dashboard.details import ClaimDetail, PatientDetail, claim_as_fhir, claim_detail, patient_detail
from claims_pipeline.dashboard.dimensions import DIMENSIONS, FILTERING, Dimension
from claims_pipeline.dashboard.download import claims_csv, claims_parquet
from claims_pipeline.dashboard.filters import Filters
from claims_pipeline.dashboard.lists import ClaimPage, ClaimQuery, PatientPage, PatientQuery, claim_page, patient_page
from claims_pipeline.dashboard.outliers import OutlierQuery, Outliers, cost_outliers
from claims_pipeline.dashboard.pipeline import CheckResult, Pipeline, model_checks, pipeline
from claims_pipeline.dashboard.providers import ProviderDetail, provider_detail
from claims_pipeline.dashboard.published import NotBuilt
from claims_pipeline.dashboard.search import Found, SearchQuery, search
from claims_pipeline.dashboard.stats import Stats, build_of, stats
from claims_pipeline.dashboard.trends import Trends, trends
from claims_pipeline.lake import Lake

Responses = dict[int | str, dict[str, Any]]
NO_SUCH: Responses = {404: {"model": Problem, "description": "There is none of this id"}}
FHIR: Responses = {200: {"content": {"application/fhir+json": {"schema": {"type": "object"}}}}}
CSV: Responses = {200: {"content": {"text/csv": {}}}}
PARQUET: Responses = {200: {"content": {"application/vnd.apache.parquet": {}}}}

PIECE_BYTES = 1 << 20
MESSAGE_SECONDS = 0.05

REPEATED = {"status", "figures", *FILTERING}
"""Parameters that may have several values."""
OLDER_NAMES = {"created_from": "received_from", "created_to": "received_to"}


def require_one_value(request: Request) -> None:
    """Refuse a request that gives a parameter of one value twice: the figures would be those of one of the two.

    Raises:
        RequestValidationError: names the parameters.
    """
    given = Counter(OLDER_NAMES.get(name, name) for name, _ in request.query_params.multi_items())
    twice = [name for name, count in given.items() if count > 1 and name not in REPEATED]
    if twice:
        raise RequestValidationError(
            [{"type": "given_twice", "loc": ("query", name), "msg": "should be given once"} for name in twice]
        )


router = APIRouter(
    dependencies=[Depends(require_one_value)],
    responses={
        422: {"model": Problem, "description": "A parameter is wrong"},
        503: {"model": Problem, "description": "The analytics are not built yet, or too much was asked at once"},
    },
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


@router.get("/api/cards", tags=["figures"], summary="Headline figures with their changes")
def get_cards(view: CurrentView, filters: Annotated[Filters, Query()]) -> Cards:
    """Return each figure under the filters, and its change against the days before."""
    return cards(view, filters)


@router.get("/api/cards/trends", tags=["figures"], summary="Headline figures over time")
def get_trends(view: CurrentView, filters: Annotated[Filters, Query()]) -> Trends:
    """Return each figure by day, or complete week or month, of receipt."""
    return trends(view, filters)


@router.get("/api/what-changed", tags=["figures"], summary="Why charges changed")
def get_what_changed(view: CurrentView, query: Annotated[ChangeQuery, Query()]) -> WhatChanged:
    """Split the change in charges into members, use, mix and price, by the values of a dimension, to the cent."""
    return what_changed(view, query)


@router.get(
    "/api/stats/cost-outliers", tags=["figures"], summary="Charges or levels of visits far from those of the peers"
)
def get_cost_outliers(view: CurrentView, query: Annotated[OutlierQuery, Query()]) -> Outliers:
    """Return providers or claims whose charges, or levels of visits, are far from those of their specialty."""
    return cost_outliers(view, query)


@router.get("/api/stats/concentration", tags=["figures"], summary="Charges of the costliest patients")
def get_concentration(view: CurrentView, filters: Annotated[Filters, Query()]) -> Concentration:
    """Return the share of the charges that the costliest 1, 5, 10, 20 and 50% of the patients have."""
    return concentration(view, filters)


@router.get("/api/pipeline", tags=["service"], summary="What the pipeline did last")
def get_pipeline(request: Request, view: CurrentView) -> Pipeline:
    """Return the newest report of each kind of run, the days behind, and the lake against the FHIR server."""
    return pipeline(view, request.app.state.settings)


@router.get("/api/pipeline/model-checks", tags=["service"], summary="Checks of the tables of this build")
def get_model_checks(request: Request, view: CurrentView) -> list[CheckResult]:
    """Run the checks of the tables, which Dagster runs too: unique keys, sums that agree, ids that exist."""
    return model_checks(view, request.app.state.settings)


@router.get("/api/anomalies", tags=["figures"], summary="Unusual days and weeks")
def get_anomalies(view: CurrentView, filters: Annotated[Filters, Query()]) -> Anomalies:
    """Return days and weeks of receipt with far more or less than usual, the latest first."""
    return anomalies(view, filters)


@router.get("/api/search", tags=["lists"], summary="What a text may mean")
def get_search(view: CurrentView, query: Annotated[SearchQuery, Query()]) -> list[Found]:
    """Return patients, providers, claims and codes by id, name or label, or a part of it, in any case."""
    return search(view, query.q)


@router.get("/api/claims", tags=["lists"], summary="Claims in their current version")
def get_claims(view: CurrentView, query: Annotated[ClaimQuery, Query()]) -> ClaimPage:
    """Return a part of the list, the latest received first unless sorted otherwise."""
    return claim_page(view, query)


@router.get("/api/patients", tags=["lists"], summary="Patients with a claim")
def get_patients(view: CurrentView, query: Annotated[PatientQuery, Query()]) -> PatientPage:
    """Return a part of the list, with each patient's claims in numbers."""
    return patient_page(view, query)


@router.get("/api/claims/{claim_id}", tags=["lists"], summary="One claim", responses=NO_SUCH)
def get_claim(request: Request, view: CurrentView, claim_id: str) -> ClaimDetail:
    """Return a claim in its current version, with its lines and the history of its versions."""
    return claim_detail(view, claim_id, fhir_base_url=request.app.state.settings.fhir_base_url)


@router.get(
    "/api/claims/{claim_id}/fhir",
    tags=["lists"],
    summary="One claim as a FHIR resource",
    response_class=Response,
    responses=NO_SUCH | FHIR,
)
def get_claim_as_fhir(request: Request, view: CurrentView, claim_id: str) -> Response:
    """Return a claim's current version as it is loaded into a FHIR server, made from the lake."""
    body = claim_as_fhir(view, claim_id, Lake(request.app.state.settings.lake_path))
    return Response(body, media_type="application/fhir+json")


@router.get("/api/providers/{practitioner_id}", tags=["lists"], summary="One provider", responses=NO_SUCH)
def get_provider(request: Request, view: CurrentView, practitioner_id: str) -> ProviderDetail:
    """Return a rendering provider's figures and mix of services, beside those of the specialty."""
    return provider_detail(view, practitioner_id, fhir_base_url=request.app.state.settings.fhir_base_url)


@router.get("/api/patients/{patient_id}", tags=["lists"], summary="One patient", responses=NO_SUCH)
def get_patient(request: Request, view: CurrentView, patient_id: str) -> PatientDetail:
    """Return a patient at the last known address, with the coverages that claims name and what pays second."""
    return patient_detail(view, patient_id, fhir_base_url=request.app.state.settings.fhir_base_url)


@router.get("/api/patients/{patient_id}/timeline", tags=["charts"], summary="One patient's timeline", responses=NO_SUCH)
def get_patient_timeline(view: CurrentView, patient_id: str) -> dict[str, Any]:
    """Return the claims as points and the coverages as spans: a Vega-Lite specification with its data."""
    return patient_timeline(view, patient_id)


@router.get("/api/export.csv", tags=["lists"], summary="Claims as CSV", response_class=StreamingResponse, responses=CSV)
def get_csv(request: Request, view: CurrentView, filters: Annotated[Filters, Query()]) -> StreamingResponse:
    """Return all claims under the filters; texts that a spreadsheet takes for formulas begin with an apostrophe."""
    return _attachment(claims_csv(view, filters, _has_left(request)), "text/csv; charset=utf-8", "claims.csv")


@router.get(
    "/api/export.parquet",
    tags=["lists"],
    summary="Claims as Parquet",
    response_class=StreamingResponse,
    responses=PARQUET,
)
def get_parquet(request: Request, view: CurrentView, filters: Annotated[Filters, Query()]) -> StreamingResponse:
    """Return all claims under the filters."""
    return _attachment(
        claims_parquet(view, filters, _has_left(request)), "application/vnd.apache.parquet", "claims.parquet"
    )


def _has_left(request: Request) -> Callable[[], bool]:
    """Return a function for the thread that answers a request: whether its client has left."""

    async def has_left() -> bool:
        # Request.is_disconnected does not wait at all, and behind a middleware the message needs a moment
        with move_on_after(MESSAGE_SECONDS):
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return True
        return False

    return partial(from_thread.run, has_left)


def _attachment(file: IO[bytes], media_type: str, name: str) -> StreamingResponse:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(os.fstat(file.fileno()).st_size),
    }
    return StreamingResponse(_pieces(file), media_type=media_type, headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _add_breakdown_route(dimension: Dimension) -> None:
    def get_breakdown(view: CurrentView, query: Annotated[BreakdownQuery, Query()]) -> Breakdown:
        return breakdown(view, dimension, query)

    router.add_api_route(
        f"/api/stats/by-{dimension.path}",
        get_breakdown,
        tags=["figures"],
        name=f"get_stats_by_{dimension.name}",
        summary=f"Figures by {dimension.title.lower()}",
        description=f"{dimension.meaning} Every measure for the values that are largest by one of them.",
    )


for _dimension in DIMENSIONS.values():
    _add_breakdown_route(_dimension)


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
    def get_chart(view: CurrentView, query: Annotated[ChartQuery, Query()]) -> dict[str, Any]:
        return chart.draw(view, query)

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
