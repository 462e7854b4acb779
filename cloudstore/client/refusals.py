"""Refuses settings from the environment of which botocore would say too little, or too much: the secret in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudstore.client.option_types import ENDPOINT_WANTED, is_endpoint
from core.errors import DagsterInvalidConfigError, DagsterResourceUnavailableError

if TYPE_CHECKING:
    from botocore.session import Session
    from types_boto3_s3 import S3Client

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


def refuse_endpoint(endpoint_url: str) -> None:
    """Refuses what the option `endpoint_url` does not take: errors of botocore would show a password in it.

    Args:
        endpoint_url: of a client; it may be from the environment or a profile.

    Raises:
        DagsterInvalidConfigError: it is none; the message does not show it.
    """
    if not is_endpoint(endpoint_url):
        raise DagsterInvalidConfigError(
            "The endpoint URL that the environment or the profile gives (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or "
            f"endpoint_url) must be {ENDPOINT_WANTED}. Correct it."
        )


def refuse_settings(session: Session) -> None:
    """Refuses a profile that botocore would not understand without saying why.

    Raises:
        DagsterInvalidConfigError: its `s3` is not a block of settings.
    """
    if not isinstance(session.get_scoped_config().get("s3", {}), dict):
        raise DagsterInvalidConfigError(
            "The profile's s3 in the AWS configuration file (~/.aws/config) must be a block of indented lines, such as "
            "addressing_style = path. Correct it."
        )


def tell_of_credentials(client: S3Client) -> None:
    """Lets a client say which credentials it could not get, where a file or a program that gives them is not there.

    botocore raises what Python raises of the file, in the first request.
    """
    from botocore.exceptions import CredentialRetrievalError  # lazy, as all of botocore

    credentials: Any = client._request_signer._credentials  # type: ignore[attr-defined]  # the stubs do not tell of it
    refresh = getattr(credentials, "_refresh_using", None)
    if refresh is None:
        return

    def refreshed() -> Any:
        try:
            return refresh()
        except (OSError, ValueError) as error:
            raise CredentialRetrievalError(provider=credentials.method, error_msg=str(error)) from error

    credentials._refresh_using = refreshed
