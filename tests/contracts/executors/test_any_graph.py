"""Random pipelines with random failures, retries, optional and dynamic outputs: all executors do as in process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core import DagsterInstance, PipelineExecutionResult
from core.definitions.reconstructable import build_reconstructable_pipeline
from tests.contracts.executors.any_graph import BEHAVIORS
from tests.contracts.executors.conftest import Runs

EXAMPLES = 60 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 6


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Runs in process, on an instance of their own: one knows of each version where it was stored last, which would be
    where the others have stored it.
    """
    with DagsterInstance.local_temp(str(tmp_path_factory.mktemp("model"))) as instance:
        yield Runs("in_process", instance)


@st.composite
def graphs(draw: st.DrawFn) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = []
    often_well = st.one_of(st.just("gives"), st.sampled_from(BEHAVIORS))
    for number in range(draw(st.integers(2, 14))):
        inputs = draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else []
        keys = draw(st.one_of(st.none(), st.none(), st.integers(0, 3)))
        nodes.append({"behavior": draw(often_well), "inputs": inputs, "collects": draw(st.booleans()), "keys": keys})
    return nodes


@settings(
    max_examples=EXAMPLES, phases=[Phase.explicit, Phase.reuse, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    nodes=graphs(),
    is_memoized=st.booleans(),
    slots=st.integers(1, 3),
    retries=st.sampled_from(["enabled"] * 3 + ["disabled"]),
    tampered=st.dictionaries(st.integers(0, 20), st.sampled_from(["deleted", "damaged"]), max_size=4),
)
def test_whatever_happens_all_executors_do_the_same(
    runs: Runs,
    model: Runs,
    tmp_path_factory: pytest.TempPathFactory,
    nodes: list[dict[str, Any]],
    is_memoized: bool,
    slots: int,
    retries: str,
    tampered: dict[int, str],
) -> None:
    pipeline = build_reconstructable_pipeline("tests.contracts.executors.any_graph", "made", [nodes])
    folder = tmp_path_factory.mktemp("values")
    mode = "by_version" if is_memoized else "by_run"
    for _ in range(1 + is_memoized):
        seen = []
        for each, name in ((runs, "these"), (model, "model")):
            config = {"resources": {"io_manager": {"config": {"base_dir": str(folder / name)}}}}
            result = each.run(pipeline, config, mode, slots=slots, retries=retries, memoize=is_memoized)
            seen.append((result, told(each, result, folder / name)))
            tamper(folder / name / "versioned_outputs", tampered)
        (result, said), (result_there, said_there) = seen
        assert said == said_there
        assert set(result.memoized_step_keys) == set(result_there.memoized_step_keys)
        assert values(result) == values(result_there)


def tamper(folder: Path, how: dict[int, str]) -> None:
    """Deletes and damages some of the stored values, before the next run."""
    for number, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        if how.get(number) == "deleted":
            path.unlink()
        elif number in how:
            path.write_bytes(path.read_bytes()[:-1])


def told(runs: Runs, result: PipelineExecutionResult, folder: Path) -> dict[str, str]:
    """What is told of each step, and of the run. When which mapping keys become known depends on the executor, so of
    what is told then only the versions count.
    """
    found: dict[str, Any] = dict(runs.told(result))
    of_run = found.pop("")
    versioned = [event[-1]["steps"] for event in of_run if event[0] == "PLAN_VERSIONED"]
    found["versions"] = sorted({each["step_key"]: each["outputs"] for steps in versioned for each in steps}.items())
    found["run"] = [of_run[0], of_run[-1]]
    return {key: repr(events).replace(str(folder), "FOLDER") for key, events in found.items()}


def values(result: PipelineExecutionResult) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for solid in result.pipeline_def.solids:
        try:
            found[solid.name] = result.output_for_solid(solid.name)
        except Exception as error:
            found[solid.name] = type(error)
    return found
