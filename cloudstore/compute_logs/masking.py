"""Hiding secrets in a stream of bytes that leaves the machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

LEAST_SECRET_BYTES = 4
LONGEST_LINE_BYTES = 64 << 10

_LINE = re.compile(rb"[^\r\n]+")


class Masker:
    """Replaces secrets in a stream by as many `*`; the result does not depend on where the stream is cut into chunks.

    The stream keeps its length, so a place in it is the same before and after.

    Args:
        secrets: texts to hide. One of several lines is hidden line by line too, as programs that print a key indent or
            prefix it. What has fewer than 4 bytes is left alone: hiding every "1" would leave nothing to read.
        patterns: regular expressions whose matches are hidden. Each sees one line, without its line break; of a line of
            more than 64 KiB, the pieces of that length. A carriage return ends a line too, as in a progress bar.
    """

    def __init__(self, secrets: Collection[str] = (), patterns: Sequence[str] = ()) -> None:
        self._secrets = _Secrets(secrets)
        self._lines = _Lines(patterns)

    @property
    def is_idle(self) -> bool:
        """bool: whether there is nothing to hide, so that every stream stays as it is."""
        return not self._secrets.longest and not self._lines.patterns

    def feed(self, chunk: bytes, is_last: bool = False) -> bytes:
        """What of the stream can be told now; what may be the beginning of something to hide is held back.

        Args:
            chunk: what comes next.
            is_last: nothing comes after it, so that nothing is held back.
        """
        return self._lines.feed(self._secrets.feed(chunk, is_last), is_last)


class _Secrets:
    def __init__(self, secrets: Collection[str]) -> None:
        parts = {part.strip() for secret in secrets for part in (secret, *secret.splitlines())}
        encoded = {part.encode("utf-8", "surrogatepass") for part in parts}
        self._secrets = [each for each in encoded if len(each) >= LEAST_SECRET_BYTES]
        self._runs = [(secret, _run_of(secret)) for secret in self._secrets]
        self.longest = max(map(len, self._secrets), default=0)
        # What was told already, as far back as a secret reaches that ends later; then what was not told yet.
        self._window, self._told = b"", 0

    def feed(self, chunk: bytes, is_last: bool) -> bytes:
        if not self._secrets:
            return chunk
        window = self._window + chunk
        ready = len(window) if is_last else max(self._told, len(window) - self._begun_in(window))
        masked = bytearray(window)
        for start, end in self._found_in(window):
            masked[start:end] = b"*" * (end - start)
        told = bytes(masked[self._told : ready])
        forgotten = max(0, ready - self.longest + 1)
        self._window, self._told = window[forgotten:], ready - forgotten
        return told

    def _begun_in(self, window: bytes) -> int:
        """How many bytes at the end may be the beginning of a secret."""
        most = min(self.longest - 1, len(window))
        begun = (size for size in range(most, 0, -1) if self._is_begin(window[-size:]))
        return next(begun, 0)

    def _is_begin(self, text: bytes) -> bool:
        return any(len(text) < len(secret) and secret.startswith(text) for secret in self._secrets)

    def _found_in(self, window: bytes) -> Iterator[tuple[int, int]]:
        for secret, run in self._runs:  # each by itself, as they may overlap
            start = window.find(secret)
            while start >= 0:
                match = run.match(window, start)
                end = match.end() if match else start + len(secret)
                yield start, end
                start = window.find(secret, end - len(secret) + 1)


def _run_of(secret: bytes) -> re.Pattern[bytes]:
    """Finds a secret and those that overlap with it in one go: a line of dashes holds `----` at each of its places."""
    period = next(size for size in range(1, len(secret) + 1) if secret.startswith(secret[size:]))
    return re.compile(re.escape(secret) + b"(?:" + re.escape(secret[-period:]) + b")*")


class _Lines:
    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = [re.compile(pattern.encode()) for pattern in patterns]
        self._held = b""

    def feed(self, chunk: bytes, is_last: bool) -> bytes:
        if not self.patterns:
            return chunk
        content = self._held + chunk
        end = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1  # of the last line that is whole
        whole_pieces = (len(content) - end) // LONGEST_LINE_BYTES * LONGEST_LINE_BYTES
        ready = len(content) if is_last else end + whole_pieces
        self._held = content[ready:]
        return _LINE.sub(self._masked, content[:ready])

    def _masked(self, match: re.Match[bytes]) -> bytes:
        line = match[0]
        pieces = [line[start : start + LONGEST_LINE_BYTES] for start in range(0, len(line), LONGEST_LINE_BYTES)]
        for pattern in self.patterns:
            pieces = [pattern.sub(_stars, piece) for piece in pieces]
        return b"".join(pieces)


def _stars(match: re.Match[bytes]) -> bytes:
    return b"*" * len(match[0])
