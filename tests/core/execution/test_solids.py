"""What solids are given and what becomes of what they give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DependencyDefinition,
    Field,
    InputDefinition,
    Int,
    ModeDefinition,
    MultiDependencyDefinition,
    Nothing,
    Output,
    OutputDefinition,
    PipelineDefinition,
    SolidDefinition,
    SolidInvocation,
    StringSource,
    configured,
    execute_pipeline,
    lambda_solid,
    pipeline,
    solid,
)


class Thing:
    """What no config can spell."""


@solid
def one() -> int:
    return 1


@solid
def two() -> int:
    return 2


@solid
def subtract(left: int, right: int) -> int:
    return left - right


@solid
def listed(items: list[int]) -> list[int]:
    return items


@solid(
    config_schema={"give": Field([str], default_value=["yes", "no"])},
    output_defs=[OutputDefinition(int, "yes", is_required=False), OutputDefinition(int, "no", is_required=False)],
)
def perhaps(context: Any) -> Iterator[Output]:
    for number, name in enumerate(("yes", "no")):
        if name in context.solid_config["give"]:
            yield Output(number, name)


def test_a_pipeline_runs() -> None:
    @pipeline
    def difference() -> None:
        subtract(one(), two())

    result = execute_pipeline(difference)
    assert result.success
    assert result.executed_step_keys == ["one", "two", "subtract"]
    assert result.output_for_solid("subtract") == -1


def test_inputs_are_fed_by_position_and_by_name() -> None:
    @pipeline
    def named() -> None:
        subtract(right=one(), left=two())

    assert execute_pipeline(named).output_for_solid("subtract") == 1


def test_solids_get_config_with_defaults_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    @solid(config_schema={"name": StringSource, "size": Field(int, default_value=3), "more": {"deep": [str]}})
    def takes(context: Any) -> None:
        seen.append(context.solid_config)

    @pipeline
    def alone() -> None:
        takes()

    monkeypatch.setenv("NAME_OF_MINE", "from outside")
    config = {"name": {"env": "NAME_OF_MINE"}, "more": {"deep": ["a"]}}
    execute_pipeline(alone, {"solids": {"takes": {"config": config}}})
    assert seen == [{"name": "from outside", "size": 3, "more": {"deep": ["a"]}}]


def test_several_outputs_are_taken_apart_by_order_and_by_name() -> None:
    @pipeline
    def apart() -> None:
        yes, no = perhaps()
        subtract(yes, no)
        again = perhaps.alias("again")()
        subtract.alias("turned")(again.no, again.yes)

    result = execute_pipeline(apart)
    assert result.output_for_solid("subtract") == -1
    assert result.output_for_solid("turned") == 1
    assert result.result_for_solid("perhaps").output_values == {"yes": 0, "no": 1}


def test_what_an_optional_output_feeds_is_skipped_where_it_is_not_given() -> None:
    @pipeline
    def maybe() -> None:
        yes, no = perhaps()
        listed(items=[subtract(yes, one())])
        subtract.alias("other")(no, no)

    result = execute_pipeline(maybe, {"solids": {"perhaps": {"config": {"give": ["no"]}}}})
    assert result.success
    assert result.executed_step_keys == ["perhaps", "one", "other"]
    assert result.result_for_solid("subtract").skipped
    assert result.result_for_solid("listed").skipped  # all that feeds it was skipped
    assert not result.result_for_solid("other").skipped
    assert result.output_for_solid("perhaps", "yes") is None


def test_a_fan_in_is_a_list_in_order_without_what_was_skipped() -> None:
    @pipeline
    def fan_in() -> None:
        yes, no = perhaps()
        listed([two(), yes, one(), no])

    def run(give: list[str]) -> Any:
        result = execute_pipeline(fan_in, {"solids": {"perhaps": {"config": {"give": give}}}})
        return result.output_for_solid("listed")

    assert run(["yes", "no"]) == [2, 0, 1, 1]
    assert run(["no"]) == [2, 1, 1]
    assert run([]) == [2, 1]


def test_what_carries_no_value_is_waited_for_and_has_no_place_in_a_fan_in() -> None:
    done: list[str] = []

    @solid(output_defs=[OutputDefinition(Nothing)])
    def prepare() -> None:
        done.append("prepare")

    @solid
    def collect(items: list[int]) -> list[int]:
        done.append("collect")
        return items

    @pipeline
    def waits() -> None:
        collect([one(), prepare(), two()])

    assert execute_pipeline(waits).output_for_solid("collect") == [1, 2]
    assert done == ["prepare", "collect"]

    @pipeline
    def nothing_else() -> None:
        collect([prepare(), prepare.alias("again")()])

    assert execute_pipeline(nothing_else).output_for_solid("collect") == []


def test_a_nothing_dependency_orders_two_steps() -> None:
    done: list[str] = []

    @solid
    def first() -> None:
        done.append("first")

    @solid(input_defs=[InputDefinition("start", Nothing)])
    def second(number: int = 5) -> int:
        done.append("second")
        return number

    @pipeline
    def ordered() -> None:
        second(start=first())

    assert execute_pipeline(ordered).output_for_solid("second") == 5
    assert done == ["first", "second"]


def test_a_nothing_output_that_is_optional_and_not_given_skips_what_waits_for_it() -> None:
    @solid(output_defs=[OutputDefinition(Nothing, "done", is_required=False)])
    def quiet() -> Iterator[Output]:
        yield from ()

    @solid(input_defs=[InputDefinition("start", Nothing)])
    def waiting() -> int:
        return 1

    @pipeline
    def quietly() -> None:
        waiting(start=quiet())

    result = execute_pipeline(quietly)
    assert result.result_for_solid("waiting").skipped


def test_inputs_come_from_defaults_from_config_or_from_solids() -> None:
    @solid(input_defs=[InputDefinition("right", Int, default_value=10)])
    def add(left: int, right: int, more: int = 100) -> int:
        return left + right + more

    @pipeline
    def sums() -> None:
        add()
        add.alias("fed")(right=one())

    def run(**inputs: Any) -> list[Any]:
        config = {"solids": {"add": {"inputs": inputs}, "fed": {"inputs": {"left": 1000}}}}
        result = execute_pipeline(sums, config)
        return [result.output_for_solid(name) for name in ("add", "fed")]

    assert run(left=1) == [111, 1101]
    assert run(left={"value": 2}, right=3, more=4) == [9, 1101]
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.add\.inputs\.left: missing"):
        run()
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.fed\.inputs\.right: no config can be given here"):
        execute_pipeline(sums, {"solids": {"fed": {"inputs": {"left": 1, "right": 1}}, "add": {"inputs": {"left": 1}}}})


def test_values_of_types_that_config_cannot_spell_are_refused_as_config() -> None:
    @solid
    def takes(_context: Any, thing: Thing) -> None:
        del thing

    @pipeline
    def unfed() -> None:
        takes()

    with pytest.raises(DagsterInvalidConfigError, match="Thing"):
        execute_pipeline(unfed, {"solids": {"takes": {"inputs": {"thing": "a"}}}})
    with pytest.raises(
        DagsterInvalidConfigError, match=r"solids\.takes\.inputs\.thing: values of type Thing cannot be given"
    ):
        execute_pipeline(unfed)


def test_one_solid_in_several_places_has_a_name_and_config_in_each() -> None:
    @solid(config_schema=str)
    def say(context: Any) -> str:
        return f"{context.solid.name}/{context.solid_def.name}/{context.step_key}: {context.solid_config}"

    @pipeline
    def thrice() -> None:
        say()
        say()
        say.alias("loudly")()

    config = {name: {"config": text} for name, text in (("say", "a"), ("say_2", "b"), ("loudly", "c"))}
    result = execute_pipeline(thrice, {"solids": config})
    assert [result.output_for_solid(name) for name in config] == [
        "say/say/say: a",
        "say_2/say/say_2: b",
        "loudly/say/loudly: c",
    ]


def test_configured_fills_config_in_now_or_maps_it_later() -> None:
    @solid(config_schema={"greeting": str, "name": Field(str, default_value="you")})
    def greet(context: Any) -> str:
        return f"{context.solid_config['greeting']}, {context.solid_config['name']}"

    hello = greet.configured({"greeting": "Hello"}, name="hello")

    @configured(greet, config_schema={"whom": str})
    def welcome(config: dict[str, str]) -> dict[str, str]:
        return {"greeting": "Welcome", "name": config["whom"].title()}

    shouted = configured(greet, str, name="shouted")(lambda text: {"greeting": text.upper()})

    @pipeline
    def greetings() -> None:
        hello()
        welcome()
        shouted()

    config = {"welcome": {"config": {"whom": "ada"}}, "shouted": {"config": "hey"}}
    result = execute_pipeline(greetings, {"solids": config})
    assert [result.output_for_solid(name) for name in ("hello", "welcome", "shouted")] == [
        "Hello, you",
        "Welcome, Ada",
        "HEY, you",
    ]
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.welcome\.config\.name: unknown key"):
        execute_pipeline(greetings, {"solids": {**config, "welcome": {"config": {"whom": "a", "name": "b"}}}})
    with pytest.raises(DagsterInvalidConfigError, match="greetin"):
        greet.configured({"greetin": "Hello"}, name="wrong")


def test_a_pipeline_is_built_without_the_decorator() -> None:
    def add(_context: Any, inputs: dict[str, Any]) -> Any:
        return sum(inputs["numbers"]) + int(inputs["more"])

    adds = SolidDefinition("adds", [InputDefinition("numbers"), InputDefinition("more")], add)

    @lambda_solid
    def seven() -> int:
        return 7

    built = PipelineDefinition(
        [adds, seven, one],
        "built",
        dependencies={
            SolidInvocation("seven", alias="other_seven"): {},
            "seven": {},
            SolidInvocation("adds", alias="total", tags={"kind": "sum"}): {
                "numbers": MultiDependencyDefinition(
                    [DependencyDefinition("seven"), DependencyDefinition("other_seven"), DependencyDefinition("one")]
                ),
                "more": DependencyDefinition("one", "result"),
            },
        },
    )
    result = execute_pipeline(built)
    assert result.output_for_solid("total") == 16
    assert built.solid_named("total").tags == {"kind": "sum"}


def test_a_pipeline_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="unknown solid 'nowhere'"):
        PipelineDefinition([listed], dependencies={"listed": {"items": DependencyDefinition("nowhere")}})
    with pytest.raises(DagsterInvalidDefinitionError, match="unknown output 'resul'; did you mean 'result'"):
        PipelineDefinition([one, listed], dependencies={"listed": {"items": DependencyDefinition("one", "resul")}})
    with pytest.raises(DagsterInvalidDefinitionError, match="unknown input 'item'"):
        PipelineDefinition([one, listed], dependencies={"listed": {"item": DependencyDefinition("one")}})
    feeds = {"a": {"items": DependencyDefinition("b")}, "b": {"items": DependencyDefinition("a")}}
    looped = {SolidInvocation("listed", alias=alias): feed for alias, feed in feeds.items()}
    with pytest.raises(DagsterInvalidDefinitionError, match="cycle among the solids a, b"):
        PipelineDefinition([listed], dependencies=looped)
    with pytest.raises(DagsterInvalidDefinitionError, match=r"'hungry' requires the resource 'food'.*'default'"):
        PipelineDefinition([SolidDefinition("hungry", [], lambda *_: None, required_resource_keys={"food"})])


def test_in_the_body_of_a_pipeline_solids_take_outputs_and_no_constants() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="'left' of solid 'subtract' was given an int"):

        @pipeline
        def constants() -> None:
            subtract(1, 2)


def test_tags_of_the_pipeline_and_the_run_reach_the_run_and_the_solid(instance: DagsterInstance) -> None:
    seen: list[Any] = []

    @solid(tags={"kind": "seer"})
    def see(context: Any) -> None:
        seen.append((context.get_tag("team"), context.get_tag("more"), context.has_tag("x"), context.get_tag("x")))
        seen.append(context.solid.tags)

    @pipeline(tags={"team": "ours", "more": {"a": 1}})
    def tagged() -> None:
        see.tag({"place": "here"})()

    result = execute_pipeline(tagged, tags={"team": "theirs"}, instance=instance)
    assert seen == [("theirs", '{"a":1}', False, None), {"kind": "seer", "place": "here"}]
    assert instance.get_existing_run(result.run_id).tags == {"team": "theirs", "more": '{"a":1}'}


def test_the_context_knows_the_run(instance: DagsterInstance) -> None:
    seen: dict[str, Any] = {}

    @solid(config_schema={"a": int})
    def look(context: Any) -> None:
        names = ("run_id", "pipeline_name", "step_key", "run_config", "solid_config", "instance", "pipeline_def")
        seen.update({name: getattr(context, name) for name in names})
        seen.update(mode=context.mode_def.name, solid=context.solid.name, run=context.pipeline_run)
        context.log.info("looked around")
        with pytest.raises(AttributeError, match="unknown attribute 'solid_confg'; did you mean 'solid_config'"):
            _ = context.solid_confg

    @pipeline(mode_defs=[ModeDefinition("here")])
    def looks() -> None:
        look.alias("looked")()

    config = {"solids": {"looked": {"config": {"a": 1}}}}
    result = execute_pipeline(looks, config, instance=instance)
    assert seen.pop("run").run_id == result.run_id
    assert seen.pop("instance") is instance
    assert seen.pop("pipeline_def") is looks
    assert seen == {
        "run_id": result.run_id,
        "pipeline_name": "looks",
        "step_key": "looked",
        "run_config": config,
        "solid_config": {"a": 1},
        "mode": "here",
        "solid": "looked",
    }
    [logged] = [entry for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
    assert (logged.user_message, logged.step_key, logged.pipeline_name) == ("looked around", "looked", "looks")
    assert json.loads(json.dumps(instance.get_existing_run(result.run_id).run_config)) == config
