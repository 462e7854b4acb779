"""Memoized runs with dynamic outputs, on the disk and in a bucket: their keys are stored after all of their values."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from core import (
    DagsterInvalidSubsetError,
    DagsterInvariantViolationError,
    DependencyDefinition,
    InputDefinition,
    PipelineDefinition,
    SolidDefinition,
    plan_pipeline,
)
from core.definitions.dependency import DynamicCollectDependencyDefinition
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.retention.wipe import VersionFilter
from core.views.explanations import explain_steps
from core.views.memoized_runs import read_memoized_run

if TYPE_CHECKING:
    from conftest import FilesystemLab, Lab


class Pages:
    """A pipeline that makes pages of what its config says, prints each, and binds them.

    Args:
        lab: where it runs.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.given: list[str] | None = None  # what is given in place of what the config says
        self.version = "1"
        self.print_version = "1"
        self.fails: set[str] = set()
        self.ink = ""  # no version tells of it

    def pipeline(self) -> PipelineDefinition:
        def make(context: Any, _: Any) -> Any:
            for key in self.given if self.given is not None else context.solid_config:
                yield DynamicOutput(f"page {key}", key)

        def print_page(context: Any, values: dict[str, Any]) -> str:
            if context.step_key in self.fails:
                raise RuntimeError(f"{context.step_key} fails")
            return f"printed {values['page']}" + (f" in {self.ink}" if self.ink else "")

        solids = [
            SolidDefinition("make", [], make, [DynamicOutputDefinition()], config_schema=[str], version=self.version),
            SolidDefinition("print", [InputDefinition("page")], print_page, version=self.print_version),
            SolidDefinition(
                "bind", [InputDefinition("pages")], lambda _, given: ", ".join(given["pages"]), version="1"
            ),
            SolidDefinition("count", [InputDefinition("pages")], lambda _, given: len(given["pages"]), version="1"),
        ]
        return self.lab.pipeline(
            solids,
            {
                "make": {},
                "print": {"page": DependencyDefinition("make")},
                "bind": {"pages": DynamicCollectDependencyDefinition("print")},
                "count": {"pages": DynamicCollectDependencyDefinition("make")},
            },
        )

    def run(self, *keys: str, **more: Any) -> list[str]:
        """The steps that a memoized run executes, which gives what it should."""
        config = {"solids": {"make": {"config": list(keys)}}, "resources": self.lab.resources}
        refresh = more.get("refresh", ())
        planned = plan_pipeline(self.pipeline(), config, instance=self.lab.instance, refresh=refresh)
        result = self.lab.run(self.pipeline(), refresh=refresh, make=list(keys))
        assert result.output_for_solid("bind") == ", ".join(f"printed page {key}" for key in keys)
        assert result.output_for_solid("count") == len(keys)
        assert result.output_for_solid("make") == {key: f"page {key}" for key in keys}
        executed = result.executed_step_keys
        templates = {f"{key.partition('[')[0]}[?]" for key in executed} | set(executed)
        assert set(planned.step_keys_to_execute) <= templates | {"print[?]"}
        return executed


ALL = ["make", "print[a]", "print[b]", "count", "bind"]


@pytest.fixture
def pages(lab: Lab) -> Pages:
    return Pages(lab)


def test_a_second_run_executes_nothing(pages: Pages) -> None:
    assert sorted(pages.run("a", "b")) == sorted(ALL)
    assert pages.run("a", "b") == []
    assert sorted(pages.run()) == ["bind", "count", "make"]
    assert pages.run() == []


def test_what_follows_from_a_change_is_executed_for_each_value(pages: Pages) -> None:
    pages.run("a", "b")
    pages.print_version = "2"
    assert pages.run("a", "b") == ["print[a]", "print[b]", "bind"]
    pages.version = "2"
    assert sorted(pages.run("a", "b")) == sorted(ALL)
    assert pages.run("a", "b") == []


def test_what_is_lost_is_executed_for_its_value_alone(pages: Pages) -> None:
    pages.run("a", "b")
    (stored,) = {each.split("/")[0] for each in pages.lab.stored() if unquote(each).startswith("print[b]/")}
    pages.lab.delete(stored)
    assert pages.run("a", "b") == []  # nothing needs it
    pages.lab.delete("bind")
    assert pages.run("a", "b") == ["print[b]", "bind"]
    assert pages.run("a", "b") == []


def test_a_failed_step_of_a_value_is_executed_alone_in_the_next_run(pages: Pages) -> None:
    pages.fails = {"print[b]"}
    with pytest.raises(RuntimeError):
        pages.run("a", "b")
    pages.fails = set()
    assert set(pages.run("a", "b")) >= {"print[b]", "bind"}
    assert "make" not in pages.lab.run(pages.pipeline(), make=["a", "b"]).executed_step_keys


def test_refreshing_gives_other_keys_their_place(pages: Pages) -> None:
    pages.run("a", "b")
    pages.given = ["c"]
    result = pages.lab.run(pages.pipeline(), refresh=["make"], make=["a", "b"])
    assert sorted(result.executed_step_keys) == ["bind", "count", "make", "print[c]"]
    again = pages.lab.run(pages.pipeline(), make=["a", "b"])
    assert again.executed_step_keys == []
    assert again.output_for_solid("bind") == "printed page c"
    pages.given = None
    assert pages.lab.run(pages.pipeline(), refresh=["print"], make=["a", "b"]).executed_step_keys == [
        "print[c]",
        "bind",
    ]


def test_one_value_is_refreshed_with_what_follows_from_it(pages: Pages) -> None:
    pages.run("a", "b")
    pages.ink = "green"
    refreshed = pages.lab.run(pages.pipeline(), refresh=["print[a]"], make=["a", "b"])
    assert refreshed.executed_step_keys == ["print[a]", "bind"]
    again = pages.lab.run(pages.pipeline(), make=["a", "b"])
    assert again.executed_step_keys == []
    assert again.output_for_solid("bind") == "printed page a in green, printed page b"
    pages.ink = ""
    assert pages.run("a", "b", refresh=["print[b]", "print[a]"]) == ["print[a]", "print[b]", "bind"]
    assert pages.run("a", "b", refresh=["count", "print[b]"]) == ["print[b]", "count", "bind"]
    assert pages.run("a", "c", refresh=["print[c]"]) == ["make", "print[a]", "print[c]", "count", "bind"]


def test_a_value_that_is_to_be_refreshed_and_does_not_come_is_told(disk_lab: FilesystemLab) -> None:
    pages = Pages(disk_lab)
    told = r"There is no 'print\[z\]' to refresh, since make\.result has no such value: unknown mapping key 'z'"
    first = disk_lab.run(pages.pipeline(), refresh=["print[z]"], make=["a", "b"])
    warnings = [
        entry.message
        for entry in disk_lab.instance.all_logs(first.run_id)
        if entry.level == logging.WARNING and re.search(told, entry.message)
    ]
    assert len(warnings) == 1
    count = len(disk_lab.instance.get_runs())
    for refresh in (["print[z]"], ["count", "print[a]", "print[z]"]):
        with pytest.raises(DagsterInvalidSubsetError, match=f"{told}. Known: a, b"):
            disk_lab.run(pages.pipeline(), refresh=refresh, make=["a", "b"])
    assert len(disk_lab.instance.get_runs()) == count
    for unknown in ("prnt[a]", "bind[a]", "make[a]"):
        with pytest.raises(DagsterInvalidSubsetError, match="Step selection: unknown step"):
            disk_lab.run(pages.pipeline(), refresh=[unknown], make=["a", "b"])
    assert pages.run("a", "b") == []


def test_a_function_that_fails_leaves_no_keys(disk_lab: FilesystemLab) -> None:
    def breaks(_context: Any, _: Any) -> Any:
        yield DynamicOutput("page", "a")
        raise RuntimeError("no more")

    broken = disk_lab.pipeline([SolidDefinition("make", [], breaks, [DynamicOutputDefinition()], version="1")])
    with pytest.raises(RuntimeError):
        disk_lab.run(broken)
    assert disk_lab.stored() == []


def test_other_keys_under_the_same_version_are_refused(disk_lab: FilesystemLab) -> None:
    pages = Pages(disk_lab)
    pages.run("a", "b")
    for path in (disk_lab.folder / "versioned_outputs" / "make" / "result" / "a").iterdir():
        path.unlink()
    pages.given = ["a", "c"]
    pages.print_version = "2"
    with pytest.raises(
        DagsterInvariantViolationError, match="with the mapping keys a, c; stored under the same version are a, b"
    ):
        disk_lab.run(pages.pipeline(), make=["a", "b"])
    pages.given = None
    assert sorted(pages.run("a", "b")) == ["bind", "make", "print[a]", "print[b]"]


def test_a_list_of_keys_that_is_damaged_is_not_there(disk_lab: FilesystemLab) -> None:
    pages = Pages(disk_lab)
    pages.run("a", "b")
    (stored,) = [
        path for path in (disk_lab.folder / "versioned_outputs" / "make" / "result").iterdir() if path.is_file()
    ]
    stored.write_bytes(stored.read_bytes()[:-5])
    assert "make" in pages.run("a", "b")
    assert pages.run("a", "b") == []


def test_it_is_explained_why_steps_for_values_ran(disk_lab: FilesystemLab) -> None:
    pages = Pages(disk_lab)
    pages.run("a", "b")
    pages.print_version = "2"
    pages.run("a", "b")
    pages.version = "2"
    pages.run("a", "b")
    newest, before, first = disk_lab.instance.get_runs()

    def explained(run: Any) -> dict[str, Any]:
        known = read_memoized_run(disk_lab.instance, run)
        assert known is not None
        return {each.step_key: each for each in explain_steps(disk_lab.instance, "spelled", known, list(known.steps))}

    assert set(explained(first)) == set(ALL)
    assert explained(first)["print[a]"].outcome == "executed"
    told = explained(before)
    assert (told["make"].outcome, told["count"].outcome) == ("hit", "hit")
    assert told["print[a]"].reasons == ("version of `print`: 1 → 2",)
    assert explained(newest)["print[b]"].reasons == ("upstream `make.result[b]`",)
    assert set(explained(newest)) == set(ALL)


def test_versions_are_chosen_by_a_step_or_by_a_solid_with_all_its_steps(disk_lab: FilesystemLab) -> None:
    Pages(disk_lab).run("a", "b")
    manager = VersionedPickledObjectFilesystemIOManager(str(disk_lab.folder))
    for chosen, expected in (("print", {"print[a]", "print[b]"}), ("print[a]", {"print[a]"}), ("prin", set())):
        criteria = VersionFilter([chosen])
        assert {each.handle.step_key for each in manager.stored_versions() if criteria.matches(each)} == expected


def test_values_of_a_solid_without_a_version_are_executed_each_time(disk_lab: FilesystemLab) -> None:
    pages = Pages(disk_lab)
    pages.version = None  # type: ignore[assignment]
    make: Callable[[], list[str]] = lambda: sorted(pages.run("a", "b"))  # noqa: E731
    assert make() == sorted(ALL)
    assert make() == sorted(ALL)
