"""Keeps one LocalStack for run_host.py, and ends it and its folder when run_host.py is gone, however that ended.

Run as a script: `python -I guard.py PYTHON FOLDER`. PYTHON is that of LocalStack's environment, FOLDER an empty one for
all it writes. It prints {"endpoint": URL, "pid": NUMBER} when S3 answers. When its standard input ends, or LocalStack
does, it stops LocalStack by its process id, removes FOLDER and exits.

It is a process of its own because SIGKILL leaves run_host.py no time to remove anything. Should this one be killed,
the kernel kills LocalStack with it (bound_exec.py), and run_host.py removes the folder.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
BOUND_EXEC = Path(__file__).resolve().parent.parent / "cloudstore" / "testing" / "bound_exec.py"
SERVE = Path(__file__).resolve().with_name("serve.py")
READY_SECONDS = 120.0  # it takes 5 to 9 s on two cores
STOP_SECONDS = 15.0  # after SIGTERM; it takes 3 s
POLL_SECONDS = 0.1
LOG_TAIL_LINES = 15


def main(python: str, folder: Path) -> int:
    """Runs LocalStack until standard input ends; returns 0 then, and 1 when LocalStack failed."""
    process: subprocess.Popen[bytes] | None = None
    try:
        with _held_port() as port:
            process = _launch(python, folder, port)
            endpoint = f"http://{HOST}:{port}"
            if not _is_ready(process, endpoint):
                return _failed(folder, "did not get ready", process) if _is_wanted(0) else 0
        print(json.dumps({"endpoint": endpoint, "pid": process.pid}), flush=True)
        while _is_wanted(POLL_SECONDS):
            if process.poll() is not None:
                return _failed(folder, "ended by itself", process)
        return 0
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held_port() -> Iterator[int]:
    """A free port, on Linux bound by us but not listening during the block.

    As LocalStack's server says SO_REUSEADDR too, Linux lets it listen there, and keeps the choice of others away. That
    matters: where its port is taken, it does not end but waits for ever, and somebody else would answer us.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind((HOST, 0))
        port: int = held.getsockname()[1]
        if sys.platform != "linux":
            held.close()
        yield port


def _launch(python: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    address = f"{HOST}:{port}"
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),  # it caches its list of plugins below
        # Where it takes itself to be in a container, it goes by this and not by FILESYSTEM_ROOT: by default to
        # /tmp/localstack, which the first LocalStack to stop would take from all others.
        "TMPDIR": str(folder / "tmp"),
        "SERVICES": "s3",
        "EAGER_SERVICE_LOADING": "1",
        "STRICT_SERVICE_LOADING": "1",
        "GATEWAY_SERVER": "hypercorn",  # the default one ignores the host, and listens on every interface
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        "ACTIVATE_PRO": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "FILESYSTEM_ROOT": str(folder / "fs"),
    }
    command = [python, "-P", str(SERVE), str(folder / "s3")]
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", str(BOUND_EXEC), str(os.getpid()), *command]
    (folder / "tmp").mkdir()
    with (folder / "localstack.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  no shell, and every word of the command is ours
            command,
            cwd=folder,
            env=environment,  # nothing inherited: a hundred variables that a user may have set change what it does
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _is_ready(process: subprocess.Popen[bytes], endpoint: str) -> bool:
    """Waits until S3 runs: True; False when the process ended, the time is over, or nobody wants it any more."""
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline and _is_wanted(POLL_SECONDS):
        if _s3_state(endpoint) == "running":
            return True
    return False


def _s3_state(endpoint: str) -> str | None:
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=2)  # knows no proxies
    try:
        connection.request("GET", "/_localstack/health")
        state: str = json.loads(connection.getresponse().read())["services"]["s3"]
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return None
    else:
        return state
    finally:
        connection.close()


def _is_wanted(seconds: float) -> bool:
    """False as soon as standard input has ended, which is waited for so long. Nothing is ever written to it."""
    return not select.select([sys.stdin], [], [], seconds)[0]


def _failed(folder: Path, what: str, process: subprocess.Popen[bytes]) -> int:
    lines = (folder / "localstack.log").read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
    print(f"LocalStack {what} (exit code {process.poll()}); it printed last:", *lines, sep="\n  ", file=sys.stderr)
    return 1


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # through `finally`, not past it
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
