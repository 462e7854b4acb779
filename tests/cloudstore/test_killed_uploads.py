"""Multipart uploads of killed processes: found by what their journals say, and cleared by `cloudstore instance prune`.

Each process is a real one that runs a pipeline, killed by SIGKILL at one certain moment.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cloudstore.cli import main
from cloudstore.client import make_client
from cloudstore.testing import Fault, FaultProxy
from core import DagsterInstance, ModeDefinition, execute_pipeline, pipeline, solid
from core.errors import DagsterStorageError
from core.process.leftovers import Leftovers
from core.records.pipeline_run import PipelineRunStatus
from core.records.removal import Removal
from core.retention.prune import prune

MIB = 1 << 20
SECRETS = ("aws_access_key_id", "aws_secret_access_key")

Child = Callable[..., Any]


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """Runs a function of killed_child.py in a process of its own; returns how that ended, and what it told."""
    program = Path(__file__).with_name("killed_child.py")
    with subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as warm:
        assert warm.stdin
        assert warm.stdout

        def ask(function: str, seconds: float | None = None, **arguments: Any) -> Any:
            print(json.dumps([function, arguments, seconds]), file=warm.stdin, flush=True)
            return json.loads(warm.stdout.readline())

        yield ask
        warm.stdin.close()


@dataclass
class Scene:
    """An instance and a bucket."""

    home: Path
    store: Any
    child: Child

    def kill(self, body: str, event: str, manager: str = "", options: dict[str, Any] | None = None) -> None:
        """A run whose process is killed when `event` happens in its client."""
        arguments = {"home": str(self.home), "body": body, "bucket": self.store.bucket, "manager": manager}
        code, _ = self.child("run", options=options or self.store.options, event=event, **arguments)
        assert code == -signal.SIGKILL

    def journals(self) -> list[Path]:
        folder = self.home / "leftovers"
        return list(folder.iterdir()) if folder.exists() else []

    def prune(self, dry_run: bool = False) -> list[Removal]:
        with DagsterInstance.from_config(str(self.home)) as instance:
            return list(prune(instance, dry_run=dry_run))

    def objects(self) -> dict[str, int]:
        listed = self.store.client.list_objects_v2(Bucket=self.store.bucket)
        return {each["Key"]: each["Size"] for each in listed.get("Contents", [])}


@pytest.fixture
def scene(embedded: Any, child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    # Where every AWS tool finds them, and the journals do not have them.
    for option in SECRETS:
        monkeypatch.setenv(option.upper(), embedded.options[option])
    return Scene(tmp_path, embedded, child)


SENT, ANSWERED = "before-send.s3.{}", "response-received.s3.{}"
AFTER_A_PART = "after-call.s3.UploadPart"
CASES = [
    ("value", "s3_pickle_io_manager", AFTER_A_PART),
    ("value", "versioned_s3_io_manager", AFTER_A_PART),
    ("file", "", "none"),
    ("cached", "", "none"),
    ("upload", "", AFTER_A_PART),
    ("upload", "", ANSWERED.format("CreateMultipartUpload")),  # its id was never known
    ("value", "s3_pickle_io_manager", ANSWERED.format("CreateMultipartUpload")),
    ("upload", "", SENT.format("CompleteMultipartUpload")),
    ("abandoned", "", SENT.format("AbortMultipartUpload")),
]


@pytest.mark.parametrize(("body", "manager", "event"), CASES)
def test_the_upload_of_a_killed_process_is_cleared(scene: Scene, body: str, manager: str, event: str) -> None:
    scene.kill(body, event, manager)
    (pending,) = scene.store.pending_uploads()
    would_go = scene.prune(dry_run=True)
    assert len(scene.store.pending_uploads()) == len(scene.journals()) == 1
    (removal,) = would_go
    (removed,) = scene.prune()
    assert (removed.kind, removed.name) == (removal.kind, removal.name)
    assert (removal.kind, removal.name) == (
        "multipart upload",
        f"s3://{scene.store.bucket}/{pending['Key']} (upload {pending['UploadId']})",
    )
    assert (removed.size_bytes or 0) % (8 * MIB) == 0  # some parts of 8 or 16 MiB
    assert bool(removed.size_bytes) is (body != "abandoned" and "Create" not in event)
    assert (scene.store.pending_uploads(), scene.journals(), scene.objects()) == ([], [], {})
    assert scene.prune() == []


@pytest.mark.parametrize(
    ("body", "event", "is_stored"),
    [
        ("upload", SENT.format("CreateMultipartUpload"), False),
        ("upload", ANSWERED.format("CompleteMultipartUpload"), True),
        ("abandoned", ANSWERED.format("AbortMultipartUpload"), False),
    ],
)
def test_an_upload_that_is_not_there_is_forgotten(scene: Scene, body: str, event: str, is_stored: bool) -> None:
    scene.kill(body, event)
    assert (scene.store.pending_uploads(), len(scene.journals())) == ([], 1)
    assert scene.prune(dry_run=True) == scene.prune() == []
    assert scene.journals() == []
    assert scene.objects() == ({"own/upload": 40 * MIB} if is_stored else {})


@pytest.mark.parametrize("event", [AFTER_A_PART, ANSWERED.format("CreateMultipartUpload")])
def test_uploads_of_others_are_left_alone(scene: Scene, event: str) -> None:
    """Of the same key, in the same bucket: one of a process that lives, one of who knows whom."""
    client = make_client(scene.store.options, leftovers=Leftovers(scene.home / "leftovers"))
    place = {"Bucket": scene.store.bucket, "Key": "own/upload"}
    living = client.create_multipart_upload(**place)["UploadId"]
    client.upload_part(**place, UploadId=living, PartNumber=1, Body=b"x")
    foreign = scene.store.client.create_multipart_upload(**place)["UploadId"]
    scene.store.client.upload_part(**place, UploadId=foreign, PartNumber=1, Body=b"x")
    scene.store.client.create_multipart_upload(Bucket=scene.store.bucket, Key="own/upload2")
    assert scene.prune() == []
    scene.kill("upload", event)
    assert len(scene.store.pending_uploads()) == 4
    if event == AFTER_A_PART:
        assert len(scene.prune()) == 1
    else:
        # The living one could be in the moment between its beginning and its first part.
        with pytest.raises(DagsterStorageError, match="Prune again when that process has ended") as raised:
            scene.prune()
        assert f"s3://{scene.store.bucket}/own/upload" in str(raised.value)
        client.abort_multipart_upload(**place, UploadId=living)
        assert len(scene.prune()) == 1
    left = {each["UploadId"] for each in scene.store.pending_uploads() if each["Key"] == "own/upload"}
    assert left == ({living, foreign} if event == AFTER_A_PART else {foreign})
    client.abort_multipart_upload(**place, UploadId=living)
    assert scene.journals() == []


def test_no_secret_is_written(scene: Scene) -> None:
    role = {"role_arn": "arn:aws:iam::123456789012:role/writer", "external_id": "a-secret-id"}
    client = make_client({**scene.store.options, **role}, leftovers=Leftovers(scene.home / "leftovers"))
    client.meta.events.register("before-call.s3.CreateMultipartUpload", lambda **_: (Answer, {}))
    client.create_multipart_upload(Bucket="b", Key="k")
    (path,) = scene.journals()
    written = path.read_text()
    assert role["role_arn"] in written
    for secret in ("a-secret-id", *(scene.store.options[name] for name in SECRETS)):
        assert f'"{secret}"' not in written


class Answer:
    """An answer of no store."""

    status_code = 200


def test_a_bucket_that_cannot_be_reached_keeps_the_journal_and_the_rest_is_pruned(scene: Scene) -> None:
    with FaultProxy(scene.store.options["endpoint_url"]) as proxy:
        behind = {**scene.store.options, "endpoint_url": proxy.endpoint_url, "max_attempts": 1}
        scene.kill("upload", AFTER_A_PART, options=behind)
        scene.kill("file", "none")
        assert len(scene.store.pending_uploads()) == 2
        proxy.inject(Fault.error("AccessDenied"), operations=["AbortMultipartUpload"])
        (scene.home / "dagster.yaml").write_text("retention: {runs: {max_count: 0}}")
        removed: list[str] = []
        with DagsterInstance.from_config(str(scene.home)) as instance:
            instance.create_run("ended", status=PipelineRunStatus.SUCCESS)
            with pytest.raises(DagsterStorageError, match="allow s3:AbortMultipartUpload there"):
                removed.extend(each.kind for each in prune(instance))
        assert (removed.count("multipart upload"), removed.count("run")) == (1, 1)
        assert (len(scene.store.pending_uploads()), len(scene.journals())) == (1, 1)
    with pytest.raises(DagsterStorageError, match="Cannot connect to http://127") as raised:
        scene.prune()
    assert f"s3://{scene.store.bucket}/own/upload" in str(raised.value)
    (path,) = scene.journals()
    assert str(path) in str(raised.value)
    path.write_text(path.read_text().replace(behind["endpoint_url"], scene.store.options["endpoint_url"]))
    assert len(scene.prune()) == 1
    assert (scene.store.pending_uploads(), scene.journals()) == ([], [])


def test_a_bucket_that_was_deleted_has_no_uploads(scene: Scene) -> None:
    scene.kill("upload", AFTER_A_PART)
    (path,) = scene.journals()
    path.write_text(path.read_text().replace(scene.store.bucket, "no-such-bucket"))
    assert scene.prune() == []
    assert scene.journals() == []


def test_by_command_without_limits(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(scene.home))
    scene.kill("file", "none")
    listed = CliRunner().invoke(main, ["instance", "prune", "--dry-run"])
    assert re.search(r"1 thing would be deleted, \d+\.0 MiB", listed.output)
    assert len(scene.store.pending_uploads()) == 1
    done = CliRunner().invoke(main, ["instance", "prune"])
    assert done.exit_code == 0
    first, second = (json.loads(each.stdout.splitlines()[0]) for each in (listed, done))
    assert (first["kind"], first["name"]) == (second["kind"], second["name"])
    assert scene.store.pending_uploads() == []
    assert "Nothing to delete" in CliRunner().invoke(main, ["instance", "prune"]).output


def test_a_run_that_ends_leaves_no_journal_and_one_without_uploads_makes_none(scene: Scene) -> None:
    from cloudstore import s3_pickle_io_manager, s3_resource  # as the pipelines of users do

    found: list[int] = []

    @solid(config_schema=int, required_resource_keys={"s3"})
    def value(context: Any) -> bytes:
        def look(**_: Any) -> None:
            found.append(len(scene.journals()))

        context.resources.s3.meta.events.register("before-send.s3.UploadPart", look)
        return bytes(context.solid_config)

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": s3_pickle_io_manager})])
    def values() -> None:
        value()

    resources = {
        "s3": {"config": scene.store.options},
        "io_manager": {"config": {"s3_bucket": scene.store.bucket}},
    }
    with DagsterInstance.from_config(str(scene.home)) as instance:
        for size in (MIB, 20 * MIB):
            config = {"resources": resources, "solids": {"value": {"config": size}}}
            assert execute_pipeline(values, config, instance=instance).success
            assert not (scene.home / "leftovers").exists()
    assert found == [1, 1]
    assert scene.journals() == []
    with DagsterInstance.ephemeral() as instance:
        assert instance.leftovers is None
