"""What config points at outside is part of a version, where that is declared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore import S3ObjectFingerprint
from core import (
    DependencyDefinition,
    Field,
    FileFingerprint,
    Fingerprint,
    ModeDefinition,
    PipelineDefinition,
    SolidDefinition,
    SourceHashVersionStrategy,
    VersionStrategy,
    execute_pipeline,
    plan_pipeline,
    resource,
    versioned_filesystem_io_manager,
)
from core.definitions.version_strategy import CodeVersion
from core.errors import DagsterInvariantViolationError

if TYPE_CHECKING:
    from conftest import FilesystemLab, S3Lab


def reading(lab: Any, **schema: Any) -> PipelineDefinition:
    """read -> after; the config of `read` has the given fields."""
    read = lab.spelling_solid("read", config_schema=schema)
    after = lab.spelling_solid("after", ["value"])
    from_read = {"value": DependencyDefinition("read")}
    return lab.pipeline([read, after], {"after": from_read})  # type: ignore[no-any-return]


FILE = Field(str, fingerprint=FileFingerprint())


def test_a_file_counts_by_its_content(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("1")
    built = reading(disk_lab, source=FILE)
    run = lambda: disk_lab.run(built, read={"source": str(source)}).executed_step_keys  # noqa: E731
    assert run() == ["read", "after"]
    assert run() == []
    source.touch()
    assert run() == []
    source.write_text("2")
    assert run() == ["read", "after"]
    source.write_text("1")
    assert run() == []
    source.unlink()
    assert run() == ["read", "after"]


def test_a_path_whose_field_declares_nothing_counts_by_its_text(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("1")
    built = reading(disk_lab, source=str)
    disk_lab.run(built, read={"source": str(source)})
    source.write_text("2")
    assert disk_lab.run(built, read={"source": str(source)}).executed_step_keys == []


@pytest.mark.parametrize(
    ("schema", "config"),
    [
        ({"a": {"b": FILE}}, lambda path: {"a": {"b": path}}),
        ({"many": Field([str], fingerprint=FileFingerprint())}, lambda path: {"many": ["absent", path]}),
        ({"each": [{"source": FILE}]}, lambda path: {"each": [{"source": "absent"}, {"source": path}]}),
    ],
)
def test_wherever_the_field_stands(disk_lab: FilesystemLab, tmp_path: Path, schema: Any, config: Any) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("1")
    built = reading(disk_lab, **schema)
    disk_lab.run(built, read=config(str(source)))
    assert disk_lab.run(built, read=config(str(source))).executed_step_keys == []
    source.write_text("2")
    assert disk_lab.run(built, read=config(str(source))).executed_step_keys == ["read", "after"]


def test_a_folder_counts_by_the_files_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a").write_text("1")
    seen = [FileFingerprint().of(str(folder), None)]
    (folder / "sub" / "a").rename(folder / "a")
    seen.append(FileFingerprint().of(str(folder), None))
    (folder / "b").write_text("")
    seen.append(FileFingerprint().of(str(folder), None))
    assert len(set(seen)) == 3
    (folder / "b").unlink()
    (folder / "a").rename(folder / "sub" / "a")
    assert FileFingerprint().of(str(folder), None) == seen[0]


def a_folder(base: Path) -> Path:
    """A folder with files, a link to another folder, one to a file, one to nothing and one to itself."""
    folder, elsewhere = base / "data", base / "elsewhere"
    for path in (folder / "sub", elsewhere / "deep"):
        path.mkdir(parents=True)
    (folder / "sub" / "a").write_text("1")
    (elsewhere / "deep" / "b").write_text("1")
    (base / "file").write_text("1")
    for name, target in {
        "there": elsewhere,
        "file": base / "file",
        "nothing": base / "nothing",
        "self": folder,
    }.items():
        (folder / name).symlink_to(target)
    return folder


CHANGES = {
    "a file": lambda base: (base / "data" / "sub" / "a").write_text("2"),
    "a file in a linked folder": lambda base: (base / "elsewhere" / "deep" / "b").write_text("2"),
    "a new file in a linked folder": lambda base: (base / "elsewhere" / "c").write_text(""),
    "a linked file": lambda base: (base / "file").write_text("2"),
    "what a link led to nothing for": lambda base: (base / "nothing").write_text(""),
    "a new empty folder": lambda base: (base / "data" / "new").mkdir(),
    "a link that leads elsewhere": lambda base: [(base / "data" / "file").unlink(), (base / "data" / "file").mkdir()],
    "a file instead of the folder": lambda base: [(base / "data").rename(base / "x"), (base / "data").write_text("")],
    "nothing there": lambda base: (base / "data").rename(base / "x"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_in_a_folder_counts(tmp_path: Path, change: str) -> None:
    folder = a_folder(tmp_path)
    before = FileFingerprint().of(str(folder), None)
    assert FileFingerprint().of(folder, None) == before
    CHANGES[change](tmp_path)
    assert FileFingerprint().of(str(folder), None) != before


def test_a_pipe_has_no_fingerprint_and_is_not_waited_for(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    built = reading(disk_lab, source=FILE)
    for _ in range(2):
        done = disk_lab.run(built, read={"source": str(tmp_path / "pipe")})
        assert done.executed_step_keys == ["read", "after"]
    [data] = [e.event_specific_data for e in done.event_list if e.event_type_value == "PLAN_VERSIONED"]
    reason = f"points at has no fingerprint: {tmp_path / 'pipe'} is neither a file nor a folder"
    assert reason in data.steps[0].unversioned  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [None, 5, "", "a\0b", b"x", {}])
def test_what_is_no_path_is_refused(value: Any) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="fingerprint of files takes a path, or a list of paths"):
        FileFingerprint().of(value, None)
    assert FileFingerprint().of(__file__ + "/x", None) == "absent"


def test_what_is_not_in_the_bucket_yet_is_never_a_hit(s3_lab: S3Lab) -> None:
    lab, bucket = s3_lab, s3_lab.bucket
    built = reading(lab, source=Field(str, fingerprint=S3ObjectFingerprint()))
    for url in (f"s3://{bucket}/in", f"s3://{bucket}/in/", f"s3://{bucket}/in/rows?versionId=1"):
        for _ in range(2):
            assert lab.run(built, read={"source": url}).executed_step_keys == ["read", "after"]
    lab.client.put_object(Bucket=bucket, Key="in/rows", Body=b"1")
    for url in (f"s3://{bucket}/in", f"s3://{bucket}/in/"):
        assert lab.run(built, read={"source": url}).executed_step_keys == ["read", "after"]
        assert lab.run(built, read={"source": url}).executed_step_keys == []
    lab.client.put_object(Bucket=bucket, Key="in/more", Body=b"1")
    assert lab.run(built, read={"source": f"s3://{bucket}/in"}).executed_step_keys == ["read", "after"]


def test_a_solid_declares_one_of_its_own(disk_lab: FilesystemLab) -> None:
    tables = {"orders": 1}

    class TableFingerprint(Fingerprint):
        def of(self, value: Any, resources: Any) -> str:
            return str(tables[value["table"]])

    read = disk_lab.spelling_solid("read", config_schema={"table": str}, fingerprint=TableFingerprint())
    built = disk_lab.pipeline([read])
    run = lambda: disk_lab.run(built, read={"table": "orders"}).executed_step_keys  # noqa: E731
    assert run() == ["read"]
    assert run() == []
    tables["orders"] = 2
    assert run() == ["read"]
    del tables["orders"]
    with pytest.raises(KeyError, match="orders"):
        run()


def test_an_object_counts_by_its_etag(s3_lab: S3Lab) -> None:
    lab, bucket = s3_lab, s3_lab.bucket
    built = reading(lab, source=Field(str, fingerprint=S3ObjectFingerprint()))
    run = lambda: lab.run(built, read={"source": f"s3://{bucket}/in/rows.csv"}).executed_step_keys  # noqa: E731
    put = lambda body: lab.client.put_object(Bucket=bucket, Key="in/rows.csv", Body=body)  # noqa: E731
    assert run() == ["read", "after"]  # it is not there yet
    put(b"1")
    assert run() == ["read", "after"]
    assert run() == []
    put(b"1")
    assert run() == []
    put(b"2")
    assert run() == ["read", "after"]
    with pytest.raises(DagsterInvariantViolationError, match="s3://bucket/key"):
        lab.run(built, read={"source": "in/rows.csv"})


def test_the_config_of_a_resource_declares_one_too(disk_lab: FilesystemLab, tmp_path: Path) -> None:
    model = tmp_path / "model.bin"
    model.write_text("1")

    @resource(config_schema={"model": FILE}, version="1")
    def predictor(_context: Any) -> str:
        return "made"

    solid_def = SolidDefinition("predict", [], lambda c, _: c.resources.predictor, version="1",
                                required_resource_keys={"predictor"})  # fmt: skip
    mode = ModeDefinition(resource_defs={"predictor": predictor, "io_manager": versioned_filesystem_io_manager})
    built = PipelineDefinition([solid_def], mode_defs=[mode])
    config = {"resources": {**disk_lab.resources, "predictor": {"config": {"model": str(model)}}}}

    def run() -> list[str]:
        return execute_pipeline(built, config, instance=disk_lab.instance, memoize=True).executed_step_keys

    assert run() == ["predict"]
    assert run() == []
    model.write_text("2")
    assert run() == ["predict"]


def test_a_strategy_gives_versions_to_those_without(disk_lab: FilesystemLab) -> None:
    class Fixed(VersionStrategy):
        def __init__(self, version: str | None) -> None:
            self.version = version

        def get_solid_version(self, solid_def: SolidDefinition) -> str | None:
            return self.version

    def run(of_pipeline: VersionStrategy | None, of_mode: VersionStrategy | None = None) -> list[str]:
        mode = ModeDefinition(resource_defs=disk_lab.mode.resource_defs, version_strategy=of_mode)
        solids = [disk_lab.spelling_solid("own"), disk_lab.spelling_solid("given", version=None)]
        built = PipelineDefinition(solids, "built", mode_defs=[mode], version_strategy=of_pipeline)
        result = execute_pipeline(
            built, {"resources": disk_lab.resources}, instance=disk_lab.instance, memoize=True, raise_on_error=False
        )
        return result.executed_step_keys

    assert run(Fixed("1")) == ["own", "given"]
    assert run(Fixed("1")) == []
    assert run(Fixed("2")) == ["given"]
    assert run(Fixed("1"), Fixed("2")) == []
    assert run(Fixed(None)) == ["given"]
    assert run(None) == ["given"]


def test_a_strategy_is_asked_for_all_definitions_at_once(disk_lab: FilesystemLab) -> None:
    asked: list[int] = []

    class AtOnce(VersionStrategy):
        def get_solid_version(self, solid_def: SolidDefinition) -> str | None:
            raise AssertionError("one by one")

        def versions_of(self, definitions: Sequence[Any]) -> list[CodeVersion]:
            asked.append(len(definitions))
            return [CodeVersion("1", dict) for _ in definitions]

    mode = ModeDefinition(resource_defs=disk_lab.mode.resource_defs, version_strategy=AtOnce())
    solids = [disk_lab.spelling_solid(f"s{number}", version=None) for number in range(5)]
    built = PipelineDefinition(solids, mode_defs=[mode])
    assert len(disk_lab.run(built).executed_step_keys) == 5
    assert disk_lab.run(built).executed_step_keys == []
    assert asked == [5, 5]


def test_the_shipped_strategy_follows_the_code(disk_lab: FilesystemLab) -> None:
    def built(body: str) -> PipelineDefinition:
        namespace: dict[str, Any] = {}
        exec(compile(body, "made", "exec"), namespace)
        solid_def = SolidDefinition("computed", [], namespace["compute"])
        mode = ModeDefinition(resource_defs=disk_lab.mode.resource_defs)
        return PipelineDefinition([solid_def], mode_defs=[mode], version_strategy=SourceHashVersionStrategy())

    def run(body: str) -> list[str]:
        config = {"resources": disk_lab.resources}
        return execute_pipeline(built(body), config, instance=disk_lab.instance, memoize=True).executed_step_keys

    assert run("def compute(context, values):\n    return 1") == ["computed"]
    assert run("def compute(context, values):\n    # a comment\n    return  1") == []
    assert run("def compute(context, values):\n    return 2") == ["computed"]


def test_a_plan_says_what_would_be_executed_and_records_nothing(disk_lab: FilesystemLab) -> None:
    built = disk_lab.pipeline(
        [disk_lab.spelling_solid("a"), disk_lab.spelling_solid("b", ["value"]), disk_lab.spelling_solid("c", [], None)],
        {"b": {"value": DependencyDefinition("a")}},
    )
    config = {"resources": disk_lab.resources}

    def plan(**changed: Any) -> Any:
        return plan_pipeline(built, {**config, **changed}, instance=disk_lab.instance)

    assert plan().step_keys_to_execute == ("a", "c", "b")
    assert disk_lab.instance.get_runs() == []
    assert disk_lab.stored() == []
    disk_lab.run(disk_lab.pipeline([disk_lab.spelling_solid("a"), disk_lab.spelling_solid("b", ["value"])],
                                   {"b": {"value": DependencyDefinition("a")}}))  # fmt: skip
    planned = plan()
    assert planned.step_keys_to_execute == ("c",)
    assert set(planned.memoized) == {"a", "b"}
    assert {step.step_key: step.unversioned for step in planned.versioned.steps} == {
        "a": "",
        "b": "",
        "c": "solid 'c' has no version",
    }
    assert plan(solids={"a": {"config": 5}}).step_keys_to_execute == ("a", "c", "b")


def test_what_a_version_is_made_of_is_recorded_without_secrets(disk_lab: FilesystemLab) -> None:
    schema = {"months": [int], "deep": {"limit": int}, "token": Field(str, is_secret=True)}
    built = disk_lab.pipeline(
        [disk_lab.spelling_solid("a", config_schema=schema), disk_lab.spelling_solid("b", ["x", "y"])],
        {"b": {"x": DependencyDefinition("a")}},
    )
    solids = {
        "a": {"config": {"months": [1, 2], "deep": {"limit": 5}, "token": "hush"}},
        "b": {"inputs": {"y": {"value": "1"}}},
    }
    result = execute_pipeline(
        built, {"solids": solids, "resources": disk_lab.resources}, instance=disk_lab.instance, memoize=True
    )
    [data] = [e.event_specific_data for e in result.event_list if e.event_type_value == "PLAN_VERSIONED"]
    first, second = data.steps  # type: ignore[union-attr]
    assert first.facts == {"config months": "[1, 2]", "config deep.limit": "5"}
    assert second.facts == {
        "config": "0",
        "input x": f"from a.result {first.outputs['result']}",
        "input y": "value '1'",
    }
    assert data.solids == {"a": {"version": "1"}, "b": {"version": "1"}}  # type: ignore[union-attr]
