"""The flights pipeline by the command line, as a user runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ROOT = Path(__file__).parents[2]
FLIGHTS = ROOT / "examples" / "flights"
CLOUDSTORE = Path(sys.executable).with_name("cloudstore")
CHANGED = "solids.delays_by_carrier.config.min_flights=5000"
STEPS = 11


@pytest.fixture
def environment(options: dict[str, Any], bucket: str, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {
        **os.environ,
        "AWS_ENDPOINT_URL_S3": options["endpoint_url"],
        "AWS_DEFAULT_REGION": options["region_name"],
        "DAGSTER_HOME": str(home),
        "FLIGHTS_BUCKET": bucket,
    }


def run_flights(environment: dict[str, str], folder: Path, *settings: str) -> dict[str, str]:
    """Runs it; returns the outcome of each step."""
    command = [
        str(CLOUDSTORE),
        "run",
        "-f",
        str(FLIGHTS / "pipeline.py"),
        "--mode",
        "s3",
        "-c",
        str(FLIGHTS / "s3.yaml"),
    ]
    command += [word for setting in settings for word in ("--set", setting)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(re.findall(r"\] (\w+) +(executed|memoized)", done.stdout + done.stderr))


def test_flights_are_computed_once(environment: dict[str, str], client: S3Client, bucket: str, tmp_path: Path) -> None:
    cold = run_flights(environment, tmp_path)
    assert list(cold.values()) == ["executed"] * STEPS
    stored = {item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert {key.split("/")[1] for key in stored} == {"files", "values"}

    assert list(run_flights(environment, tmp_path).values()) == ["memoized"] * STEPS
    changed = run_flights(environment, tmp_path, CHANGED)
    executed = {step for step, outcome in changed.items() if outcome == "executed"}
    assert executed == {"delays_by_carrier", "draw_chart", "summarize"}
    charts = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"] if item["Key"].endswith(".png")]
    assert len(charts) == 2
    assert client.get_object(Bucket=bucket, Key=charts[0])["Body"].read(8) == b"\x89PNG\r\n\x1a\n"
