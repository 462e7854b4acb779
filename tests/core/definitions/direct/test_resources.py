"""Resources, IO managers and loggers that are made outside a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterResourceFunctionError,
    DagsterUnknownResourceError,
    Field,
    InitLoggerContext,
    InitResourceContext,
    InputContext,
    IOManager,
    IOManagerDefinition,
    ModeDefinition,
    OutputContext,
    PipelineDefinition,
    ResourceDefinition,
    SolidExecutionContext,
    build_init_logger_context,
    build_init_resource_context,
    build_input_context,
    build_output_context,
    build_resources,
    build_solid_context,
    colored_console_logger,
    execute_pipeline,
    fs_io_manager,
    io_manager,
    logger,
    mem_io_manager,
    resource,
    solid,
)
from core.errors import DagsterInvalidInvocationError
from core.resources.mem_io_manager import InMemoryIOManager


@resource(config_schema={"port": int, "host": Field(str, default_value="localhost")})
def address(init_context: InitResourceContext) -> str:
    """Where the server is."""
    return f"{init_context.resource_config['host']}:{init_context.resource_config['port']}"


@resource(required_resource_keys={"address"})
def client(init_context: InitResourceContext) -> str:
    return f"client of {init_context.resources.address}"


@resource
def plain() -> str:
    return "plain"


@resource
def empty(_: InitResourceContext) -> str:
    return "empty"


def test_a_resource_is_made_by_a_call() -> None:
    assert plain() == "plain"
    assert empty(None) == empty(build_init_resource_context()) == "empty"
    assert address(build_init_resource_context(config={"port": 1})) == "localhost:1"
    assert address(init_context=build_init_resource_context(config={"port": 1, "host": "b"})) == "b:1"
    assert address.configured({"port": 2})(None) == "localhost:2"
    assert (address.__name__, address.__doc__) == ("address", "Where the server is.")
    assert address.__wrapped__(build_init_resource_context(config={"port": 3, "host": "c"})) == "c:3"


def test_the_resources_that_it_requires_are_given_as_values_or_definitions() -> None:
    assert client(build_init_resource_context(resources={"address": "here"})) == "client of here"
    configured = address.configured({"port": 2})
    assert client(build_init_resource_context(resources={"address": configured})) == "client of localhost:2"
    assert client(build_init_resource_context(resources=SimpleNamespace(address="there"))) == "client of there"


def test_the_context_has_a_log_and_the_given_instance(caplog: pytest.LogCaptureFixture) -> None:
    @resource
    def look(init_context: InitResourceContext) -> Any:
        assert init_context.log is not None
        init_context.log.warning("looked")
        return init_context.instance, init_context.resource_def, init_context.run_id

    instance = DagsterInstance.ephemeral()
    assert look(build_init_resource_context(instance=instance)) == (instance, look, None)
    assert "looked" in caplog.text
    assert look(None)[0] is None


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda: empty(),
            "takes a context first, and was called without one; call it with build_init_resource_context",
        ),
        (lambda: empty({"port": 1}), "was given a dict; call it with build_init_resource_context"),
        (lambda: empty(None, 1), "takes a context and nothing else, and was called with 2 arguments"),
        (lambda: plain(None), "takes nothing, and was called with 1 arguments"),
        (lambda: plain(build_init_resource_context()), "its function takes none; leave it out"),
        (lambda: client(None), "'client' requires the resource 'address', which was not given"),
        (lambda: client(build_init_resource_context(resources={"b": 1})), "'client' requires the resource 'address'"),
        (lambda: colored_console_logger(), "takes a context first, and was called without one"),
        (lambda: colored_console_logger(None, 1), "takes a context and nothing else"),
        (lambda: colored_console_logger("INFO"), "was given a str; call it with build_init_logger_context"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(DagsterInvalidInvocationError, match=told) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_config_that_does_not_fit_is_told_with_its_path() -> None:
    with pytest.raises(DagsterInvalidConfigError, match=r"config of resource address.*\n  port: expected"):
        address(build_init_resource_context(config={"port": "one"}))
    with pytest.raises(DagsterInvalidConfigError, match="missing required config: port of type Int"):
        address(None)
    with pytest.raises(DagsterInvalidConfigError, match="log_levl"):
        colored_console_logger(build_init_logger_context({"log_levl": "INFO"}))


class Journal:
    """Resources that write down when they start and stop."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def resource(self, name: str, *required: str, fails: bool = False) -> ResourceDefinition:
        def lifetime(context: InitResourceContext) -> Iterator[str]:
            self.lines.append(f"start {name}")
            if fails:
                raise OSError(f"{name} cannot start")
            yield f"{name}({', '.join(getattr(context.resources, key) for key in required)})"
            self.lines.append(f"stop {name}")

        return ResourceDefinition(lifetime, required_resource_keys=set(required))


def test_a_resource_that_yields_is_made_for_a_block() -> None:
    journal = Journal()
    with journal.resource("a")(None) as value:
        assert value == "a()"
        assert journal.lines == ["start a"]
    assert journal.lines == ["start a", "stop a"]

    @resource
    @contextmanager
    def managed(_: InitResourceContext) -> Iterator[str]:
        yield "managed"

    with managed(None) as value:
        assert value == "managed"


def test_a_context_for_a_block_stops_what_it_started() -> None:
    journal = Journal()
    a = journal.resource("a")
    top = journal.resource("top", "a")
    with build_init_resource_context(resources={"a": a}) as context, top(context) as value:
        assert value == "top(a())"
    assert journal.lines == ["start a", "start top", "stop top", "stop a"]
    journal.lines.clear()
    with pytest.raises(DagsterInvariantViolationError, match="`with build_init_resource_context"):
        top(build_init_resource_context(resources={"a": a}))
    assert journal.lines == ["start a", "stop a"]


def test_what_was_started_before_one_fails_is_stopped_also_without_a_block() -> None:
    journal = Journal()
    a = journal.resource("a")
    top = journal.resource("top", "a", "b")
    context = build_init_resource_context(resources={"a": a, "b": journal.resource("b", "a", fails=True)})
    with pytest.raises(DagsterResourceFunctionError, match="b cannot start"):
        top(context)
    assert journal.lines == ["start a", "start b", "stop a"]


def test_resources_of_a_block_are_started_in_order_and_stopped_in_the_opposite_one() -> None:
    journal = Journal()
    resources = {"a": journal.resource("a"), "b": journal.resource("b", "a"), "c": "given"}
    with build_resources(resources) as started:
        assert (started.a, started.b, started.c) == ("a()", "b(a())", "given")
        assert started._asdict() == {"a": "a()", "b": "b(a())", "c": "given"}
        with pytest.raises(DagsterUnknownResourceError, match="'d'"):
            _ = started.d
    assert journal.lines == ["start a", "start b", "stop b", "stop a"]


def test_resources_of_a_block_are_stopped_whatever_happens() -> None:
    journal = Journal()
    broken = {"a": journal.resource("a"), "b": journal.resource("b", "a", fails=True)}
    with pytest.raises(DagsterResourceFunctionError, match="b cannot start"), build_resources(broken):
        pass
    assert journal.lines == ["start a", "start b", "stop a"]
    journal.lines.clear()
    with pytest.raises(ZeroDivisionError), build_resources({"a": journal.resource("a")}):
        _ = 1 / 0
    assert journal.lines == ["start a", "stop a"]


def test_resources_of_a_block_get_config_instance_and_log(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    config = {"address": {"config": {"port": 7}}}
    with build_resources({"address": address, "client": client}, resource_config=config) as started:
        assert started.client == "client of localhost:7"
    with (
        DagsterInstance.local_temp(str(tmp_path)) as instance,
        build_resources({"io": fs_io_manager}, instance) as all_,
    ):
        assert str(all_.io.base_dir) == instance.storage_directory()
    for wrong, told in (
        ({"address": {"config": {"port": "a"}}}, r"address\.config\.port: expected"),
        ({"adress": {"config": {"port": 1}}}, "unknown key 'adress'; did you mean 'address'"),
        (None, r"address: missing required config: config\.port of type Int"),
    ):
        with pytest.raises(DagsterInvalidConfigError, match=told), build_resources({"address": address}, None, wrong):
            pass
    with (
        pytest.raises(
            DagsterInvalidInvocationError, match=r"Resource 'c' requires the resource 'address'.*build_resources"
        ),
        build_resources({"c": client}),
    ):
        pass


def test_what_resources_require_is_asked_for_before_one_is_started() -> None:
    journal = Journal()
    given = {"a": journal.resource("a"), "b": journal.resource("b", "a"), "top": journal.resource("top", "b", "gone")}
    told = (
        r"Resource 'top' requires the resource 'gone', which was not given; give it by build_solid_context\(resources="
    )

    @solid(required_resource_keys={"top"})
    def use(context: SolidExecutionContext) -> None:
        return None

    with pytest.raises(DagsterInvalidInvocationError, match=told), build_solid_context(resources=given) as context:
        use(context)
    assert journal.lines == []
    circle = {"a": journal.resource("a", "b"), "top": journal.resource("top", "a"), "b": journal.resource("b", "top")}
    with (
        pytest.raises(DagsterInvalidDefinitionError, match="in a circle: top -> a -> b -> top"),
        build_solid_context(resources=circle) as context,
    ):
        use(context)


def test_definitions_of_given_values() -> None:
    mock = ResourceDefinition.mock_resource()
    first, second = mock(None), mock(None)
    assert first is not second
    first.query.return_value = 3
    assert first.query("select") == 3
    first.query.assert_called_once_with("select")
    assert ResourceDefinition.hardcoded_resource({"a": 1})(None) == {"a": 1}
    assert ResourceDefinition.none_resource()(None) is None
    assert ResourceDefinition.string_resource()(build_init_resource_context(config="text")) == "text"
    manager = InMemoryIOManager()
    hardcoded = IOManagerDefinition.hardcoded_io_manager(manager, "kept here")
    assert (hardcoded(None), hardcoded.description) == (manager, "kept here")


def test_a_mock_and_a_given_io_manager_stand_in_a_mode() -> None:
    manager = InMemoryIOManager()

    @solid(required_resource_keys={"mocked"})
    def use(context: SolidExecutionContext) -> bool:
        context.resources.mocked.call(1)
        return bool(context.resources.mocked.call.called)

    given = {
        "mocked": ResourceDefinition.mock_resource(),
        "io_manager": IOManagerDefinition.hardcoded_io_manager(manager),
    }
    result = execute_pipeline(PipelineDefinition([use], "using", mode_defs=[ModeDefinition(resource_defs=given)]))
    assert result.output_for_solid("use") is True
    assert list(manager.values.values()) == [True]


def test_an_io_manager_is_made_by_a_call_and_used_with_built_contexts(tmp_path: Any) -> None:
    @io_manager(config_schema={"base_dir": str})
    def mine(init_context: InitResourceContext) -> Any:
        """My own."""
        return fs_io_manager(init_context)  # which takes what this one was told

    assert (mine.__name__, mine.__doc__) == ("mine", "My own.")
    for made in (
        mine(build_init_resource_context(config={"base_dir": str(tmp_path)})),
        fs_io_manager(build_init_resource_context(config={"base_dir": str(tmp_path)})),
        mem_io_manager(None),
    ):
        output = build_output_context(step_key="a", run_id="r")
        made.handle_output(output, [1, 2])
        assert made.load_input(build_input_context(upstream_output=output)) == [1, 2]


class Telling(IOManager):
    """Needs a log and a resource, to store and to load."""

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        assert context.log is not None
        context.log.warning("storing %s", context.name)
        context.resources.store[context.step_key] = obj

    def load_input(self, context: InputContext) -> Any:
        assert context.log is not None
        assert context.upstream_output is not None
        context.log.warning("loading %s", context.name)
        return context.resources.store[context.upstream_output.step_key]


def test_contexts_of_values_have_a_log_and_resources(caplog: pytest.LogCaptureFixture) -> None:
    store: dict[str, Any] = {}
    journal = Journal()

    @resource(required_resource_keys={"base"})
    def started(_: InitResourceContext) -> Iterator[dict[str, Any]]:
        journal.lines.append("start")
        yield store
        journal.lines.append("stop")

    manager = Telling()
    for resources in ({"store": store}, SimpleNamespace(store=store)):
        output = build_output_context(step_key="a", resources=resources)
        manager.handle_output(output, 1)
        assert manager.load_input(build_input_context("x", upstream_output=output, resources=resources)) == 1
    given = {"store": started, "base": 1}
    with build_output_context(step_key="b", resources=given) as output:
        manager.handle_output(output, 2)
    with build_input_context("x", upstream_output=output, resources=given) as context:
        assert manager.load_input(context) == 2
    assert journal.lines == ["start", "stop"] * 2
    assert "storing result" in caplog.text
    assert "loading x" in caplog.text
    with pytest.raises(
        DagsterInvariantViolationError, match=r"write `with build_output_context\(\.\.\.\) as context:`"
    ):
        manager.handle_output(build_output_context(resources=given), 3)
    with pytest.raises(DagsterUnknownResourceError, match="'store'; available here: none"):
        manager.handle_output(build_output_context(), 3)


def test_a_logger_is_made_by_a_call() -> None:
    @logger(config_schema={"name": Field(str, default_value="none")})
    def mine(init_context: InitLoggerContext) -> logging.Logger:
        """My own."""
        assert init_context.logger_def is not None
        return logging.Logger(init_context.logger_config["name"])

    pipeline_def = PipelineDefinition([], "empty")

    @logger
    def of_pipeline(init_context: InitLoggerContext) -> logging.Logger:
        assert init_context.pipeline_def is not None
        return logging.Logger(init_context.pipeline_def.name)

    assert (mine.__name__, mine.__doc__) == ("mine", "My own.")
    assert mine(None).name == "none"
    assert mine(build_init_logger_context({"name": "given"})).name == "given"
    assert mine.configured({"name": "fixed"})(build_init_logger_context()).name == "fixed"
    assert of_pipeline(build_init_logger_context(pipeline_def=pipeline_def)).name == "empty"
    assert colored_console_logger(build_init_logger_context({"log_level": "ERROR"})).level == logging.ERROR

    @logger
    def no_logger(_: InitLoggerContext) -> logging.Logger:
        return "text"  # type: ignore[return-value]

    with pytest.raises(DagsterInvalidDefinitionError, match=r"'no_logger' must return a logging\.Logger"):
        no_logger(None)


def test_definitions_are_shown_by_their_names() -> None:
    assert repr(address) == "<ResourceDefinition 'address'>"
    assert repr(fs_io_manager) == "<IOManagerDefinition 'fs_io_manager'>"
