"""What the README promises by name exists, and what a reader needs by name is in it."""

import re
from pathlib import Path

import pytest
import typer

from claims_pipeline.cli.app import app
from claims_pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(typer.main.get_command(app).commands)  # type: ignore[attr-defined]  # a click group


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_table(name: str) -> None:
    assert f"`CLAIMS_{name.upper()}`" in README


def test_no_variable_is_named_that_does_not_exist() -> None:
    named = set(re.findall(r"CLAIMS_([A-Z_]+)", README))

    assert {name.lower() for name in named} <= set(Settings.model_fields)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_named(command: str) -> None:
    assert re.search(rf"`(claims )?{command}\b", README)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
