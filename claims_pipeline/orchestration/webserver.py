"""Dagster's webserver behind the guard.

`python -m claims_pipeline.orchestration.webserver` takes the options of `dagster-webserver`.
"""

from typing import Any

import dagster_webserver.app
from dagster_webserver.cli import main
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from claims_pipeline.orchestration.guard import WebPageGuard


class GuardedWebserver(DagsterWebserver[Any, Any]):
    """Dagster's webserver; each request passes the guard first."""

    def build_middleware(self) -> list[Middleware]:
        """Return Dagster's own middleware after the guard."""
        return [Middleware(WebPageGuard), *super().build_middleware()]


if __name__ == "__main__":
    vars(dagster_webserver.app).update(DagsterWebserver=GuardedWebserver)  # its command has no option for it
    main()  # type: ignore[no-untyped-call]
