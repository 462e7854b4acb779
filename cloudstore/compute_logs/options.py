"""The options of compute logs in a bucket, beside those of S3."""

from __future__ import annotations

import re
from typing import Any

from cloudstore.client.option_types import SECONDS, whole_number
from core.compute_logs.local import MAX_LOG_BYTES
from core.config import Array, BoolSource, Checked, Field, IntSource, StringSource

_LONGEST_EXPIRY_SECONDS = 604_800  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html


def _is_pattern(pattern: Any) -> bool:
    try:
        re.compile(pattern.encode())
    except (re.error, UnicodeEncodeError):
        return False
    return True


LOG_OPTIONS: dict[str, Field] = {
    "upload_interval": Field(
        SECONDS,
        default_value=30.0,
        description="Maximum number of seconds until new output of a step is in the bucket.",
    ),
    "upload_bytes": Field(
        whole_number(1 << 30),
        default_value=8 << 20,
        description="When a log has this many new bytes, they are shipped before upload_interval is over.",
    ),
    "gzip": Field(BoolSource, default_value=False, description="Compress logs, with Content-Encoding gzip."),
    "max_log_bytes": MAX_LOG_BYTES,
    "mask_patterns": Field(
        Array(Checked(StringSource, "a regular expression", _is_pattern)),
        default_value=[],
        description="Whatever matches one of them in a line is shipped as asterisks.",
    ),
    "url_expiry_seconds": Field(
        Checked(
            IntSource,
            f"a whole number from 1 to {_LONGEST_EXPIRY_SECONDS}",
            lambda seconds: 1 <= seconds <= _LONGEST_EXPIRY_SECONDS,
        ),
        default_value=3600,
        description="How long a download URL works.",
    ),
    "exit_timeout_seconds": Field(
        SECONDS,
        default_value=60.0,
        description="How long a process that ends waits for logs that are not shipped yet.",
    ),
}
