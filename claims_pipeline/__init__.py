"""A daily feed of synthetic US health-insurance claims: generated, loaded into FHIR, aggregated, charted.

What a program needs of it is here: `import claims_pipeline as cp`. Each name is imported when it is first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULE_OF = {
    "ClaimsPipelineError": "errors",
    "Counts": "load",
    "Feed": "lake",
    "Lake": "lake",
    "LoadOptions": "load",
    "LoadReport": "load",
    "OnMismatch": "load",
    "Settings": "settings",
    "Vanished": "load",
    "build": "aggregate",
    "create_app": "dashboard",
    "discard_dead_letters": "load",
    "generate_range": "generate",
    "list_dead_letters": "load",
    "load_files": "load",
    "load_files_async": "load",
    "load_lake": "load",
    "load_lake_async": "load",
    "load_settings": "settings",
    "produce": "export",
    "reconcile": "load",
    "reconcile_async": "load",
    "remove": "load",
    "remove_async": "load",
    "retry_dead_letters": "load",
    "retry_dead_letters_async": "load",
}
_SUBPACKAGES = ("errors", "fidelity", "quality", "schema", "server")

__all__ = sorted([*_MODULE_OF, *_SUBPACKAGES])


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"{__name__}.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
