"""Which of many values are stored and whole: by listing, and by a HEAD of each exact key, many at once.

A listing has the ETag and size of each object. Where they are the ones that a whole value is known by, that is enough;
so it is where there is no object. A HEAD settles the rest. An object that is known with other bytes than it has now is
read and summed, since whoever alters an object may keep its metadata.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cloudstore import transfer
from cloudstore.client import connections_of
from cloudstore.values.head import head
from cloudstore.values.metadata import SHA256, no_value
from cloudstore.values.objects import checked_content
from cloudstore.values.place import Place, content_stamp, stamp_of
from core.errors import DagsterObjectCorruptError, DagsterObjectNotFoundError
from core.forks import fork_safe_lock

_QUESTIONS_AT_ONCE = 64
_SMALL_BYTES = 4 << 20

_large_reads = fork_safe_lock()  # one at a time, as a step that loads its inputs does

_Question = tuple[Place, str | None, transfer.ListedObject | None]
"""A place, the stamp that is known, and what a listing said."""


@dataclass(frozen=True)
class FoundValue:
    """What there is at a place.

    Attributes:
        stamp: of a whole value, by `stamp_of`; None where there is none.
        fault: what is wrong with the object that is there, if it is not a whole value.
    """

    stamp: str | None = None
    fault: DagsterObjectCorruptError | None = None

    @property
    def is_whole(self) -> bool:
        """bool: whether there is a whole value."""
        return self.stamp is not None


_NOTHING = FoundValue()


def find_value(place: Place, known: str | None = None) -> FoundValue:
    """What there is at a place: by one HEAD, and by reading it where a stamp is known and another is found.

    Args:
        known: the stamp that a whole value there had, if that is known.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    found = head(place)
    if found is None:
        return _NOTHING
    if found.fault is not None:
        return FoundValue(fault=found.fault)
    if SHA256 not in found.metadata and known not in (None, found.stamp):
        return FoundValue(fault=no_value(place))
    if _is_altered(known, found.etag, found.size_bytes):
        return _read(place, known, found.etag, found.size_bytes)
    return FoundValue(found.stamp)


def find_values(wanted: Sequence[tuple[Place, str | None]]) -> list[FoundValue]:
    """`find_value` for many places in one bucket, each with the stamp that is known; in order.

    A single one takes a HEAD. For more, a listing is tried first, as far as `transfer.find_listed` goes. Then as many
    HEADs are sent at once as the client keeps connections, up to 64: further threads would open a connection each time.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    return [each or _NOTHING for each in _find_values(wanted, verifies_unknown=True)]


def find_values_cheaply(wanted: Sequence[tuple[Place, str | None]]) -> list[FoundValue | None]:
    """As `find_values`; but None for an object that a listing has shown and whose stamp is not known.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    return _find_values(wanted, verifies_unknown=False)


def _find_values(wanted: Sequence[tuple[Place, str | None]], verifies_unknown: bool) -> list[FoundValue | None]:
    places = {place.key: (place, known) for place, known in wanted}
    listed: dict[str, transfer.ListedObject | None] = {}
    if len(places) > 1:
        listed = transfer.find_listed(wanted[0][0].client, wanted[0][0].bucket, places)
    found = {key: _settled(*places[key], entry) for key, entry in listed.items()}
    left = [
        (place, known, listed.get(key))
        for key, (place, known) in places.items()
        if found.get(key) is None and (verifies_unknown or known is not None or key not in listed)
    ]
    answers = {**found, **_ask_all(left)}
    return [answers[place.key] for place, _ in wanted]


def _settled(place: Place, known: str | None, entry: transfer.ListedObject | None) -> FoundValue | None:
    """What a listing says for certain; None where it does not."""
    if entry is None:
        return _NOTHING
    return FoundValue(known) if known == stamp_of(place, entry.etag, entry.size_bytes) else None


def _ask_all(left: Sequence[_Question]) -> dict[str, FoundValue]:
    if not left:
        return {}
    connections = connections_of(left[0][0].client)
    pool = ThreadPoolExecutor(min(len(left), connections, _QUESTIONS_AT_ONCE), thread_name_prefix="s3-exists")
    try:
        return {place.key: found for (place, _, _), found in zip(left, pool.map(_ask, left), strict=True)}
    finally:
        pool.shutdown(cancel_futures=True)  # the rest, when one of them raised


def _ask(question: _Question) -> FoundValue:
    place, known, entry = question
    # Of an empty object a HEAD says more, in fewer requests.
    if entry is not None and entry.size_bytes and _is_altered(known, entry.etag, entry.size_bytes):
        return _read(place, known, entry.etag, entry.size_bytes)
    return find_value(place, known)


def _is_altered(known: str | None, etag: str, size_bytes: int) -> bool:
    """Whether the bytes are others than those that are known."""
    content = content_stamp(etag, size_bytes)
    return known is not None and known != content and not known.startswith(f"{content} ")


def _read(place: Place, known: str | None, etag: str, size_bytes: int) -> FoundValue:
    """What there is, by its content. Its stamp is as it was before, so that a later replacement has another."""
    try:
        if size_bytes <= _SMALL_BYTES:
            checked_content(place, known)
        else:
            with _large_reads:  # the content is held until it is summed
                checked_content(place, known)
    except DagsterObjectNotFoundError:
        return _NOTHING
    except DagsterObjectCorruptError as fault:
        return FoundValue(fault=fault)
    return FoundValue(stamp_of(place, etag, size_bytes))
