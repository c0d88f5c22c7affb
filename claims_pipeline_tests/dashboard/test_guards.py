import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import Response

from claims_pipeline.dashboard import create_app
from claims_pipeline.dashboard.guards import GUESS_SECONDS, Guesses, require_password_beyond_this_machine
from claims_pipeline.errors import ConfigError
from claims_pipeline.settings import Settings
from claims_pipeline_tests.dashboard.conftest import Start

PASSWORD = "pässword: with a colon"


@pytest.fixture
def guarded(tmp_path: Path, start: Start) -> httpx.Client:
    settings = Settings(home=tmp_path, dashboard_host="0.0.0.0", dashboard_password=PASSWORD)  # noqa: S104 - not bound
    return start(create_app(settings), host="claims.example.org")


@pytest.mark.parametrize("route", ["/", "/docs", "/openapi.json", "/api/stats", "/assets/x/main.js", "/nope"])
def test_with_a_password_nothing_is_shown_without_it(guarded: httpx.Client, route: str) -> None:
    for credentials in (None, ("claims", "wrong"), ("claims", "")):
        answer = guarded.get(route, auth=credentials)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert list(answer.json()) == ["message", "where", "fix", "parameters"]


def test_with_a_password_any_user_name_will_do(guarded: httpx.Client) -> None:
    assert guarded.get("/", auth=(b"anyone", PASSWORD.encode())).status_code == 200


def test_wrong_passwords_are_answered_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting, most, pauses = 0, 0, []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        nonlocal waiting, most
        if seconds != GUESS_SECONDS:  # a server in another thread
            await sleep(seconds)
            return
        waiting += 1
        most = max(most, waiting)
        pauses.append(seconds)
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.001)  # let the others go on
        waiting -= 1

    async def guess() -> list[int]:
        guesses = Guesses()
        answers = await asyncio.gather(*(guesses.delayed(Response(status_code=401)) for _ in range(4)))
        return [answer.status_code for answer in answers]

    monkeypatch.setattr(asyncio, "sleep", pause)
    assert asyncio.run(guess()) == [401] * 4
    assert most == 1
    assert pauses == [GUESS_SECONDS] * 4


def test_more_wrong_passwords_than_may_wait_are_refused_at_once() -> None:
    async def guess() -> list[int]:
        guesses = Guesses(seconds=0.01, waiting=3)
        answers = await asyncio.gather(*(guesses.delayed(Response(status_code=401)) for _ in range(5)))
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(guess()) == [401, 401, 401, 429, 429]


@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Basic e30=", "Bearer abc", ""])
def test_broken_credentials_are_refused(guarded: httpx.Client, header: str) -> None:
    assert guarded.get("/", headers={"Authorization": header}).status_code == 401


def test_a_health_check_needs_no_password(guarded: httpx.Client) -> None:
    assert guarded.get("/health").status_code == 200


@pytest.mark.parametrize("host", ["claims.example.org", "127.0.0.1.example.org", "10.0.0.7"])
def test_without_a_password_another_name_is_refused(tmp_path: Path, start: Start, host: str) -> None:
    answer = start(create_app(Settings(home=tmp_path)), host=host).get("/")
    assert answer.status_code == 421
    assert "127.0.0.1" in answer.json()["message"]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.10", "::", "example.org"])  # noqa: S104 - refused
def test_an_open_address_needs_a_password(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError, match="needs a password") as caught:
        require_password_beyond_this_machine(Settings(home=tmp_path, dashboard_host=host))
    assert caught.value.exit_code == 2
    require_password_beyond_this_machine(Settings(home=tmp_path, dashboard_host=host, dashboard_password="x"))


@pytest.mark.parametrize("route", ["/", "/docs", "/api/stats", "/assets/x/main.js", "/nope", "/health"])
def test_every_answer_has_the_strict_policy(client: httpx.Client, route: str) -> None:
    headers = client.get(route).headers
    assert headers["content-security-policy"] == (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("route", ["/", "/docs"])
def test_a_browser_asks_whether_a_page_changed_before_it_uses_its_own(client: httpx.Client, route: str) -> None:
    first = client.get(route)
    again = client.get(route, headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "no-cache"
    assert again.status_code == 304
    assert again.headers["cache-control"] == "no-cache"


def test_answers_with_figures_are_not_kept(client: httpx.Client) -> None:
    assert client.get("/api/claims").headers["cache-control"] == "no-store"


def test_in_a_container_it_listens_everywhere_and_still_answers_to_this_machines_names_only(
    tmp_path: Path, start: Start
) -> None:
    settings = Settings(home=tmp_path, dashboard_host="0.0.0.0", dashboard_open=True)  # noqa: S104 - not bound
    require_password_beyond_this_machine(settings)
    assert start(create_app(settings), host="127.0.0.1:5000").get("/").status_code == 200
    assert start(create_app(settings), host="rebound.example").get("/").status_code == 421
