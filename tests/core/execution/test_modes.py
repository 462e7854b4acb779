"""What a mode brings: resources, loggers, an intermediate storage, an executor."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from core import (
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterObjectNotFoundError,
    DagsterUnmetExecutorRequirementsError,
    DependencyDefinition,
    Executor,
    ExecutorDefinition,
    Field,
    InitExecutorContext,
    InitIntermediateStorageContext,
    InitLoggerContext,
    InputDefinition,
    IntermediateStorage,
    IntermediateStorageDefinition,
    ModeDefinition,
    PipelineDefinition,
    SolidDefinition,
    execute_pipeline,
    executor,
    in_process_executor,
    intermediate_storage,
    logger,
    resource,
)
from core.config import json_schema
from core.definitions.run_configs.run_config import run_config_schema
from core.events import DagsterEvent
from core.execution.executor import RetryMode
from core.execution.preparing.defaults import complete_mode
from core.execution.steps.in_turn import execute_steps


def chain(*modes: ModeDefinition) -> PipelineDefinition:
    """1 -> plus(1) -> plus(2)."""
    solids = [
        SolidDefinition("start", [], lambda *_: 1),
        SolidDefinition("middle", [InputDefinition("number")], lambda _, inputs: inputs["number"] + 1),
        SolidDefinition("end", [InputDefinition("number")], lambda _, inputs: inputs["number"] + 1),
    ]
    feeds = {
        "middle": {"number": DependencyDefinition("start")},
        "end": {"number": DependencyDefinition("middle")},
    }
    return PipelineDefinition(solids, "chain", dependencies=feeds, mode_defs=list(modes))


def test_a_run_is_in_the_first_mode_or_the_one_asked_for() -> None:
    def use(context: Any, _inputs: Any) -> tuple[str, str]:
        return context.mode_def.name, context.resources.place

    modes = [ModeDefinition(name, resource_defs={"place": f"place of {name}"}) for name in ("here", "there")]
    built = PipelineDefinition(
        [SolidDefinition("use", [], use, required_resource_keys={"place"})], "moded", mode_defs=modes
    )
    assert execute_pipeline(built).output_for_solid("use") == ("here", "place of here")
    assert execute_pipeline(built, mode="there").output_for_solid("use") == ("there", "place of there")
    with pytest.raises(DagsterInvariantViolationError, match=r"'moded': unknown mode 'ther'; did you mean 'there'\?"):
        execute_pipeline(built, mode="ther")


def test_modes_of_one_name_are_refused() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="two modes of the same name"):
        chain(ModeDefinition("here"), ModeDefinition("here"))


# ---- loggers ----


class Remembering(logging.Handler):
    """Keeps what was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def logging_pipeline(handlers: dict[str, Remembering]) -> PipelineDefinition:
    @logger({"level": Field(str, default_value="INFO")})
    def remembering(context: InitLoggerContext) -> logging.Logger:
        made = logging.Logger("remembering", context.logger_config["level"])
        made.addHandler(handlers.setdefault(f"{context.logger_config['level']}", Remembering()))
        return made

    def talk(context: Any, _inputs: Any) -> None:
        context.log.debug("quietly")
        context.log.warning("loudly", rows=5)

    mode = ModeDefinition(logger_defs={"one": remembering, "two": remembering})
    return PipelineDefinition([SolidDefinition("talk", [], talk)], "logs", mode_defs=[mode], tags={"team": "ours"})


def test_loggers_get_what_solids_log_at_their_level(capsys: pytest.CaptureFixture[str]) -> None:
    handlers: dict[str, Remembering] = {}
    config = {"loggers": {"one": {"config": {"level": "WARNING"}}, "two": {"config": {"level": "DEBUG"}}}}
    result = execute_pipeline(logging_pipeline(handlers), config)
    [warned] = handlers["WARNING"].records
    assert warned.getMessage() == f"logs - {result.run_id} - talk - loudly"
    meta: dict[str, Any] = warned.__dict__["dagster_meta"]
    assert meta["orig_message"] == "loudly"
    assert {"run_id": result.run_id, "step_key": "talk", "team": "ours", "rows": 5}.items() <= meta.items()
    debugged = [record.__dict__["dagster_meta"] for record in handlers["DEBUG"].records]
    assert [each["orig_message"] for each in debugged if not each["dagster_event"]] == ["quietly", "loudly"]
    seen = [each["dagster_event"].event_type_value for each in debugged if each["dagster_event"]]
    assert seen == [event.event_type_value for event in result.event_list]
    assert capsys.readouterr().err == ""  # the console logger is one of the default mode's


STRICT_AND_FREE = ModeDefinition(
    logger_defs={
        "strict": logger({"level": str})(lambda context: logging.Logger("strict", context.logger_config["level"])),
        "free": logger({"level": Field(str, default_value="INFO")})(lambda _: logging.Logger("free")),
    }
)


@pytest.mark.parametrize(
    ("loggers", "message"),
    [
        ({"strict": {"config": {"level": "INFO"}}}, None),
        ({"free": {}}, None),
        ({}, None),
        (None, None),
        ({"strict": {}}, "loggers.strict.config: missing required config: level of"),
        ({"free": {"config": {"level": 1}}}, "loggers.free.config.level: expected String, got 1"),
        ({"other": {}}, "loggers.other: unknown key 'other'. Known: free, strict."),
        *(
            (bad, "loggers: expected a mapping with keys free, strict, got")
            for bad in (3, 0, False, "free", ["free"], [])
        ),
    ],
)
def test_a_logger_that_must_be_configured_is_left_out_where_none_is_named(loggers: Any, message: str | None) -> None:
    built, config = chain(STRICT_AND_FREE), {"loggers": loggers}
    schema = run_config_schema(built, complete_mode(STRICT_AND_FREE, [in_process_executor]))
    says = jsonschema.Draft202012Validator(json_schema(schema))
    assert says.is_valid(config) == (message is None)
    if message is None:
        assert execute_pipeline(built, config).success
        return
    with pytest.raises(DagsterInvalidConfigError, match=re.escape(message)) as caught:
        execute_pipeline(built, config)
    assert len(caught.value.errors) == 1


def test_a_run_config_chooses_loggers_by_naming_them() -> None:
    handlers: dict[str, Remembering] = {}
    execute_pipeline(logging_pipeline(handlers), {"loggers": {"two": {"config": {"level": "DEBUG"}}}})
    assert list(handlers) == ["DEBUG"]
    handlers.clear()
    execute_pipeline(logging_pipeline(handlers))
    assert [record.getMessage()[-6:] for record in handlers["INFO"].records] == ["loudly", "loudly"]  # both loggers
    with pytest.raises(DagsterInvalidConfigError, match="unknown key 'three'"):
        execute_pipeline(logging_pipeline(handlers), {"loggers": {"three": {}}})


# ---- intermediate storage ----


class Shelf(IntermediateStorage):
    """A user's own storage."""

    def __init__(self, values: dict[Any, Any], label: str) -> None:
        self._values = values
        self._label = label

    def set_intermediate(
        self, context: Any, dagster_type: Any, step_output_handle: Any, value: Any, version: str | None = None
    ) -> None:
        self._values[self._label, step_output_handle.step_key, step_output_handle.output_name] = value

    def get_intermediate(self, context: Any, dagster_type: Any, step_output_handle: Any) -> Any:
        try:
            return self._values[self._label, step_output_handle.step_key, step_output_handle.output_name]
        except KeyError:
            raise DagsterObjectNotFoundError(f"{step_output_handle} is not on the shelf") from None

    def has_intermediate(self, context: Any, step_output_handle: Any) -> bool:
        return (self._label, step_output_handle.step_key, step_output_handle.output_name) in self._values

    @property
    def is_persistent(self) -> bool:
        return False


def test_an_intermediate_storage_of_the_users_own_keeps_the_values() -> None:
    values: dict[Any, Any] = {}
    seen: list[InitIntermediateStorageContext] = []

    @resource
    def shelves() -> Iterator[dict[Any, Any]]:
        yield values

    @intermediate_storage(required_resource_keys={"shelves"}, name="shelf", config_schema={"label": str})
    def shelf(context: InitIntermediateStorageContext) -> Shelf:
        seen.append(context)
        return Shelf(context.resources.shelves, context.intermediate_storage_config["label"])

    mode = ModeDefinition(resource_defs={"shelves": shelves}, intermediate_storage_defs=[shelf])
    config = {"intermediate_storage": {"shelf": {"config": {"label": "mine"}}}}
    result = execute_pipeline(chain(mode), config)
    assert values == {("mine", "start", "result"): 1, ("mine", "middle", "result"): 2, ("mine", "end", "result"): 3}
    assert seen[0].pipeline_run.run_id == result.run_id
    assert seen[0].pipeline_def.name == "chain"
    assert result.output_for_solid("end") == 3
    with pytest.raises(
        DagsterInvalidConfigError, match=r"intermediate_storage\.shelf\.config: missing required config: label of"
    ):
        execute_pipeline(chain(mode), {"intermediate_storage": {"shelf": {}}})

    values.clear()
    assert execute_pipeline(chain(mode)).output_for_solid("end") == 3  # not chosen, so not used
    assert values == {}


def test_an_intermediate_storage_is_defined_without_the_decorator() -> None:
    values: dict[Any, Any] = {}
    plain = IntermediateStorageDefinition(
        "plain", is_persistent=False, required_resource_keys=None,
        intermediate_storage_creation_fn=lambda context: Shelf(values, context.mode_def.name),
    )  # fmt: skip
    broken = IntermediateStorageDefinition("broken", False, set(), None, lambda _: None)  # type: ignore[arg-type,return-value]
    mode = ModeDefinition("m", intermediate_storage_defs=[plain, broken])
    assert execute_pipeline(chain(mode), {"intermediate_storage": {"plain": {}}}).output_for_solid("end") == 3
    assert set(values) == {("m", name, "result") for name in ("start", "middle", "end")}
    with pytest.raises(DagsterInvalidDefinitionError, match="'broken' must return an IntermediateStorage"):
        execute_pipeline(chain(mode), {"intermediate_storage": {"broken": {}}})


# ---- executors ----


class Announcing(Executor):
    """A user's own executor: says what it runs."""

    def __init__(self, said: list[Any]) -> None:
        self._said = said

    @property
    def retries(self) -> RetryMode:
        return RetryMode.DISABLED

    def execute(self, pipeline_context: Any, execution_plan: Any) -> Iterator[DagsterEvent]:
        self._said.append([step.key for step in execution_plan.steps_to_execute])
        yield from execute_steps(pipeline_context, execution_plan, self.retries)
        self._said.append("over")


def test_an_executor_of_the_users_own_runs_the_steps() -> None:
    said: list[Any] = []

    @executor(name="announcing", config_schema={"greeting": Field(str, default_value="Hi")})
    def announcing(context: InitExecutorContext) -> Announcing:
        said.append((context.executor_config["greeting"], context.executor_def.name, context.pipeline.name))
        return Announcing(said)

    mode = ModeDefinition(executor_defs=[in_process_executor, announcing])
    config = {"execution": {"announcing": {"config": {"greeting": "Hello"}}}}
    assert execute_pipeline(chain(mode), config).output_for_solid("end") == 3
    assert said == [("Hello", "announcing", "chain"), ["start", "middle", "end"], "over"]

    said.clear()
    assert execute_pipeline(chain(mode)).output_for_solid("end") == 3  # in_process_executor, the first
    assert said == []
    assert execute_pipeline(chain(ModeDefinition(executor_defs=[announcing]))).success
    assert said[0] == ("Hi", "announcing", "chain")


def test_an_executor_that_the_mode_does_not_have_cannot_be_chosen() -> None:
    with pytest.raises(DagsterInvalidConfigError, match=r"execution\.in_proces: unknown choice 'in_proces'"):
        execute_pipeline(chain(), {"execution": {"in_proces": {}}})


def test_an_executor_must_be_made() -> None:
    nothing = ExecutorDefinition("nothing")
    with pytest.raises(DagsterUnmetExecutorRequirementsError, match="'nothing' must return an Executor"):
        execute_pipeline(chain(ModeDefinition(executor_defs=[nothing])))
