"""What a program imports from claims_pipeline; the names are resolved in __init__.py."""

from claims_pipeline import errors as errors
from claims_pipeline import fidelity as fidelity
from claims_pipeline import quality as quality
from claims_pipeline import schema as schema
from claims_pipeline import server as server
from claims_pipeline.aggregate import build as build
from claims_pipeline.dashboard import create_app as create_app
from claims_pipeline.errors import ClaimsPipelineError as ClaimsPipelineError
from claims_pipeline.export import produce as produce
from claims_pipeline.generate import generate_range as generate_range
from claims_pipeline.lake import Feed as Feed
from claims_pipeline.lake import Lake as Lake
from claims_pipeline.load import Counts as Counts
from claims_pipeline.load import LoadOptions as LoadOptions
from claims_pipeline.load import LoadReport as LoadReport
from claims_pipeline.load import OnMismatch as OnMismatch
from claims_pipeline.load import Vanished as Vanished
from claims_pipeline.load import discard_dead_letters as discard_dead_letters
from claims_pipeline.load import list_dead_letters as list_dead_letters
from claims_pipeline.load import load_files as load_files
from claims_pipeline.load import load_files_async as load_files_async
from claims_pipeline.load import load_lake as load_lake
from claims_pipeline.load import load_lake_async as load_lake_async
from claims_pipeline.load import reconcile as reconcile
from claims_pipeline.load import reconcile_async as reconcile_async
from claims_pipeline.load import remove as remove
from claims_pipeline.load import remove_async as remove_async
from claims_pipeline.load import retry_dead_letters as retry_dead_letters
from claims_pipeline.load import retry_dead_letters_async as retry_dead_letters_async
from claims_pipeline.settings import Settings as Settings
from claims_pipeline.settings import load_settings as load_settings

__version__: str
__all__: list[str]
