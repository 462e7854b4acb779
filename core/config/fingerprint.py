"""Finding out whether something outside that a config points at has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import DagsterInvariantViolationError, NoFingerprintError

_CHUNK_BYTES = 1 << 20


class Fingerprint(ABC):
    """Gives a text that changes when what a value points at does.

    Steps whose config holds a field with one are computed again when the text has changed.

    Attributes:
        required_resource_keys: the resources that it takes.

    Example:
        >>> from core import Field, Fingerprint
        >>> class LastOrder(Fingerprint):
        ...     required_resource_keys = frozenset({"database"})
        ...     def of(self, value, resources):
        ...         return str(resources.database.last_id_of(value))
        >>> config_schema = {"table": Field(str, fingerprint=LastOrder())}
    """

    required_resource_keys: frozenset[str] = frozenset()

    @abstractmethod
    def of(self, value: Any, resources: Any) -> str:
        """The fingerprint. It may be asked for from any thread, once for each run that takes versions.

        Args:
            value: of the config field.
            resources: those of `required_resource_keys`, as attributes.

        Raises:
            NoFingerprintError: there is none; the steps that depend on it are executed in any case.
        """


class FileFingerprint(Fingerprint):
    """The SHA-256 of the content of a local file, whatever its name and times; `"absent"` where there is none.

    The value of the field is the path, or a list of paths. Of a folder count the files and empty folders in it, with
    their paths there. Links are followed.

    Raises:
        DagsterInvariantViolationError: the value is something else.
        NoFingerprintError: what is there, or in a folder that is, is neither a file nor a folder.
        OSError: it cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from core import Field, FileFingerprint
        >>> config_schema = {"source": Field(str, fingerprint=FileFingerprint())}
        >>> before = FileFingerprint().of("orders.csv", None)
        >>> written = Path("orders.csv").write_text("id,total")
        >>> before, FileFingerprint().of("orders.csv", None)[:8]
        ('absent', '22c81bef')
    """

    def of(self, value: Any, resources: Any) -> str:
        if isinstance(value, list):
            return _digest_of("\n".join(self.of(each, resources) for each in value).encode())
        if not isinstance(value, str | os.PathLike) or not str(value) or "\0" in str(value):
            raise DagsterInvariantViolationError(
                f"The fingerprint of files takes a path, or a list of paths; it was given {value!r:.200}."
            )
        path = Path(value)
        if path.is_dir():
            named = (f"{name!r} {content}" for name, content in sorted(_entries(path, "", ())))
            return _digest_of("\n".join(named).encode("utf-8", "surrogatepass"))
        return _content_digest(path)


def _entries(folder: Path, below: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, str]]:
    """What is in a folder, at any depth: path there and what counts of it."""
    found = folder.stat()
    identity = (found.st_dev, found.st_ino)
    if identity in above:  # a link to a folder that holds it
        yield below, f"folder {len(above) - above.index(identity)} levels above"
        return
    paths = list(folder.iterdir())
    if not paths and below:
        yield below, "empty folder"
    for path in paths:
        name_below = f"{below}/{path.name}" if below else path.name
        if path.is_dir():
            yield from _entries(path, name_below, (*above, identity))
        else:
            yield name_below, _content_digest(path)


def _content_digest(path: Path) -> str:
    hasher = hashlib.sha256()
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for who writes to it
            raise NoFingerprintError(f"{path} is neither a file nor a folder")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                hasher.update(chunk)
    except (FileNotFoundError, NotADirectoryError):
        return "absent"
    return hasher.hexdigest()


def _digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
