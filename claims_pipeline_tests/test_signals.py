"""What ends a program, and what Dagster makes of it."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from claims_pipeline.signals import ending_like_ctrl_c, handlers_restored, is_ignored


@pytest.fixture
def _sigint_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def test_handlers_that_a_block_changes_are_put_back() -> None:
    before = handlers()
    with handlers_restored():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert handlers() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_ends_a_block_as_ctrl_c_does(number: signal.Signals) -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), ending_like_ctrl_c():
        signal.raise_signal(number)
    assert handlers() == before


@pytest.mark.usefixtures("_sigint_ignored")
def test_in_the_background_of_a_script_ctrl_c_ends_nothing_and_sigterm_does_even_after_dagster() -> None:
    with ending_like_ctrl_c():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # as Dagster does
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.usefixtures("_sigint_ignored")
def test_a_block_within_another_leaves_that_one_as_it_was() -> None:
    with ending_like_ctrl_c():
        with ending_like_ctrl_c():
            signal.raise_signal(signal.SIGINT)
        assert is_ignored(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.usefixtures("_sigint_ignored")
def test_a_program_that_is_started_there_ignores_nothing() -> None:
    ask = [sys.executable, "-c", "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"]
    with ending_like_ctrl_c():
        assert subprocess.run(ask, capture_output=True, text=True, check=True).stdout == "False\n"
