"""The measures: each is given an opened store and what to move, and returns one figure."""

from __future__ import annotations

import io
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.s3.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

_VALUES, _VALUE_BYTES, _THREADS = 1000, 64 << 10, 16


class _Counting(io.RawIOBase):
    """Counts what is written to it, or the place it is sought to."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        self.size += len(chunk)
        return len(chunk)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        self.size = place
        return place


def upload(store: Store, path: Path) -> float:
    """MB a second."""
    return path.stat().st_size / 1e6 / _seconds(lambda: store.write_file(path))


def download(store: Store, path: Path) -> float:
    """MB a second, to the end of the file."""
    size, sink = path.stat().st_size, _Counting()
    file = store.write_file(path)
    seconds = _seconds(lambda: store.read_file(file, sink))  # type: ignore[arg-type]  # as much of an IO as is used
    assert sink.size == size
    return size / 1e6 / seconds


def put(store: Store, path: Path) -> float:
    """Values stored a second."""
    content = os.urandom(_VALUE_BYTES)
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda number: store.store(number, content), range(_THREADS)))
        return _VALUES / _seconds(lambda: list(pool.map(lambda n: store.store(n, content), range(_VALUES))))


def get(store: Store, path: Path) -> float:
    """Values loaded a second."""
    content = os.urandom(_VALUE_BYTES)
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda number: store.store(number, content), range(_VALUES)))
        found: list[Any] = []
        seconds = _seconds(lambda: found.extend(pool.map(store.load, range(_VALUES))))
    assert found == [content] * _VALUES
    return _VALUES / seconds


def requests_to_store(store: Store, path: Path) -> float:
    """Requests a value."""
    before = store.requests
    store.store(0, b"value")
    return store.requests - before


def requests_to_load(store: Store, path: Path) -> float:
    """Requests a value."""
    store.store(0, b"value")
    before = store.requests
    assert store.load(0) == b"value"
    return store.requests - before


def store_array(store: Store, path: Path) -> float:
    """Extra peak memory, in sizes of the array."""
    array = _array()
    before = _peak_bytes()
    store.store(0, array)
    return (_peak_bytes() - before) / float(array.nbytes)


def load_array(store: Store, path: Path) -> float:
    """Extra peak memory, in sizes of the array; another process stored it, as this one's peak would hide the load."""
    child = os.fork()
    if not child:
        store.store(0, _array())
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    import numpy  # noqa: F401  before the peak is taken; the other measures need not load it

    before = _peak_bytes()
    array = store.load(0)
    return (_peak_bytes() - before) / float(array.nbytes)


def large_file(store: Store, path: Path) -> float:
    """Extra peak memory of writing and reading a file of 2 GiB, in MiB."""
    large = path.with_suffix(".large")
    with large.open("wb") as file:
        file.truncate(2 << 30)
    before = _peak_bytes()
    sink = _Counting()
    store.read_file(store.write_file(large), sink)  # type: ignore[arg-type]  # as much of an IO as is used
    large.unlink()
    assert sink.size == 2 << 30
    return (_peak_bytes() - before) / float(1 << 20)


def _array() -> Any:
    import numpy  # only where arrays are measured

    return numpy.random.default_rng(1).random(64 << 20)


def _seconds(function: Callable[[], object]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


MEASURES: dict[str, Callable[[Store, Path], float]] = {
    measure.__name__: measure
    for measure in (
        upload,
        download,
        put,
        get,
        requests_to_store,
        requests_to_load,
        store_array,
        load_array,
        large_file,
    )
}
