"""Processes that write without a pause, killed at random moments: what is in the bucket is whole, and what was
acknowledged is there.
"""

from __future__ import annotations

import json
import os
import random
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloudstore.transfer import list_objects
from cloudstore.values.objects import load
from cloudstore.values.place import Place
from core import DagsterInstance
from core.retention.prune import prune

PROGRAM = Path(__file__).with_name("killed_child.py")
PARTS = [
    "file manager",
    "file cache",
    "overwriting file cache",
    "values of a run",
    "values by version",
    "object store",
    "intermediate storage",
]
FILES = ("files/", "cache/", "overwritten/")
# A hundred take a minute or two; `make test-faults` asks for them.
KILLS = 100 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 21
LONGEST_SECONDS = 0.3


def killed(home: Path, store: Any, moments: list[tuple[str, float]]) -> dict[str, tuple[str, int]]:
    """Lets a process of its own write with each part, and kills it so many seconds after the first thing was stored.

    Returns:
        By key: the name and size of what was acknowledged last.
    """
    acknowledged: dict[str, tuple[str, int]] = {}
    environment = {**os.environ, "TMPDIR": str(home / "tmp")}
    with subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as warm:
        assert warm.stdin
        assert warm.stdout
        for number, (part, seconds) in enumerate(moments):
            place = {"home": str(home), "options": store.options, "bucket": store.bucket}
            line = ["write_for_ever", {**place, "part": part, "begin": f"{number}"}, seconds]
            print(json.dumps(line), file=warm.stdin, flush=True)
            code, told = json.loads(warm.stdout.readline())
            assert code == -signal.SIGKILL
            assert told
            acknowledged |= {key: (name, size) for key, name, size in told}
        warm.stdin.close()
    return acknowledged


def stored(store: Any, key: str) -> bytes:
    """The content of an object; that of a value as its reader has it, who verifies its sum."""
    if key.startswith(FILES):
        body: bytes = store.client.get_object(Bucket=store.bucket, Key=key)["Body"].read()
        return body
    loaded = load(Place(store.client, store.bucket, key))
    assert isinstance(loaded, bytes)
    return loaded


def is_whole(data: bytes, content: Any) -> bool:
    """Whether it is what was to be stored under the name and size that it begins with."""
    name, size = data.partition(b"\n")[0].decode().split()
    whole: bytes = content(name, int(size))
    return data == whole


def test_every_object_is_whole_or_absent(embedded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for option in ("aws_access_key_id", "aws_secret_access_key"):
        monkeypatch.setenv(option.upper(), embedded.options[option])
    tmp_path.joinpath("tmp").mkdir()
    dice = random.Random(20)
    moments = [(PARTS[number % len(PARTS)], dice.uniform(0, LONGEST_SECONDS)) for number in range(KILLS)]
    acknowledged = killed(tmp_path, embedded, moments)

    content = runpy.run_path(str(PROGRAM))["content"]
    objects = {each.key: each.size_bytes for each in list_objects(embedded.client, embedded.bucket, "")}
    assert set(acknowledged) <= set(objects)
    assert max(size for _, size in acknowledged.values()) > 10 << 20  # of several parts
    assert {key.split("/")[0] for key in objects} == {"files", "cache", "overwritten", "dagster", "o"}
    for key in objects:
        data = stored(embedded, key)
        assert is_whole(data, content), key
        if key in acknowledged and not key.startswith("overwritten/"):  # which a later one may have replaced
            assert data.startswith("{} {}\n".format(*acknowledged[key]).encode())

    pending = {each["UploadId"] for each in embedded.pending_uploads()}
    assert pending  # some were killed in the midst of one
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        removed = [each.name for each in prune(instance)]
    assert {name.rpartition(" ")[2].rstrip(")") for name in removed} == pending
    assert embedded.pending_uploads() == []
    assert not tmp_path.joinpath("leftovers").exists()
    assert list(tmp_path.joinpath("tmp").iterdir()) == []
