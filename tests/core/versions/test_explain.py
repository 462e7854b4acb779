"""Explanations of runs whose steps have dynamic outputs, of which each value is found or stored by itself."""

import msgspec
import pytest

from core.events import StepOutputHandle
from core.events.payloads import MemoizedOutput, PlanVersionedData, StepMemoizedData, VersionedStep
from core.versions.explain import MemoizedRun, explain_step

VERSION = "v" * 64
STEP = VersionedStep("split", "split", (), {}, {"parts": VERSION})
A, B = StepOutputHandle("split", "parts", "a"), StepOutputHandle("split", "parts", "b")


def run_of(step: VersionedStep, outcome: str, **known: object) -> MemoizedRun:
    return MemoizedRun("run", PlanVersionedData((step,), {}, {}), {step.step_key: outcome}, **known)  # type: ignore[arg-type,dict-item]


def test_each_value_that_was_found_is_named_by_its_mapping_key() -> None:
    found = StepMemoizedData(tuple(MemoizedOutput("parts", VERSION, f"/{key}", mapping_key=key) for key in "ab"))
    now = run_of(STEP, "hit", found={"split": found})
    assert now.addresses("split") == {A: "/a", B: "/b"}
    assert explain_step("split", now).reasons == (
        "output `parts[a]`: value of version " + VERSION + " at /a",
        "output `parts[b]`: value of version " + VERSION + " at /b",
    )


@pytest.mark.parametrize("place", ["/b", "/elsewhere"])
def test_a_value_is_compared_with_that_of_the_same_mapping_key(place: str) -> None:
    before = run_of(STEP, "executed", stored={A: "/a", B: "/b"})
    now = run_of(STEP, "executed", stored={B: place, A: "/a"})
    (reason,) = explain_step("split", now, before).reasons
    if place == "/b":
        assert reason == "its value at /a or at /b is gone or damaged"
    else:
        assert reason == "this run keeps its value in another place (/elsewhere) than before (/b)"


def test_an_output_of_which_no_value_was_stored_is_missing() -> None:
    step = msgspec.structs.replace(STEP, outputs={"parts": VERSION, "count": VERSION})
    before, now = run_of(step, "executed", stored={A: "/a", B: "/b"}), run_of(step, "executed")
    (reason,) = explain_step("split", now, before).reasons
    assert reason == "its output `count` was not stored, or its value at /a or at /b is gone or damaged"
