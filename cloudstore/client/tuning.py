"""Time that botocore spends on each request and need not."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.session import Session
    from types_boto3_s3 import S3Client

_WORTH_ASKING_BYTES = 1 << 20


def read_times_quickly(session: Session) -> None:
    """Lets clients of `session` read the times in answers by the standard library.

    botocore's own way takes a tenth of the time that a small GET costs this process.
    """
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_time)


def parse_time(told: Any) -> datetime:
    """A time in an answer, with its zone; as botocore reads it."""
    from botocore.utils import (
        parse_timestamp,  # lazy: it takes 60 ms, which commands that touch no bucket need not spend
    )

    with suppress(TypeError, ValueError):
        found = parsedate_to_datetime(told) if told[:1].isalpha() else datetime.fromisoformat(told)
        if found.tzinfo is not None:
            return found
    return parse_timestamp(told)


def send_small_bodies_at_once(client: S3Client) -> None:
    """Lets a client ask "Expect: 100-continue" for large bodies only.

    botocore asks for every body, and so waits for one more answer of the store with each small object.
    """
    from botocore.handlers import add_expect_header  # lazy, as in parse_time
    from botocore.utils import determine_content_length

    def ask_for_large(model: Any, params: Any, **kwargs: Any) -> None:
        size = determine_content_length(params.get("body", b""))
        if size is None or size >= _WORTH_ASKING_BYTES:
            add_expect_header(model, params, **kwargs)

    client.meta.events.unregister("before-call.s3", add_expect_header)
    client.meta.events.register("before-call.s3", ask_for_large)


def connections_of(client: S3Client) -> int:
    """How many connections a client keeps; further threads would open one for each request."""
    connections: int = client.meta.config.max_pool_connections  # type: ignore[attr-defined]  # Config has it; its stubs do not
    return connections
