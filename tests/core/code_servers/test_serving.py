"""A code server: whatever its code does, it answers, and nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.code_calls.client import NotConnectedError, call
from core.code_calls.wire import HEARTBEAT, LIST_REPOSITORIES, PING, SERVER_ID, SHUT_DOWN, Address
from core.code_servers import CodeLocation
from core.errors import (
    CodeDeadlineExceededError,
    CodeProcessCrashedError,
    DagsterUserCodeProcessError,
    DagsterUserCodeUnreachableError,
)
from core.process.children import children_of
from tests.conftest import StartPython
from tests.core.code_servers.conftest import SHOP_FILE, StartServer, lives, until

# The client of gRPC that others use, in a process of its own: a process that has imported it cannot fork.
REAL_CLIENT = """
import json, sys, grpc
channel = grpc.insecure_channel(sys.argv[1])
def text(message):
    content = message.encode()
    length, head = len(content), bytearray([10])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes([*head, length]) + content
def read(message):
    at = 1
    while message[at] & 128:
        at += 1
    return message[at + 1:].decode()
def call(method, message=""):
    stub = channel.unary_unary(f"/api.DagsterApi/{method}", request_serializer=text, response_deserializer=read)
    try:
        return stub(message, timeout=30)
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
print(json.dumps({
    "ping": call("Ping", "é" * 1000),
    "id": call("GetServerId"),
    "long": len(call("Ping", "x" * 1_000_000)),
    "schedule": json.loads(call("ExternalScheduleExecution", sys.argv[2])),
    "repositories": json.loads(call("ListRepositories")),
    "unknown": call("Nothing"),
    "bad": call("ExternalScheduleExecution", "{"),
}))
"""


def test_a_client_of_gRPC_that_others_use_is_answered(start_server: StartServer, start_python: StartPython) -> None:
    server = start_server("--fixed-server-id", "a-server")
    server.location().repositories()
    question = {"repository": "shop", "schedule": "mornings", "due": "2021-05-01T04:00:00Z"}
    asked = json.dumps({"deadline_seconds": 30, "question": question})
    client = start_python(REAL_CLIENT, f"{server.told['host']}:{server.told['port']}", asked)
    out, err = client.communicate(timeout=60)
    told = json.loads(out or "{}")
    assert told["ping"] == "é" * 1000, err
    assert (told["id"], told["long"]) == ("a-server", 1_000_000)
    assert told["schedule"]["answer"]["run_requests"][0]["run_key"] == "06:00"
    assert [each["name"] for each in told["repositories"]["answer"]] == ["shop"]
    assert told["unknown"][0] == "UNIMPLEMENTED"
    assert told["bad"][0] == "INVALID_ARGUMENT"


def test_what_does_not_ask_the_code_never_waits_for_it(start_server: StartServer) -> None:
    server = start_server("--max-workers", "1")
    location = server.location()
    location.repositories()
    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(location.evaluate_sensor, "shop", "hangs", None, None, None, 60)
        until(lambda: children_of(server.code_pid()))
        waiting = threads.submit(location.evaluate_sensor, "shop", "new_files", None, None, None, 60)
        assert server.call(PING, "here") == "here"
        assert server.call(SERVER_ID) == server.told["server_id"]
        assert json.loads(server.call(LIST_REPOSITORIES))["answer"][0]["name"] == "shop"
        assert (location.can_cancel_run("a-run"), location.cancel_run("a-run")) == (False, False)
        assert not hanging.done()
        os.kill(next(iter(children_of(server.code_pid()))), signal.SIGKILL)
        with pytest.raises(CodeProcessCrashedError, match=r"its process was ended by SIGKILL\.$"):
            hanging.result()
        assert waiting.result().cursor == "c"


def test_one_that_hangs_is_ended_by_its_deadline_and_delays_no_other(start_server: StartServer) -> None:
    server = start_server()
    location = server.location()
    with ThreadPoolExecutor(9) as threads:
        hanging = [threads.submit(location.evaluate_sensor, "shop", "hangs", None, None, None, 1) for _ in range(8)]
        assert location.evaluate_sensor("shop", "new_files").cursor == "c"
        for each in hanging:
            with pytest.raises(CodeDeadlineExceededError, match="sensor 'hangs', has not answered within 1 s"):
                each.result()
    until(lambda: not children_of(server.code_pid()), 3)


@pytest.mark.parametrize(
    ("sensor", "said", "code"),
    [("exits", "its process ended with exit code 3", 3), ("is_killed", "its process was ended by SIGKILL", -9)],
)
def test_how_a_process_ended_is_told(start_server: StartServer, sensor: str, said: str, code: int) -> None:
    location = start_server().location()
    for _ in range(2):
        with pytest.raises(CodeProcessCrashedError, match=f"sensor {sensor!r}, has no answer: {said}") as caught:
            location.evaluate_sensor("shop", sensor)
        assert caught.value.exit_code == code


CLIENT = """
import sys
from core.code_servers import GrpcCodeLocation
from core.records.origin import GrpcServerRepositoryLocationOrigin
GrpcCodeLocation(GrpcServerRepositoryLocationOrigin("localhost", int(sys.argv[1]))).evaluate_sensor("shop", "hangs")
"""


def test_an_evaluation_that_nobody_waits_for_any_more_is_ended(
    start_server: StartServer, start_python: StartPython
) -> None:
    server = start_server()
    location = server.location()
    location.repositories()
    client = start_python(CLIENT, server.told["port"])
    until(lambda: children_of(server.code_pid()))
    client.kill()
    client.wait()
    until(lambda: not children_of(server.code_pid()), 3)


def test_an_evaluation_leaves_nothing_behind(start_server: StartServer) -> None:
    location = start_server().location()
    started = int(location.evaluate_sensor("shop", "starts_a_process").skip_message or "")
    until(lambda: not lives(started))


@pytest.mark.parametrize(
    ("sensor", "said"), [("forks", "the parent"), ("closes_descriptors", "closed"), ("says_much", "x" * 5_000_000)]
)
def test_what_code_does_to_its_process_is_its_own(start_server: StartServer, sensor: str, said: str) -> None:
    location = start_server().location()
    assert location.evaluate_sensor("shop", sensor).skip_message == said
    assert location.evaluate_sensor("shop", "new_files").cursor == "c"


def test_evaluations_draw_different_numbers(start_server: StartServer) -> None:
    location = start_server().location()
    assert len({location.evaluate_sensor("shop", "draws").skip_message for _ in range(3)}) == 3


def test_code_whose_process_is_killed_is_loaded_again(start_server: StartServer) -> None:
    server = start_server()
    location = server.location()
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(location.evaluate_sensor, "shop", "hangs")
        [evaluating] = until(lambda: children_of(server.code_pid()))
        os.kill(server.code_pid(), signal.SIGKILL)
        with pytest.raises(
            CodeProcessCrashedError, match="the one that had loaded the code, which was ended by SIGKILL"
        ):
            hanging.result()
    until(lambda: not lives(evaluating))
    assert location.evaluate_sensor("shop", "new_files").cursor == "c"


def _code(folder: Path, pipeline: str) -> Path:
    file = folder / "code.py"
    file.write_text(f"from core import pipeline\n@pipeline\ndef {pipeline}(): pass\n")
    return file


def _pipelines(location: CodeLocation) -> list[str]:
    return [each.name for repository in location.repositories() for each in repository.pipelines]


def test_code_that_was_edited_is_reloaded_and_what_is_under_way_goes_on(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(file=_code(tmp_path, "first"))
    location = server.location()
    assert _pipelines(location) == ["first"]
    _code(tmp_path, "second")
    assert _pipelines(location) == ["first"]
    location.reload()
    assert _pipelines(location) == ["second"]
    (tmp_path / "code.py").write_text("raise LookupError('no settings')")
    with pytest.raises(DagsterUserCodeProcessError, match=r"could not be loaded, raised: .*no settings"):
        location.reload()
    assert _pipelines(location) == ["second"]
    until(lambda: len(children_of(server.pid)) == 1)


def test_a_server_that_follows_its_files_serves_what_they_say(start_server: StartServer, tmp_path: Path) -> None:
    file, helper = _code(tmp_path, "first"), tmp_path / "helper_of_code.py"
    helper.write_text("")
    file.write_text("import helper_of_code\n" + file.read_text())
    server = start_server("--reload-changed-code", file=file)
    location = server.location()
    assert _pipelines(location) == ["first"]
    loaded = server.code_pid()
    assert _pipelines(location) == ["first"]
    assert server.code_pid() == loaded
    helper.write_text("raise LookupError('no settings')")
    for _ in range(2):
        with pytest.raises(DagsterUserCodeProcessError, match="no settings"):
            location.repositories()
    helper.unlink()
    _code(tmp_path, "mended")
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: _pipelines(location), range(8))) == [["mended"]] * 8
    until(lambda: len(children_of(server.pid)) == 1)


def test_code_that_cannot_be_loaded_ends_the_server_unless_it_is_lazy(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "code.py"
    file.write_text("raise LookupError('no settings')")
    server = start_server(file=file)
    assert (server.process.wait(30), server.told) == (1, {})
    assert "Error: Code location 'code.py', asked for its code, which could not be loaded, raised" in server.close()
    lazy = start_server("--lazy-load-user-code", file=file)
    with pytest.raises(DagsterUserCodeProcessError, match="no settings") as caught:
        lazy.location().repositories()
    assert "code.py" in caught.value.serializable_error_info.to_string()
    _code(tmp_path, "mended")
    assert _pipelines(lazy.location()) == ["mended"]


def test_code_that_hangs_while_it_is_loaded_blocks_only_who_asks_for_it(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = tmp_path / "code.py"
    file.write_text("import threading; threading.Event().wait()")
    server = start_server("--lazy-load-user-code", file=file)
    with pytest.raises(CodeDeadlineExceededError, match=r"within 0.2 s: its code is still being loaded"):
        server.location().repositories(0.2)
    assert server.call(PING, "here") == "here"
    loading = server.code_pid()
    server.process.terminate()
    assert server.process.wait(30) == 0
    assert not lives(loading)


def test_code_that_starts_threads_is_loaded_by_a_process_for_each_question(
    start_server: StartServer, tmp_path: Path
) -> None:
    file = _code(tmp_path, "first")
    file.write_text(
        file.read_text() + "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    server = start_server(file=file)
    assert _pipelines(server.location()) == ["first"]


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "ShutdownServer", "SIGKILL"])
def test_when_a_server_ends_nothing_of_it_goes_on(start_server: StartServer, tmp_path: Path, how: str) -> None:
    path = tmp_path / "socket"
    server = start_server(at=("--socket", str(path)))
    location = server.location()
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(location.evaluate_sensor, "shop", "hangs")
        code = server.code_pid()
        [evaluating] = until(lambda: children_of(code))
        if how == SHUT_DOWN:
            server.call(SHUT_DOWN)
        else:
            os.kill(server.pid, signal.Signals[how])
        with pytest.raises((CodeProcessCrashedError, DagsterUserCodeUnreachableError)):
            hanging.result()
    assert server.process.wait(30) == (-9 if how == "SIGKILL" else 0)
    until(lambda: not lives(code) and not lives(evaluating))
    assert path.exists() == (how == "SIGKILL")


def test_a_server_ends_with_its_standard_input(start_server: StartServer) -> None:
    server = start_server("--end-with-stdin")
    assert server.process.stdin is not None
    server.process.stdin.close()
    server.process.stdin = None
    assert server.process.wait(30) == 0


def test_a_server_ends_when_heartbeats_cease(start_server: StartServer) -> None:
    server = start_server("--heartbeat", "--heartbeat-timeout", "1")
    assert server.call(HEARTBEAT, "still here") == "still here"
    assert server.process.wait(30) == 0


def test_only_one_server_listens_at_an_address(start_server: StartServer, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    first = start_server(at=("--socket", str(path)))
    assert path.stat().st_mode & 0o777 == 0o600
    second = start_server(at=("--socket", str(path)))
    assert second.process.wait(30) == 1
    assert "cannot listen at" in second.close()
    assert first.call(PING) == ""
    first.process.kill()
    first.process.wait()
    assert start_server(at=("--socket", str(path))).call(PING) == ""  # the socket of one that was killed is in no way


def test_a_server_that_does_not_speak_gRPC_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def answer() -> None:
            connected, _ = listening.accept()
            connected.recv(1024)
            connected.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connected.close()

        answering = threading.Thread(target=answer)
        answering.start()
        with pytest.raises(DagsterUserCodeUnreachableError, match=r"does not speak HTTP/2|broke off"):
            call(Address("127.0.0.1", port), PING, "", 5)
        answering.join()
        with pytest.raises(DagsterUserCodeUnreachableError, match=r"has not answered Ping within 0.1 s"):
            call(Address("127.0.0.1", port), PING, "", 0.1)
    with pytest.raises(NotConnectedError, match=r"No code server answers at 127.0.0.1"):
        call(Address("127.0.0.1", port), PING, "", 5)


def test_many_ask_at_once(start_server: StartServer) -> None:
    location = start_server("--max-workers", "4").location()
    with ThreadPoolExecutor(16) as threads:
        due = datetime(2021, 5, 1, 4, tzinfo=UTC)
        asked = [threads.submit(location.evaluate_schedule, "shop", "mornings", due, 60) for _ in range(48)]
        assert {each.result().run_requests[0].run_key for each in asked} == {"06:00"}


def test_a_command_asks_whether_a_server_answers(start_server: StartServer) -> None:
    port = str(start_server().told["port"])
    command = [sys.executable, "-m", "cloudstore", "api", "grpc-health-check", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"The code server at localhost:{port} answers.\n")


OWNER = """
import sys, time
from core.code_calls.servers import own_servers
from core.code_servers import Workspace
from core.records.origin import LoadableTargetOrigin
[location] = Workspace.of_target(LoadableTargetOrigin(python_file=sys.argv[1])).locations()
location.repositories()
[server] = own_servers()._servers.values()
print(server.pid, server.address.socket, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["end", "SIGKILL"])
def test_a_server_that_a_process_has_started_ends_with_it(start_python: StartPython, how: str) -> None:
    owner = start_python(OWNER, SHOP_FILE)
    assert owner.stdin is not None
    assert owner.stdout is not None
    pid, path = owner.stdout.readline().split()
    assert Path(path).is_socket()
    [code] = children_of(pid)
    if how == "end":
        owner.stdin.close()
        assert owner.wait(30) == 0
    else:
        owner.kill()
    until(lambda: not lives(int(pid)) and not lives(code))
    assert not Path(path).parent.exists()
