"""IO managers for memoized runs: values are kept by version, and found again by any run."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

from core.definitions.keeping.io_manager import io_manager
from core.definitions.resource import InitResourceContext
from core.disk.atomic_file import atomic_write
from core.disk.copying import copy_stream
from core.disk.file_slice import FileSlice
from core.disk.hashing import HashingWriter
from core.disk.regular_file import open_regular, status_of
from core.disk.spool import Spool
from core.errors import DagsterObjectCorruptError
from core.resources.fs_io_manager import BASE_DIR_CONFIG, no_value_at, path_under
from core.values.codecs.files import read_value, write_output
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import MemoizableIOManager, warn_of_damaged_value, warn_of_dropped_value
from core.values.loading import told_where
from core.values.stored_version import StoredVersion
from core.values.stored_versions_on_disk import delete_on_disk, versions_on_disk

_DIGEST_BYTES = hashlib.sha256().digest_size
_CHUNK_BYTES = 1 << 20


class VersionedPickledObjectFilesystemIOManager(MemoizableIOManager):
    """Values at `{base_dir}/versioned_outputs/{step_key}/{output_name}/{version}`, each with a SHA-256 at its end.

    Those of outputs without a version are at `{base_dir}/{run_id}/{step_key}/{output_name}`, and never a hit.
    They are pickles, except where another codec is asked for; see `PickledObjectFilesystemIOManager`.

    The SHA-256 is of the content and of the path below `base_dir`, so that the folder may be moved, but no file in it.

    A value appears whole and once: of many writers of one version the first one's value stays. A file that is cut,
    altered or another output's does not count as stored, and is replaced by the next run that computes the value; so is
    whatever else may be there but a folder with something in it.

    Its stamp is the file's size, times of change and inode. A file that has the stamp it is known by is not read
    again, which misses only what keeps the size and is done within the tick of the clock (4 ms on Linux) in which the
    file was published.

    Args:
        base_dir: the directory; made when first written to.
    """

    def __init__(self, base_dir: str) -> None:
        self.base_dir = Path(base_dir).absolute()
        self._paths: dict[tuple[str, ...], Path] = {}
        self._stamps: dict[Path, str] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self._publish(context, lambda stream: self._write(context, obj, stream))

    def stage_output(self, context: OutputContext, obj: Any, spool: Spool) -> Callable[[], None]:
        with spool.writing() as spooled:
            self._write(context, obj, cast("IO[bytes]", spooled))
        return lambda: self._publish(context, lambda stream: copy_stream(spooled.reading(), stream, _CHUNK_BYTES))

    def _publish(self, context: OutputContext, write: Callable[[IO[bytes]], None]) -> None:
        path = self._path(context)
        overwrites = context.replaces_stored or context.version is None
        with atomic_write(path, overwrite=overwrites, is_whole=self._is_whole) as stream:
            write(stream)
            stream.flush()
            written = os.fstat(stream.fileno())
        try:
            found = path.stat()
        except FileNotFoundError:  # somebody wiped it just now
            self._stamps.pop(path, None)
            return
        is_written = _content_facts(found) == _content_facts(written)
        if not is_written and not overwrites:
            warn_of_dropped_value(context, str(path))
        # Of another writer's value nothing is known but that it is whole; the next run learns its stamp.
        if is_written:
            self._stamps[path] = _stamp_of(found)
        else:
            self._stamps.pop(path, None)

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        path = self._path(context.upstream_output)
        try:
            with open_regular(path) as stream:
                if not matches_digest(stream, self._name(path)):
                    raise DagsterObjectCorruptError(_fault_at(path))
                with told_where(str(path)):
                    return read_value(without_digest(stream))
        except FileNotFoundError as error:
            raise no_value_at(path, context.upstream_output) from error

    def has_output(self, context: OutputContext) -> bool:
        path = self._path(context)
        try:
            stamp = _stamp_of(status_of(path))
        except FileNotFoundError:
            return False
        except DagsterObjectCorruptError as fault:
            warn_of_damaged_value(context, fault)
            return False
        if stamp != context.stamp and not self._is_whole(path):
            warn_of_damaged_value(context, _fault_at(path))
            return False
        self._stamps[path] = stamp  # as it was before the file was read, so what was altered since has another
        return True

    def has_value(self, context: OutputContext) -> bool | None:
        return self.has_output(context)

    def find_outputs(self, contexts: Sequence[OutputContext]) -> list[bool | None]:
        return [self._looked(context) for context in contexts]

    def _looked(self, context: OutputContext) -> bool | None:
        path = self._path(context)
        try:
            stamp = _stamp_of(status_of(path))
        except FileNotFoundError:
            return False
        except DagsterObjectCorruptError:
            return None
        if stamp != context.stamp:
            return None
        self._stamps[path] = stamp
        return True

    def get_stamp(self, context: OutputContext) -> str | None:
        return self._stamps.get(self._path(context))

    def get_address(self, context: OutputContext) -> str | None:
        return str(self._path(context))

    def stored_versions(self) -> Iterator[StoredVersion]:
        return versions_on_disk(self.base_dir / "versioned_outputs")

    def delete_version(self, stored: StoredVersion) -> bool:
        return delete_on_disk(self.base_dir / "versioned_outputs", stored)

    def _path(self, context: OutputContext) -> Path:
        if context.version is None:
            return path_under(self.base_dir, context.get_run_scoped_output_identifier())
        names = context.get_versioned_output_identifier()
        path = self._paths.get(tuple(names))
        if path is None:  # asked for several times in a run, and made by looking for symbolic links on its way
            path = self._paths[tuple(names)] = path_under(self.base_dir / "versioned_outputs", names)
        return path

    def _write(self, context: OutputContext, value: Any, stream: IO[bytes]) -> None:
        """Writes the value of an output, and its digest after it."""
        hashing = HashingWriter(stream)
        write_output(context, value, cast("IO[bytes]", hashing))
        stream.write(_bound(hashing.digest(), self._name(self._path(context))))

    def _is_whole(self, path: Path) -> bool:
        try:
            with open_regular(path) as stream:
                return matches_digest(stream, self._name(path))
        except (FileNotFoundError, DagsterObjectCorruptError):
            return False

    def _name(self, path: Path) -> bytes:
        """What stays of a path when the base directory is moved."""
        return path.relative_to(self.base_dir).as_posix().encode()


def _fault_at(path: Path) -> str:
    return f"The file {path} was cut, altered or exchanged for another value's after it was written."


def _bound(digest: bytes, name: bytes) -> bytes:
    """The digest of a value of this name, whose content has a digest."""
    return hashlib.sha256(digest + name).digest()


def _content_facts(found: os.stat_result) -> tuple[int, int, int]:
    """What stays when a written file gets another name."""
    return found.st_size, found.st_mtime_ns, found.st_ino


def _stamp_of(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def without_digest(stream: IO[bytes]) -> IO[bytes]:
    """The content of a file without the digest that ends it; the file has to stay open."""
    size_bytes = stream.seek(0, os.SEEK_END) - _DIGEST_BYTES
    return io.BufferedReader(FileSlice(stream.fileno(), 0, size_bytes), _CHUNK_BYTES)


def matches_digest(stream: IO[bytes], *names: bytes) -> bool:
    """Whether the last bytes are the digest of the content before them and of one of the names that the value may have.

    Releases up to 0.2 wrote that of the content alone.
    """
    left = stream.seek(0, os.SEEK_END) - _DIGEST_BYTES
    stream.seek(0)
    hasher = hashlib.sha256()
    while left > 0:
        chunk = stream.read(min(left, _CHUNK_BYTES))
        if not chunk:
            return False
        hasher.update(chunk)
        left -= len(chunk)
    digest = hasher.digest()
    return left == 0 and stream.read() in (digest, *(_bound(digest, name) for name in names))


@io_manager(config_schema=BASE_DIR_CONFIG, version="1")
def versioned_filesystem_io_manager(init_context: InitResourceContext) -> VersionedPickledObjectFilesystemIOManager:
    """IO manager that keeps values by version on the local disk, for memoized runs.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, pipeline, solid, versioned_filesystem_io_manager
        >>> stored = versioned_filesystem_io_manager.configured({"base_dir": "values"})
        >>> one = solid(name="one", version="1")(lambda context: 1)
        >>> mode = ModeDefinition(resource_defs={"io_manager": stored})
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> [execute_pipeline(count, memoize=True).executed_step_keys for _ in range(2)]
        [['one'], []]
    """
    base_dir = init_context.resource_config.get("base_dir")
    return VersionedPickledObjectFilesystemIOManager(base_dir or init_context.storage_directory())
