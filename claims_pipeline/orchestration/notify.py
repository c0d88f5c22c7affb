"""Delivery of messages to a webhook and by e-mail."""

from dataclasses import dataclass

from claims_pipeline.settings import Settings

TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Message:
    """A message: one line, and the text below it."""

    subject: str
    text: str


def _to_webhook(message: Message, settings: Settings) -> None:
    """Post JSON that Slack and Microsoft Teams take."""
    import httpx

    if settings.alert_webhook is None:
        return
    body = {"text": f"{message.subject}\n{message.text}"}
    httpx.post(settings.alert_webhook.get_secret_value(), json=body, timeout=TIMEOUT_SECONDS).raise_for_status()


def _by_mail(message: Message, settings: Settings) -> None:
    import smtplib
    from email.message import EmailMessage

    if not settings.alert_email:
        return
    mail = EmailMessage()
    mail["Subject"], mail["To"] = message.subject, settings.alert_email
    mail["From"] = settings.alert_sender or settings.alert_email.split(",")[0]
    mail.set_content(message.text)
    with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_SECONDS) as server:
        if settings.smtp_starttls:
            server.starttls()
        if settings.smtp_user and settings.smtp_password:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        server.send_message(mail)


PLACES = {"webhook": _to_webhook, "mail": _by_mail}
"""Where messages go, if the settings name an address there."""


def deliver(message: Message, settings: Settings, place: str) -> str | None:
    """Send a message to a place and return what went wrong; a place without settings takes nothing."""
    import smtplib

    import httpx

    try:
        PLACES[place](message, settings)
    except (httpx.HTTPError, httpx.InvalidURL, smtplib.SMTPException, OSError) as error:
        return type(error).__name__  # not the address: a secret
    return None
