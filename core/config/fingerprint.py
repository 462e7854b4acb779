"""Finding out whether something outside that a config points at has changed."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

_CHUNK_BYTES = 1 << 20


class Fingerprint(ABC):
    """Gives a text that changes when what a value points at does.

    Steps whose config holds a field with one are computed again when the text has changed:
    `Field(str, fingerprint=FileFingerprint())`.

    Attributes:
        required_resource_keys: the resources that it takes.
    """

    required_resource_keys: frozenset[str] = frozenset()

    @abstractmethod
    def of(self, value: Any, resources: Any) -> str:
        """The fingerprint. It may be asked for from any thread, once for each run that takes versions.

        Args:
            value: of the config field.
            resources: those of `required_resource_keys`, as attributes.
        """


class FileFingerprint(Fingerprint):
    """The SHA-256 of the content of a local file, whatever its name and times; `"absent"` where there is none.

    The value of the field is the path, or a list of paths. Of a folder, the files in it count, with their paths there.
    """

    def of(self, value: Any, resources: Any) -> str:
        if isinstance(value, list):
            return _digest_of("\n".join(self.of(each, resources) for each in value).encode())
        path = Path(value)
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if each.is_file())
            named = (f"{each.relative_to(path).as_posix()!r} {_content_digest(each)}" for each in files)
            return _digest_of("\n".join(named).encode("utf-8", "surrogatepass"))
        return _content_digest(path)


def _content_digest(path: Path) -> str:
    hasher = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                hasher.update(chunk)
    except FileNotFoundError:
        return "absent"
    return hasher.hexdigest()


def _digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
