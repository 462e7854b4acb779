"""Types of the options of S3: texts, numbers, URLs and tags, all checked, each written out or `{env: NAME}`."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cloudstore.s3.keys import join_key
from core.config import Checked, ConfigFault, ConfigType, FloatSource, IntSource, StringSource, show_value
from core.errors import DagsterInvariantViolationError

_DAY_SECONDS = 86_400  # well below what operating systems take as a timeout
_HOST_NAME = re.compile(r"((?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)*(?!-)[A-Za-z0-9-]{1,63}(?<!-)\.?")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
_MOST_TAGS, _TAG_NAME_LENGTH, _TAG_VALUE_LENGTH, _TAG_SIGNS = 10, 128, 256, "_.:/=+-@"


def one_of(*values: str) -> Checked:
    """One of these texts."""
    return Checked(StringSource, f"one of {', '.join(values)}", values.__contains__)


def text(wanted: str, pattern: str) -> Checked:
    """Text that is wholly matched by the regular expression `pattern`; `wanted` says in messages what that is."""
    return Checked(StringSource, wanted, lambda given: re.fullmatch(pattern, given) is not None)


def whole_number(most: int) -> Checked:
    """A whole number from 1."""
    return Checked(IntSource, f"a whole number from 1 to {most}", lambda number: 1 <= number <= most)


ENDPOINT_WANTED = "an http:// or https:// URL with a host and without a user, ? or #"


def is_endpoint(url: str) -> bool:
    """Whether a URL can be that of a store."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # brackets without an IPv6 address, a port that is not a number
        return False
    is_plain = "@" not in parts.netloc and re.search(r"[?#\s\x00-\x1f]", url) is None
    return parts.scheme in ("http", "https") and port != 0 and is_plain and _is_host(host)


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host) <= 255 and _HOST_NAME.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _is_tag_text(text: str, least: int, most: int) -> bool:
    if any(unicodedata.category(sign)[0] not in "LNZ" and sign not in _TAG_SIGNS for sign in text):
        return False
    return least <= len(text.encode("utf-16-le")) // 2 <= most  # S3 counts units of UTF-16


def _is_prefix(path: str) -> bool:
    try:
        join_key(path)
    except DagsterInvariantViolationError:
        return False
    return True


class _Tags(ConfigType):
    """Tags of objects. A tag called `env` is one, so only the value of a tag can come from the environment."""

    given_name = f"mapping of at most {_MOST_TAGS} names of tags to their values"
    _value = Checked(
        StringSource,
        f"text of at most {_TAG_VALUE_LENGTH} letters, digits, spaces and {_TAG_SIGNS}",
        lambda text: _is_tag_text(text, 0, _TAG_VALUE_LENGTH),
    )

    def resolve(self, value: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> Any:
        if not isinstance(value, Mapping) or len(value) > _MOST_TAGS:
            faults.append(ConfigFault(path, f"expected a {self.given_name}, got {show_value(value)}"))
            return value
        for name in value:
            self._check_name(name, path, faults)
        return {name: self._value.resolve(text, (*path, str(name)), faults) for name, text in value.items()}

    def _check_name(self, name: object, path: tuple[str | int, ...], faults: list[ConfigFault]) -> None:
        if not isinstance(name, str) or not _is_tag_text(name, 1, _TAG_NAME_LENGTH) or name.lower().startswith("aws:"):
            wanted = f"1 to {_TAG_NAME_LENGTH} letters, digits, spaces and {_TAG_SIGNS}, not beginning with aws:"
            faults.append(ConfigFault(path, f"expected {wanted}, as the name of a tag, got {show_value(name)}"))


SECONDS = Checked(
    FloatSource, f"a number of seconds above 0, at most {_DAY_SECONDS}", lambda seconds: 0 < seconds <= _DAY_SECONDS
)
ENDPOINT = Checked(
    StringSource,
    ENDPOINT_WANTED,
    is_endpoint,
    is_shown=False,  # people do write passwords into URLs
)
NAME = text("text that is not empty", r"[\s\S]+")
PREFIX = Checked(
    StringSource,
    'a path such as teams/data, without an empty, "." or ".." segment, a backslash or a control character',
    _is_prefix,
)
TAGS = _Tags()
# As botocore takes them, except "." and "..", which cannot be segments of a path, and ARNs with a "/", which would end
# the name where a bucket and a key are written as a URL.
BUCKET = text(
    "the name of a bucket alone, such as my-bucket, or the ARN of an access point, with : before its name",
    r"(?!\.+$)[A-Za-z0-9._-]{1,255}"
    r"|arn:aws[a-z-]*:s3:[a-z0-9-]*:[0-9]{12}:accesspoint:[A-Za-z0-9.-]{1,63}"
    r"|arn:aws[a-z-]*:s3-outposts:[a-z0-9-]+:[0-9]{12}:outpost:[A-Za-z0-9-]{1,63}:accesspoint:[A-Za-z0-9-]{1,63}",
)
