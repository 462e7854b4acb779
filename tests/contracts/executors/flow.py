"""A pipeline in which each thing happens that can happen to a step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from core import (
    AssetKey,
    AssetMaterialization,
    DagsterType,
    EventMetadata,
    EventMetadataEntry,
    ExpectationResult,
    Failure,
    Field,
    InputDefinition,
    List,
    Nothing,
    Output,
    OutputDefinition,
    PresetDefinition,
    RetryPolicy,
    RetryRequested,
    StringSource,
    TypeCheck,
    composite_solid,
    failure_hook,
    fs_io_manager,
    pipeline,
    resource,
    solid,
    success_hook,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition
from tests.contracts.executors.modes import mode


class OwnError(Exception):
    """With more than a message."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)
        self.code = code


@resource(config_schema=str)
def greeting(init_context: Any) -> str:
    return f"{init_context.resource_config}, {init_context.pipeline_run.pipeline_name}"


@success_hook(required_resource_keys={"greeting"})
def tells_success(context: Any) -> None:
    context.log.info(f"{context.resources.greeting}: {context.solid.name} gave {context.solid_output_values}")


@failure_hook(required_resource_keys={"greeting"})
def tells_failure(context: Any) -> None:
    error = context.solid_exception
    context.log.info(f"{context.resources.greeting}: {type(error).__name__} {error.args} {getattr(error, 'code', 0)}")


@success_hook
def raises(_context: Any) -> None:
    raise KeyError("of a hook")


@success_hook
def exits(_context: Any) -> None:
    sys.exit("of a hook")


# Values


@solid(config_schema={"count": Field(int, default_value=4), "of_env": StringSource, "password": str})
def source(context: Any) -> list:
    context.log.info("of_env is %s", context.solid_config["of_env"])
    context.log.warning("the secret is " + context.solid_config["password"])
    print("to stdout")
    os.write(2, b"to stderr\n")
    subprocess.run([sys.executable, "-Sc", "print('of a child')"], check=True)
    return list(range(context.solid_config["count"]))


@solid(output_defs=[OutputDefinition(name="even", is_required=False), OutputDefinition(name="odd", is_required=False)])
def parted(numbers: list) -> Iterator[Output]:
    yield Output([each for each in numbers if each % 2 == 0], "even", metadata={"rows": 2})


@solid(tags={"kind": "skipped"})
def of_odd(numbers: list) -> int:
    return len(numbers)


@solid(input_defs=[InputDefinition("lists", List[Any])])
def joined(lists: Any) -> Any:
    return lists


@solid(output_defs=[OutputDefinition(Nothing)])
def nothing(context: Any) -> None:
    context.log.debug("gives nothing")


@solid(input_defs=[InputDefinition("start", Nothing)])
async def after_nothing(_context: Any) -> str:
    return "after"


# What goes wrong


@solid(config_schema=Field(bool, default_value=True))
def fails(context: Any, numbers: list) -> list:
    if context.solid_config:
        print("about to fail")
        raise OwnError(f"{len(numbers)} are too many", 17)
    return numbers


@solid
def fails_told(_numbers: list) -> None:
    raise Failure("as said", metadata_entries=[EventMetadataEntry.int(3, "found")])


@solid
def doubled(numbers: list) -> list:
    return 2 * numbers


EVEN = DagsterType(
    lambda _context, value: TypeCheck(
        value % 2 == 0, f"{value} is looked at", [EventMetadataEntry.int(value, "value")]
    ),
    name="Even",
)


@solid(output_defs=[OutputDefinition(EVEN)])
def no_even_number(_numbers: list) -> int:
    return 3


@solid(input_defs=[InputDefinition("number", EVEN)])
def wants_even(number: int) -> int:
    return number


@solid
def gives_one(_numbers: list) -> int:
    return 1


@solid(output_defs=[OutputDefinition(name="a"), OutputDefinition(name="b")])
def forgets_one(_numbers: list) -> Iterator[Output]:
    yield Output(1, "a")


# What is done again


@solid
def asks_again(context: Any) -> str:
    print(f"attempt {context.retry_number}")
    if context.retry_number < 2:
        raise RetryRequested(max_retries=3, seconds_to_wait=0.01)
    return f"after {context.retry_number}"


@solid(retry_policy=RetryPolicy(max_retries=1))
def has_policy(context: Any) -> int:
    if not context.retry_number:
        raise OwnError("passes", 1)
    return context.retry_number


@solid(retry_policy=RetryPolicy(max_retries=2, delay=0.01))
def never_passes(context: Any) -> None:
    raise OwnError(f"attempt {context.retry_number}", context.retry_number)


# What is told


@solid
def reports(context: Any) -> Iterator[Any]:
    yield AssetMaterialization(
        AssetKey(["tables", "rows"]),
        "some rows",
        metadata={"path": EventMetadata.path("/rows"), "json": {"a": [1, None, 2.5]}, "text": "words", "share": 0.5},
        partition="monday",
    )
    yield ExpectationResult(False, "has rows", "there are none", [EventMetadataEntry.text("0", "rows")])
    try:
        raise OwnError("seen", 2)
    except OwnError:
        context.log.exception("an error is logged")
    yield Output("reported", metadata={"size": 8})


@solid(output_defs=[OutputDefinition(int, asset_key=AssetKey("count"), asset_partitions={"monday", "tuesday"})])
def counted(_context: Any) -> int:
    return 7


# Graphs, and what is known late


@solid(config_schema=int)
def adds(context: Any, number: int) -> int:
    return number + context.solid_config


@composite_solid(
    input_defs=[InputDefinition("number", int)],
    output_defs=[OutputDefinition(int)],
    config_schema={"by": int},
    config_fn=lambda config: {"inner": {"config": config["by"]}, "twice": {"config": 2 * config["by"]}},
)
def adding(number: int) -> Any:
    return adds.alias("twice")(adds.alias("inner")(number))


@solid(output_defs=[DynamicOutputDefinition(int)], config_schema=Field(int, default_value=3))
def many(context: Any) -> Iterator[DynamicOutput]:
    for number in range(context.solid_config):
        yield DynamicOutput(number, mapping_key=f"k{number}")


@solid(output_defs=[DynamicOutputDefinition(int)])
def more(numbers: list) -> Iterator[DynamicOutput]:
    for number in numbers:
        yield DynamicOutput(number, mapping_key=f"m{number}")


@solid(output_defs=[OutputDefinition(int, is_required=False)])
def each(context: Any, number: int) -> Iterator[Output]:
    if number == 1:
        return
    context.log.info(f"{context.step_key} has {context.get_mapping_key()}")
    yield Output(number * 10)


@solid
def square(number: int) -> int:
    return number * number


@solid
def collected(numbers: List[int]) -> list:
    return numbers


@solid
def both(numbers: List[int], squares: List[int]) -> list:
    return [numbers, squares]


PRESET = PresetDefinition(
    "some",
    run_config={
        "resources": {"greeting": {"config": "hello"}},
        "solids": {
            "source": {"config": {"of_env": {"env": "OF_THE_SUITE"}, "password": "tell nobody"}},
            "adding": {"config": {"by": 10}},
            "none": {"config": 0},
        },
    },
    mode="default",
    tags={"of": "the preset"},
)


@pipeline(
    mode_defs=[mode("default", resource_defs={"greeting": greeting, "io_manager": fs_io_manager})],
    preset_defs=[PRESET],
    tags={"team": "suite"},
)
def flow() -> None:
    numbers = source()
    parts = parted(numbers)
    doubled.alias("after_odd")(of_odd(parts.odd))
    joined([parts.even, parts.odd, numbers])
    after_nothing(nothing())

    failed = tells_failure(fails)(numbers)
    doubled(failed)
    joined.alias("of_failed")([failed, numbers])
    fails_told(numbers)
    no_even_number(numbers)
    wants_even(gives_one(numbers))
    forgets_one(numbers)

    tells_success(asks_again)()
    has_policy()
    tells_failure(never_passes)()

    raises(exits(reports))()
    tells_success(counted)()
    adding(counted.alias("ten")())

    few = many()
    of_each = few.map(each)
    collected(of_each.collect())
    again = more(collected.alias("all_of")(few.collect()))
    both(again.collect(), again.map(square).collect())
    none = many.alias("none")()
    collected.alias("of_none")(none.map(square).collect())
