"""docs/cli.md is made from the code."""

import re

import pytest
import typer

from claims_pipeline.cli.app import app
from claims_pipeline_tests.cli.reference import PAGE, reference


@pytest.mark.heavy
def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "make docs"


def test_every_command_is_in_it_with_an_example() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a click group
    sections = re.split(r"^##+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]

    assert {f"claims {name}" for name in commands} <= {section.split("`")[1] for section in sections}
    groups = [name for name, command in commands.items() if hasattr(command, "commands")]
    for section in sections:
        command = section.split("`")[1]
        assert "Example: " in section or command.removeprefix("claims ") in groups, command
