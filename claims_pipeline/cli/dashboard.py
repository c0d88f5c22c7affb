"""`claims dashboard`."""

from typing import Annotated

import typer

from claims_pipeline.cli.app import app, err
from claims_pipeline.cli.heap import share_arenas
from claims_pipeline.cli.options import settings_with


@app.command()
def dashboard(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; others than 127.0.0.1 need a password.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Show the analytics in a browser, with a JSON API.

    For another address than 127.0.0.1 set CLAIMS_DASHBOARD_PASSWORD; the browser then asks for it.

    Example: claims dashboard --port 5001
    """
    share_arenas()  # before the imports, which start threads

    from claims_pipeline.dashboard import serve

    settings = settings_with(dashboard_host=host, dashboard_port=port)
    if not settings.analytics_path.exists():
        err.print("The analytics are not built yet; the page fills when they are: claims aggregate")
    serve(settings, lambda: err.print(f"Dashboard: {settings.dashboard_url}  (Ctrl+C ends it)", markup=False))
