"""The options of a load."""

import re
from dataclasses import dataclass
from enum import StrEnum

from claims_pipeline.errors import ConfigError


class OnMismatch(StrEnum):
    """What to do if the ledger and the server do not belong together."""

    REFUSE = "refuse"
    ADOPT = "adopt"
    RESET = "reset"


class Vanished(StrEnum):
    """What to do with a resource that the source no longer has."""

    KEEP = "keep"
    ENTERED_IN_ERROR = "entered-in-error"
    DELETE = "delete"


_PREFIX = re.compile(r"(?=.*[A-Za-z.\-])[A-Za-z0-9.\-]{1,32}")


@dataclass(frozen=True)
class LoadOptions:
    """The less common options of a load.

    Attributes:
        is_dry_run: report what would be sent, and send nothing.
        wait_for_lock: wait until another loader is done, instead of failing.
        on_mismatch: if the server was wiped, restored or swapped: end with an error (refuse), compare the ledger with
            what it really holds first (adopt), or forget the ledger and send everything (reset).
        has_every_version: send the days in order, so that the server's history has each day's version.
        vanished: what to do with resources that the source no longer has; entered-in-error applies to Claim and
            Coverage only, others are kept.
        take_over: overwrite resources of another source instead of refusing the load.
        types: resource types that are loaded; all if empty.
        exclude: resource types that are not loaded.
        id_prefix: text put before the ids of resources from files, and into the references to them.

    Raises ConfigError for a dry run that is to adopt or reset, since both write; for types that are all excluded; and
    for a prefix that ids cannot have.
    """

    is_dry_run: bool = False
    wait_for_lock: bool = False
    on_mismatch: OnMismatch = OnMismatch.REFUSE
    has_every_version: bool = False
    vanished: Vanished = Vanished.KEEP
    take_over: bool = False
    types: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    id_prefix: str = ""

    def __post_init__(self) -> None:
        if self.is_dry_run and self.on_mismatch is not OnMismatch.REFUSE:
            raise ConfigError(
                f"--{self.on_mismatch} writes the ledger and the server's marker, a dry run writes nothing",
                fix=f"claims load --{self.on_mismatch}, without --dry-run",
            )
        if self.types and not self.types - self.exclude:
            raise ConfigError("--types and --exclude leave nothing to load", fix="take a type out of --exclude")
        if self.id_prefix and not _PREFIX.fullmatch(self.id_prefix):
            raise ConfigError(
                "--id-prefix is made of letters, digits, '-' and '.', at most 32, and not of digits only",
                fix="claims load ./export --id-prefix ehr-",
            )

    def wants(self, resource_type: str) -> bool:
        """Return whether resources of a type are loaded."""
        return resource_type not in self.exclude and (not self.types or resource_type in self.types)


DEFAULTS = LoadOptions()
