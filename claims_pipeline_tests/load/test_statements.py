"""The ledger is in SQLite so that PostgreSQL can follow: every statement that it makes means something there too."""

import importlib
import json
import pkgutil
import re
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from claims_pipeline import load, schema
from claims_pipeline.lake import Lake
from claims_pipeline.load import LoadOptions, OnMismatch, Vanished, ledger
from claims_pipeline.load.ledger.sqlite import WITHOUT_ROWID
from claims_pipeline.server.postgres import Postgres
from claims_pipeline.settings import Settings
from claims_pipeline_tests.lakes import START, Shape, rewrite, tiny_lake, write
from claims_pipeline_tests.load.sources.samples import bundle, ndjson, patient
from claims_pipeline_tests.server_state import forget_marker, put, read

MODULES = [importlib.import_module(found.name) for found in pkgutil.walk_packages(load.__path__, f"{load.__name__}.")]
ONLY_OF_SQLITE = ("PRAGMA", "OR REPLACE", "OR IGNORE", "WITHOUT ROWID", "import sqlite3")
DELETION = bundle({"request": {"method": "DELETE", "url": "Patient/sql-b"}})
OF_DEFINITION = ("CREATE", "ALTER")
OF_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was said to SQLite, in order."""
    statements: list[str] = []

    class Recording(sqlite3.Connection):
        def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
            statements.append(statement)
            return super().execute(statement, *parameters)

        def executemany(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
            statements.append(statement)
            return super().executemany(statement, *parameters)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, **kwargs, factory=Recording))
    return statements


def starting_with(words: tuple[str, ...], statements: list[str]) -> list[str]:
    return list(dict.fromkeys(text for text in map(str.strip, statements) if text.startswith(words)))


def for_postgresql(statement: str) -> str:
    parts = re.sub(r"--.*", "", statement).replace(WITHOUT_ROWID, "").split("?")
    return parts[0] + "".join(f"${number}{part}" for number, part in enumerate(parts[1:], start=1))


def statements_of_modules() -> Iterator[tuple[str, str]]:
    for module in MODULES:
        if module.__name__.startswith(f"{ledger.__name__}."):
            for name, value in vars(module).items():
                if isinstance(value, str) and value.strip().startswith(OF_ROWS):
                    yield f"{module.__name__}.{name}", value.strip()


def drop_claim(lake: Lake, number: int) -> None:
    claims = lake.read(schema.CLAIMS, START)
    write(lake, schema.CLAIMS, claims.filter(~pl.col("claim_id").str.ends_with(str(number))).to_dicts(), START)


def everything_that_a_ledger_goes_through(target: Settings) -> None:
    lake = tiny_lake(target.lake_path, Shape("sql"))
    rewrite(lake, schema.CLAIMS, START, pl.col("claim_id").str.ends_with("3"), coverage_id="sql-nowhere")
    load.load_lake(lake, target, days=[START])
    load.load_lake(lake, target)
    assert load.list_dead_letters(target).height == load.list_dead_letters(target, with_contents=False).height == 1
    unreadable = target.home / "bad.ndjson"
    unreadable.write_text("{")
    load.load_files([str(unreadable)], target)
    load.retry_dead_letters([], target)
    load.discard_dead_letters([], target)
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
    file = target.home / "Patient.ndjson"
    for text in (ndjson(patient("sql-a"), patient("sql-b")), ndjson(patient("sql-a")) + json.dumps(DELETION)):
        file.write_text(text)
        load.load_files([str(file)], target, options=LoadOptions(vanished=Vanished.DELETE))
    assert load.remove(target).exit_code == 0
    load.load_lake(lake, target, options=LoadOptions(on_mismatch=OnMismatch.RESET))


@pytest.mark.server
def test_postgresql_understands_every_statement_of_the_ledger(
    recorded: list[str], target: Settings, fhir_server: Settings
) -> None:
    everything_that_a_ledger_goes_through(target)

    told = starting_with(OF_ROWS, recorded)
    assert [name for name, statement in statements_of_modules() if statement not in told] == []
    definitions = map(for_postgresql, starting_with(OF_DEFINITION, recorded))
    prepared = [f"PREPARE statement_{number} AS {for_postgresql(text)}" for number, text in enumerate(told)]
    script = ["BEGIN", "CREATE SCHEMA ledger", "SET search_path TO ledger", *definitions, *prepared, "ROLLBACK"]
    done = Postgres.of(fhir_server).run_client("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", ";\n".join(script))
    assert (done.returncode, done.stdout) == (0, "")


def test_what_only_sqlite_has_is_in_one_module() -> None:
    sources = {Path(str(module.__file__)): Path(str(module.__file__)).read_text() for module in MODULES}
    of_ledger = {path.name: text for path, text in sources.items() if path.parent.name == "ledger"}

    assert {name for name, text in of_ledger.items() for word in ONLY_OF_SQLITE if word in text} == {"sqlite.py"}
    assert {path.name for path, text in sources.items() if "import sqlite3" in text} == {"sqlite.py"}
