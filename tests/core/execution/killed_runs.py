"""A program that executes runs of a pipeline, each in a child that kills its process with -9 at a counted event.

By stdin it is told, as JSON, `folder`, `execution` and `moments`: lists of numbers of events, of that at which the run
is killed, that at which the run is killed that resumes it, and so on; the one after that is not killed. It prints the
ids of the runs of each list. The pipeline is made of what $DAG says, and each call of a solid is noted in $CALLS.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import (
    DagsterInstance,
    InputDefinition,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    SolidDefinition,
    execute_pipeline,
    fs_io_manager,
    pipeline,
    reexecute_pipeline,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.loading.pipelines import load_pipeline


def total(given: Any) -> int:
    return sum(total(each) for each in given) if isinstance(given, list) else given


def call(context: Any, value: object) -> None:
    with Path(os.environ["CALLS"]).open("a") as file:
        file.write(json.dumps([context.run_id, context.step_key, value]) + "\n")


def solid_of(name: str, kind: str, inputs: list[str]) -> SolidDefinition:
    def plain(context: Any, values: dict[str, Any]) -> Any:
        value = len(name) + total(list(values.values()))
        call(context, value)
        return value

    def generates(context: Any, values: dict[str, Any]) -> Iterator[Any]:
        value = 1 + total(list(values.values()))
        call(context, value)
        yield Output(value, "result")
        if kind == "both":
            yield Output(value + 1, "other")

    def fans_out(context: Any, values: dict[str, Any]) -> Iterator[Any]:
        value = total(list(values.values())) % 3
        call(context, value)
        for number in range(value + 1):
            yield DynamicOutput(number, mapping_key=f"k{number}")

    given = [InputDefinition(each) for each in inputs]
    if kind == "dynamic":
        return SolidDefinition(name, given, fans_out, [DynamicOutputDefinition(int)])
    if kind in ("both", "one of both"):
        outputs = [OutputDefinition(int, "result"), OutputDefinition(int, "other", is_required=False)]
        return SolidDefinition(name, given, generates, outputs)
    return SolidDefinition(name, given, plain, [OutputDefinition(int)])


def made() -> PipelineDefinition:
    """The pipeline of $DAG: for each solid its kind and the solids that feed it."""
    dag: list[tuple[str, list[int]]] = json.loads(os.environ["DAG"])

    def body() -> None:
        values: list[Any] = []
        for number, (kind, feeders) in enumerate(dag):
            solid = solid_of(f"s{number}", kind, [f"i{each}" for each in feeders])
            given = solid(*(values[each] for each in feeders))
            if kind == "dynamic":
                mapped = solid_of(f"mapped{number}", "plain", ["each"])
                given = given.map(mapped).collect()
            values.append(given.result if kind in ("both", "one of both") else given)
        solid_of("last", "plain", [f"i{each}" for each in range(len(dag))])(*values)

    mode = ModeDefinition(resource_defs={"io_manager": fs_io_manager})
    return pipeline(name="drawn", mode_defs=[mode])(body)


def run(asked: dict[str, Any], parent: str | None, moment: int | None) -> None:
    seen = 0

    def on_event(_event: object) -> None:
        nonlocal seen
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    loaded = load_pipeline(Path(__file__), "made")
    with DagsterInstance.from_config(asked["folder"]) as instance:
        if parent is None:
            execute_pipeline(loaded, {"execution": asked["execution"]}, instance=instance, on_event=on_event)
        else:
            reexecute_pipeline(loaded, parent, resume=True, instance=instance, on_event=on_event)


def in_child(asked: dict[str, Any], parent: str | None, moment: int | None) -> bool:
    """Whether the run has ended, and was not killed."""
    child = os.fork()
    if not child:
        try:
            run(asked, parent, moment)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), status
    return status == 0


def main() -> None:
    asked = json.load(sys.stdin)
    with DagsterInstance.from_config(asked["folder"]) as instance:
        instance.get_runs()  # so that what that imports is there in all children
    for moments in asked["moments"]:
        run_ids: list[str] = []
        for moment in [*moments, None]:
            has_ended = in_child(asked, run_ids[-1] if run_ids else None, moment)
            with DagsterInstance.from_config(asked["folder"]) as instance:
                instance.recover_events()  # it may have been killed when it had said that it succeeded
                latest = instance.get_runs(limit=1)[0]
            run_ids.append(latest.run_id)
            if has_ended or latest.is_success:
                break
        print(json.dumps(run_ids), flush=True)


if __name__ == "__main__":
    main()
