"""The bar of a load on a terminal, and its lines elsewhere."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from claims_pipeline.cli import options
from claims_pipeline.load import Progress
from claims_pipeline.settings import Settings

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
BUSY = Progress(
    "practitioners", 12_345, 1_186_650, claims_per_second=1_412.0, in_flight=16, retries=1_204, seconds_left=4_000
)


def shown(monkeypatch: pytest.MonkeyPatch, *events: Progress, width: int = 80, is_terminal: bool = True) -> list[str]:
    """Return the lines that appear, one after the other, without the terminal's control sequences."""
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=is_terminal, highlight=False, soft_wrap=True)
    monkeypatch.setattr(options, "err", console)
    with options.load_progress(Settings(fhir_base_url="http://fhir.example.org/r4")) as on_progress:
        for event in events:
            on_progress(event)
    return [line for line in re.split(r"[\r\n]+", CONTROL.sub("", written.getvalue())) if line.strip()]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_bar_is_one_line_that_no_terminal_wraps(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    waiting = Progress("waiting for http://a-fhir-server-with-a-long-name.example.org:8080/fhir")

    lines = shown(monkeypatch, waiting, BUSY, width=width)

    assert lines
    assert all(len(line) <= width for line in lines)


def test_at_80_columns_the_bar_tells_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    last = shown(monkeypatch, BUSY)[-1]

    assert last.startswith("practitioners ")
    assert last.rstrip().endswith("1%  1,412 claims/s  16 in flight  1,204 retries  1:06:40 left")


def test_a_wide_terminal_shows_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "12,345/1,186,650" in shown(monkeypatch, BUSY, width=120)[-1]


def test_elsewhere_there_is_a_plain_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, BUSY, BUSY, is_terminal=False) == [str(BUSY)]


def test_a_load_that_waits_for_the_embedded_server_says_why_it_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(options, "err", Console(file=written, highlight=False, soft_wrap=True))
    settings = Settings(home=tmp_path)

    with options.load_progress(settings) as on_progress:
        on_progress(Progress(f"waiting for {settings.fhir_base_url}"))

    assert "the FHIR server does not answer: the embedded FHIR server was never started" in written.getvalue()
