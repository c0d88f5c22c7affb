"""The page's scripts, styles and icon, under addresses that change with their content, so that browsers keep them.

They are read once: a dashboard serves the files that it started with, also while another version is installed.
"""

import mimetypes
from hashlib import sha256
from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse

from claims_pipeline.dashboard.bundle import bundle_name, vega_bundle
from claims_pipeline.settings import Settings

FOREVER = "max-age=31536000, immutable"
JAVASCRIPT = "text/javascript"


def read_assets() -> dict[str, bytes]:
    """Return the content of each file in `static/`, by name, in the order of names."""
    found = [file for file in files(__package__).joinpath("static").iterdir() if file.is_file()]
    return {file.name: file.read_bytes() for file in sorted(found, key=lambda file: file.name)}


def with_addresses(html: str, assets: dict[str, bytes]) -> str:
    """Return a page whose addresses of assets contain their version, with a preload link for each module."""
    address = f"/assets/{_version(assets)}/"
    modules = sorted(name for name in assets if name.endswith(".js") and name != "docs.js")
    early = "\n    ".join(f'<link rel="modulepreload" href="/assets/{name}">' for name in modules)
    return html.replace("<!-- modules -->", early).replace("/assets/", address)


def assets_router(assets: dict[str, bytes], settings: Settings) -> APIRouter:
    """Return the routes of the assets and of the script that draws the charts."""
    router = APIRouter(prefix="/assets", include_in_schema=False)
    current, current_bundle = _version(assets), bundle_name()

    def caching(asked: str) -> dict[str, str]:
        """Return the header Cache-Control; a browser does not keep a file that it asks for under another version."""
        return {"Cache-Control": FOREVER if asked == current else "no-store"}

    @router.get("/{asked}/vega.js")
    def get_vega(asked: str) -> FileResponse:
        file = vega_bundle(settings.cache)
        headers = caching(asked if file.name == current_bundle else "")  # Vega may be upgraded while this runs
        return FileResponse(file, media_type=JAVASCRIPT, headers=headers)

    @router.get("/{asked}/{name}")
    def get_asset(asked: str, name: str) -> Response:
        if name not in assets or name.endswith(".html"):
            raise HTTPException(404)
        media_type = JAVASCRIPT if name.endswith(".js") else mimetypes.guess_type(name)[0]
        return Response(assets[name], media_type=media_type, headers=caching(asked))

    return router


def _version(assets: dict[str, bytes]) -> str:
    contents = b"".join(sha256(name.encode() + content).digest() for name, content in assets.items())
    return sha256(contents + bundle_name().encode()).hexdigest()[:16]
