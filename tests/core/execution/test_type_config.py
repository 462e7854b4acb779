"""What a run config says for types: values that loaders make, and outputs that materializers write."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import core
from core import (
    AssetMaterialization,
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterType,
    DagsterTypeLoader,
    DagsterTypeMaterializationError,
    DagsterTypeMaterializer,
    Field,
    InputDefinition,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    PythonObjectDagsterType,
    ResourceDefinition,
    StringSource,
    build_solid_context,
    dagster_type_loader,
    dagster_type_materializer,
    execute_pipeline,
    pipeline,
    resource,
    solid,
    usable_as_dagster_type,
)
from core.errors import (
    DagsterExecutionLoadInputError,
    DagsterInvalidInvocationError,
    DagsterInvariantViolationError,
)
from core.types import dagster_type


@dagster_type_loader({"words": [str], "times": Field(int, default_value=1)})
def words_from_config(_context: object, config: Any) -> list[str]:
    """Words that stand in the config."""
    return list(config["words"] * config["times"])


def taking(given: Any, default: Any = None) -> PipelineDefinition:
    """A pipeline of one solid that returns its input."""
    inputs = [InputDefinition("x", given) if default is None else InputDefinition("x", given, default_value=default)]

    @solid(input_defs=inputs)
    def take(x):  # type: ignore[no-untyped-def]
        return x

    return PipelineDefinition([take])


def run(definition: PipelineDefinition, instance: DagsterInstance, **config: Any) -> PipelineExecutionResult:
    return execute_pipeline(definition, {"solids": {"take": config}}, instance=instance)


def taken(given: Any, config: Any, instance: DagsterInstance) -> Any:
    return run(taking(given), instance, inputs={"x": config}).output_for_solid("take")


def test_a_loader_makes_the_value_of_an_input(instance: DagsterInstance) -> None:
    words = DagsterType(lambda _, value: isinstance(value, list), "Words", loader=words_from_config)
    assert taken(words, {"words": ["a", "b"], "times": 2}, instance) == ["a", "b", "a", "b"]
    assert taken(core.List[words], [{"words": ["a"]}, {"words": []}], instance) == [["a"], []]
    assert taken(core.Optional[words], {"words": ["a"]}, instance) == ["a"]
    assert taken(core.Optional[words], None, instance) is None
    assert taken(core.Tuple[words, int], [{"words": ["a"]}, 2], instance) == (["a"], 2)
    assert run(taking(words, ["d"]), instance).output_for_solid("take") == ["d"], "a default needs no config"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"words": [1]}, r"solids\.take\.inputs\.x\.words\[0\]: expected String, got 1 \(int\)"),
        ({"word": []}, r"solids\.take\.inputs\.x\.word: unknown key 'word'; did you mean 'words'\?"),
        ({}, r"solids\.take\.inputs\.x\.words: missing required config of type list of String"),
        ("a", r"solids\.take\.inputs\.x: expected a mapping with keys times, words, got 'a' \(str\)"),
    ],
)
def test_config_that_a_loader_does_not_take(config: Any, said: str, instance: DagsterInstance) -> None:
    words = DagsterType(lambda _, value: isinstance(value, list), "Words", loader=words_from_config)
    with pytest.raises(DagsterInvalidConfigError, match=said) as caught:
        taken(words, config, instance)
    assert len(caught.value.errors) == 1
    assert instance.get_runs() == []


def test_a_value_that_a_loader_makes_is_type_checked(instance: DagsterInstance) -> None:
    few = DagsterType(lambda _, value: len(value) < 2, "Few", loader=words_from_config)
    with pytest.raises(core.DagsterTypeCheckDidNotPass, match="Input 'x' of step 'take': expected a value of type Few"):
        taken(few, {"words": ["a", "b"]}, instance)


def test_a_loader_that_raises_fails_the_step(instance: DagsterInstance) -> None:
    @dagster_type_loader(str)
    def broken(_context: object, text: str) -> object:
        raise ValueError(f"cannot read {text}")

    broken_type = DagsterType(lambda _, __: True, "Broken", loader=broken)
    result = execute_pipeline(
        taking(broken_type), {"solids": {"take": {"inputs": {"x": "it"}}}}, instance=instance, raise_on_error=False
    )
    [failure] = [each for each in result.event_list if each.is_step_failure]
    assert failure.message is not None
    assert (
        "Loading input 'x' of step 'take' with the loader of Broken failed: ValueError: cannot read it"
        in failure.message
    )
    with pytest.raises(ValueError, match="cannot read it"):
        taken(broken_type, "it", instance)


class Doubling(DagsterTypeLoader):
    """A loader that is a class."""

    schema_type = {"half": int}  # noqa: RUF012

    def construct_from_config_value(self, context: Any, config_value: Any) -> int:
        return int(2 * config_value["half"])


def test_a_loader_may_be_a_class(instance: DagsterInstance) -> None:
    even = PythonObjectDagsterType(int, "Even", loader=Doubling())
    assert taken(even, {"half": 4}, instance) == 8


def test_the_files_that_built_in_types_are_loaded_from(instance: DagsterInstance, tmp_path: Path) -> None:
    def in_file(value: Any, kind: str) -> dict[str, Any]:
        path = tmp_path / f"value.{kind}"
        path.write_bytes(pickle.dumps(value) if kind == "pickle" else json.dumps({"value": value}).encode())
        return {kind: {"path": str(path)}}

    cases: list[tuple[Any, Any]] = [
        (int, 5), (str, "é"), (bool, False), (float, 1.5), (core.Any, {"a": [1, None]}), (core.List[int], [1, 2]),
        (list, [1, "a"]), (core.Optional[int], 3), (None, [1]),
    ]  # fmt: skip
    for given, value in cases:
        for config in (in_file(value, "json"), in_file(value, "pickle"), {"value": value}, value):
            assert taken(given, config, instance) == value
    assert taken(core.Set[int], [1, 1, 2], instance) == {1, 2}
    assert taken(core.Tuple[int, str], [1, "a"], instance) == (1, "a")
    assert taken(tuple[int, ...], [1, 2, 3], instance) == (1, 2, 3)
    for mapping in ({"value": 3}, {"json": {"path": "x"}}, {"a": {"b": 1}}):
        assert taken(dict, mapping, instance) == mapping, "a dict stands as it is"
    assert taken(core.Any, {"json": 1}, instance) == {"json": 1}
    bare = tmp_path / "bare.json"
    bare.write_text('{"a": 1}')
    assert taken(core.Any, {"json": {"path": str(bare)}}, instance) == {"a": 1}


def test_a_file_that_is_not_there_or_holds_something_else(instance: DagsterInstance, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        taken(int, {"json": {"path": str(tmp_path / "none.json")}}, instance)
    (tmp_path / "odd.json").write_text("{")
    with pytest.raises(DagsterInvariantViolationError, match=r"odd\.json does not hold JSON"):
        taken(int, {"json": {"path": str(tmp_path / "odd.json")}}, instance)
    (tmp_path / "text.json").write_text('{"value": "a"}')
    with pytest.raises(core.DagsterTypeCheckDidNotPass, match="expected a value of type Int, got 'a'"):
        taken(int, {"json": {"path": str(tmp_path / "text.json")}}, instance)


@resource(config_schema={"prefix": str})
def naming(context: Any) -> Callable[[str], str]:
    def name(text: str) -> str:
        return str(context.resource_config["prefix"]) + text

    return name


@dagster_type_loader(str, required_resource_keys={"naming"})
def named(context: Any, text: str) -> str:
    return str(context.resources.naming(text))


@dagster_type_materializer({"path": str}, required_resource_keys={"naming"})
def to_named_file(context: Any, config: Any, value: Any) -> AssetMaterialization:
    Path(config["path"]).write_text(context.resources.naming(str(value)))
    return AssetMaterialization("named", metadata={"step": context.step_key})


NAMED = DagsterType(lambda _, __: True, "Named", loader=named, materializer=to_named_file)


def test_the_resources_of_loaders_and_materializers(instance: DagsterInstance, tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    both = [InputDefinition("x", NAMED)], [OutputDefinition(NAMED)]

    @solid(input_defs=both[0], output_defs=both[1])
    def take(context, x):  # type: ignore[no-untyped-def]
        assert not hasattr(context.resources, "naming"), "the solid itself has not asked for it"
        return x

    with pytest.raises(
        DagsterInvalidDefinitionError, match="the loader of type 'Named' of solid 'take' requires the resource"
    ):
        PipelineDefinition([take])
    placed = PipelineDefinition([take], mode_defs=[ModeDefinition(resource_defs={"naming": naming})])
    solids = {"take": {"inputs": {"x": "a"}, "outputs": [{"result": {"path": str(path)}}]}}
    with pytest.raises(DagsterInvalidConfigError, match=r"missing required config: naming\.config\.prefix of"):
        execute_pipeline(placed, {"solids": solids}, instance=instance)
    config = {"solids": solids, "resources": {"naming": {"config": {"prefix": "p-"}}}}
    result = execute_pipeline(placed, config, instance=instance)
    assert result.output_for_solid("take") == "p-a"
    assert path.read_text() == "p-p-a"
    [made] = [each for each in result.event_list if each.event_type_value == "ASSET_MATERIALIZATION"]
    assert made.step_key == "take"


def test_the_resource_of_a_materializer_needs_no_config_where_nothing_is_materialized(
    instance: DagsterInstance,
) -> None:
    @solid(output_defs=[OutputDefinition(DagsterType(lambda _, __: True, "Out", materializer=to_named_file))])
    def give(_):  # type: ignore[no-untyped-def]
        return 1

    placed = PipelineDefinition([give], mode_defs=[ModeDefinition(resource_defs={"naming": naming})])
    assert execute_pipeline(placed, instance=instance).success


def test_a_type_check_has_the_resources_of_its_type(instance: DagsterInstance) -> None:
    def is_allowed(context: Any, value: object) -> bool:
        context.log.info("checking")
        return value in context.resources.allowed and context.run_id is not None

    allowed = DagsterType(is_allowed, "Allowed", required_resource_keys={"allowed"})

    @solid
    def give(_) -> core.List[allowed]:  # type: ignore[no-untyped-def,valid-type]
        return [1, 2]

    with pytest.raises(
        DagsterInvalidDefinitionError, match=r"type 'List\[Allowed\]' of solid 'give' requires the resource"
    ):
        PipelineDefinition([give])
    mode = ModeDefinition(resource_defs={"allowed": ResourceDefinition.hardcoded_resource([1, 2])})
    assert execute_pipeline(PipelineDefinition([give], mode_defs=[mode]), instance=instance).success


def test_a_solid_that_is_called_outside_a_run_is_checked_with_the_resources_of_its_types() -> None:
    allowed = DagsterType(
        lambda context, value: value in context.resources.allowed, "Allowed", required_resource_keys={"allowed"}
    )

    @solid(input_defs=[InputDefinition("x", allowed)])
    def take(_, x):  # type: ignore[no-untyped-def]
        return x

    context = build_solid_context(resources={"allowed": [1]})
    assert take(context, 1) == 1
    with pytest.raises(core.DagsterTypeCheckDidNotPass, match="expected a value of type Allowed, got 2"):
        take(context, 2)
    with pytest.raises(DagsterInvalidInvocationError, match="Type 'Allowed' requires the resource 'allowed'"):
        take(build_solid_context(), 1)


def test_outputs_are_materialized_after_they_were_given(instance: DagsterInstance, tmp_path: Path) -> None:
    @dagster_type_materializer(Field({"folder": StringSource, "names": [str]}))
    def to_files(_context: object, config: Any, value: Any) -> Iterator[AssetMaterialization]:
        for name in config["names"]:
            (Path(config["folder"]) / name).write_text(str(value))
            yield AssetMaterialization(name)

    text = DagsterType(lambda _, value: isinstance(value, str), "Text", materializer=to_files)

    @solid(
        output_defs=[OutputDefinition(text, "first"), OutputDefinition(int, "second"), OutputDefinition(text, "third")]
    )
    def give(_):  # type: ignore[no-untyped-def]
        yield Output("1st", "first")
        yield Output(2, "second")
        yield Output("3rd", "third")

    def files(*names: str) -> dict[str, Any]:
        return {"folder": str(tmp_path), "names": list(names)}

    second = tmp_path / "second.json"
    outputs = [{"first": files("a", "b")}, {"second": {"json": {"path": str(second)}}}, {"first": files("c")}]
    result = execute_pipeline(PipelineDefinition([give]), {"solids": {"give": {"outputs": outputs}}}, instance=instance)
    told = [
        (each.event_type_value, getattr(each.event_specific_data, "output_name", None) or each.message)
        for each in result.event_list
        if each.event_type_value in ("STEP_OUTPUT", "ASSET_MATERIALIZATION")
    ]
    assert told == [
        ("STEP_OUTPUT", "first"),
        ("ASSET_MATERIALIZATION", "Made a."),
        ("ASSET_MATERIALIZATION", "Made b."),
        ("ASSET_MATERIALIZATION", "Made c."),
        ("STEP_OUTPUT", "second"),
        ("ASSET_MATERIALIZATION", f"Wrote the value to {second}."),
        ("STEP_OUTPUT", "third"),
    ]
    assert [(tmp_path / name).read_text() for name in "abc"] == ["1st", "1st", "1st"]
    assert json.loads(second.read_text()) == {"value": 2}


def test_what_a_materializer_wrote_is_loaded_again(instance: DagsterInstance, tmp_path: Path) -> None:
    for kind in ("json", "pickle"):
        file = {kind: {"path": str(tmp_path / "folder" / f"it.{kind}")}}
        run(taking(core.List[int]), instance, inputs={"x": [1, 2]}, outputs=[{"result": file}])
        assert taken(core.List[int], file, instance) == [1, 2]


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ([{}], r"outputs\[0\]: expected exactly one of result, got dict"),
        ([1], r"outputs\[0\]: expected exactly one of result, got int"),
        ([{"result": {"json": {}}}], r"outputs\[0\]\.result\.json\.path: missing required config"),
        ([{"results": {}}], r"outputs\[0\]\.results: unknown choice 'results'; did you mean 'result'\?"),
        ([{"result": {}}], r"outputs\[0\]\.result: expected exactly one of json, pickle, got none"),
    ],
)
def test_config_of_outputs_that_does_not_fit(outputs: Any, said: str, instance: DagsterInstance) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=rf"solids\.take\.{said}") as caught:
        run(taking(int), instance, inputs={"x": 1}, outputs=outputs)
    assert len(caught.value.errors) == 1


def test_a_type_without_a_materializer_is_told(instance: DagsterInstance) -> None:
    plain = DagsterType(lambda _, __: True, "Plain")

    @solid(output_defs=[OutputDefinition(plain)])
    def take(_):  # type: ignore[no-untyped-def]
        return 1

    with pytest.raises(
        DagsterInvalidConfigError, match=r"outputs\[0\]\.result: values of type Plain have no materializer; give"
    ):
        run(PipelineDefinition([take]), instance, outputs=[{"result": {}}])


def test_a_materializer_that_raises_or_gives_something_else(instance: DagsterInstance, tmp_path: Path) -> None:
    class Odd(DagsterTypeMaterializer):
        schema_type = str

        def materialize_runtime_values(self, context: Any, config_value: Any, runtime_value: Any) -> Any:
            return [AssetMaterialization("a"), config_value]

    odd = DagsterType(lambda _, __: True, "Odd", materializer=Odd())
    gave = "The materializer of output 'result' of step 'give' gave a str"
    with pytest.raises(DagsterInvariantViolationError, match=gave):
        execute_pipeline(_giving(1, odd), {"solids": {"give": {"outputs": [{"result": "s"}]}}}, instance=instance)
    config = {"solids": {"give": {"outputs": [{"result": {"json": {"path": str(tmp_path / "x.json")}}}]}}}
    with pytest.raises(TypeError, match="not JSON serializable"):
        execute_pipeline(_giving(object()), config, instance=instance)
    assert list(tmp_path.glob("*.json")) == []
    result = execute_pipeline(_giving(object()), config, instance=instance, raise_on_error=False)
    [failure] = [each for each in result.event_list if each.is_step_failure]
    assert "Materializing output 'result' of step 'give' failed: TypeError" in str(failure.message)
    assert issubclass(DagsterTypeMaterializationError, core.DagsterUserCodeExecutionError)
    assert issubclass(DagsterExecutionLoadInputError, core.DagsterUserCodeExecutionError)


def _giving(value: object, of_type: Any = None) -> PipelineDefinition:
    @solid(output_defs=[OutputDefinition(of_type)])
    def give(_):  # type: ignore[no-untyped-def]
        return value

    return PipelineDefinition([give])


def test_secrets_and_variables_in_the_config_of_loaders(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", "of-the-environment")

    @dagster_type_loader({"key": Field(StringSource, is_secret=True), "host": str})
    def connect(_context: object, config: Any) -> str:
        return str(config["key"])

    connection = DagsterType(lambda _, value: isinstance(value, str), "Connection", loader=connect)
    assert taken(connection, {"key": {"env": "THE_TOKEN"}, "host": "h"}, instance) == "of-the-environment"
    result = run(taking(connection), instance, inputs={"x": {"key": "written-out", "host": "h"}})
    stored = instance.get_run_by_id(result.run_id)
    assert stored is not None
    assert "written-out" not in str(stored.run_config)
    with pytest.raises(
        DagsterInvalidConfigError, match=r"inputs\.x\.key: expected .*\(a secret, not shown\)"
    ) as caught:
        taken(connection, {"key": 12345, "host": "h"}, instance)
    assert "12345" not in str(caught.value)


def test_classes_that_name_their_type_have_loaders_too(
    instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dagster_type, "_registered", {})

    @dagster_type_loader(float)
    def degrees(_context: object, number: float) -> Any:
        return Celsius(number)

    @usable_as_dagster_type(loader=degrees)
    class Celsius:
        def __init__(self, degrees: float) -> None:
            self.degrees = degrees

    @solid
    def take(x: Celsius) -> float:
        return x.degrees

    @pipeline
    def one() -> None:
        take()

    assert run(one, instance, inputs={"x": 21}).output_for_solid("take") == 21.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: dagster_type_loader(lambda context, config: config), "needs a config schema, in parentheses"),
        (lambda: dagster_type_loader(str)(lambda config: config), r"must take the parameters \(context, config\)"),
        (
            lambda: dagster_type_materializer(str)(lambda a, b: a),
            r"must take the parameters \(context, config, value\)",
        ),
        (
            lambda: dagster_type_loader(str, required_resource_keys="db"),
            "a set or list of str; it is a str; write",
        ),
        (lambda: dagster_type_loader(3), "3 .* is not a config type"),
        (
            lambda: DagsterType(lambda _, __: True, "T", loader=print),
            "loader of type 'T' must be a Dagster",
        ),
        (
            lambda: DagsterType(lambda _, __: True, "T", materializer=print),
            "materializer of type 'T' must be",
        ),
        (lambda: DagsterType(lambda _, __: True, "T", required_resource_keys="db"), "must be a set or list of str"),
        (lambda: DagsterType(lambda _, __: True), "A DagsterType needs a name"),
    ],
)
def test_definitions_that_contradict_themselves(make: Any, said: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=said):
        make()


def test_an_input_that_nothing_can_give_asks_for_a_solid_and_not_for_config() -> None:
    untold = DagsterType(lambda _, __: True, "Untold")

    @solid(input_defs=[InputDefinition("rows", untold)])
    def count(rows: Any) -> int:
        return len(rows)

    @pipeline
    def counting() -> None:
        count()

    with pytest.raises(DagsterInvalidConfigError) as caught:
        execute_pipeline(counting)
    [fault] = caught.value.errors
    assert str(fault).startswith("solids.count.inputs.rows: values of type Untold cannot be given as config; feed the")
