"""What every compute log manager does: on the local disk, and in a bucket."""

from __future__ import annotations

import os
import shutil
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloudstore import S3ComputeLogManager
from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeLogManager, NoOpComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.config import Secret
from core.errors import DagsterInvalidConfigError, DagsterInvariantViolationError, DagsterObjectStoreError
from core.records.pipeline_run import PipelineRun
from core.serdes import ConfigurableClassData

STDOUT, STDERR = ComputeIOType.STDOUT, ComputeIOType.STDERR
RUN = PipelineRun("flights", "run-1")
IN_BUCKETS = ["moto", "embedded"]
Make = Callable[..., ComputeLogManager]


def read(manager: ComputeLogManager, key: str = "step", run: PipelineRun = RUN) -> tuple[str, str]:
    """The whole of both logs; nothing where there is none."""
    out, err = (manager.read_logs_file(run.run_id, key, io_type) for io_type in (STDOUT, STDERR))
    return out.data or "", err.data or ""


def finish(manager: ComputeLogManager, run: PipelineRun = RUN) -> list[str]:
    """Ends a run, and waits until its logs are where they belong."""
    return manager.finish_run(run) + manager.drain()


def watch_and_print(manager: ComputeLogManager, out: bytes, err: bytes = b"", key: str = "step") -> None:
    with manager.watch(RUN, key):
        os.write(1, out)
        os.write(2, err)


def test_what_a_step_prints_is_kept_here_and_elsewhere(make: Make) -> None:
    manager = make()
    assert not manager.is_watch_completed("run-1", "step")
    with manager.watch(RUN, "step"):
        print("printed é🦆")
        os.write(2, b"an error\n")
        assert not manager.is_watch_completed("run-1", "step")
    assert manager.is_watch_completed("run-1", "step")
    assert read(manager) == ("printed é🦆\n", "an error\n")
    assert finish(manager) == []
    elsewhere = make("elsewhere")
    assert elsewhere.is_watch_completed("run-1", "step")
    assert read(elsewhere) == ("printed é🦆\n", "an error\n")
    assert read(make("third"))[::-1] == ("an error\n", "printed é🦆\n")


@pytest.mark.parametrize(("out", "err"), [(b"only out\n", b""), (b"", b"only err\n"), (b"", b"")])
def test_a_step_that_prints_little(out: bytes, err: bytes, make: Make) -> None:
    manager = make()
    watch_and_print(manager, out, err)
    assert finish(manager) == []
    for reader in (manager, make("elsewhere")):
        assert reader.is_watch_completed("run-1", "step")
        assert read(reader) == (out.decode(), err.decode())
        assert reader.read_logs_file("run-1", "step", STDOUT).size == len(out)


def test_steps_of_runs_do_not_mix(make: Make) -> None:
    manager = make()
    for run_id in ("a", "b"):
        for key in ("1", "10", "1.out"):
            with manager.watch(PipelineRun("p", run_id), key):
                print(run_id, key)
    for run_id in ("a", "b"):
        for key in ("1", "10", "1.out"):
            assert read(manager, key, PipelineRun("p", run_id))[0] == f"{run_id} {key}\n"
    assert not manager.is_watch_completed("a", "100")
    assert read(manager, "100", PipelineRun("p", "a")) == ("", "")


def test_without_a_step_the_pipelines_name_is_the_key(make: Make) -> None:
    manager = make()
    with manager.watch(RUN):
        print("of the pipeline")
    assert read(manager, "flights") == ("of the pipeline\n", "")


def test_a_step_that_raises_has_its_logs(make: Make) -> None:
    manager = make()

    def step() -> None:
        print("until here")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), manager.watch(RUN, "step"):
        step()
    assert manager.is_watch_completed("run-1", "step")
    assert finish(manager) == []
    assert read(manager) == ("until here\n", "")
    assert read(make("elsewhere")) == ("until here\n", "")


def test_a_step_begun_again_has_only_its_own_output(make: Make) -> None:
    manager = make()
    watch_and_print(manager, b"first attempt, which says much\n", b"and fails\n")
    with manager.watch(RUN, "step"):
        assert not manager.is_watch_completed("run-1", "step")
        assert read(manager) == ("", "")
        assert not manager.is_watch_completed("run-1", "step")
        os.write(1, b"second\n")
    assert manager.is_watch_completed("run-1", "step")
    assert finish(manager) == []
    assert read(manager) == ("second\n", "")
    assert read(make("elsewhere")) == ("second\n", "")


def test_of_many_attempts_in_a_row_the_last_one_is_kept(make: Make) -> None:
    manager = make()
    for number in range(12):
        watch_and_print(manager, f"attempt {number}".encode(), b"failed" if number % 2 else b"")
    assert finish(manager) == []
    assert read(manager) == read(make("elsewhere")) == ("attempt 11", "failed")


def test_a_folder_deleted_meanwhile_does_not_fail_the_step(make: Make, fenced: Path) -> None:
    manager = make()
    for number in range(2):
        with manager.watch(RUN, str(number)):
            print("said", flush=True)
            shutil.rmtree(Path(manager.get_local_path("run-1", "0", STDOUT)).parent)
    watch_and_print(manager, b"kept", key="next")
    assert read(manager, "next") == ("kept", "")


def test_a_log_that_is_not_there_is_empty(make: Make) -> None:
    piece = make().read_logs_file("no run", "no step", STDOUT, cursor=7)
    assert (piece.path, piece.data or "", piece.cursor, piece.size) == (None, "", 7, 0)


@pytest.mark.parametrize("content", ["aé€🦆" * 50, "x" * 1000])
def test_pages(content: str, make: Make) -> None:
    manager = make()
    watch_and_print(manager, content.encode())
    finish(manager)
    for reader in (manager, make("elsewhere")):
        pieces, cursor = [], 0
        while cursor < len(content.encode()):
            piece = reader.read_logs_file("run-1", "step", STDOUT, cursor, 7)
            assert piece.data
            cursor = piece.cursor
            pieces.append(piece.data)
        assert "".join(pieces) == content
        assert len(pieces) > 70


def test_bytes_that_are_no_text_are_kept_as_they_are(make: Make) -> None:
    manager = make()
    content = b"caf\xe9 \xff\xfe\0 \xe2\x82"
    watch_and_print(manager, content)
    finish(manager)
    for reader in (manager, make("elsewhere")):
        piece = reader.read_logs_file("run-1", "step", STDOUT)
        assert piece.data == content.decode("utf-8", "replace")
        assert piece.cursor == piece.size == len(content), "a reader that follows would wait for ever"
        assert Path(str(piece.path)).read_bytes() == content


def test_a_running_steps_log_can_be_followed(make: Make) -> None:
    shown = threading.Event()
    manager = make()
    manager.echo = lambda chunk: shown.set()
    with manager.watch(RUN, "step"):
        os.write(1, "early €".encode()[:-1])
        assert shown.wait(30)
        piece = manager.read_logs_file("run-1", "step", STDOUT)
        assert piece.data == "early "
        os.write(1, "€".encode()[-1:])
    assert manager.read_logs_file("run-1", "step", STDOUT, piece.cursor).data == "€"


def test_nothing_is_left_when_the_run_has_ended(make: Make) -> None:
    make().is_watch_completed("warm", "up")
    manager = make()
    for number in range(5):
        watch_and_print(manager, b"x", key=str(number))
    finish(manager)
    assert [each for each in threading.enumerate() if each.name.startswith("compute-log")] == []
    manager.dispose()
    manager.dispose()
    watch_and_print(manager, b"usable again", key="late")
    assert read(manager, "late")[0] == "usable again"


def test_hostile_run_ids_and_keys_stay_inside_or_are_refused(hostile: str, make: Make, fenced: Path) -> None:
    (fenced.parents[1] / "secret.out").symlink_to(fenced.parents[1] / "secret")
    manager = make()
    for run, key in ((PipelineRun("p", hostile), "step"), (PipelineRun("p", "r"), hostile)):
        key = key or "p"  # the pipeline's name stands for a step that is none
        with manager.watch(run, key):
            os.write(1, b"hello")
        warnings = finish(manager, run)
        if warnings:
            assert all("cannot name a file" in warning or "Unicode" in warning for warning in warnings)
            for refused in (
                lambda run=run, key=key: manager.read_logs_file(run.run_id, key, STDOUT),
                lambda run=run, key=key: manager.get_local_path(run.run_id, key, STDOUT),
            ):
                with pytest.raises(DagsterInvariantViolationError):
                    refused()
        else:
            assert read(manager, key, run) == ("hello", "")
            assert manager.is_watch_completed(run.run_id, key)
            assert read(make("elsewhere"), key, run) == ("hello", "")
    (fenced.parents[1] / "secret.out").unlink()


@pytest.mark.parametrize(
    ("run_id", "key"), [("../..", "secret"), ("..", "../../secret"), ("a", "../../../../secret"), ("a/../..", "secret")]
)
def test_files_outside_cannot_be_read(run_id: str, key: str, make: Make, fenced: Path) -> None:
    for folder in (fenced.parents[1], fenced.parents[1] / "compute_logs"):
        folder.mkdir(exist_ok=True)
        (folder / "secret.out").symlink_to(fenced.parents[1] / "secret")
    piece = make().read_logs_file(run_id, key, STDOUT)
    assert "not for you" not in (piece.data or "")
    for folder in (fenced.parents[1], fenced.parents[1] / "compute_logs"):
        (folder / "secret.out").unlink()


def test_a_runs_folder_that_leads_out_is_refused(tmp_path: Path) -> None:
    outside, base = tmp_path / "outside", tmp_path / "base"
    for folder in (outside, base):
        folder.mkdir()
    (base / "run-1").symlink_to(outside)
    manager = LocalComputeLogManager(str(base))
    with manager.watch(RUN, "step"):
        os.write(1, b"not kept")
    (warning,) = finish(manager)
    assert "The output of step 'step' is not kept" in warning
    assert "lies outside" in warning
    with pytest.raises(DagsterInvariantViolationError, match="lies outside"):
        manager.read_logs_file("run-1", "step", STDOUT)
    assert list(outside.iterdir()) == []


def test_the_url_of_a_log(make: Make) -> None:
    manager = make()
    watch_and_print(manager, b"caf\xe9 by URL")
    finish(manager)
    url = manager.download_url("run-1", "step", STDOUT)
    if isinstance(manager, LocalComputeLogManager):
        assert url is None
        return
    assert url is not None
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.read() == b"caf\xe9 by URL"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


def test_the_logs_of_a_run_are_deleted_wherever_they_are(make: Make, stored: Callable[[], dict[str, int]]) -> None:
    manager = make()
    for run_id in ("1", "10", "1/compute_logs", "compute_logs"):
        for key in ("a", "a.out", "b"):
            with manager.watch(PipelineRun("p", run_id), key):
                os.write(1, b"out")
                os.write(2, b"error")
        assert finish(manager, PipelineRun("p", run_id)) == []
    before = stored()
    of_the_run = {name: size for name, size in before.items() if "/1/compute_logs/" in name}
    assert sum(of_the_run.values()) >= 3 * len("outerror")
    would_go = manager.delete_logs("1", dry_run=True)
    assert stored() == before
    assert manager.delete_logs("1") == would_go
    assert {removal.name: removal.size_bytes for removal in would_go} == of_the_run
    assert {removal.kind for removal in would_go} == {"compute log"}
    assert stored() == {name: size for name, size in before.items() if name not in of_the_run}
    assert manager.delete_logs("1") == []
    for reader in (manager, make("elsewhere")):
        assert not reader.is_watch_completed("1", "a")
        assert read(reader, "a", PipelineRun("p", "1")) == ("", "")
        for run_id in ("10", "1/compute_logs", "compute_logs"):
            assert read(reader, "a", PipelineRun("p", run_id)) == ("out", "error")


def test_folders_that_held_logs_alone_go_with_them(make: Make, fenced: Path) -> None:
    manager = make()
    watch_and_print(manager, b"x")
    finish(manager)
    folder = Path(manager.get_local_path("run-1", "step", STDOUT)).parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".123-of-a-killed-process.out").write_text("y")
    manager.delete_logs("run-1")
    assert not folder.parent.exists()
    assert fenced.exists()
    watch_and_print(manager, b"x")
    (folder / "result").write_text("the value of a step called compute_logs")
    manager.delete_logs("run-1")
    assert [path.name for path in folder.iterdir()] == ["result"]


def test_a_run_whose_logs_were_deleted_can_have_new_ones(make: Make) -> None:
    manager = make()
    watch_and_print(manager, b"first")
    manager.delete_logs("run-1")
    watch_and_print(manager, b"second")
    finish(manager)
    assert manager.is_watch_completed("run-1", "step")
    assert read(manager) == read(make("elsewhere")) == ("second", "")


def test_deleting_the_logs_of_hostile_run_ids_touches_no_others(
    hostile: str, make: Make, stored: Callable[[], dict[str, int]]
) -> None:
    manager = make()
    watch_and_print(manager, b"kept")
    finish(manager)
    before = stored()
    assert manager.delete_logs(hostile) == []
    assert stored() == before
    with manager.watch(PipelineRun("p", hostile), "step"):
        os.write(1, b"hello")
    finish(manager, PipelineRun("p", hostile))
    added = {name: size for name, size in stored().items() if name not in before}
    assert {removal.name: removal.size_bytes for removal in manager.delete_logs(hostile)} == added
    assert stored() == before


def test_logs_behind_a_link_are_not_deleted(tmp_path: Path) -> None:
    manager = LocalComputeLogManager(str(tmp_path / "base"))
    watch_and_print(manager, b"of run-1")
    finish(manager)
    (tmp_path / "outside" / "compute_logs").mkdir(parents=True)
    (tmp_path / "outside" / "compute_logs" / "step.out").write_text("not ours")
    (tmp_path / "base" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "base" / "in").symlink_to(tmp_path / "base" / "run-1")
    for run_id, complaint in (("out", "lies outside"), ("in", "behind a symbolic link")):
        with pytest.raises(DagsterInvariantViolationError, match=complaint):
            manager.delete_logs(run_id)
    assert (tmp_path / "outside" / "compute_logs" / "step.out").exists()
    assert read(manager) == ("of run-1", "")
    (tmp_path / "base" / "run-1" / "compute_logs" / "link.out").symlink_to(tmp_path / "outside")
    assert len(manager.delete_logs("run-1")) == 3
    assert (tmp_path / "outside" / "compute_logs" / "step.out").exists()


@pytest.mark.parametrize("kind", IN_BUCKETS)
def test_objects_beside_the_logs_of_a_run_stay(make: Make, stored: Callable[[], dict[str, int]], bucket: Any) -> None:
    for name in ("compute_logs.out", "compute_logs-2/a.out", "a/compute_logs/a.out", "compute_logs/result", "a.err"):
        bucket.client.put_object(Bucket=bucket.name, Key=f"{bucket.prefix}/storage/run-1/{name}", Body=b"x")
    before = stored()
    manager = make()
    watch_and_print(manager, b"x")
    finish(manager)
    manager.delete_logs("run-1")
    assert stored() == before


@pytest.mark.parametrize("kind", IN_BUCKETS)
def test_logs_stay_on_the_disk_when_the_bucket_cannot_be_reached(make: Make) -> None:
    manager = make(endpoint_url="http://127.0.0.1:9", max_attempts=1)
    watch_and_print(manager, b"kept here")
    assert len(finish(manager)) == 1
    for dry_run in (True, False):
        with pytest.raises(DagsterObjectStoreError, match=r"Cannot connect to http://127.0.0.1:9 for ListObjectsV2"):
            manager.delete_logs("run-1", dry_run)
    assert read(manager) == ("kept here", "")
    assert len(make().delete_logs("run-1")) == 2


@pytest.mark.parametrize("kind", IN_BUCKETS)
def test_a_bucket_that_is_gone_costs_the_run_a_warning(make: Make) -> None:
    manager = make(bucket="no-such-bucket-here", max_attempts=1)
    watch_and_print(manager, b"kept here", b"this too")
    reported: list[tuple[str, str]] = []
    manager.report = lambda run_id, message: reported.append((run_id, message))
    (left,) = finish(manager)
    assert "no-such-bucket-here" in left
    assert read(manager) == ("kept here", "this too")
    manager.dispose()
    ((run_id, warning),) = reported
    assert run_id == "run-1"
    assert warning.startswith("Compute logs stay on the local disk, and are shipped when that can be: ")
    assert "no-such-bucket-here" in warning


@pytest.mark.parametrize("kind", IN_BUCKETS)
def test_empty_logs_need_not_be_shipped(make: Make, bucket: Any) -> None:
    manager = make(skip_empty_files=True)
    watch_and_print(manager, b"something")
    finish(manager)
    assert list(bucket.objects()) == ["storage/run-1/compute_logs/step.out"]
    elsewhere = make("elsewhere", skip_empty_files=True)
    assert read(elsewhere) == ("something", "")
    assert elsewhere.is_watch_completed("run-1", "step")


def test_made_from_yaml(tmp_path: Path, embedded_options: dict[str, Any], embedded_bucket: str) -> None:
    local = ConfigurableClassData(
        "core.storage.local_compute_log_manager", "LocalComputeLogManager", f"base_dir: {tmp_path}"
    )
    s3_config = {
        "bucket": embedded_bucket,
        "local_dir": str(tmp_path / "s3"),
        "prefix": tmp_path.name,
        **embedded_options,
    }
    s3 = ConfigurableClassData(
        "cloudstore.compute_log_manager", "S3ComputeLogManager", msgspec.json.encode(s3_config).decode()
    )
    for data in (local, s3):
        manager = data.rehydrate()
        assert manager.inst_data == data
        watch_and_print(manager, b"hello")
        assert finish(manager) == []
        assert read(manager) == ("hello", "")
        manager.dispose()
    with pytest.raises(DagsterInvalidConfigError, match="unknown key 'bukket'"):
        msgspec.structs.replace(s3, config_yaml="bukket: x").rehydrate()
    with pytest.raises(DagsterInvalidConfigError, match="unknown key 'regoin_name'; did you mean 'region_name'"):
        S3ComputeLogManager("bucket", regoin_name="x")


def test_one_that_captures_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    manager = NoOpComputeLogManager()
    with manager.watch(RUN, "step"):
        os.write(1, b"seen\n")
    assert capfd.readouterr().out == "seen\n"
    assert manager.is_watch_completed("run-1", "step")
    assert read(manager) == ("", "")
    assert manager.download_url("run-1", "step", STDOUT) is None
    assert finish(manager) == []
    assert manager.delete_logs("run-1") == manager.drain() == []
    assert list(manager.subscribe("run-1", "step", STDOUT)) == []
    manager.hide("run-1", [Secret("hunter2")])
    manager.recover()
    manager.show_output()
    manager.dispose()
    manager.dispose()


def test_each_attempt_has_a_log_of_its_own(make: Make, stored: Callable[[], dict[str, int]]) -> None:
    manager = make()
    for attempt in (1, 2, 10):
        with manager.watch(RUN, "step", attempt):
            assert not manager.is_watch_completed("run-1", "step", attempt)
            os.write(1, b"out %d" % attempt)
            os.write(2, b"err %d" % attempt)
        assert manager.is_watch_completed("run-1", "step", attempt)
        assert not manager.is_watch_completed("run-1", "step", attempt + 1)
    assert finish(manager) == []
    for reader in (manager, make("elsewhere")):
        for attempt in (1, 2, 10):
            out, err = (
                reader.read_logs_file("run-1", "step", io_type, 1, attempt=attempt) for io_type in (STDOUT, STDERR)
            )
            assert (out.data, err.data) == (f"ut {attempt}", f"rr {attempt}")
        assert reader.read_logs_file("run-1", "step", STDOUT, attempt=3).data in (None, "")
    assert Path(manager.get_local_path("run-1", "step", STDOUT, 2)).name == "step(2).out"
    names = {Path(name).name for name in stored()}
    assert {f"step{attempt}.{io_type}" for attempt in ("", "(2)", "(10)") for io_type in ("out", "err")} <= names


@pytest.mark.parametrize("attempt", [0, -1, True, "2", 2.5, None])
def test_attempts_are_counted_from_one(attempt: Any, make: Make, stored: Callable[[], dict[str, int]]) -> None:
    manager = make()
    with manager.watch(RUN, "step", attempt):
        os.write(1, b"not kept")
    (warning,) = finish(manager)
    assert "The output of step 'step' is not kept: Attempts at a step are counted from 1" in warning
    for refused in (
        lambda: manager.get_local_path("run-1", "step", STDOUT, attempt),
        lambda: manager.read_logs_file("run-1", "step", STDOUT, attempt=attempt),
        lambda: manager.is_watch_completed("run-1", "step", attempt),
        lambda: manager.download_url("run-1", "step", STDOUT, attempt) and None,
    ):
        if isinstance(manager, LocalComputeLogManager) and "download_url" in refused.__code__.co_names:
            assert refused() is None
            continue
        with pytest.raises(DagsterInvariantViolationError, match="counted from 1"):
            refused()
    assert stored() == {}


def test_a_reader_who_follows_gets_every_byte_once_and_then_the_end(make: Make) -> None:
    manager = make()
    pieces: list[str] = []
    begun, got = threading.Event(), threading.Condition()

    def follow() -> None:
        begun.set()
        for piece in manager.subscribe("run-1", "step", STDOUT, cursor=2):
            with got:
                pieces.append(str(piece.data))
                got.notify_all()

    reader = threading.Thread(target=follow)
    with manager.watch(RUN, "step"):
        reader.start()
        for number in range(5):
            os.write(1, f"piece {number} é🦆\n".encode())
            with got:
                assert got.wait_for(lambda number=number: f"piece {number}"[2:] in "".join(pieces), 30)
    reader.join(30)
    assert not reader.is_alive()
    whole = "".join(f"piece {number} é🦆\n" for number in range(5))
    assert "".join(pieces) == whole[2:]
    finish(manager)
    assert "".join(str(each.data) for each in make("elsewhere").subscribe("run-1", "step", STDOUT)) == whole


class Noting:
    """Notes who follows."""

    def __init__(self, manager: ComputeLogManager) -> None:
        self.calls: list[str] = []
        manager.on_subscribe = lambda subscription: self.calls.append("subscribe")  # type: ignore[method-assign]  # listens
        manager.on_unsubscribe = lambda subscription: self.calls.append("unsubscribe")  # type: ignore[method-assign]  # listens


def test_followers_are_told_of_once(make: Make) -> None:
    manager = make()
    noting = Noting(manager)
    watch_and_print(manager, b"text")
    subscription = manager.subscribe("run-1", "step", STDOUT)
    assert noting.calls == []
    assert [piece.data for piece in subscription] == ["text"]
    assert noting.calls == ["subscribe", "unsubscribe"]
    assert subscription.cursor == 4


def test_a_follower_that_goes_away_is_told_of_once(make: Make) -> None:
    manager = make()
    noting = Noting(manager)
    with manager.watch(RUN, "step"):
        os.write(1, b"text")
        pieces = iter(manager.subscribe("run-1", "step", STDOUT))
        assert noting.calls == []
        assert next(pieces).data == "text"
        assert noting.calls == ["subscribe"]
        del pieces
        assert noting.calls == ["subscribe", "unsubscribe"]


def test_a_follower_whose_reading_fails_is_told_of_once(make: Make) -> None:
    manager = make()
    noting = Noting(manager)
    with pytest.raises(DagsterInvariantViolationError):
        list(manager.subscribe("run-1", "step", STDOUT, attempt=0))
    assert noting.calls == ["subscribe", "unsubscribe"]


def test_a_follower_that_waits_looks_again_when_told(make: Make) -> None:
    manager = make()
    manager.follow_interval_seconds = 3600.0
    subscription = manager.subscribe("run-1", "step", STDOUT)
    with manager.watch(RUN, "step"):
        found: list[str] = []
        reader = threading.Thread(target=lambda: found.extend(str(piece.data) for piece in subscription))
        reader.start()
        os.write(1, b"text")
    while reader.is_alive():
        subscription.look_again()
        reader.join(0.01)
    assert found == ["text"]


def test_a_follower_can_be_told_that_nothing_will_come(make: Make) -> None:
    subscription = make().subscribe("no run", "no step", STDERR)
    subscription.is_over = lambda: True
    assert list(subscription) == []


def test_where_no_folder_can_be_made_the_step_runs_and_the_run_has_a_warning(make: Make, fenced: Path) -> None:
    manager = make()
    blocked = Path(manager.get_local_path("run-1", "step", STDOUT)).parents[1]
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("a file, where a folder has to be")
    ran = []
    with manager.watch(RUN, "step"):
        os.write(1, b"shown, not kept\n")
        ran.append(True)
    assert ran
    (warning,) = manager.finish_run(RUN)
    assert warning.startswith("The output of step 'step' is not kept: ")
    assert manager.finish_run(RUN) == []
    blocked.unlink()
    watch_and_print(manager, b"kept")
    assert read(manager) == ("kept", "")


def test_a_block_that_raises_where_nothing_can_be_kept_raises_the_same(make: Make) -> None:
    manager = make()
    with pytest.raises(ZeroDivisionError), manager.watch(PipelineRun("p", ""), "step"):
        raise ZeroDivisionError
    assert len(manager.finish_run(PipelineRun("p", ""))) == 1


def test_what_is_hidden_stays_on_this_machine(make: Make, kind: str) -> None:
    manager = make()
    manager.hide("run-1", [Secret("hunter2")])
    manager.hide("other", [])
    watch_and_print(manager, b"it is hunter2!")
    assert read(manager) == ("it is hunter2!", "")
    assert finish(manager) == []
    assert read(make("elsewhere")) == ("it is hunter2!" if kind == "local" else "it is *******!", "")


def test_what_takes_care_of_others_does_no_harm_to_the_living(make: Make) -> None:
    manager, other = make(), make()
    with manager.watch(RUN, "step"):
        for each in (manager, other):
            each.recover()
            assert each.drain() == []
        assert not other.is_watch_completed("run-1", "step")
        os.write(1, b"kept")
    assert finish(manager) == []
    assert read(manager) == ("kept", "")
    assert other.drain() == []


def test_disposing_twice_and_at_any_time(make: Make) -> None:
    manager = make()
    manager.dispose()
    watch_and_print(manager, b"kept")
    manager.dispose()
    manager.dispose()
    assert read(make("elsewhere")) == ("kept", "")
    assert manager.finish_run(RUN) == []


@pytest.mark.parametrize("max_bytes", [4, 5, 6, 7])
def test_a_piece_is_never_longer_than_asked(max_bytes: int, make: Make) -> None:
    manager = make()
    text = "aé€🦆🦆€éa"
    watch_and_print(manager, text.encode())
    cursor, found = 0, ""
    while cursor < len(text.encode()):
        piece = manager.read_logs_file("run-1", "step", STDOUT, cursor, max_bytes)
        assert 0 < piece.cursor - cursor <= max_bytes
        assert piece.size == len(text.encode())
        cursor, found = piece.cursor, found + str(piece.data)
    assert found == text


def test_a_run_that_ends_leaves_the_step_of_another_alone(make: Make) -> None:
    manager, shown, other = make(), threading.Event(), PipelineRun("flights", "run-2")
    manager.echo = lambda chunk: shown.set() if b"late" in chunk else None

    def end_another() -> None:
        with manager.watch(other, "short"):
            pass
        manager.finish_run(other)

    with manager.watch(RUN, "step"):
        thread = threading.Thread(target=end_another)
        thread.start()
        thread.join()
        os.write(1, b"late\n")
        assert shown.wait(30)
        assert read(manager) == ("late\n", "")
    assert finish(manager) == []
    assert read(make("elsewhere")) == ("late\n", "")


@pytest.mark.parametrize(("cursor", "max_bytes"), [(-1, 100), (0, 3)])
def test_what_is_no_piece_of_a_log_is_refused(make: Make, cursor: int, max_bytes: int) -> None:
    manager = make()
    watch_and_print(manager, b"printed\n")
    assert finish(manager) == []
    for each in (manager, make("elsewhere"), NoOpComputeLogManager()):
        with pytest.raises(DagsterInvariantViolationError, match=r"cursor must be 0|max_bytes must be at least 4"):
            each.read_logs_file("run-1", "step", STDOUT, cursor, max_bytes)
