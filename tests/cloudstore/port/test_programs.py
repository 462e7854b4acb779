"""Programs of the kinds that people had, in `programs`, as they were written for Dagster 0.11: ported, and run.

Which of their names are not here is a list that follows from what is. A program of which none is missing is run.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import cloudstore
import core
from cloudstore.port.code import port_code
from cloudstore.testing import EmbeddedS3Server

PROGRAMS = Path(__file__).with_name("programs")

# Names that each program uses, and that were not here when it was written.
NAMES = {
    "s3_upload": {"HookContext", "PresetDefinition", "failure_hook", "success_hook"},
    "managers": set[str](),
    "loader": {"dagster_type_loader"},
    "fan_out": {"DynamicOutput", "DynamicOutputDefinition", "composite_solid"},
    "sensors": set[str](),
    "frames": {"dagster_pandas", "DataFrame", "PandasColumn.integer_column", "create_dagster_pandas_dataframe_type"},
}
NEVER = {"PandasColumn.integer_column", "create_dagster_pandas_dataframe_type"}  # other names stand for them

RUNS = {
    "s3_upload": [(["--preset", "local"], "hook: done upload"), (["-p", "prod"], "hook: done upload")],
    "managers": [([], "read [('a', 3), ('b', 4)]")],
    "loader": [(["--set", "solids.add.inputs.numbers.count=4"], "the total is 6")],
    "fan_out": [
        (["-a", "greetings", "--set", "solids.names.config=[b, a]"], "joined: A, B"),
        (["-a", "greeting", "--set", "solids.shout.inputs.name=x"], "emphasize.exclaim"),
    ],
    "sensors": [
        (["--set", "solids.process.config.name=x"], "processed x"),
        (["-a", "files.per_file", "--set", "solids.process.config.name=y"], "processed y"),
    ],
}

OLD_IMPORT = re.compile(r"^\s*(?:from|import) dagster\w*", re.MULTILINE)


def is_here(name: str) -> bool:
    if name in NEVER:
        return False
    if name in ("DataFrame", "dagster_pandas"):
        return _can_import("core.tables")
    return name in core.__all__ or name in cloudstore.__all__ or _can_import_from("core.experimental", name)


def _can_import(module: str) -> bool:
    try:
        __import__(module)
    except ModuleNotFoundError:
        return False
    return True


def _can_import_from(module: str, name: str) -> bool:
    return _can_import(module) and hasattr(sys.modules[module], name)


def test_each_program_has_its_list() -> None:
    assert {path.stem for path in PROGRAMS.glob("*.py")} == NAMES.keys()


@pytest.mark.parametrize("program", sorted(NAMES))
def test_what_is_missing_is_told_and_what_is_not_runs(
    program: str, tmp_path: Path, s3_server: EmbeddedS3Server, bucket: str
) -> None:
    source = (PROGRAMS / f"{program}.py").read_bytes()
    ported = port_code(source)
    told = {re.sub(r"^dagster\w*(?:\.experimental)?\.", "", note.text.split()[0]) for note in ported.notes}
    missing = {name for name in NAMES[program] if not is_here(name)}
    assert told == missing
    text = ported.content.decode()
    assert len(text.splitlines()) in range(len(source.splitlines()), len(source.splitlines()) + 3)
    if missing:
        assert bool(OLD_IMPORT.search(text)) == ("dagster_pandas" in missing), (
            "what is left says what to use, where it can"
        )
        return
    assert not OLD_IMPORT.search(text)
    text = text.replace('"STORE_URL"', repr(s3_server.endpoint_url)).replace('"STORE_BUCKET"', repr(bucket))
    (tmp_path / f"{program}.py").write_text(text)
    for arguments, printed in RUNS[program]:
        done = run(tmp_path, [f"{program}.py", *arguments], s3_server)
        assert done.returncode == 0, done.stdout + done.stderr
        assert printed in done.stdout + done.stderr
    if program == "s3_upload":
        stored = s3_server.client().get_object(Bucket=bucket, Key="reports/squares.csv")["Body"].read()
        assert stored == b"n,square\r\n0,0\r\n1,1\r\n2,4\r\n"


def run(folder: Path, arguments: list[str], server: EmbeddedS3Server) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cloudstore", "run", "-f", *arguments]
    variables = {**server.environment(), "HOME": str(folder), "DAGSTER_HOME": str(folder / "home"), "PATH": "/usr/bin"}
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=120)


def test_a_name_that_is_missing_says_at_once_what_to_use(tmp_path: Path) -> None:
    missing = sorted(name for name in {*NAMES["fan_out"], "QueuedRunCoordinator"} if not is_here(name))
    ported = port_code("".join(f"from dagster import {name}\n" for name in missing).encode())
    for line, name in zip(ported.content.decode().splitlines(), missing, strict=True):
        done = subprocess.run([sys.executable, "-c", line], cwd=tmp_path, capture_output=True, text=True)
        assert f"ImportError: {name!r} of Dagster 0.11 is not in 'core'. " in done.stderr
