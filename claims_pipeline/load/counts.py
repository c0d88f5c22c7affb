"""How many resources ended how: each read has exactly one end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

HEADINGS = {
    "read": "read",
    "unchanged": "unchanged",
    "superseded": "superseded",
    "created": "created",
    "updated": "updated",
    "already_equal": "equal",
    "rejected": "rejected",
    "failed": "failed",
    "to_send": "to send",
}
ONLY_OF_A_DRY_RUN = ("to_send",)
NEVER_OF_A_DRY_RUN = ("created", "updated", "already_equal")


@dataclass(frozen=True)
class Counts:
    """What became of the resources of one type; raises ValueError unless each has exactly one end.

    `to_send` is what a dry run found the server to lack, 0 otherwise.
    """

    read: int = 0
    unchanged: int = 0
    superseded: int = 0
    created: int = 0
    updated: int = 0
    already_equal: int = 0
    rejected: int = 0
    failed: int = 0
    to_send: int = 0

    def __post_init__(self) -> None:
        if self.read != self.unchanged + self.superseded + self.loaded + self.rejected + self.failed + self.to_send:
            raise ValueError(f"resources are unaccounted for: {asdict(self)}")

    @property
    def loaded(self) -> int:
        """Resources that the server confirmed."""
        return self.created + self.updated + self.already_equal

    def to_json(self) -> dict[str, int]:
        """Return the counts, and their sum `loaded`, as JSON values."""
        return asdict(self) | {"loaded": self.loaded}

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def counts_table(by_type: Mapping[str, Counts], total: Counts, *, is_dry_run: bool) -> str:
    """Return the lines of a table, one line a resource type and one for all, for a terminal of 80 columns."""
    left_out = NEVER_OF_A_DRY_RUN if is_dry_run else ONLY_OF_A_DRY_RUN
    columns = [name for name in HEADINGS if name not in left_out]
    rows = [["", *(HEADINGS[column] for column in columns)]]
    rows += [
        [name, *(f"{getattr(counts, column):,}" for column in columns)]
        for name, counts in (*sorted(by_type.items()), ("total", total))
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        " ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
