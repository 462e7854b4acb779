"""`cloudstore explain` of real runs, on an instance in a folder: what changed is what is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cloudstore.cli import main
from core import (
    DagsterInstance,
    DependencyDefinition,
    Field,
    InputDefinition,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    ResourceDefinition,
    SolidDefinition,
    SolidInvocation,
    execute_pipeline,
    mem_io_manager,
    versioned_filesystem_io_manager,
)
from core.records.tags import EVENTS_PRUNED_TAG, MEMOIZED_RUN_TAG

FROM = DependencyDefinition
NEVER = ["no earlier memoized run of this pipeline has a value of this step"]


class Lab:
    """Runs pipelines memoized on an instance in a folder, and asks the command why."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.values = folder / "values"
        self.instance = DagsterInstance.from_config(str(self.home))

    def run(
        self,
        pipeline: PipelineDefinition,
        memoize: bool | None = True,
        refresh: tuple[str, ...] = (),
        values: Path | None = None,
        resources: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        **solid_config: Any,
    ) -> str:
        """The id of a run, which may fail."""
        managers = {key for key in pipeline.get_mode_definition().resource_defs if key.endswith("io_manager")}
        config = {
            "solids": {name: {"config": each} for name, each in solid_config.items()},
            "resources": {
                **{key: {"config": {"base_dir": str(values or self.values)}} for key in managers - {"mem_io_manager"}},
                **(resources or {}),
            },
        }
        result = execute_pipeline(
            pipeline,
            config,
            instance=self.instance,
            memoize=memoize,
            refresh=refresh,
            raise_on_error=False,
            tags=tags,
        )
        return result.run_id

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["explain", *arguments], env={"DAGSTER_HOME": str(self.home)})

    def said(self, *arguments: str) -> dict[str, tuple[str, list[str]]]:
        """Step -> outcome and reasons."""
        done = self.command(*arguments, "--json")
        assert done.exit_code == 0, done.output
        told = json.loads(done.stdout)["steps"]
        return {each["step_key"]: (each["outcome"], each["reasons"]) for each in told}

    def why(self, run_id: str) -> dict[str, list[str]]:
        """Step -> reasons, of those that were executed."""
        return {key: reasons for key, (outcome, reasons) in self.said(run_id).items() if outcome == "executed"}

    def paths(self, step: str) -> list[Path]:
        return sorted(path for path in self.values.rglob("*") if path.is_file() and step in path.parts)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def make(name: str, inputs: tuple[str, ...] = (), version: str | None = "1", **more: Any) -> SolidDefinition:
    def compute(context: Any, values: dict[str, Any]) -> Any:
        if context.solid_config == "fail":
            raise ValueError("as it was told")
        value = f"{name}{context.solid_config}{sorted(values.items())}"
        yield from (Output(value, each) for each in ("result", "sure") if each in context.solid_def.output_dict)

    return SolidDefinition(
        name,
        [InputDefinition(each) for each in inputs],
        compute,
        config_schema=Field(object, default_value=0),
        version=version,
        **{"output_defs": [OutputDefinition()], **more},
    )


def lined(
    rows: str = "a", version: str = "1", manager: Any = versioned_filesystem_io_manager, **more: Any
) -> PipelineDefinition:
    """a and b; join takes one of them; report takes join."""
    solids = [make("a"), make("b"), make("join", ("rows",), version, **more), make("report", ("joined",))]
    feeds: dict[Any, Any] = {"join": {"rows": FROM(rows)}, "report": {"joined": FROM("join")}}
    resource_defs = {"io_manager": manager, "db": DB} if "required_resource_keys" in more else {"io_manager": manager}
    return PipelineDefinition(
        solids, "lined", dependencies=feeds, mode_defs=[ModeDefinition(resource_defs=resource_defs)]
    )


DB = ResourceDefinition(lambda context: None, config_schema={"host": Field(str, default_value="a")}, version="1")


def test_the_first_run_has_none_to_be_compared_with(lab: Lab) -> None:
    assert lab.said(lab.run(lined())) == dict.fromkeys(("a", "b", "join", "report"), ("executed", NEVER))


def test_a_hit_names_version_run_and_address(lab: Lab) -> None:
    first = lab.run(lined())
    said = lab.said(lab.run(lined()))
    assert {outcome for outcome, _reasons in said.values()} == {"hit"}
    [path] = lab.paths("join")
    assert said["join"][1] == [f"value of version {path.name} made by run {first} at {path}"]
    shown, whole = (lab.command(lab.run(lined()), *how).stdout.splitlines()[2] for how in ((), ("--verbose",)))
    assert shown == f"join\thit\tvalue of version {path.name[:8]}… made by run {first[:8]}"
    assert whole == f"join\thit\t{said['join'][1][0]}"


def test_what_changed_is_told_against_the_last_hit(lab: Lab) -> None:
    lab.run(lined(), join=[1, 2])
    hit = lab.run(lined(), join=[1, 2])
    lab.run(lined(), join=[9])  # was no hit: nothing is compared with it
    changed = lab.run(lined(), join=[1, 2, 3])
    assert lab.why(changed) == {"join": ["config: [1, 2] → [1, 2, 3]"], "report": ["upstream `join.result`"]}
    assert f"compared with run {hit}\n" in lab.command(changed, "join").stdout
    # Of those three values none has been found again, but that of b has: it is compared with the newest run.
    versioned = lab.run(lined(version="2"), join=[1, 2], b=7)
    assert lab.why(versioned) == {
        "b": ["config: 0 → 7"],
        "join": ["version of `join`: 1 → 2"],
        "report": ["upstream `join.result`"],
    }


def test_what_never_was_a_hit_is_compared_with_its_last_success(lab: Lab) -> None:
    for config in (1, 2, "fail", 3):
        last = lab.run(lined(), a=config)
    assert lab.why(last)["a"] == ["config: 2 → 3"]
    failed = lab.said(lab.run(lined(), a="fail"))
    assert failed["a"] == ("failed", ["config: 3 → 'fail'"])
    assert failed["join"] == ("not executed", ["steps that feed it failed or were not executed: `a`"])
    assert failed["report"] == ("not executed", ["steps that feed it failed or were not executed: `join`"])
    assert failed["b"][0] == "hit"


def test_other_wiring_is_named(lab: Lab) -> None:
    lab.run(lined(rows="a"))
    assert lab.why(lab.run(lined(rows="b"))) == {
        "join": ["input `rows`: a.result → b.result"],
        "report": ["upstream `join.result`"],
    }


def test_another_resource_config_is_named(lab: Lab) -> None:
    lab.run(lined())
    more = {"required_resource_keys": {"db"}}
    assert lab.why(lab.run(lined(**more)))["join"] == ["resource `db` added"]
    resources = {"db": {"config": {"host": "b"}}}
    assert lab.why(lab.run(lined(**more), resources=resources))["join"] == ["resource `db` config `host`: 'a' → 'b'"]


def test_a_deleted_value_is_said_to_be_gone_and_by_whom_it_is_needed(lab: Lab) -> None:
    lab.run(lined())
    [join], [report] = lab.paths("join"), lab.paths("report")
    join.unlink()
    unneeded = lab.said(lab.run(lined()))
    assert unneeded["join"] == ("hit", ["no step needs its outputs"])
    report.unlink()
    assert lab.why(lab.run(lined())) == {
        "join": [f"its value at {join} is gone or damaged, and `report` needs it"],
        "report": [f"its value at {report} is gone or damaged"],
    }


def test_a_value_that_is_gone_is_no_change_although_the_last_hit_was_of_another_version(lab: Lab) -> None:
    lab.run(lined(), report=1)
    [old] = lab.paths("report")
    lab.run(lined(), report=2)
    lab.run(lined(), report=2)
    old.unlink()
    assert lab.why(lab.run(lined(), report=1)) == {"report": [f"its value at {old} is gone or damaged"]}


def test_a_value_that_was_cut_is_said_to_be_damaged(lab: Lab) -> None:
    lab.run(lined())
    [path] = lab.paths("report")
    path.write_bytes(path.read_bytes()[:-1])
    [reason] = lab.why(lab.run(lined()))["report"]
    assert reason == f"its value at {path} is gone or damaged"


def test_values_that_are_kept_elsewhere_now_are_told_with_both_places(lab: Lab) -> None:
    lab.run(lined())
    [was] = lab.paths("report")
    moved = lab.run(lined(), values=lab.folder / "other")
    here = lab.folder / "other" / was.relative_to(lab.values)
    assert lab.why(moved)["report"] == [f"this run keeps its value in another place ({here}) than before ({was})"]
    short = next(line for line in lab.command(moved).stdout.splitlines() if line.startswith("report"))
    assert short.split("\t")[2] == "this run keeps its value in another place than before"


def test_the_same_version_elsewhere_is_no_change_although_the_last_hit_was_of_another(lab: Lab) -> None:
    for config in (1, 1, 2):
        lab.run(lined(), report=config)
    [reason] = lab.why(lab.run(lined(), values=lab.folder / "other", report=2))["report"]
    assert reason.startswith("this run keeps its value in another place (")


def test_what_was_needed_by_nobody_is_compared_with_the_run_before(lab: Lab) -> None:
    lab.run(lined())
    [join] = lab.paths("join")
    join.unlink()
    assert lab.said(lab.run(lined()))["join"] == ("hit", ["no step needs its outputs"])
    [reason] = lab.why(lab.run(lined(), values=lab.folder / "other"))["join"]
    assert reason.startswith("this run keeps its value in another place (")
    assert f") than before ({join})" in reason


def test_values_that_are_not_kept_are_needed_each_time(lab: Lab) -> None:
    kept = {"output_defs": [OutputDefinition(io_manager_key="mem_io_manager")]}
    solids = [make("a", **kept), make("report", ("rows",))]
    mode = ModeDefinition(
        resource_defs={"io_manager": versioned_filesystem_io_manager, "mem_io_manager": mem_io_manager}
    )
    pipeline = PipelineDefinition(solids, "mixed", dependencies={"report": {"rows": FROM("a")}}, mode_defs=[mode])
    lab.run(pipeline)
    assert lab.said(lab.run(pipeline))["a"] == ("hit", ["no step needs its outputs"])
    assert lab.why(lab.run(pipeline, report=1)) == {
        "a": ["a needed output was not stored, and `report` needs it"],
        "report": ["config: 0 → 1"],
    }


def test_refreshed_steps_are_told_apart_from_those_that_they_feed(lab: Lab) -> None:
    lab.run(lined())
    said = lab.said(lab.run(lined(), refresh=("join",)))
    assert said["join"] == ("refreshed", ["asked for by --refresh"])
    assert said["report"] == ("refreshed", ["fed by `join`, which is refreshed"])
    assert {said["a"][0], said["b"][0]} == {"hit"}


def test_steps_without_version_or_outputs_say_so(lab: Lab) -> None:
    def odd(version: str | None) -> PipelineDefinition:
        kept = {"output_defs": [OutputDefinition(io_manager_key="mem_io_manager")]}
        solids = [make("a", version=version, **kept), make("join", ("rows",), **kept), make("done", output_defs=[])]
        resource_defs = {"io_manager": versioned_filesystem_io_manager, "mem_io_manager": mem_io_manager}
        feeds = {"join": {"rows": FROM("a")}}
        modes = [ModeDefinition(resource_defs=resource_defs)]
        return PipelineDefinition(solids, "odd", dependencies=feeds, mode_defs=modes)

    lab.run(odd(None))
    assert lab.why(lab.run(odd(None))) == {
        "a": ["solid 'a' has no version"],
        "join": ["input 'rows' is fed by a.result, which has no version"],
        "done": ["it has no outputs, so there is nothing to store"],
    }
    assert lab.why(lab.run(odd("1")))["a"] == ["it had no version then: solid 'a' has no version"]


def test_an_output_that_was_not_given_is_told_from_a_value(lab: Lab) -> None:
    outputs = [OutputDefinition(name="maybe", is_required=False), OutputDefinition(name="sure")]
    solids = [make("pair", output_defs=outputs), make("after", ("x",))]
    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    feeds = {"after": {"x": FROM("pair", "maybe")}}
    pipeline = PipelineDefinition(solids, "optional", dependencies=feeds, mode_defs=[mode])
    assert lab.said(lab.run(pipeline))["after"] == ("skipped", ["an optional output that feeds it was not given"])
    outcome, reasons = lab.said(lab.run(pipeline))["pair"]
    assert outcome == "hit"
    assert [reason.split(" of version ")[0] for reason in reasons] == [
        "output `maybe`: record that it was not given,",
        "output `sure`: value",
    ]


def test_a_solid_used_twice_is_explained_by_step(lab: Lab) -> None:
    def used(second: str) -> PipelineDefinition:
        feeds = {
            SolidInvocation("tidy", alias="one"): {"rows": FROM("a")},
            SolidInvocation("tidy", alias="two"): {"rows": FROM(second)},
        }
        mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
        solids = [make("a"), make("b"), make("tidy", ("rows",))]
        return PipelineDefinition(solids, "used", dependencies=feeds, mode_defs=[mode])

    lab.run(used("a"))
    assert lab.why(lab.run(used("b"))) == {"two": ["input `rows`: a.result → b.result"]}


def test_a_line_a_step_where_there_is_no_terminal(lab: Lab) -> None:
    first = lab.run(lined())
    run_id = lab.run(lined(), report="\x1b[31m", join="x\ty")
    lines = [line.split("\t") for line in lab.command(run_id[:13]).stdout.splitlines()]
    assert [line[:2] for line in lines] == [["a", "hit"], ["b", "hit"], ["join", "executed"], ["report", "executed"]]
    assert lines[2][2:] == ["config: 0 → 'x\\ty'", f"compared with run {first}"]
    assert lines[3][2] == "config: 0 → '\\x1b[31m'; upstream `join.result`"


def test_runs_of_which_nothing_is_known_say_why(lab: Lab) -> None:
    plain = lab.run(lined(), memoize=None)
    done = lab.command(plain)
    assert (done.exit_code, done.stdout) == (
        0,
        f"Run {plain} is not memoized, so its steps are executed whatever is stored. "
        "`cloudstore run --memoize` skips the steps whose values are stored.\n",
    )
    assert json.loads(lab.command(plain, "--json").stdout)["unexplained"] == done.stdout.strip()
    old = lab.instance.create_run("lined", tags={MEMOIZED_RUN_TAG: "true"})
    assert "has not reached its steps yet" in lab.command(old.run_id).stdout
    lab.instance.report_run_failed(old)
    assert "did not record what its versions were made of" in lab.command(old.run_id).stdout
    pruned = lab.run(lined())
    lab.instance.run_storage.add_run_tags(pruned, {EVENTS_PRUNED_TAG: "2026-01-02T03:04:05+00:00"})
    lab.instance.event_log_storage.delete_log(pruned)
    done = lab.command(pruned)
    assert done.exit_code == 0
    assert "its events were pruned (2026-01-02T03:04:05+00:00)" in done.stdout
    assert lab.said(lab.run(lined(), join=1))["join"] == ("executed", NEVER)


def test_runs_that_are_not_memoized_or_of_other_pipelines_are_not_compared_with(lab: Lab) -> None:
    lab.run(lined(), memoize=False, join=1)
    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    lab.run(PipelineDefinition([make("join")], "other", mode_defs=[mode]), join=2)
    assert lab.why(lab.run(lined(), join=3))["join"] == NEVER


def test_only_older_runs_are_compared_with(lab: Lab) -> None:
    lab.run(lined(), join=1)
    second = lab.run(lined(), join=2)
    lab.run(lined(), join=3)
    lab.run(lined(), join=3)
    assert lab.why(second)["join"] == ["config: 1 → 2"]


def test_unknown_runs_and_steps_are_refused(lab: Lab) -> None:
    run_id = lab.run(lined())
    refused = lab.command(run_id, "jion")
    assert refused.exit_code == 1
    assert f"Run {run_id}: unknown step 'jion'; did you mean 'join'? Known: a, b, join, report." in refused.stderr
    refused = lab.command("zzz")
    assert refused.exit_code == 1
    assert "No run has an id that begins with 'zzz'" in refused.stderr
