"""The dashboard: a JSON API, charts and one page over the published analytics file.

Belongs here: the web application, its charts (`charts/`), its page (`static/`), starting it.
Does not: the models that it reads (aggregate).
"""

from claims_pipeline.dashboard.app import create_app
from claims_pipeline.dashboard.serve import serve

__all__ = ["create_app", "serve"]
