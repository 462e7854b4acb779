"""Random pipelines, edited at random: each memoized run executes the least that is right, with the right values."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core import Any as AnyValue
from core import (
    DagsterInstance,
    DependencyDefinition,
    Field,
    InputDefinition,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    SolidDefinition,
    execute_pipeline,
    fs_io_manager,
    versioned_filesystem_io_manager,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

Handle = tuple[int, str]
OUTPUTS = ("first", "second")
CONFIGS = (0, 1, "1", True, 1.0)


@dataclass(frozen=True)
class Step:
    """One step: a version or none, a config, and for each input (step, output) that feeds it."""

    version: str | None
    config: Any
    feeds: tuple[Handle, ...]


Steps = tuple[Step, ...]


@st.composite
def random_step(draw: st.DrawFn, index: int) -> Step:
    sources = st.tuples(st.integers(0, max(index - 1, 0)), st.sampled_from(OUTPUTS))
    feeds = draw(st.lists(sources, max_size=3 if index else 0))
    version = draw(st.sampled_from(["1", "1", "1", "2", None]))
    return Step(version, draw(st.sampled_from(CONFIGS)), tuple(feeds))


@st.composite
def random_steps(draw: st.DrawFn) -> Steps:
    return tuple(draw(random_step(index)) for index in range(draw(st.integers(1, 6))))


@st.composite
def random_history(draw: st.DrawFn) -> list[tuple[Steps, list[Handle]]]:
    """Pipelines, each an edit of the one before, and the outputs whose values are deleted before each run."""
    steps = draw(random_steps())
    handles = st.tuples(st.integers(0, len(steps) - 1), st.sampled_from(OUTPUTS))
    history: list[tuple[Steps, list[Handle]]] = [(steps, [])]
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            at = draw(st.integers(0, len(steps) - 1))
            edited = list(steps)
            if len(edited[at].feeds) > 1 and draw(st.booleans()):
                edited[at] = replace(edited[at], feeds=edited[at].feeds[::-1])  # swapped inputs
            else:
                edited[at] = draw(random_step(at))
            steps = tuple(edited)
        history.append((steps, draw(st.lists(handles, max_size=3))))
    return history


def depends_on_unversioned(steps: Steps) -> set[int]:
    found: set[int] = set()
    for index, step in enumerate(steps):
        if step.version is None or any(source in found for source, _ in step.feeds):
            found.add(index)
    return found


def build(steps: Steps) -> PipelineDefinition:
    tainted = depends_on_unversioned(steps)
    solids, dependencies = [], {}
    for index, step in enumerate(steps):
        key = "plain" if index in tainted else "io_manager"
        inputs = [f"input_{position}" for position in range(len(step.feeds))]
        solids.append(
            SolidDefinition(
                f"s{index}",
                [InputDefinition(name) for name in inputs],
                compute_of(index, step.version),
                [OutputDefinition(name=name, io_manager_key=key) for name in OUTPUTS],
                Field(AnyValue),
                version=step.version,
            )
        )
        dependencies[f"s{index}"] = {
            name: DependencyDefinition(f"s{source}", output)
            for name, (source, output) in zip(inputs, step.feeds, strict=True)
        }
    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager, "plain": fs_io_manager})
    return PipelineDefinition(solids, dependencies=dependencies, mode_defs=[mode])


def compute_of(index: int, version: str | None) -> Any:
    def compute(context: Any, inputs: dict[str, str]) -> Iterator[Output]:
        for output in OUTPUTS:
            yield Output(spelled(index, version, context.solid_config, list(inputs.values()), output), output)

    return compute


def spelled(index: int, version: str | None, config: Any, inputs: Sequence[str], output: str) -> str:
    return f"s{index}.{output}@{version}<{config!r}>({', '.join(inputs)})"


def values_of(steps: Steps) -> dict[Handle, str]:
    """What each output must be: worked out here, without the engine."""
    values: dict[Handle, str] = {}
    for index, step in enumerate(steps):
        inputs = [values[feed] for feed in step.feeds]
        for output in OUTPUTS:
            values[index, output] = spelled(index, step.version, step.config, inputs, output)
    return values


def least_to_execute(steps: Steps, stored: set[str]) -> set[int]:
    """The smallest of all sets of steps that would do, found by trying them all.

    A set will do when it has every step whose value cannot be known beforehand, makes every final value that is not
    stored, and makes or finds everything that its own steps take.
    """
    values, always = values_of(steps), depends_on_unversioned(steps)
    taken = {feed for step in steps for feed in step.feeds}
    final = set(values) - taken

    def is_there(handle: Handle, executed: set[int]) -> bool:
        return handle[0] in executed or (handle[0] not in always and values[handle] in stored)

    def will_do(executed: set[int]) -> bool:
        needed = final | {feed for index in executed for feed in steps[index].feeds}
        return always <= executed and all(is_there(handle, executed) for handle in needed)

    indexes = range(len(steps))
    subsets = (set(chosen) for size in range(len(steps) + 1) for chosen in itertools.combinations(indexes, size))
    return next(each for each in subsets if will_do(each))


def run(steps: Steps, folder: Path, instance: DagsterInstance, memoize: bool) -> PipelineExecutionResult:
    config = {
        "solids": {f"s{index}": {"config": step.config} for index, step in enumerate(steps)},
        "resources": {key: {"config": {"base_dir": str(folder / key)}} for key in ("io_manager", "plain")},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return execute_pipeline(build(steps), config, instance=instance, memoize=memoize)


def final_values(result: PipelineExecutionResult, steps: Steps) -> Mapping[Handle, str]:
    taken = {feed for step in steps for feed in step.feeds}
    finals = [handle for handle in values_of(steps) if handle not in taken]
    return {(index, name): result.output_for_solid(f"s{index}", name) for index, name in finals}


def delete(folder: Path, handle: Handle, stored: set[str]) -> None:
    """Deletes every version of an output's value."""
    index, output = handle
    for path in (folder / "io_manager" / "versioned_outputs" / f"s{index}" / output).glob("*"):
        path.unlink()
    stored -= {value for value in stored if value.startswith(f"s{index}.{output}@")}


@settings(max_examples=60)
@given(random_history())
def test_memoized_runs_give_what_computing_anew_gives_and_execute_the_least(
    history: list[tuple[Steps, list[Handle]]],
) -> None:
    with tempfile.TemporaryDirectory() as name, DagsterInstance.ephemeral(f"{name}/instance") as instance:
        folder = Path(name)
        stored: set[str] = set()
        for number, (steps, deleted) in enumerate(history):
            for handle in deleted:
                delete(folder, handle, stored)
            memoized = run(steps, folder, instance, memoize=True)
            executed = {int(key.removeprefix("s")) for key in memoized.executed_step_keys}
            assert executed == least_to_execute(steps, stored)
            anew = run(steps, folder / f"anew_{number}", instance, memoize=False)
            assert len(anew.executed_step_keys) == len(steps)
            assert final_values(memoized, steps) == final_values(anew, steps)
            values, tainted = values_of(steps), depends_on_unversioned(steps)
            stored |= {values[index, name] for index in executed - tainted for name in OUTPUTS}
