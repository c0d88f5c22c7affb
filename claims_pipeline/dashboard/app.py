"""The web application: the API, the page and its scripts, the API's documentation."""

from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from claims_pipeline import __version__
from claims_pipeline.dashboard.analytics import Analytics
from claims_pipeline.dashboard.api import router
from claims_pipeline.dashboard.bundle import vega_bundle
from claims_pipeline.dashboard.guards import AnswerHead, add_guards
from claims_pipeline.dashboard.page import render_page
from claims_pipeline.dashboard.problems import add_problem_handlers
from claims_pipeline.settings import Settings

UNCOMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "text/csv", "application/vnd.apache.parquet")
"""Compressing an export takes ten times as long as making it, and a proxy can do it where the network is slow."""
STATIC = Path(str(files(__package__).joinpath("static")))


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

    page = render_page((STATIC / "index.html").read_text(encoding="utf-8"))
    page_etag = f'"{sha256(page.encode()).hexdigest()[:32]}"'

    @app.get("/", include_in_schema=False)
    def get_page(request: Request) -> Response:
        headers = {"ETag": page_etag}
        if request.headers.get("If-None-Match") == page_etag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return HTMLResponse(page, headers=headers)

    @app.get("/docs", include_in_schema=False)
    def get_docs() -> FileResponse:
        return FileResponse(STATIC / "docs.html")

    @app.get("/assets/vega.js", include_in_schema=False)
    def get_vega() -> FileResponse:
        return FileResponse(vega_bundle(settings.cache), media_type="text/javascript")

    app.mount("/assets", StaticFiles(directory=STATIC), name="assets")
    return app
