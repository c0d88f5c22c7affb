"""The embedded FHIR server: the real HAPI FHIR JPA server and PostgreSQL, without a container engine.

Belongs here: downloads, processes, their state, the search parameters that the pipeline needs.
Does not: what is loaded into it (load/), how commands print (cli/), processes in general (processes.py).
"""

from claims_pipeline.server.backup import backup, require_backup, restore
from claims_pipeline.server.control import require_usable, start, stop, stop_started_here, wipe
from claims_pipeline.server.interruption import none_left_behind
from claims_pipeline.server.logs import log_files, log_lines
from claims_pipeline.server.reasons import trouble, with_reasons
from claims_pipeline.server.search_parameters import install_search_parameters
from claims_pipeline.server.status import ServerStatus, running, status

__all__ = [
    "ServerStatus",
    "backup",
    "install_search_parameters",
    "log_files",
    "log_lines",
    "none_left_behind",
    "require_backup",
    "require_usable",
    "restore",
    "running",
    "start",
    "status",
    "stop",
    "stop_started_here",
    "trouble",
    "wipe",
    "with_reasons",
]
