"""Refuses settings from the environment that botocore would show, with the secret in them, in its own errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.errors import DagsterInvalidConfigError, DagsterResourceUnavailableError

if TYPE_CHECKING:
    from botocore.session import Session

# The credential in a header.
_CREDENTIALS = {
    "authorization": "access key id (aws_access_key_id, AWS_ACCESS_KEY_ID)",
    "x-amz-security-token": "session token (aws_session_token, AWS_SESSION_TOKEN)",
}


def refuse_line_breaks(session: Session) -> None:
    """Lets clients of `session` made from now on refuse to send a header with a line break in it, without showing it.

    Such a header comes from a secret that was read from a file together with the end of the line. Python's http.client
    refuses it too, and shows it. Requests then raise DagsterResourceUnavailableError.
    """
    session.register("before-send", _check_headers)


def _check_headers(**sent: Any) -> None:
    for name, value in sent["request"].headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        if "\n" in text or "\r" in text:
            what = _CREDENTIALS.get(name.lower(), f"header {name} of a request")
            raise DagsterResourceUnavailableError(f"The {what} contains a line break, so nothing was sent. Remove it.")


def refuse_user_in(endpoint_url: str) -> None:
    """Refuses an endpoint with a user or password in it, which errors of botocore and of users' own code would show.

    Args:
        endpoint_url: of a client; from the environment or a profile, as the option `endpoint_url` allows none.

    Raises:
        DagsterInvalidConfigError: it has one; the message does not show it.
    """
    if "@" in urlsplit(endpoint_url).netloc:
        raise DagsterInvalidConfigError(
            "The endpoint URL that the environment or the profile gives (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or "
            "endpoint_url) contains a user or password, which S3 ignores. Remove it."
        )
