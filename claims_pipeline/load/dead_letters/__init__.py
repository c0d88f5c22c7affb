"""Dead letters: what was rejected, with the reason and the resource itself, as Parquet files for the owner only.

Belongs here: their files, which of them are open, what becomes of them in a run. Does not: why something is rejected.
"""

from claims_pipeline.load.dead_letters.files import SCHEMA, UNREADABLE, read_folder
from claims_pipeline.load.dead_letters.of_run import DeadLetters
from claims_pipeline.load.dead_letters.still_open import open_dead_letters

__all__ = ["SCHEMA", "UNREADABLE", "DeadLetters", "open_dead_letters", "read_folder"]
