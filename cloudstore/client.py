"""One schema of options for everything that talks to S3, and the client made from it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudstore.errors import unusable_options
from core.config import Enum, EnumValue, Field, StringSource
from core.errors import DagsterResourceUnavailableError
from core.usage import UsageMeter

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.loaders import Loader
    from types_boto3_s3 import S3Client


def _one_of(name: str, *values: str) -> Enum:
    return Enum(name, [EnumValue(value) for value in values])


_ADDRESSING_STYLE = _one_of("S3AddressingStyle", "auto", "path", "virtual")
_CHECKSUM_MODE = _one_of("S3ChecksumMode", "when_supported", "when_required")
_RETRY_MODE = _one_of("S3RetryMode", "legacy", "standard", "adaptive")

S3_OPTIONS: dict[str, Field] = {
    "region_name": Field(
        StringSource, is_required=False, description="AWS region, such as eu-central-1; by default the profile's."
    ),
    "endpoint_url": Field(
        StringSource, is_required=False, description="URL of a store other than AWS, such as http://127.0.0.1:9000."
    ),
    "profile_name": Field(
        StringSource, is_required=False, description="Profile of the AWS configuration files to take settings from."
    ),
    "use_unsigned_session": Field(
        bool, default_value=False, description="Send no credentials, to read a public bucket."
    ),
    "max_attempts": Field(
        int, default_value=5, description="How often a request is sent at most, the first time included."
    ),
    "retry_mode": Field(_RETRY_MODE, default_value="standard", description="How botocore spaces its retries."),
    "connect_timeout_seconds": Field(
        float, default_value=5.0, description="How long connecting may take before it counts as failed."
    ),
    "read_timeout_seconds": Field(
        float, default_value=60.0, description="How long the store may be silent before a request counts as failed."
    ),
    "max_pool_connections": Field(
        int, default_value=16, description="Connections kept open; more threads than this open one each time."
    ),
    "addressing_style": Field(
        _ADDRESSING_STYLE,
        default_value="auto",
        description="Where the bucket's name goes: path (most stores other than AWS), virtual (the host name), auto.",
    ),
    "use_ssl": Field(bool, default_value=True, description="Use HTTPS where endpoint_url does not say."),
    "verify": Field(bool, default_value=True, description="Check the server's certificate."),
    "verify_cert_path": Field(
        StringSource, is_required=False, description="File of the authorities whose certificates are trusted."
    ),
    "checksum_mode": Field(
        _CHECKSUM_MODE,
        default_value="when_supported",
        description="when_required for stores that refuse the checksums that AWS takes with every request.",
    ),
    "aws_access_key_id": Field(
        StringSource, is_required=False, is_secret=True, description="Key id; by default from the environment."
    ),
    "aws_secret_access_key": Field(
        StringSource, is_required=False, is_secret=True, description="Secret key; by default from the environment."
    ),
    "aws_session_token": Field(
        StringSource, is_required=False, is_secret=True, description="Token of temporary credentials."
    ),
}


def make_client(options: Mapping[str, Any], usage: UsageMeter | None = None) -> S3Client:
    """A client for S3. It may be used from many threads, and belongs to the process that made it.

    Args:
        options: resolved config of `S3_OPTIONS`; what is left out or None takes the default.
        usage: where the client adds every request it sends, retries included.

    Raises:
        DagsterResourceUnavailableError: a profile, certificate file or credential is not there.
        DagsterInvalidConfigError: botocore refuses an option (an endpoint_url that is no URL, say).
    """
    # Lazy: boto3 takes 150 ms to import, which commands that touch no bucket need not spend.
    import boto3
    import botocore.session

    given = _with_defaults(options)
    with unusable_options():
        session = botocore.session.Session(profile=given["profile_name"])
        loader = _shared_loader(session.get_config_variable("data_path"))
        boto = boto3.Session(botocore_session=session)
        # After boto3, which appends a path to the loader that it finds each time.
        session.register_component("data_loader", loader)
        client = boto.client(
            "s3",
            region_name=given["region_name"],
            endpoint_url=given["endpoint_url"],
            use_ssl=given["use_ssl"],
            verify=_trusted(given),
            aws_access_key_id=given["aws_access_key_id"],
            aws_secret_access_key=given["aws_secret_access_key"],
            aws_session_token=given["aws_session_token"],
            config=_config(given),
        )
    if usage is not None:
        _count_requests(client, usage)
    return client


def _with_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {name: field.default_value if field.has_default else None for name, field in S3_OPTIONS.items()}
    return defaults | {name: value for name, value in options.items() if value is not None}


def _trusted(given: Mapping[str, Any]) -> bool | str:
    path: str | None = given["verify_cert_path"]
    if not given["verify"] or path is None:
        return bool(given["verify"])
    if not Path(path).exists():
        raise DagsterResourceUnavailableError(f"There are no certificates at verify_cert_path {path!r}.")
    return path


def _config(given: Mapping[str, Any]) -> Config:
    from botocore import UNSIGNED  # lazy, as in make_client
    from botocore.config import Config

    return Config(
        signature_version=UNSIGNED if given["use_unsigned_session"] else None,
        # `max_attempts` would count the retries only.
        retries={"total_max_attempts": given["max_attempts"], "mode": given["retry_mode"]},
        connect_timeout=given["connect_timeout_seconds"],
        read_timeout=given["read_timeout_seconds"],
        max_pool_connections=given["max_pool_connections"],
        s3={"addressing_style": given["addressing_style"]},
        request_checksum_calculation=given["checksum_mode"],
        response_checksum_validation=given["checksum_mode"],
    )


@lru_cache(maxsize=4)
def _shared_loader(data_path: str | None) -> Loader:
    """Reads and keeps the descriptions of AWS services: without it each client costs 55 ms, with it 7 ms.

    Whole sessions are not shared, though a client of one costs 3 ms: a session keeps the credentials and the
    environment that it found first.
    """
    from botocore.loaders import create_loader  # lazy, as in make_client

    return create_loader(data_path)


def _count_requests(client: S3Client, usage: UsageMeter) -> None:
    """Adds each HTTP request of `client` to `usage`. Both events come once an attempt, in the attempt's thread."""
    sent = threading.local()

    def before_send(request: Any, **_: Any) -> None:
        sent.at = time.perf_counter()
        usage.add(requests=1, bytes_sent=_body_bytes(request.headers))

    def response_received(response_dict: Mapping[str, Any] | None, **_: Any) -> None:
        received = 0 if response_dict is None else _received_bytes(response_dict)
        usage.add(bytes_received=received, seconds=time.perf_counter() - sent.at)

    client.meta.events.register_first("before-send.s3", before_send)
    client.meta.events.register_first("response-received.s3", response_received)


def _body_bytes(headers: Mapping[str, Any]) -> int:
    # A body with a trailing checksum is sent in chunks; then this header has the length of what is in them.
    return int(headers.get("X-Amz-Decoded-Content-Length") or headers.get("Content-Length") or 0)


def _received_bytes(response: Mapping[str, Any]) -> int:
    body = response["body"]  # bytes where they were read already, else a stream that the caller reads
    return len(body) if isinstance(body, bytes) else int(response["headers"].get("Content-Length") or 0)
