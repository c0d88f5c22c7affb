"""Delivery to local receivers: a web server that takes a webhook, a mail server."""

from pathlib import Path

from pydantic import SecretStr

from claims_pipeline.orchestration.notify import PLACES, Message, deliver
from claims_pipeline.ports import free_port
from claims_pipeline.settings import Settings
from claims_pipeline_tests.orchestration.receivers import mail_server, webhook

ALERT = Message("daily_feed failed", "days: 2025-02-05")


def test_a_webhook_gets_json_that_slack_and_teams_take(tmp_path: Path) -> None:
    with webhook() as (address, got):
        deliver(ALERT, Settings(home=tmp_path, alert_webhook=SecretStr(address)), "webhook")

    assert got == [{"text": "daily_feed failed\ndays: 2025-02-05"}]


def test_mail_goes_to_all_who_are_named(tmp_path: Path) -> None:
    with mail_server() as (port, got):
        deliver(
            ALERT,
            Settings(home=tmp_path, alert_email="a@example.org,b@example.org", smtp_port=port, alert_sender="c@d.org"),
            "mail",
        )

    assert "Subject: daily_feed failed" in got[0]
    assert "From: c@d.org" in got[0]
    assert "To: a@example.org" in got[0]
    assert "b@example.org" in got[0]
    assert "days: 2025-02-05" in got[0]


def test_without_a_place_nothing_is_sent(tmp_path: Path) -> None:
    assert [deliver(ALERT, Settings(home=tmp_path), place) for place in PLACES] == [None, None]


def test_what_went_wrong_is_named_without_the_secret_address(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}/secret"

    problem = deliver(ALERT, Settings(home=tmp_path, alert_webhook=SecretStr(address)), "webhook")

    assert problem == "ConnectError"
