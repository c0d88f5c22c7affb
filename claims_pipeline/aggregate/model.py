"""What a model declares: its columns and what it reads. What it selects is in `sql/<name>.sql`, headed by its grain."""

import hashlib
import re
from dataclasses import dataclass
from importlib.resources import files
from itertools import takewhile

from claims_pipeline.reference import read_table
from claims_pipeline.schema import Column, Table

_INCLUDE = re.compile(r"^-- include (\w+)\n", flags=re.MULTILINE)
"""A line that stands for a file of common table expressions, which more than one model has."""


def _read_sql(name: str) -> str:
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Model:
    """One table of the analytics file.

    Attributes:
        name: of the table and of its SQL file.
        key: columns that identify a row.
        columns: in the order of the table.
        tables: lake tables that it reads.
        models: models that it reads, all of them earlier in MODELS.
        references: tables of `claims_pipeline.reference` that it reads.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    tables: tuple[Table, ...] = ()
    models: tuple[str, ...] = ()
    references: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The SELECT statement, with what it includes."""
        return _INCLUDE.sub(lambda match: _read_sql(match[1]), _read_sql(self.name))

    @property
    def description(self) -> str:
        """The grain, and what else the head of the SQL file says."""
        head = takewhile(lambda line: line.startswith("--"), self.sql.splitlines())
        return " ".join(line.removeprefix("--").strip() for line in head)

    @property
    def digest(self) -> str:
        """The SHA-256 of what the model selects and of the reference tables that it reads."""
        texts = [self.name, self.sql, *(read_table(name).write_csv() for name in self.references)]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()
