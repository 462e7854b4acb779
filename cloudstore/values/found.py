"""Which of many values are stored and whole: by listing, and by HEADs of the exact keys, all at once.

A listing tells the ETag and size of each object. Where they are those that are known of a whole value, that is enough;
where no object is, too. What it does not settle is asked for by a HEAD each. Objects that are known with other bytes
than are there now are read and summed, since who alters an object may keep its metadata.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cloudstore import transfer
from cloudstore.values import objects
from cloudstore.values.objects import Place
from core.errors import DagsterInvariantViolationError, DagsterObjectCorruptError, DagsterObjectNotFoundError

_QUESTIONS_AT_ONCE = 64
_SMALL_BYTES = 4 << 20

_large_reads = threading.Lock()  # one at a time, as a step that loads its inputs does

_Question = tuple[Place, str | None, transfer.ListedObject | None]
"""A place, the stamp that is known, and what a listing told."""


@dataclass(frozen=True)
class FoundValue:
    """What there is at a place.

    Attributes:
        stamp: of a whole value, by `objects.stamp_of`; None where there is none.
        fault: what is wrong with the object that is there, if it is no whole value.
    """

    stamp: str | None = None
    fault: DagsterObjectCorruptError | None = None

    @property
    def is_whole(self) -> bool:
        """bool: whether there is a whole value."""
        return self.stamp is not None


_NOTHING = FoundValue()


def find(place: Place, known: str | None = None) -> FoundValue:
    """What there is at a place: by one HEAD, and by reading it where a stamp is known and another is found.

    Args:
        known: the stamp that a whole value there had, if that is known.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    found = objects.head(place)
    if found is None:
        return _NOTHING
    if found.fault is not None:
        return FoundValue(fault=found.fault)
    if _is_altered(known, found.etag, found.size_bytes):
        return _read(place, found.etag, found.size_bytes)
    return FoundValue(objects.stamp_of(place, found.etag, found.size_bytes))


def find_all(wanted: Sequence[tuple[Place, str | None]]) -> list[FoundValue]:
    """`find` for many places in one bucket, each with the stamp that is known; in order.

    One is asked for by a HEAD. For more, a listing is tried first, as far as `transfer.find_listed` goes. As many are
    then asked for at once as the client keeps connections, up to 64: further threads would open a connection each time.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    return [each or _NOTHING for each in _find_all(wanted, verifies_unknown=True)]


def look_for(wanted: Sequence[tuple[Place, str | None]]) -> list[FoundValue | None]:
    """As `find_all`; but None for what a listing has told of, and of which no stamp is known.

    Raises:
        DagsterObjectAccessError: when the store refuses to say.
    """
    return _find_all(wanted, verifies_unknown=False)


def _find_all(wanted: Sequence[tuple[Place, str | None]], verifies_unknown: bool) -> list[FoundValue | None]:
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
    """What a listing tells for certain; None where it does not."""
    if entry is None:
        return _NOTHING
    return FoundValue(known) if known == objects.stamp_of(place, entry.etag, entry.size_bytes) else None


def _ask_all(left: Sequence[_Question]) -> dict[str, FoundValue]:
    if not left:
        return {}
    connections: int = left[0][0].client.meta.config.max_pool_connections  # type: ignore[attr-defined]  # Config has it; its stubs do not
    pool = ThreadPoolExecutor(min(len(left), connections, _QUESTIONS_AT_ONCE), thread_name_prefix="s3-exists")
    try:
        return {place.key: found for (place, _, _), found in zip(left, pool.map(_ask, left), strict=True)}
    finally:
        pool.shutdown(cancel_futures=True)  # what is left when one of them raised


def _ask(question: _Question) -> FoundValue:
    place, known, entry = question
    # Of an empty object a HEAD tells more, in fewer requests.
    if entry is not None and entry.size_bytes and _is_altered(known, entry.etag, entry.size_bytes):
        return _read(place, entry.etag, entry.size_bytes)
    return find(place, known)


def _is_altered(known: str | None, etag: str, size_bytes: int) -> bool:
    """Whether the bytes are others than those that are known."""
    content = objects.content_stamp(etag, size_bytes)
    return known is not None and known != content and not known.startswith(f"{content} ")


def _check(place: Place) -> None:
    content, _ = objects.checked_content(place)
    if objects.SHA256 not in content.metadata:  # nothing tells that it is a value, and it is not the one that was there
        raise DagsterObjectCorruptError(f"{place.url} was replaced by something that is no value of ours.")


def _read(place: Place, etag: str, size_bytes: int) -> FoundValue:
    """What there is by its content. Its stamp is as it was told before, so that what is replaced meanwhile differs."""
    try:
        if size_bytes <= _SMALL_BYTES:
            _check(place)
        else:
            with _large_reads:  # the content is held until it is summed
                _check(place)
    except DagsterObjectNotFoundError:
        return _NOTHING
    except DagsterObjectCorruptError as fault:
        return FoundValue(fault=fault)
    except DagsterInvariantViolationError:  # of a codec that this process does not know; the content is right
        pass
    return FoundValue(objects.stamp_of(place, etag, size_bytes))
