"""What a load is asked for."""

from dataclasses import dataclass
from enum import StrEnum

from claims_pipeline.errors import ConfigError


class OnMismatch(StrEnum):
    """What to do about a ledger and a server that do not belong together."""

    REFUSE = "refuse"
    ADOPT = "adopt"
    RESET = "reset"


class Vanished(StrEnum):
    """What to do about a resource that no partition of the lake holds any more."""

    KEEP = "keep"
    ENTERED_IN_ERROR = "entered-in-error"
    DELETE = "delete"


@dataclass(frozen=True)
class LoadOptions:
    """What is asked for less often.

    Attributes:
        is_dry_run: say what would be sent, and send nothing.
        wait_for_lock: wait until another loader is done, instead of failing.
        on_mismatch: refuse a server that was wiped, restored or swapped; or first compare the ledger with what it
            really holds (adopt), or forget what the ledger says and send everything (reset).
        has_every_version: send the days in order, so that the server's history has each day's version.
        vanished: what to do about what no partition of the lake holds any more; entered-in-error is for Claim and
            Coverage only, others are kept.

    Raises ConfigError for a dry run that is to adopt or reset: both write.
    """

    is_dry_run: bool = False
    wait_for_lock: bool = False
    on_mismatch: OnMismatch = OnMismatch.REFUSE
    has_every_version: bool = False
    vanished: Vanished = Vanished.KEEP

    def __post_init__(self) -> None:
        if self.is_dry_run and self.on_mismatch is not OnMismatch.REFUSE:
            raise ConfigError(
                f"--{self.on_mismatch} writes the ledger and the server's marker, a dry run writes nothing",
                fix=f"claims load --{self.on_mismatch}, without --dry-run",
            )


DEFAULTS = LoadOptions()
