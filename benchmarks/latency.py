"""Steps whose values are in a bucket that is far away: how many times its latency they wait."""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.table import Table

from cloudstore import s3_pickle_io_manager, s3_resource, versioned_s3_io_manager
from core import (
    DependencyDefinition,
    InputDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    SolidDefinition,
    execute_pipeline,
)

_COUNT = 50
_REPEATS = 3
_NAMES = [f"part_{number}" for number in range(_COUNT)]
_GOALS = {10: "", 60: "0.1", 200: "0.1"}  # at 10 ms it is the processor's time for each request that counts


def table() -> Table:
    """Milliseconds, and latencies a value, with the store at 10, 60 and 200 ms; a minute."""
    result = Table(title=f"{_COUNT} values at a latency, median of {_REPEATS}", title_justify="left")
    for name in ("what", "latency, ms", "ms in all", "latencies a value", "at most"):
        result.add_column(name, justify="left" if name == "what" else "right")
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    with _far_away() as (options, set_latency):
        for latency_ms in _GOALS:
            set_latency(latency_ms / 1000)
            measured = [_measured(options) for _ in range(_REPEATS)]
            for what in measured[0]:
                took_ms = statistics.median(each[what] for each in measured)
                latencies = took_ms / latency_ms / _COUNT
                result.add_row(what, str(latency_ms), f"{took_ms:.0f}", f"{latencies:.3f}", _GOALS[latency_ms])
    return result


# In a process of its own, since its threads would take turns with those that are measured.
_PROXY = """
import json, sys
from cloudstore.testing import faulty_s3_server

with faulty_s3_server() as (server, proxy):
    options = {
        "endpoint_url": proxy.endpoint_url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "addressing_style": "path",
    }
    print(json.dumps([options, server.create_bucket()]), flush=True)
    for line in sys.stdin:
        proxy.latency_seconds = float(line)
        print("set", flush=True)
"""


@contextmanager
def _far_away() -> Iterator[tuple[dict[str, Any], Callable[[float], None]]]:
    """The run config of resources for a bucket, and what sets its latency in seconds."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROXY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        to_proxy, from_proxy = process.stdin, process.stdout
        options, bucket = json.loads(from_proxy.readline())

        def set_latency(seconds: float) -> None:
            print(seconds, file=to_proxy, flush=True)
            from_proxy.readline()

        try:
            yield {"s3": {"config": options}, "io_manager": {"config": {"s3_bucket": bucket}}}, set_latency
        finally:
            to_proxy.close()


def _measured(resources: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of a step that stores its outputs, and of one that loads them."""
    found: dict[str, float] = {}
    for what, manager in (("by run", s3_pickle_io_manager), ("by version", versioned_s3_io_manager)):
        mode = ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": manager})
        version = uuid.uuid4().hex  # so that each value is a new one
        result = execute_pipeline(_pipeline(mode, version), {"resources": resources})
        found[f"outputs of a step stored {what}"] = _duration_ms(result, "gives")
        found[f"inputs of a step loaded, stored {what}"] = _duration_ms(result, "takes")
    return found


def _duration_ms(result: PipelineExecutionResult, step: str) -> float:
    [event] = [e for e in result.event_list if (e.step_key, e.event_type_value) == (step, "STEP_SUCCESS")]
    duration: float = event.event_specific_data.duration_ms  # type: ignore[union-attr]  # it is a StepSuccessData
    return duration


def _pipeline(mode: ModeDefinition, version: str) -> PipelineDefinition:
    def give(_context: Any, _inputs: Any) -> Iterator[Output]:
        for number, name in enumerate(_NAMES):
            yield Output(number, name)

    def take(_context: Any, inputs: dict[str, Any]) -> None:
        assert inputs["parts"] == list(range(_COUNT))

    solids = [
        SolidDefinition("gives", [], give, [OutputDefinition(name=name) for name in _NAMES], version=version),
        SolidDefinition("takes", [InputDefinition("parts")], take, [], version=version),
    ]
    parts = MultiDependencyDefinition([DependencyDefinition("gives", name) for name in _NAMES])
    return PipelineDefinition(solids, "fan_in", dependencies={"takes": {"parts": parts}}, mode_defs=[mode])
