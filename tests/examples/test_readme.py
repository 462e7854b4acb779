"""The README's own example does what the README says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cloudstore.testing import EmbeddedS3Server

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
CLOUDSTORE = str(Path(sys.executable).with_name("cloudstore"))


def fenced(language: str, containing: str) -> str:
    """The README's code block in a language that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (block,) = [each for each in blocks if containing in each]
    return str(block)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prices.py").write_text(fenced("python", "def prices"), "utf-8")
    return tmp_path


def run(command: str, folder: Path, server: EmbeddedS3Server, bucket: str) -> str:
    """What a shell command of the README prints, with the bucket's name in place of the README's."""
    command = re.sub(r"cloudstore (run|plan) ", rf"{CLOUDSTORE} \1 ", command.replace("my-bucket", bucket))
    environment = {**os.environ, **server.environment(), "HOME": str(folder)}
    environment.pop("DAGSTER_HOME", None)
    shell = ["bash", "-ec", command]
    result = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


def outcomes(printed: str) -> dict[str, str]:
    """Step -> outcome, from the lines of progress."""
    return dict(re.findall(r"\] (\w+) +(executed|memoized)", printed))


def test_the_example_runs_and_is_memoized(folder: Path, s3_server: EmbeddedS3Server, bucket: str) -> None:
    command = fenced("sh", "cloudstore run -f prices.py")
    assert outcomes(run(command, folder, s3_server, bucket)) == {"fetch_prices": "executed", "smooth": "executed"}
    assert outcomes(run(command, folder, s3_server, bucket)) == {"fetch_prices": "memoized", "smooth": "memoized"}
    changed = command.replace("window=5", "window=7")
    assert changed != command
    why = run(changed.replace("cloudstore run", "cloudstore plan"), folder, s3_server, bucket)
    assert re.search(r"^smooth\twould run\tconfig `window`: 5 → 7\t", why, re.MULTILINE), why
    assert outcomes(run(changed, folder, s3_server, bucket)) == {"fetch_prices": "memoized", "smooth": "executed"}


def test_the_yaml_gives_the_same_config(folder: Path, s3_server: EmbeddedS3Server, bucket: str) -> None:
    config = fenced("yaml", "fetch_prices:").replace("my-bucket", bucket)
    (folder / "config.yaml").write_text(config, "utf-8")
    printed = run("cloudstore run -f prices.py -c config.yaml", folder, s3_server, bucket)
    assert outcomes(printed) == {"fetch_prices": "executed", "smooth": "executed"}
    stored = s3_server.client().list_objects_v2(Bucket=bucket, Prefix="teams/prices/")
    assert stored["KeyCount"] == 2


def test_dagster_yaml_sends_logs_to_the_bucket(folder: Path, s3_server: EmbeddedS3Server, bucket: str) -> None:
    home = folder / "cloudstore"
    home.mkdir()
    (home / "dagster.yaml").write_text(fenced("yaml", "S3ComputeLogManager").replace("my-bucket", bucket), "utf-8")
    run(fenced("sh", "cloudstore run -f prices.py"), folder, s3_server, bucket)
    listed = s3_server.client().list_objects_v2(Bucket=bucket, Prefix="teams/logs/")["Contents"]
    (key,) = [item["Key"] for item in listed if item["Key"].endswith("/fetch_prices.out")]
    assert s3_server.client().get_object(Bucket=bucket, Key=key)["Body"].read() == b"fetching 30 days\n"
