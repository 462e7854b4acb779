"""The table of memoized runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.table import Table

from benchmarks.memo.places import Bucket, Place, on_disk, seconds
from benchmarks.peers import FIRST_PROGRAM, FIRST_PYTHON, has_first_peer
from cloudstore.testing import Fault, FaultProxy, faulty_s3_server

_REPEATS, _FIRST_REPEATS = 5, 3
_STEPS, _FEW, _MANY = 1000, 100, 2000
_FIRST_FEW, _FIRST_MANY = 50, 200
_OLDER_VERSIONS = 10
_LATENCY_SECONDS = 0.06


class _Row(NamedTuple):
    what: str
    ours: str
    goal: str = ""
    requests: str = ""
    heads: str = ""
    threads: str = ""
    first: str = ""


class _Measured(NamedTuple):
    seconds: float
    requests: float = 0


def table() -> Table:
    """Every measure; takes some minutes."""
    result = Table(title=f"Memoized runs with all values stored, medians of {_REPEATS}", title_justify="left")
    columns = ["what", "cloudstore", "goal", "requests", "loop of HEADs", "by 16 threads"]
    if has_first_peer():
        columns.append("Dagster 0.11.16")
    for name in columns:
        result.add_column(name, justify="left" if name == "what" else "right")
    with tempfile.TemporaryDirectory(prefix="cloudstore-bench-") as folder:
        for row in (*_on_disk(Path(folder)), *_on_s3(Path(folder))):
            result.add_row(*row[: len(columns)])
    return result


def _on_disk(folder: Path) -> Iterator[_Row]:
    places = {steps: on_disk(folder, steps) for steps in (_FIRST_FEW, _FEW, _FIRST_MANY, _STEPS, _MANY)}
    for place in places.values():
        place.fill()
    known = {f"{steps}": place.known for steps, place in places.items()}
    found = _medians({**known, "unknown": places[_STEPS].unknown})
    yield _Row("1,000 steps on the filesystem, s", f"{found[f'{_STEPS}'].seconds:.2f}", "≤ 0.5")
    yield _Row("… and a new instance", f"{found['unknown'].seconds:.2f}")
    yield from _costs("on the filesystem", found)
    theirs = _first_implementation(folder) if has_first_peer() else {}
    for steps in (_FIRST_FEW, _FIRST_MANY):
        ours, first = _ms_a_step(found, steps), theirs and f"{_ms_a_step(theirs, steps):.2f}"
        yield _Row(f"a step of {steps} on the filesystem, ms", f"{ours:.2f}", first=first or "")


def _on_s3(folder: Path) -> Iterator[_Row]:
    with faulty_s3_server() as (server, proxy):
        bucket = Bucket(server, proxy.endpoint_url, server.create_bucket(), folder)
        few, plain, many = (bucket.place(f"steps{steps}", steps) for steps in (_FEW, _STEPS, _MANY))
        direct = replace(bucket, endpoint_url=server.endpoint_url)  # the proxy holds small bodies back
        for steps in (_FEW, _STEPS, _MANY):
            direct.place(f"steps{steps}", steps).fill()
        heads = {"heads": partial(bucket.heads, f"steps{_STEPS}")}
        threads = {"threads": partial(bucket.heads_by_threads, f"steps{_STEPS}")}

        found = _medians({**_runs(plain), **heads, **threads, f"{_FEW}": few.known, f"{_MANY}": many.known}, proxy)
        yield from _stored("on S3", found, "≤ 1")
        yield from _costs("on S3", {**found, f"{_STEPS}": found["known"]})
        proxy.inject(Fault.stall(_LATENCY_SECONDS))
        slow = _medians({**_runs(plain), **threads}, proxy)  # HEADs one by one would take a minute each time
        yield from _stored("on S3 at 60 ms a request", slow, "≤ 3")
        proxy.clear()
        bucket.add_older_versions(f"steps{_STEPS}", _OLDER_VERSIONS)
        yield from _stored("of eleven versions each", _medians(_runs(plain), proxy), "≤ 20 requests")


def _runs(place: Place) -> dict[str, Callable[[], float]]:
    return {"known": place.known, "unknown": place.unknown}


def _stored(where: str, found: Mapping[str, _Measured], goal: str) -> Iterator[_Row]:
    loops = [f"{found[name].seconds:.2f}" if name in found else "" for name in ("heads", "threads")]
    known, unknown = found["known"], found["unknown"]
    yield _Row(f"1,000 steps {where}, s", f"{known.seconds:.2f}", goal, f"{known.requests:.0f}", *loops)
    yield _Row("… and a new instance", f"{unknown.seconds:.2f}", requests=f"{unknown.requests:.0f}")


def _costs(where: str, found: Mapping[str, _Measured]) -> Iterator[_Row]:
    few, many = _ms_a_step(found, _FEW), _ms_a_step(found, _MANY)
    yield _Row(f"a step of 100 {where}, ms", f"{few:.2f}")
    yield _Row("… of 2,000", f"{many:.2f}")
    yield _Row("… that against this", f"{many / few:.2f}", "≤ 1.2")
    least, middle, most = (found[f"{steps}"].seconds for steps in (_FEW, _STEPS, _MANY))
    # What a run costs once, whatever its size, is in neither of these.
    later, earlier = (most - middle) / (_MANY - _STEPS), (middle - least) / (_STEPS - _FEW)
    yield _Row("… the 1,001st to last against the 101st to 1,000th", f"{later / earlier:.2f}")


def _ms_a_step(found: Mapping[str, _Measured], steps: int) -> float:
    return found[f"{steps}"].seconds / steps * 1000


def _first_implementation(folder: Path) -> dict[str, _Measured]:
    def run(steps: int, what: str) -> float:
        return seconds(FIRST_PYTHON, FIRST_PROGRAM, folder / f"first{steps}", steps, what)

    sizes = _FIRST_FEW, _FIRST_MANY
    for steps in sizes:
        run(steps, "fill")
    return _medians({f"{steps}": partial(run, steps, "run") for steps in sizes}, repeats=_FIRST_REPEATS)


def _medians(
    programs: Mapping[str, Callable[[], float]], proxy: FaultProxy | None = None, repeats: int = _REPEATS
) -> dict[str, _Measured]:
    """Medians of the seconds, and of the requests that came to the proxy meanwhile; the programs run in turn."""
    found: dict[str, list[_Measured]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            before = len(proxy.records) if proxy else 0
            took = program()
            found[name].append(_Measured(took, (len(proxy.records) if proxy else 0) - before))
    return {
        name: _Measured(median(each.seconds for each in measured), median(each.requests for each in measured))
        for name, measured in found.items()
    }
