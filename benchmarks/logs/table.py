"""The table of compute logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.logs.programs import MS_A_STEP, PEER_RUN, PRINTING, SECONDS_TO_SHIP
from benchmarks.peers import PEER_PYTHON, has_peer
from cloudstore.testing import Fault, FaultProxy, embedded_s3_server

_REPEATS = 5
_STEPS, _PEER_STEPS = "1000", "100"
_LINE = "a line that a small step prints"


def table() -> Table:
    """Every measure; takes some minutes."""
    result = Table(title=f"Compute logs, medians of {_REPEATS}", title_justify="left")
    for name in ("what", "cloudstore", "goal", *(["dagster-aws"] if has_peer() else [])):
        result.add_column(name, justify="left" if name == "what" else "right")
    silent = _medians({"none": (MS_A_STEP, "none", "{}", _STEPS, ""), "local": (MS_A_STEP, "local", "{}", _STEPS, "")})
    result.add_row("capture of a step that prints nothing, ms", f"{silent['local'] - silent['none']:.2f}", "≤ 1")
    printing = _medians({"none": (PRINTING, "none"), "local": (PRINTING, "local")})
    more = (printing["local"] / printing["none"] - 1) * 100
    result.add_row("capture of a step that prints 100 MB, % more time", f"{more:.1f}", "≤ 3")
    for latency_ms in (0, 60):
        with _store(latency_ms) as (config, proxy):
            for row in _archiving(config, proxy, latency_ms):
                result.add_row(*row)
    return result


def _archiving(config: dict[str, Any], proxy: FaultProxy, latency_ms: int) -> Iterator[tuple[str, ...]]:
    given = json.dumps(config)
    at = f"at {latency_ms} ms a request"
    ours = _medians(
        {"local": (MS_A_STEP, "local", given, _STEPS, _LINE), "s3": (MS_A_STEP, "s3", given, _STEPS, _LINE)}
    )
    theirs = ""
    if has_peer():
        peer = _medians(
            {kind: (PEER_RUN, kind, given, _PEER_STEPS, _LINE) for kind in ("local", "s3")}, PEER_PYTHON, repeats=1
        )
        theirs = f"{(peer['s3'] / peer['local'] - 1) * 100:.1f}"
    more = (ours["s3"] / ours["local"] - 1) * 100
    yield f"a run of 1,000 steps that print a line, archived {at}: % more time", f"{more:.1f}", "≤ 5", theirs
    for text, goal in (("", "0"), (_LINE, "≤ 1")):
        before = len(proxy.records)
        seconds = _measured(SECONDS_TO_SHIP, "s3", given, _STEPS, text)
        requests = (len(proxy.records) - before) / int(_STEPS)
        what = "that print a line" if text else "that print nothing"
        yield f"… requests a step, of steps {what}", f"{requests:.2f}", goal
        if text:
            yield "… seconds from the end of the run until all of it is in the bucket", f"{seconds:.1f}", ""


@contextmanager
def _store(latency_ms: int) -> Iterator[tuple[dict[str, Any], FaultProxy]]:
    """A bucket behind a proxy that holds each answer back; the config of a manager that archives there."""
    with embedded_s3_server() as server, FaultProxy(server.endpoint_url) as proxy:
        if latency_ms:
            proxy.inject(Fault.stall(latency_ms / 1000))
        os.environ.update(server.environment())  # the peer takes no credentials by config
        yield (
            {
                "bucket": server.create_bucket(),
                "endpoint_url": proxy.endpoint_url,
                "region_name": server.region,
                "addressing_style": "path",
                "skip_empty_files": True,
            },
            proxy,
        )


def _medians(
    programs: dict[str, tuple[str, ...]], python: str = sys.executable, repeats: int = _REPEATS
) -> dict[str, float]:
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, (code, *arguments) in programs.items():
            found[name].append(_measured(code, *arguments, python=python))
    return {name: median(values) for name, values in found.items()}


def _measured(code: str, *arguments: str, python: str = sys.executable) -> float:
    """What a program prints last; where it captures output, that of its steps comes before."""
    command = [python, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.splitlines()[-1])
