"""Reading the server's logs."""

from itertools import islice
from pathlib import Path

import pytest

from claims_pipeline.errors import DataError
from claims_pipeline.server import log_files, log_lines
from claims_pipeline.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    log = log_files(settings)["hapi"]
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\nthree\n")
    return settings


def test_the_last_lines_are_shown(settings: Settings) -> None:
    assert list(log_lines(settings, "hapi", last=2)) == ["two", "three"]


def test_a_log_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(DataError, match="there is no log of postgresql yet") as caught:
        next(log_lines(settings, "postgresql", last=2))
    assert caught.value.fix == "claims server start"


def test_following_continues_with_the_log_of_the_next_start(settings: Settings) -> None:
    log = log_files(settings)["hapi"]
    lines = log_lines(settings, "hapi", last=1, follow=True)
    assert next(lines) == "three"
    with log.open("a") as file:
        file.write("four\n")
    assert next(lines) == "four"
    log.replace(log.with_name("hapi.1.log"))
    log.write_text("one of the next start\n")
    assert list(islice(lines, 1)) == ["one of the next start"]
    lines.close()  # type: ignore[attr-defined]  # a generator, declared as what its callers need
