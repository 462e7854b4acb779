"""What users give with events is recorded so that it can be read, or fails the step: it never costs the run its log."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from core import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DagsterType,
    EventMetadataEntry,
    ExpectationResult,
    Failure,
    IOManager,
    ModeDefinition,
    Output,
    OutputDefinition,
    TypeCheck,
    execute_pipeline,
    io_manager,
    pipeline,
    solid,
)


class Text(str):
    """As NumPy and pandas have them too."""

    def __str__(self) -> str:
        return "another text"


def made(**given: Any) -> Callable[[], AssetMaterialization]:
    return lambda: AssetMaterialization("table", **given)


def entry(kind: str, value: Any, label: Any = "label") -> Callable[[], AssetMaterialization]:
    return lambda: AssetMaterialization("table", metadata_entries=[getattr(EventMetadataEntry, kind)(value, label)])


def raising(error: Exception) -> Callable[[], Any]:
    def give() -> Any:
        raise error

    return give


RECORDED: dict[str, tuple[Callable[[], Any], Any]] = {
    "int of NumPy": (entry("int", np.int64(3)), 3),
    "float of NumPy": (entry("float", np.float64(1.5)), 1.5),
    "half precision": (entry("float", np.float16(1.5)), 1.5),
    "text of NumPy": (entry("text", np.str_("a")), "a"),
    "text of a subclass": (entry("text", Text("a")), "a"),
    "NumPy in JSON": (entry("json", {"a": [np.float64(2.5), np.int8(1), np.bool_(True)]}), {"a": [2.5, 1, True]}),
    "large int": (entry("int", 10**30), 10**30),
    "metadata of an output": (lambda: Output(1, metadata={"label": np.float64(1.5)}), 1.5),
    "expectation": (lambda: ExpectationResult(np.bool_(True), metadata={"label": Text("a")}), "a"),  # type: ignore[arg-type]
}
REFUSED: dict[str, Callable[[], Any]] = {
    "object as text": entry("text", object()),
    "number as text": entry("text", 5),
    "text as number": entry("int", "3"),
    "text as float": entry("float", "1.5"),
    "float of 5000 digits": entry("float", 10**5000),
    "number of 5000 digits": entry("int", 10**5000),
    "object in JSON": entry("json", {"a": [object()]}),
    "tuple as a key": entry("json", {(1, 2): 3}),
    "label None": entry("text", "a", None),
    "label number": entry("text", "a", 3),
    "description": made(description=object()),
    "partition": made(partition=3),
    "tag": made(tags={"a": 3}),
    "expectation that says neither": lambda: ExpectationResult(None),  # type: ignore[arg-type]
    "expectation label": lambda: ExpectationResult(True, label=3),  # type: ignore[arg-type]
    "metadata of an output": lambda: Output(1, metadata={"a": [object()]}),
    "label of an output": lambda: Output(1, metadata={3: "a"}),  # type: ignore[dict-item]
    "description of a failure": lambda: raising(Failure(object()))(),  # type: ignore[arg-type]
    "metadata of a failure": raising(Failure("a", metadata={"b": [object()]})),
    "no entry": made(metadata_entries=[None]),
    "asset key": lambda: AssetMaterialization(AssetKey([1, "a"])),  # type: ignore[list-item]
}


def run(give: Callable[[], Any], check: Callable[[Any, Any], Any] = lambda *_: True) -> tuple[bool, list[Any]]:
    """Whether a run succeeds whose only step gives something, and the events that were stored of it."""

    @solid(output_defs=[OutputDefinition(DagsterType(name="Checked", type_check_fn=check))])
    def gives(_context: Any) -> Iterator[Any]:
        event = give()
        yield event
        if not isinstance(event, Output):
            yield Output(1)

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": telling_io_manager})])
    def giving() -> None:
        gives()

    instance = DagsterInstance.ephemeral()
    result = execute_pipeline(giving, instance=instance, raise_on_error=False)
    events = [stored.dagster_event for stored in instance.all_logs(result.run_id)]
    last = [event.event_type_value for event in events if event is not None][-1]
    assert last == ("PIPELINE_SUCCESS" if result.success else "PIPELINE_FAILURE")
    return result.success, events


class Telling(IOManager):
    """Says where a value is as the value says."""

    def handle_output(self, context: Any, obj: Any) -> None:
        self.value = obj

    def load_input(self, context: Any) -> Any:
        return self.value

    def get_address(self, context: Any) -> Any:
        return self.value if self.value != 1 else None


@io_manager
def telling_io_manager(_: Any) -> Telling:
    return Telling()


@pytest.mark.parametrize("name", RECORDED)
def test_numbers_and_texts_of_other_libraries_are_recorded_as_plain_ones(name: str) -> None:
    give, expected = RECORDED[name]
    success, events = run(give)
    assert success
    found = [
        each
        for event in events
        for each in getattr(event.event_specific_data, "metadata_entries", ())
        if each.label == "label"
    ]
    data = found[0].entry_data
    value = next(getattr(data, field) for field in ("value", "data", "text") if hasattr(data, field))
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_fails_the_step_and_is_named(name: str) -> None:
    success, events = run(REFUSED[name])
    assert not success
    failure = next(event for event in events if event.is_step_failure)
    told = failure.message + str(failure.event_specific_data.user_failure_description)
    assert re.search("cannot be recorded|, which is not an? |must be a (str|bool); it is ", told)


@pytest.mark.parametrize("given", [{"success": None}, {"description": 5}, {"description": object()}])
def test_a_type_check_that_was_changed_says_yes_or_no_and_text(given: dict[str, Any]) -> None:
    check = TypeCheck(True)
    vars(check).update(given)
    success, events = run(lambda: Output(1), lambda *_: check)
    assert not success
    assert any("The TypeCheck of Checked must have" in event.message for event in events if event.is_step_failure)


def test_an_address_that_is_no_text_fails_the_step() -> None:
    success, events = run(lambda: Output(datetime.timedelta(1)))
    assert success, "JSON has it as text"
    success, events = run(lambda: Output(7))
    assert not success
    assert any("'io_manager' told of output" in event.message for event in events if event.is_step_failure)


def test_metadata_is_recorded_as_it_was_when_it_was_given() -> None:
    told: dict[str, Any] = {"a": 1}

    def check(*_: Any) -> bool:
        told["a"] = object()
        return True

    assert run(lambda: AssetMaterialization("table", metadata={"label": told}), check)[0]
