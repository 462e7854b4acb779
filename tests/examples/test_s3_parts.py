"""The file of each S3 part runs as it stands, and does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cloudstore.testing import EmbeddedS3Server

FOLDER = Path(__file__).parents[2] / "examples" / "s3_parts"

SAYS = {
    "client": r"Good morning, from s3://BUCKET/examples/client/[0-9a-f-]+\.txt\n",
    "files": (
        r"The squares in s3://BUCKET/examples/files/\w+\.csv add up to 333328333350000; "
        r"a copy is at s3://BUCKET/examples/squares\.csv\n"
    ),
    "file_cache": r"(s3://BUCKET/examples/cache/measurements/2024-05-01\.csv\n){2}",
    "intermediate_storage": (
        r"Brno - Wien - Graz: executed describe again "
        r"on s3://BUCKET/examples/storage/[0-9a-f-]+/intermediates/plan_route/result\n"
    ),
    "values": (
        r"\['and', 'the'\]: executed count_words, frequent_words\n"
        r"\['the'\]: executed frequent_words\n"
    ),
    "compute_logs": (
        r"(3 \.\.\.\n2 \.\.\.\n1 \.\.\.\n)?s3://BUCKET/examples/logs/storage/[0-9a-f-]+/compute_logs/count_down\.out: "
        r"\['3', '\.\.\.', '2', '\.\.\.', '1', '\.\.\.'\]\n"
    ),
}


def run(name: str, server: EmbeddedS3Server, bucket: str, folder: Path) -> tuple[str, str]:
    foreign = ("AWS_", "DAGSTER_", "CLOUDSTORE_", "S3_")
    kept = {variable: value for variable, value in os.environ.items() if not variable.startswith(foreign)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(FOLDER / f"{name}.py")],
        cwd=folder,
        env={**kept, **server.environment(), "S3_BUCKET": bucket, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_every_part_has_its_file_and_its_line() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files == set(SAYS)
    assert set(re.findall(r"^\| `(\w+)\.py`", (FOLDER / "README.md").read_text("utf-8"), re.MULTILINE)) == files


@pytest.mark.parametrize("name", SAYS)
def test_a_file_runs(name: str, s3_server: EmbeddedS3Server, bucket: str, tmp_path: Path) -> None:
    said, logged = run(name, s3_server, bucket, tmp_path)
    assert re.fullmatch(SAYS[name].replace("BUCKET", bucket), said), said
    assert list(tmp_path.iterdir()) == []  # nothing is left on the disk
    if name == "file_cache":
        assert logged.count("2024-05-01.csv is fetched") == 1
        assert logged.count("2024-05-01.csv was fetched before") == 1
    if name in ("compute_logs", "intermediate_storage"):
        keys = [each["Key"] for each in s3_server.client().list_objects_v2(Bucket=bucket)["Contents"]]
        ends = {"compute_logs": "/count_down.out", "intermediate_storage": "/intermediates/plan_route/result"}
        assert any(key.endswith(ends[name]) for key in keys)
