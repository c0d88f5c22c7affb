"""The web application: the API, the page and its scripts, the API's documentation."""

from hashlib import sha256
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from claims_pipeline import __version__
from claims_pipeline.dashboard.analytics import Analytics
from claims_pipeline.dashboard.api import router
from claims_pipeline.dashboard.assets import assets_router, read_assets, with_addresses
from claims_pipeline.dashboard.guards import AnswerHead, add_guards
from claims_pipeline.dashboard.page import render_page
from claims_pipeline.dashboard.problems import add_problem_handlers
from claims_pipeline.settings import Settings

UNCOMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "text/csv", "application/vnd.apache.parquet")
"""Compressing an export takes ten times as long as making it, and a proxy can do it where the network is slow."""


def create_app(settings: Settings) -> FastAPI:
    """Return the dashboard over `settings.analytics_path`; the file may be published later."""
    app: FastAPI = FastAPIOffline(
        docs_url=None,
        redoc_url=None,  # FastAPI's documentation page has an inline script, which our policy forbids: static/docs.html
        title="claims dashboard",
        version=__version__,
        description="Synthetic US health-insurance claims: figures, lists and charts of a lake.",
    )
    app.state.analytics = Analytics(settings.analytics_path)
    app.state.settings = settings
    app.add_middleware(GZipMiddleware, minimum_size=1_000, exclude_content_types=UNCOMPRESSED)
    add_guards(app, settings)
    app.add_middleware(AnswerHead)
    add_problem_handlers(app)
    app.include_router(router)

    assets = read_assets()
    app.include_router(assets_router(assets, settings))
    _add_page(app, "/", with_addresses(render_page(assets["index.html"].decode()), assets))
    _add_page(app, "/figures", with_addresses(assets["figures.html"].decode(), assets))
    _add_page(app, "/docs", with_addresses(assets["docs.html"].decode(), assets))
    return app


def _add_page(app: FastAPI, path: str, page: str) -> None:
    etag = f'"{sha256(page.encode()).hexdigest()[:32]}"'

    @app.get(path, include_in_schema=False)
    def get_page(request: Request) -> Response:
        headers = {"ETag": etag}
        if request.headers.get("If-None-Match") == etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return HTMLResponse(page, headers=headers)
