"""`import claims_pipeline as cp`: what it has, that it is fast, and that its page of examples is true."""

import ast
import asyncio
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import CodeType
from typing import Any

import httpx
import pytest

import claims_pipeline as cp
from claims_pipeline.load.sending import client
from claims_pipeline.settings import Settings
from claims_pipeline_tests.load.fake_server import BASE, FakeServer
from claims_pipeline_tests.server_state import forget_marker

PACKAGE = Path(cp.__file__).parent
PAGE = PACKAGE.parent / "docs" / "library.md"


def test_each_name_is_there_and_declared_for_type_checkers() -> None:
    declared = re.findall(r"import \w+ as (\w+)$", (PACKAGE / "__init__.pyi").read_text(), re.MULTILINE)

    assert sorted(declared) == cp.__all__ == sorted(name for name in dir(cp) if name in cp.__all__)
    assert all(getattr(cp, name) is not None for name in cp.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'load_lakes'"):
        cp.load_lakes  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", cp.__all__)
def test_each_name_says_what_it_is(name: str) -> None:
    assert inspect.getdoc(getattr(cp, name))


def test_the_import_brings_nothing_heavy() -> None:
    code = "import sys, claims_pipeline; print(*{'polars', 'pydantic', 'httpx', 'duckdb'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"


@pytest.mark.parametrize("name", [name for name in cp.__all__ if not inspect.ismodule(getattr(cp, name))])
def test_each_name_is_on_the_page_of_examples(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE.read_text())


@pytest.mark.heavy
def test_the_examples_are_true(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = FakeServer()
    monkeypatch.setattr(client, "transport", lambda _: httpx.ASGITransport(server))

    run_examples(monkeypatch, tmp_path, BASE)

    assert server.held == {}


@pytest.mark.slow  # alone: what other tests have left on the shared server changes its figures
@pytest.mark.server
def test_the_examples_are_true_of_a_real_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fhir_server: Settings
) -> None:
    forget_marker(fhir_server.fhir_base_url)
    run_examples(monkeypatch, tmp_path, fhir_server.fhir_base_url)


def run_examples(monkeypatch: pytest.MonkeyPatch, folder: Path, base_url: str) -> None:
    """Run the blocks of the page in order, in one namespace and an empty folder."""
    monkeypatch.chdir(folder)
    namespace: dict[str, Any] = {"FHIR_BASE_URL": base_url}
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for kind, block in re.findall(r"```(python|pycon)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        if kind == "pycon":
            test = doctest.DocTestParser().get_doctest(block, namespace, "library.md", str(PAGE), 0)
            test.globs = namespace
            said: list[str] = []
            runner.run(test, out=said.append, clear_globs=False)
            assert runner.failures == 0, "".join(said)
        else:
            run_cell(compile(block, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)


def run_cell(code: CodeType, namespace: dict[str, Any]) -> None:
    """Run code that may await at its top level, as a notebook does."""
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, namespace))  # noqa: S307
    else:
        exec(code, namespace)  # noqa: S102
