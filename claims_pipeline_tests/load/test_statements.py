"""The ledger is in SQLite so that PostgreSQL can follow: every statement that it makes means something there too."""

import importlib
import pkgutil
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDDLCompiler, SQLiteDialect

from claims_pipeline import load, schema
from claims_pipeline.lake import Lake
from claims_pipeline.load import LoadOptions, OnMismatch, Vanished
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import START, Shape, rewrite, tiny_lake, write
from claims_pipeline_tests.server_state import forget_marker, put, read

POSTGRESQL = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # it is not typed
MODULES = [importlib.import_module(found.name) for found in pkgutil.walk_packages(load.__path__, f"{load.__name__}.")]
ONLY_OF_SQLITE = ("PRAGMA", "OR REPLACE", "OR IGNORE", "dialects.sqlite", "dialects import sqlite", "ROWID")


@dataclass
class Recorded:
    """What was said to SQLite: statements, tables and indexes as SQLAlchemy has them, before they become text."""

    statements: list[sa.ClauseElement] = field(default_factory=list)
    definitions: list[sa.ClauseElement] = field(default_factory=list)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    record = Recorded()

    class Statements(SQLiteCompiler):
        def __init__(self, dialect: Any, statement: Any, **options: Any) -> None:
            if statement is not None:
                record.statements.append(statement)
            super().__init__(dialect, statement, **options)

    class Definitions(SQLiteDDLCompiler):
        def __init__(self, dialect: Any, statement: Any, **options: Any) -> None:
            record.definitions.append(statement)
            super().__init__(dialect, statement, **options)

    monkeypatch.setattr(SQLiteDialect, "statement_compiler", Statements)
    monkeypatch.setattr(SQLiteDialect, "ddl_compiler", Definitions)
    return record


def for_postgresql(clause: sa.ClauseElement) -> str:
    return str(clause.compile(dialect=POSTGRESQL, compile_kwargs={"render_postcompile": True})).strip()


def statements_of_modules() -> Iterator[tuple[str, sa.ClauseElement]]:
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, sa.Executable) and isinstance(value, sa.ClauseElement):
                yield f"{module.__name__}.{name}", value


def drop_claim(lake: Lake, number: int) -> None:
    claims = lake.read(schema.CLAIMS, START)
    write(lake, schema.CLAIMS, claims.filter(~pl.col("claim_id").str.ends_with(str(number))).to_dicts(), START)


def everything_that_a_ledger_goes_through(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("sql"))
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("3"), coverage_id="sql-nowhere")
    load.load_lake(lake, target, days=[START])
    load.load_lake(lake, target)
    assert load.list_dead_letters(target).height == 1
    load.retry_dead_letters([], target)
    for number, vanished in enumerate((Vanished.ENTERED_IN_ERROR, Vanished.DELETE)):
        drop_claim(lake, number)
        load.load_lake(lake, target, options=LoadOptions(vanished=vanished))
    shutil.rmtree(lake.path(schema.CLAIMS, date(2025, 1, 3)).parent)
    load.load_lake(lake, target)
    httpx.delete(f"{target.fhir_base_url}/Claim/sql-claim-20250102-000001", trust_env=False).raise_for_status()
    changed = read(target.fhir_base_url, "Claim/sql-claim-20250102-000002") | {"status": "draft"}
    put(target.fhir_base_url, changed)
    assert load.reconcile(target, repair=True).marked == 2
    forget_marker(target.fhir_base_url)
    load.load_lake(lake, target, options=LoadOptions(on_mismatch=OnMismatch.ADOPT))
    assert load.remove(target).exit_code == 0
    load.load_lake(lake, target, options=LoadOptions(on_mismatch=OnMismatch.RESET))


@pytest.mark.server
def test_postgresql_understands_every_statement_of_the_ledger(
    recorded: Recorded, target: Settings, fhir_server: Settings
) -> None:
    everything_that_a_ledger_goes_through(target)

    told = {id(statement) for statement in recorded.statements}
    assert [name for name, statement in statements_of_modules() if id(statement) not in told] == []
    definitions = dict.fromkeys(map(for_postgresql, recorded.definitions))
    statements = dict.fromkeys(map(for_postgresql, recorded.statements))
    prepared = [f"PREPARE statement_{number} AS {text}" for number, text in enumerate(statements)]
    script = ["BEGIN", "CREATE SCHEMA ledger", "SET search_path TO ledger", *definitions, *prepared, "ROLLBACK"]
    done = Postgres.of(fhir_server).run_client("psql", "-XAtq", "-c", ";\n".join(script))
    assert (done.returncode, done.stdout) == (0, "")


def test_what_only_sqlite_has_is_in_one_module() -> None:
    sources = [Path(str(module.__file__)) for module in MODULES]
    of_ledger = {path.name: text for path in sources if "import sqlalchemy" in (text := path.read_text())}

    assert {name for name, text in of_ledger.items() for word in ONLY_OF_SQLITE if word in text} == {"sqlite.py"}
