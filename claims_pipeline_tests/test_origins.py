import pytest

from claims_pipeline.origins import is_cross_origin, is_for_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:5000", "localhost:3000", "LOCALHOST", "[::1]:8080", "[::1]"])
def test_the_names_of_the_loopback_are_known(host: str) -> None:
    assert is_for_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "rebound.example", "127.0.0.1.rebound.example", "localhost.rebound.example:80", "[::1", "10.0.0.7", "@"],
)
def test_other_names_are_not_the_loopback(host: str) -> None:
    assert not is_for_loopback(host)


@pytest.mark.parametrize("origin", ["null", "", "http://127.0.0.1:3001", "http://hostile.example", "http://[::1", "x"])
def test_a_page_of_another_origin_is_recognised(origin: str) -> None:
    assert is_cross_origin(origin, "127.0.0.1:3000")


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:3000", "https://127.0.0.1:3000", "HTTP://127.0.0.1:3000"])
def test_a_program_and_the_servers_own_page_are_not_of_another_origin(origin: str | None) -> None:
    assert not is_cross_origin(origin, "127.0.0.1:3000")


def test_without_a_host_every_page_is_of_another_origin() -> None:
    assert is_cross_origin("http://", "")
