"""Which requests of a browser a server on this machine may answer.

A server that listens on 127.0.0.1 without a password is within reach of every web page that the user of this machine
visits. A page can point a name of its own at 127.0.0.1 and then read the answers (DNS rebinding), and it can send forms
and texts without asking for leave (cross-site request forgery). The headers `Host` and `Origin` tell such requests; a
page cannot set them.
"""

from urllib.parse import urlsplit

from claims_pipeline.ports import LOOPBACK


def is_for_loopback(host: str) -> bool:
    """Tell whether a `Host` header, with a port or without, names this machine's loopback."""
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK
    except ValueError:
        return False


def is_cross_origin(origin: str | None, host: str) -> bool:
    """Tell whether a request comes from a page of another origin than the server that the `Host` header names.

    Args:
        origin: the `Origin` header: "null" of a page that hides its own; None if absent, as in requests of programs.
        host: the `Host` header.
    """
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != host.lower() or not host
    except ValueError:
        return True
