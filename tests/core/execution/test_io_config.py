"""Config of single inputs and outputs for the IO managers that load and store them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from cloudstore import s3_pickle_io_manager, s3_resource, versioned_s3_io_manager
from cloudstore.testing import EmbeddedS3Server
from core import (
    Array,
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DependencyDefinition,
    Field,
    InputDefinition,
    IOManagerDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    Noneable,
    Nothing,
    Output,
    OutputDefinition,
    PipelineDefinition,
    SolidDefinition,
    StringSource,
    build_init_resource_context,
    execute_pipeline,
    fs_io_manager,
    io_manager,
    mem_io_manager,
    pipeline,
    reexecute_pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.values.io_context import InputContext, OutputContext

MANAGERS = {
    "memory": mem_io_manager,
    "disk": fs_io_manager,
    "disk by version": versioned_filesystem_io_manager,
    "bucket": s3_pickle_io_manager,
    "bucket by version": versioned_s3_io_manager,
}
OUTPUT_SCHEMA = {"factor": Field(int, default_value=1)}
INPUT_SCHEMA = {"first": Field(Noneable(int), default_value=None)}


def scaling(
    plain: IOManagerDefinition, output_schema: Any = OUTPUT_SCHEMA, input_schema: Any = INPUT_SCHEMA
) -> IOManagerDefinition:
    """An IO manager that multiplies the items it stores, and loads the first items only, as its config says."""

    def create(init_context: Any) -> Any:
        made = plain.create(init_context)
        store, load = made.handle_output, made.load_input
        made.handle_output = lambda context, items: store(context, [context.config["factor"] * item for item in items])
        made.load_input = lambda context: load(context)[: context.config["first"]]
        return made

    return IOManagerDefinition(
        create,
        plain.config_schema.field,
        required_resource_keys=plain.required_resource_keys,
        version=plain.version,
        input_config_schema=input_schema,
        output_config_schema=output_schema,
    )


@solid(version="1")
def numbers() -> list:  # type: ignore[type-arg]
    return [1, 2, 3]


@solid(version="1")
def total(items: list) -> int:  # type: ignore[type-arg]
    return sum(items)


def summing(manager: Any, **more: Any) -> PipelineDefinition:
    """Numbers that one IO manager stores and loads, and their sum, which stays in memory."""
    solids = [
        SolidDefinition("numbers", [], numbers.compute_fn, [OutputDefinition(io_manager_key="scaled")], version="1"),
        total,
    ]
    mode = ModeDefinition(resource_defs={"scaled": manager, **more})
    return PipelineDefinition(solids, "summing", dependencies=FEEDS, mode_defs=[mode])


FEEDS = {"total": {"items": DependencyDefinition("numbers")}}


@pytest.fixture(params=MANAGERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def resources(kind: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Run config of the resources that an IO manager needs."""
    if "bucket" not in kind:
        return {}
    server: EmbeddedS3Server = request.getfixturevalue("s3_server")
    options = {
        "endpoint_url": server.endpoint_url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
        "region_name": server.region,
        "addressing_style": "path",
    }
    bucket = request.getfixturevalue("bucket")
    return {"s3": {"config": options}, "scaled": {"config": {"s3_bucket": bucket}}}


def more(kind: str) -> dict[str, Any]:
    return {"s3": s3_resource} if "bucket" in kind else {}


@pytest.mark.parametrize(
    ("solids", "expected"),
    [
        ({}, 6),
        ({"numbers": {"outputs": {"result": {"factor": 10}}}}, 60),
        ({"total": {"inputs": {"items": {"first": 2}}}}, 3),
        ({"numbers": {"outputs": {"result": {"factor": 10}}}, "total": {"inputs": {"items": {"first": 1}}}}, 10),
        ({"numbers": {"outputs": {"result": {}}}, "total": {"inputs": {"items": None}}}, 6),
    ],
)
def test_an_io_manager_gets_what_the_run_config_says_of_each_input_and_output(
    kind: str, resources: dict[str, Any], solids: dict[str, Any], expected: int, instance: DagsterInstance
) -> None:
    defined = summing(scaling(MANAGERS[kind]), **more(kind))
    result = execute_pipeline(defined, {"solids": solids, "resources": resources}, instance=instance)
    assert result.output_for_solid("total") == expected


def test_an_io_manager_without_schemas_takes_no_config(
    kind: str, resources: dict[str, Any], instance: DagsterInstance
) -> None:
    defined = summing(MANAGERS[kind], **more(kind))
    solids = {"numbers": {"outputs": {"result": {"a": 1}}}, "total": {"inputs": {"items": {"b": 2}}}}
    with pytest.raises(DagsterInvalidConfigError) as caught:
        execute_pipeline(defined, {"solids": solids, "resources": resources}, instance=instance)
    message = str(caught.value)
    assert (
        "solids.numbers.outputs.result: no config can be given here: IO manager 'scaled', which stores this output, "
        "has no output_config_schema; leave this out" in message
    )
    assert (
        "solids.total.inputs.items: no config can be given here: a solid feeds this input, and IO manager 'scaled', "
        "which loads it, has no input_config_schema; leave this out" in message
    )
    assert "2 errors" in message


REFUSED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "output of a wrong type": (
        {"numbers": {"outputs": {"result": {"factor": "x"}}}},
        ["solids.numbers.outputs.result.factor: expected Int, got 'x'"],
    ),
    "unknown key of an output": (
        {"numbers": {"outputs": {"result": {"faktor": 1}}}},
        ["solids.numbers.outputs.result.faktor: unknown key 'faktor'; did you mean 'factor'?"],
    ),
    "unknown output": (
        {"numbers": {"outputs": {"results": {"factor": 1}}}},
        ["solids.numbers.outputs.results: unknown key 'results'; did you mean 'result'?"],
    ),
    "list of outputs": (
        {"numbers": {"outputs": [{"result": {"factor": 1}}]}},
        ["solids.numbers.outputs[0].result.factor: unknown choice 'factor'. Known: json, pickle."],
    ),
    "input of a wrong type": (
        {"total": {"inputs": {"items": {"first": "x"}}}},
        ["solids.total.inputs.items.first: expected Int"],
    ),
    "unknown key of an input": (
        {"total": {"inputs": {"items": {"firs": 1}}}},
        ["solids.total.inputs.items.firs: unknown key 'firs'; did you mean 'first'?"],
    ),
    "value for a fed input": (
        {"total": {"inputs": {"items": [1, 2]}}},
        ["solids.total.inputs.items: expected a mapping with keys first, got 2 items"],
    ),
    "all at once": (
        {"numbers": {"outputs": {"result": {"factor": []}}}, "total": {"inputs": {"items": {"first": 1.5}}}},
        ["numbers.outputs.result.factor", "total.inputs.items.first", "2 errors"],
    ),
}


@pytest.mark.parametrize(("solids", "said"), REFUSED.values(), ids=REFUSED)
def test_config_that_does_not_fit_refuses_the_run_and_names_the_place(
    solids: dict[str, Any], said: list[str], instance: DagsterInstance
) -> None:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        execute_pipeline(summing(scaling(mem_io_manager)), {"solids": solids}, instance=instance)
    assert [each for each in said if each not in str(caught.value)] == [], str(caught.value)
    assert instance.get_runs() == []


def test_required_config_that_is_left_out_refuses_the_run() -> None:
    manager = scaling(mem_io_manager, {"factor": int}, {"first": int})
    with pytest.raises(DagsterInvalidConfigError) as caught:
        execute_pipeline(summing(manager))
    assert "solids: missing required config: " in str(caught.value)
    assert "numbers.outputs.result.factor of type Int" in str(caught.value)
    assert "total.inputs.items.first of type Int" in str(caught.value)


class Seen:
    """An IO manager in memory that notes the config of what it stores and loads."""

    def __init__(self, output_schema: Any = None, input_schema: Any = None) -> None:
        self.stored: dict[str, Any] = {}
        self.loaded: dict[str | None, Any] = {}

        @io_manager(output_config_schema=output_schema, input_config_schema=input_schema)
        def seen(init_context: Any) -> Any:
            made = mem_io_manager.create(init_context)
            handle_output, load_input = made.handle_output, made.load_input

            def noting_store(context: OutputContext, obj: Any) -> None:
                self.stored[f"{context.step_key}.{context.name}"] = context.config
                handle_output(context, obj)

            def noting_load(context: InputContext) -> Any:
                assert context.upstream_output is not None
                self.loaded[context.name] = (context.config, context.upstream_output.config)
                return load_input(context)

            made.handle_output, made.load_input = noting_store, noting_load
            return made

        self.definition = seen


def run(defined: PipelineDefinition, solids: Mapping[str, Any] | None = None, **given: Any) -> Any:
    return execute_pipeline(defined, {"solids": solids or {}}, **given)


SCHEMAS: dict[str, tuple[Any, Any, Any]] = {
    "scalar": (int, 3, 3),
    "list": (Array(str), ["a"], ["a"]),
    "default of all of it": (Field({"a": int}, default_value={"a": 1}), None, {"a": 1}),
    "optional and left out": (Field(int, is_required=False), None, None),
    "none given where none is needed": ({}, None, {}),
    "none there": (None, None, None),
}


@pytest.mark.parametrize(("schema", "written", "got"), SCHEMAS.values(), ids=SCHEMAS)
def test_schemas_of_any_form(schema: Any, written: Any, got: Any) -> None:
    seen = Seen(schema, schema)
    solids = (
        {}
        if written is None
        else {"numbers": {"outputs": {"result": written}}, "total": {"inputs": {"items": written}}}
    )
    run(summing(seen.definition), solids)
    assert seen.stored == {"numbers.result": got}
    assert seen.loaded == {"items": (got, got)}


def test_a_result_is_loaded_with_the_default_config_of_inputs() -> None:
    seen = Seen({"a": Field(int, default_value=1)}, {"b": Field(int, default_value=2)})
    result = run(summing(seen.definition), {"numbers": {"outputs": {"result": {"a": 5}}}})
    seen.loaded.clear()
    assert result.output_for_solid("numbers") == [1, 2, 3]
    assert seen.loaded == {None: ({"b": 2}, {"a": 5})}


def test_a_result_is_loaded_without_config_where_fields_are_required() -> None:
    seen = Seen(None, {"b": int})
    result = run(summing(seen.definition), {"total": {"inputs": {"items": {"b": 1}}}})
    assert seen.loaded == {"items": ({"b": 1}, None)}
    assert result.output_for_solid("numbers") == [1, 2, 3]
    assert seen.loaded[None] == (None, None)


def test_each_input_and_output_has_config_of_its_own_though_one_io_manager_keeps_them_all() -> None:
    seen = Seen({"a": Field(int, default_value=0)}, {"b": Field(int, default_value=0)})

    @solid(output_defs=[OutputDefinition(name="x"), OutputDefinition(name="y", is_required=False)])
    def pair(_: Any) -> Any:
        yield Output(1, "x")
        yield Output(2, "y")

    @solid
    def both(one: int, two: int) -> int:
        return one + two

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": seen.definition})])
    def pairs() -> None:
        x, y = pair()
        both(x, y)

    solids = {"pair": {"outputs": {"y": {"a": 2}}}, "both": {"inputs": {"one": {"b": 1}, "two": {"b": 2}}}}
    run(pairs, solids)
    assert seen.stored == {"pair.x": {"a": 0}, "pair.y": {"a": 2}, "both.result": {"a": 0}}
    assert seen.loaded == {"one": ({"b": 1}, {"a": 0}), "two": ({"b": 2}, {"a": 2})}


def fan_in(first: Any, second: Any) -> PipelineDefinition:
    outputs = [OutputDefinition(io_manager_key="first")], [OutputDefinition(io_manager_key="second")]
    solids = [SolidDefinition(f"n{i}", [], numbers.compute_fn, each) for i, each in enumerate(outputs)]
    gather = SolidDefinition("gather", [InputDefinition("items")], lambda context, inputs: len(inputs["items"]))
    feed = MultiDependencyDefinition([DependencyDefinition("n0"), DependencyDefinition("n1")])
    mode = ModeDefinition(resource_defs={"first": first, "second": second})
    return PipelineDefinition([*solids, gather], dependencies={"gather": {"items": feed}}, mode_defs=[mode])


def test_a_fan_in_is_loaded_by_several_io_managers_each_with_the_config_as_its_schema_says() -> None:
    one = Seen(None, {"b": int, "c": Field(int, default_value=1)})
    other = Seen(None, {"b": int, "c": Field(int, default_value=2)})
    run(fan_in(one.definition, other.definition), {"gather": {"inputs": {"items": {"b": 5}}}})
    assert (one.loaded, other.loaded) == ({"items": ({"b": 5, "c": 1}, None)}, {"items": ({"b": 5, "c": 2}, None)})


def test_a_fan_in_of_which_one_io_manager_takes_config() -> None:
    one, other = Seen(None, {"b": int}), Seen()
    run(fan_in(one.definition, other.definition), {"gather": {"inputs": {"items": {"b": 5}}}})
    assert (one.loaded, other.loaded) == ({"items": ({"b": 5}, None)}, {"items": (None, None)})


def test_what_is_wrong_with_the_config_of_a_fan_in_is_said_once() -> None:
    defined = fan_in(Seen(None, {"b": int}).definition, Seen(None, {"b": int}).definition)
    with pytest.raises(DagsterInvalidConfigError) as caught:
        run(defined, {"gather": {"inputs": {"items": {"b": "x"}}}})
    assert str(caught.value).count("solids.gather.inputs.items.b") == 1


def test_an_input_that_carries_no_value_takes_no_config() -> None:
    seen = Seen(None, {"b": Field(int, default_value=1)})

    @solid(input_defs=[InputDefinition("after", Nothing)])
    def later(_: Any) -> None:
        pass

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": seen.definition})])
    def waiting() -> None:
        later(numbers())

    run(waiting)
    assert seen.loaded == {}
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.later\.inputs\.after: .* carries no value"):
        run(waiting, {"later": {"inputs": {"after": {"b": 2}}}})


def test_values_of_inputs_that_nothing_feeds_are_given_as_before() -> None:
    seen = Seen({"a": Field(int, default_value=1)}, {"b": int})

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": seen.definition})])
    def alone() -> None:
        total()

    result = run(alone, {"total": {"inputs": {"items": [1, 2]}}})
    assert seen.stored == {"total.result": {"a": 1}}
    assert result.success


def test_modes_differ_in_what_they_take() -> None:
    takes, plain = Seen({"a": int}), Seen()
    modes = [
        ModeDefinition("takes", resource_defs={"io_manager": takes.definition}),
        ModeDefinition("plain", resource_defs={"io_manager": plain.definition}),
        ModeDefinition("default_one"),
    ]

    @pipeline(mode_defs=modes)
    def alone() -> None:
        numbers()

    solids = {"numbers": {"outputs": {"result": {"a": 1}}}}
    run(alone, solids, mode="takes")
    assert takes.stored == {"numbers.result": {"a": 1}}
    with pytest.raises(DagsterInvalidConfigError, match="missing required config"):
        run(alone, mode="takes")
    for mode in ("plain", "default_one"):
        with pytest.raises(
            DagsterInvalidConfigError, match="'io_manager', which stores this output, has no output_config_schema"
        ):
            run(alone, solids, mode=mode)
        run(alone, mode=mode)


def test_a_configured_io_manager_takes_the_same_config() -> None:
    made: list[Any] = []

    @io_manager(config_schema={"base": int}, output_config_schema={"a": int}, input_config_schema={"b": int})
    def manager(init_context: Any) -> Any:
        made.append(init_context.resource_config)
        return mem_io_manager.create(init_context)

    configured = manager.configured({"base": 7})
    solids = {"numbers": {"outputs": {"result": {"a": 1}}}, "total": {"inputs": {"items": {"b": 1}}}}
    assert run(summing(configured), solids).success
    assert made == [{"base": 7}]
    with pytest.raises(DagsterInvalidConfigError, match=r"numbers: missing required config: outputs\.result\.a of"):
        run(summing(configured))


def test_one_io_manager_under_two_keys_gets_the_config_of_each() -> None:
    seen = Seen(None, {"b": int})
    defined = fan_in(seen.definition, seen.definition)
    run(defined, {"gather": {"inputs": {"items": {"b": 5}}}})
    assert seen.loaded == {"items": ({"b": 5}, None)}


def test_variables_are_read_and_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen({"key": Field(StringSource, is_secret=True)})
    defined = summing(seen.definition)
    monkeypatch.setenv("TEST_IO_KEY", "s3cret")
    run(defined, {"numbers": {"outputs": {"result": {"key": {"env": "TEST_IO_KEY"}}}}})
    assert seen.stored == {"numbers.result": {"key": "s3cret"}}
    with pytest.raises(DagsterInvalidConfigError, match="TEST_IO_KAY is not set"):
        run(defined, {"numbers": {"outputs": {"result": {"key": {"env": "TEST_IO_KAY"}}}}})
    with pytest.raises(DagsterInvalidConfigError) as caught:
        run(defined, {"numbers": {"outputs": {"result": {"key": 13579}}}})
    assert "13579" not in str(caught.value)


def test_secrets_in_it_are_among_those_that_logs_hide(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden: list[str] = []
    monkeypatch.setattr(
        instance.compute_log_manager, "hide", lambda _run_id, secrets: hidden.extend(each.value for each in secrets)
    )
    schema = {"key": Field(str, is_secret=True), "plain": str}
    solids = {
        "numbers": {"outputs": {"result": {"key": "hunter2", "plain": "a"}}},
        "total": {"inputs": {"items": {"key": "hunter3", "plain": "b"}}},
    }
    run(summing(Seen(schema, schema).definition), solids, instance=instance)
    assert sorted(hidden) == ["hunter2", "hunter3"]


def test_an_intermediate_storage_in_place_of_the_io_manager_takes_no_config() -> None:
    seen = Seen({"a": int})

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": seen.definition})])
    def alone() -> None:
        numbers()

    storage = {"intermediate_storage": {"in_memory": {}}}
    assert execute_pipeline(alone, storage).success
    with pytest.raises(DagsterInvalidConfigError, match=r"outputs\.result: no config can be given here"):
        execute_pipeline(alone, {**storage, "solids": {"numbers": {"outputs": {"result": {"a": 1}}}}})
    assert seen.stored == {}


def test_a_re_execution_loads_what_its_parent_stored_with_the_same_config(instance: DagsterInstance) -> None:
    seen = scaling(fs_io_manager)
    solids = {"numbers": {"outputs": {"result": {"factor": 10}}}, "total": {"inputs": {"items": {"first": 1}}}}
    parent = execute_pipeline(summing(seen), {"solids": solids}, instance=instance)
    again = reexecute_pipeline(
        summing(seen), parent.run_id, instance=instance, step_selection=["total"], raise_on_error=True
    )
    assert again.executed_step_keys == ["total"]
    assert again.output_for_solid("total") == 10


def test_outside_a_run_a_resource_that_needs_an_instance_says_so() -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"build_init_resource_context\(instance=\.\.\.\)"):
        fs_io_manager(build_init_resource_context({}))
