"""URLs of endpoints, which hold no secrets."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

from graphsearch.records.errors import FleetError

__all__ = ["bare_url", "base_url"]


def base_url(text: str, *, key_at: str = "api_key_env") -> SplitResult:
    """The parts of a server's base URL, which holds a host and a path and nothing else.

    Args:
        text: what somebody wrote; never repeated where it may hold a secret.
        key_at: what names the variable of a key, for the error.

    Raises:
        FleetError: it is no such URL, or holds a user, a password, a query or a fragment.
    """
    try:
        parts = urlsplit(text)
        usable = bool(parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0)
        _ = f"{parts.netloc}{parts.path}".encode("ascii")
    except ValueError:
        parts, usable = None, False
    if "@" in text or (parts is not None and (parts.query or parts.fragment)):
        raise FleetError(
            "the URL holds more than a host and a path; a key belongs in an environment variable, "
            f"named by {key_at}"
        )
    if parts is None or not usable or any(mark <= " " for mark in text):
        named = f"{text!r} is" if "://" in text else "is"  # else it may be a key
        raise FleetError(f"{named} no URL such as http://127.0.0.1:8000/v1")
    return parts


def bare_url(text: str) -> str:
    """An endpoint without user, password, query and fragment, where keys might stand."""
    if "://" not in text:
        return text
    parts = urlsplit(text)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
