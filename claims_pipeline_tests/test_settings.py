from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.errors import ConfigError
from claims_pipeline.settings import load_settings, yesterday


def test_a_setting_comes_from_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_FHIR_PORT", "18080")

    assert load_settings().embedded_fhir_base_url == "http://127.0.0.1:18080/fhir"


def test_the_embedded_server_is_the_default_fhir_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAIMS_FHIR_BASE_URL", raising=False)

    assert load_settings(fhir_port=9090).fhir_base_url == "http://127.0.0.1:9090/fhir"
    assert load_settings(fhir_base_url="https://fhir.example/r4/").fhir_base_url == "https://fhir.example/r4"


def test_an_option_that_was_not_given_leaves_the_default() -> None:
    assert load_settings(claims=None).claims == 10_000


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_CLAIMS", "")

    assert load_settings().claims == 10_000


@pytest.mark.parametrize(
    ("given", "claims", "patients"),
    [
        ({}, 10_000, 2_381),
        ({"end_date": date(2025, 1, 1)}, 27, 2_346),
        ({"end_date": date(2026, 12, 31)}, 20_000, 2_381),
        ({"claims": 4_200}, 4_200, 1_000),
        ({"patients": 1_000}, 4_200, 1_000),
        ({"patients": 1_000, "end_date": date(2026, 12, 31)}, 8_400, 1_000),
        ({"patients": 1_000, "claims": 60}, 60, 1_000),
        ({"claims": 1, "end_date": date(2030, 12, 31)}, 1, 1),
    ],
)
def test_claims_and_patients_follow_from_each_other_at_4_2_claims_a_person_and_year(
    given: dict[str, Any], claims: int, patients: int
) -> None:
    settings = load_settings(**{"start_date": date(2025, 1, 1), "end_date": date(2025, 12, 31)} | given)

    assert (settings.claims, settings.patients) == (claims, patients)
    assert {"claims", "patients"} & settings.model_fields_set == {"claims", "patients"} & given.keys()


def test_a_feed_is_365_days_long_unless_told_otherwise() -> None:
    assert load_settings(start_date=date(2025, 1, 1)).end_date == date(2025, 12, 31)


def test_a_feed_ends_yesterday_at_the_latest_but_not_before_its_start() -> None:
    last_over = yesterday()
    month_ago, next_month = last_over - timedelta(days=30), last_over + timedelta(days=30)

    assert load_settings(start_date=month_ago).end_date == last_over
    assert load_settings(start_date=next_month).end_date == next_month


@pytest.mark.parametrize("given", [{"patients": 10**8 + 1}, {"claims": 10**9 + 1}])
def test_a_feed_that_is_too_large_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"^{next(iter(given))}: should be .* or less"):
        load_settings(**given)


def test_all_state_lies_under_home(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    state = (
        settings.lake_path,
        settings.ledger_path,
        settings.runs_path,
        settings.analytics_path,
        settings.dagster_path,
        settings.server_path,
    )

    assert all(path.parent == tmp_path for path in state)


def test_every_wrong_value_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMS_WORKERS", "0")
    monkeypatch.setenv("CLAIMS_START_DATE", "2025-02-30")

    with pytest.raises(ConfigError) as caught:
        load_settings()

    assert caught.value.message == (
        "CLAIMS_START_DATE: should be a day such as 2025-01-31, not '2025-02-30'; CLAIMS_WORKERS: should be 1 or more"
    )


def test_a_wrong_option_is_named_by_itself_and_a_wrong_variable_beside_it_by_its_own_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLAIMS_SMTP_PORT", "mail")
    monkeypatch.setenv("CLAIMS_WORKERS", "many")

    with pytest.raises(ConfigError) as caught:
        load_settings(named=str.upper, workers=0)

    assert caught.value.message == "WORKERS: should be 1 or more; CLAIMS_SMTP_PORT: should be a whole number"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8080/fhir",
        "ftp://host/fhir",
        "http://",
        "http://host:99999/fhir",
        "h t",
        "http://host/fhir?",
        "http://[::1",
    ],
)
def test_an_address_that_is_not_one_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="fhir_base_url: not the address of a FHIR server"):
        load_settings(fhir_base_url=address)


@pytest.mark.parametrize("token", ["two words", "with a line break\n", "sécret"])
def test_a_token_that_cannot_stand_in_a_header_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ConfigError, match="fhir_token: not a bearer token") as caught:
        load_settings(fhir_token=token)
    assert token not in caught.value.render()


def test_a_token_may_have_each_visible_character_of_ascii() -> None:
    assert load_settings(fhir_token="1|abc:d==").fhir_token is not None


@pytest.mark.parametrize("names", ["http://fhir.example.org", "fhir.example.org:8080", "a b", "a,,b", "*"])
def test_a_host_name_that_is_not_one_is_refused(names: str) -> None:
    with pytest.raises(ConfigError, match="fhir_hosts: not names"):
        load_settings(fhir_hosts=names)


def test_a_password_in_the_address_is_refused_and_not_shown() -> None:
    for address in ("http://me:secret@host/fhir", "https://me:secret@host"):
        with pytest.raises(ConfigError, match="use CLAIMS_FHIR_USER and CLAIMS_FHIR_PASSWORD") as caught:
            load_settings(fhir_base_url=address)
        assert "secret" not in caught.value.render()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "20250101", "1735689600", "2025-W01-1", "soon"])
def test_a_day_that_no_feed_can_have_is_refused(monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setenv("CLAIMS_START_DATE", day)

    with pytest.raises(ConfigError, match=r"CLAIMS_START_DATE: (not a day from|should be a day such as)"):
        load_settings()


def test_an_option_without_a_value_is_refused_and_not_the_default() -> None:
    with pytest.raises(ConfigError, match="fhir_base_url: empty"):
        load_settings(fhir_base_url="")


def test_a_home_of_an_unknown_user_is_refused() -> None:
    with pytest.raises(ConfigError, match="home: no home directory"):
        load_settings(home="~no-such-user/claims")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:5000"),
        ("0.0.0.0", "http://127.0.0.1:5000"),  # noqa: S104 - shown, not bound
        ("::", "http://[::1]:5000"),
        ("::1", "http://[::1]:5000"),
        ("claims.example.org", "http://claims.example.org:5000"),
    ],
)
def test_the_dashboard_has_an_address_for_a_browser(host: str, url: str) -> None:
    assert load_settings(dashboard_host=host, dashboard_port=5000).dashboard_url == url
