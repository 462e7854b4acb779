"""What definitions take from annotations and other definitions, and what they refuse."""

from collections.abc import Iterator
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DependencyDefinition,
    InitResourceContext,
    InputDefinition,
    ModeDefinition,
    Noneable,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryRequested,
    SolidExecutionContext,
    SolidInvocation,
    StringSource,
    configured,
    execute_pipeline,
    pipeline,
    resource,
    solid,
)
from core.definitions.solid import SolidDefinition


def test_an_input_definition_is_completed_by_the_parameter() -> None:
    @solid(input_defs=[InputDefinition("x", description="a number")], output_defs=[OutputDefinition(name="y")])
    def add(_: SolidExecutionContext, x: int = 3) -> int:
        return x + 1

    (x,), (y,) = add.input_defs, add.output_defs
    assert (x.dagster_type.display_name, x.default_value, x.description) == ("Int", 3, "a number")
    assert (y.dagster_type.display_name, y.name) == ("Int", "y")


def nothing(name: str) -> SolidDefinition:
    return SolidDefinition(name, [], lambda _context, _inputs: None)


def test_a_pipeline_drops_no_solid() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="two different solids called 'a'"):
        PipelineDefinition([nothing("a"), nothing("a")])
    twice: dict[Any, dict[str, DependencyDefinition]] = {SolidInvocation("a", "x"): {}, SolidInvocation("b", "x"): {}}
    with pytest.raises(DagsterInvalidDefinitionError, match="uses the name 'x' for two solids"):
        PipelineDefinition([nothing("a"), nothing("b")], dependencies=twice)


def test_inputs_of_one_name_and_a_string_of_resource_keys_are_refused() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="two inputs of the same name"):
        solid(input_defs=[InputDefinition("x"), InputDefinition("x")])(lambda x: x)
    with pytest.raises(DagsterInvalidDefinitionError, match=r"write \['db'\]"):
        solid("wants_db", required_resource_keys="db")(lambda: None)


def test_an_output_has_no_truth_in_the_body_of_a_pipeline() -> None:
    with pytest.raises(DagsterInvariantViolationError, match="known only when the pipeline runs"):

        @pipeline
        def asks() -> None:
            if nothing("flaky")():
                nothing("after")()


@pytest.mark.parametrize("secret", ["hunter2", {"env": "CLOUDSTORE_TEST_SECRET"}])
def test_a_secret_that_a_function_of_configured_passes_on_is_in_no_message(secret: object, monkeypatch: Any) -> None:
    monkeypatch.setenv("CLOUDSTORE_TEST_SECRET", "hunter2")

    @solid(config_schema={"port": int})
    def connect(_):  # type: ignore[no-untyped-def]
        return None

    @configured(connect, config_schema={"password": StringSource})
    def logged_in(config):  # type: ignore[no-untyped-def]
        return {"port": config["password"]}

    given = {"solids": {"logged_in": {"config": {"password": secret}}}}
    with pytest.raises(DagsterInvalidConfigError, match=r"logged_in\.config\.port: .*not shown") as caught:
        execute_pipeline(PipelineDefinition([logged_in]), given)
    assert "hunter2" not in str(caught.value)


def test_config_given_by_configured_may_name_a_variable_that_is_set_later(monkeypatch: pytest.MonkeyPatch) -> None:
    @resource(config_schema={"name": StringSource, "limit": Noneable(int)})
    def named(init_context: InitResourceContext) -> dict[str, Any]:
        return dict(init_context.resource_config)

    monkeypatch.delenv("CLOUDSTORE_TEST_NAME", raising=False)
    from_environment = named.configured({"name": {"env": "CLOUDSTORE_TEST_NAME"}})

    @configured(named)
    def by_function(_config: object) -> dict[str, str]:
        return {"name": "given"}

    @solid(required_resource_keys={"one", "two"})
    def ask(context: SolidExecutionContext) -> list[Any]:
        return [context.resources.one, context.resources.two]

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"one": from_environment, "two": by_function})])
    def asking() -> None:
        ask()

    monkeypatch.setenv("CLOUDSTORE_TEST_NAME", "set")
    given = execute_pipeline(asking).output_for_solid("ask")
    assert given == [{"name": "set", "limit": None}, {"name": "given", "limit": None}]


def test_what_a_failed_attempt_gave_is_not_given() -> None:
    attempts: list[int] = []

    @solid(output_defs=[OutputDefinition(int, "maybe", is_required=False)])
    def flaky(_: SolidExecutionContext) -> Iterator[Output]:
        attempts.append(1)
        if len(attempts) == 1:
            yield Output(111, "maybe")
            raise RetryRequested(max_retries=1)

    @solid
    def after(_: SolidExecutionContext, value: int) -> int:
        return value

    @pipeline
    def retrying() -> None:
        after(flaky())

    result = execute_pipeline(retrying)
    assert len(attempts) == 2
    assert result.result_for_solid("after").skipped


def test_the_generator_of_a_solid_is_closed_when_its_output_fails() -> None:
    closed: list[str] = []

    @solid(output_defs=[OutputDefinition(int)])
    def gives(_: SolidExecutionContext) -> Iterator[Output]:
        try:
            yield Output("no number")
        finally:
            closed.append("closed")

    @pipeline
    def failing() -> None:
        gives()

    result = execute_pipeline(failing, raise_on_error=False)
    assert not result.success
    assert closed == ["closed"]
    assert result.result_for_solid("gives").output_value() is None


def test_a_run_ends_although_a_resource_cannot_be_stopped() -> None:
    @resource
    def twice(_: InitResourceContext) -> Iterator[int]:
        yield 1
        yield 2

    @solid(required_resource_keys={"twice"})
    def fails(context: SolidExecutionContext) -> None:
        raise ValueError(f"with {context.resources.twice}")

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"twice": twice})])
    def failing() -> None:
        fails()

    with DagsterInstance.ephemeral() as instance:
        with pytest.raises(ValueError, match="with 1"):
            execute_pipeline(failing, instance=instance)
        (run,) = instance.get_runs()
        assert run.is_failure
