"""The command `cloudstore` as users run it: a process of its own, in a folder with a pipeline's file."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloudstore.testing import EmbeddedS3Server

COMMAND = Path(sys.executable).parent / "cloudstore"
WARM_COMMAND = Path(__file__).with_name("warm_command.py")
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "PYTHONPYCACHEPREFIX")

PIPELINE = """
import sys
from cloudstore import s3_resource, versioned_s3_io_manager
from core import Field, ModeDefinition, StringSource, fs_io_manager, pipeline, solid, versioned_filesystem_io_manager

@solid(config_schema={"months": [int], "title": Field(StringSource, default_value="Months")}, version="1")
def clean(context):
    print("cleaning", context.solid_config["title"], context.solid_config["months"])
    print("a warning of clean", file=sys.stderr)
    return context.solid_config["months"]

@solid(version="1")
def report(rows):
    print("reporting é", rows)
    return sum(rows)

@solid(config_schema={"fail": Field(bool, default_value=False)}, version="1")
def check(context, total):
    if context.solid_config["fail"]:
        raise ValueError(f"{total} is too much")
    return total

local = ModeDefinition("local", resource_defs={"io_manager": versioned_filesystem_io_manager})
s3 = ModeDefinition("s3", resource_defs={"s3": s3_resource, "io_manager": versioned_s3_io_manager})

@pipeline(mode_defs=[local, s3])
def flights():
    check(report(clean()))
"""

S3_CONFIG = """
resources:
  s3:
    config:
      endpoint_url: {env: STORE_URL}
      aws_access_key_id: {env: STORE_KEY}
      aws_secret_access_key: {env: STORE_SECRET}
      region_name: us-east-1
      addressing_style: path
  io_manager:
    config:
      s3_bucket: {env: STORE_BUCKET}
"""


class WarmCommand:
    """Runs commands as `warm_command.py` does."""

    def __init__(self, folder: Path) -> None:
        self._outputs = folder / "out", folder / "err"
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WARM_COMMAND)],
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        for path in self._outputs:
            path.write_bytes(b"")
        code = self._ended(command, folder, environment, self._outputs)
        return subprocess.CompletedProcess(command, code, *(path.read_text("utf-8") for path in self._outputs))

    def run_on_terminal(
        self, command: list[str], folder: Path, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command whose output, both streams of it, goes to a terminal."""
        ours, its = pty.openpty()
        tty.setraw(its)  # newlines come as they are
        shown: list[bytes] = []
        reader = threading.Thread(target=lambda: shown.extend(_until_hung_up(ours)))
        reader.start()
        try:
            code = self._ended(command, folder, environment, [Path(os.ttyname(its))] * 2)
        finally:
            os.close(its)
            reader.join()
            os.close(ours)
        return subprocess.CompletedProcess(command, code, b"".join(shown).decode(), "")

    def _ended(self, command: list[str], folder: Path, environment: dict[str, str], outputs: Sequence[Path]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        program, *arguments = command
        request = [program, arguments, str(folder), environment, *map(str, outputs)]
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate()


def _until_hung_up(descriptor: int) -> Iterator[bytes]:
    with suppress(OSError):  # EIO, when nobody has the other end open any more
        while chunk := os.read(descriptor, 1 << 16):
            yield chunk


@pytest.fixture(scope="session")
def warm_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmCommand]:
    warm = WarmCommand(tmp_path_factory.mktemp("warm"))
    yield warm
    warm.end()


@dataclass
class Project:
    """A user's folder.

    Attributes:
        folder: where commands run; has `flights.py`, `config.yaml` and `s3.yaml`.
        home: what DAGSTER_HOME names, where a command is given it.
        variables: environment variables that every command gets.
        program: the command itself.
        warm: what starts it.
    """

    folder: Path
    warm: WarmCommand
    variables: dict[str, str] = field(default_factory=dict)
    program: Path = COMMAND

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.write("flights.py", PIPELINE)
        self.write("config.yaml", "solids: {clean: {config: {months: [1, 2]}}}\n")
        self.write("s3.yaml", S3_CONFIG)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def environment(self, with_home: bool = True) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        home = {"DAGSTER_HOME": str(self.home)} if with_home else {}
        return {**kept, "HOME": str(self.folder), "COLUMNS": "200", **home, **self.variables}

    def command(
        self, *arguments: str, with_home: bool = True, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs `cloudstore` with these arguments in a process of its own; its output is not a terminal's."""
        environment = {**self.environment(with_home), **(variables or {})}
        return self.warm.run([str(self.program), *arguments], self.folder, environment)

    def on_terminal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As `command`, with a terminal as the output; what both streams print is in `stdout`."""
        environment = {**self.environment(), "TERM": "xterm-256color"}
        return self.warm.run_on_terminal([str(self.program), *arguments], self.folder, environment)

    def run(self, *arguments: str, with_home: bool = True) -> subprocess.CompletedProcess[str]:
        """A run that succeeds, unless `arguments` break it."""
        return self.command("run", "-f", "flights.py", "-c", "config.yaml", *arguments, with_home=with_home)

    def run_id(self, done: subprocess.CompletedProcess[str]) -> str:
        """The id of the run in the output of `run`."""
        found = re.search(r"run ([0-9a-f-]{36})", done.stdout)
        assert found, done.stdout + done.stderr
        return found[1]


@pytest.fixture
def project(tmp_path: Path, warm_command: WarmCommand) -> Project:
    return Project(tmp_path, warm_command)


@pytest.fixture
def s3_project(project: Project, s3_server: EmbeddedS3Server, bucket: str) -> Project:
    project.variables.update(
        STORE_URL=s3_server.endpoint_url,
        STORE_KEY=s3_server.access_key,
        STORE_SECRET=s3_server.secret_key,
        STORE_BUCKET=bucket,
    )
    return project
