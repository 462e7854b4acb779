"""LocalStack's S3 without docker, for as long as a command runs, or until Ctrl-C.

    python3.11 localstack/run_host.py -- COMMAND ARGUMENT...
    python3.11 localstack/run_host.py

It needs Python 3.11 and nothing else. The first start sets up `.venv-localstack` beside this folder, of the versions
in constraints.txt.
The command finds the endpoint in CLOUDSTORE_TEST_S3_ENDPOINT, and in the variables that every AWS tool reads; its exit
code is this program's. LocalStack listens on 127.0.0.1 only; it, the command and all they stored in temporary folders
of this program are gone when this program is, whatever ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BOUND_EXEC = ROOT / "cloudstore" / "testing" / "bound_exec.py"
CONSTRAINTS = HERE / "constraints.txt"
ENVIRONMENT = ROOT / ".venv-localstack"
INSTALLED = ENVIRONMENT / ".installed"  # has the constraints that it was installed by
REQUIREMENT = "localstack-core[base-runtime]==4.12.0"

INTERRUPT_SECONDS = 10.0  # for the command to end by the Ctrl-C that the terminal sent to it too
TERMINATE_SECONDS = 5.0  # then, after SIGTERM
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A stop signal came; `args[0]` is its number."""


def main() -> int:
    """Runs it; returns the exit code."""
    options = _options()
    try:
        with _stop_signals_raise():
            install(options.python)
            with running_localstack() as endpoint:
                print(f"LocalStack's S3 is at {endpoint}", file=sys.stderr, flush=True)
                if options.command:
                    return run(options.command, {**_inherited(), **variables(endpoint)})
                print("To use it, paste into a shell:\n", file=sys.stderr)
                print("\n".join(f"export {each}" for each in _assignments(endpoint)), flush=True)
                print("\nPress Ctrl-C to stop.", file=sys.stderr, flush=True)
                while True:
                    signal.pause()
    except Stopped as stopped:
        return 128 + int(stopped.args[0])
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"run_host.py: {error}", file=sys.stderr)
        return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--python", default="python3.11", help="the interpreter that LocalStack gets (default: %(default)s)"
    )
    parser.add_argument("command", nargs="*", metavar="-- COMMAND", help="what to run; without it: until Ctrl-C")
    return parser.parse_args()


def install(python: str) -> None:
    """Sets up the environment, unless it is there with the same constraints.

    Raises:
        RuntimeError: there is no such interpreter.
        subprocess.CalledProcessError: it has no venv, or a package cannot be installed.
    """
    wanted = CONSTRAINTS.read_text("utf-8")
    if INSTALLED.is_file() and INSTALLED.read_text("utf-8") == wanted:
        return
    interpreter = shutil.which(python)
    if interpreter is None:
        raise RuntimeError(
            f"there is no {python} on the PATH; name yours: --python PATH (LocalStack's pins are of 3.11)"
        )
    print(f"Installing {REQUIREMENT} into {ENVIRONMENT}", file=sys.stderr, flush=True)
    pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # stdout is the command's alone.
    subprocess.run([interpreter, "-m", "venv", "--clear", ENVIRONMENT], check=True, stdout=sys.stderr)  # noqa: S603  no shell
    subprocess.run([*pip, "--constraint", CONSTRAINTS, REQUIREMENT], check=True, stdout=sys.stderr)  # noqa: S603  no shell
    INSTALLED.write_text(wanted, "utf-8")


@contextmanager
def running_localstack() -> Iterator[str]:
    """Has LocalStack run during the block, which is given its endpoint. Raises RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="cloudstore-localstack-", ignore_cleanup_errors=True) as folder:
        guard = subprocess.Popen(  # noqa: S603  no shell, and every word of the command is ours
            [sys.executable, "-I", HERE / "guard.py", ENVIRONMENT / "bin" / "python", folder],
            stdin=subprocess.PIPE,  # it stops LocalStack when this is closed, by us or by our death
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is ours to answer
        )
        assert guard.stdin is not None
        assert guard.stdout is not None
        try:
            line = guard.stdout.readline()
            if not line:
                raise RuntimeError("LocalStack did not start; what it printed last stands above.")
            yield json.loads(line)["endpoint"]
        finally:
            guard.stdin.close()
            guard.wait()


def run(command: list[str], environment: dict[str, str]) -> int:
    """Runs a command bound to this process, and returns its exit code; one that does not end with us is ended."""
    program = shutil.which(command[0])
    if program is None:
        raise RuntimeError(f"there is no program {command[0]!r}.")
    words = [program, *command[1:]]
    if sys.platform == "linux":
        words = [sys.executable, "-I", "-S", str(BOUND_EXEC), str(os.getpid()), *words]
    process = subprocess.Popen(words, env=environment)  # noqa: S603  running what the user gave is the purpose
    try:
        code = process.wait()
    except Stopped as stopped:
        _end(process, INTERRUPT_SECONDS if stopped.args[0] == signal.SIGINT else 0)
        raise
    return code if code >= 0 else 128 - code


def _end(process: subprocess.Popen[bytes], patience_seconds: float) -> None:
    for seconds, ask in ((patience_seconds, process.terminate), (TERMINATE_SECONDS, process.kill)):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            ask()
    process.wait()


def variables(endpoint: str) -> dict[str, str]:
    """The environment variables that point the tests, boto3 and other tools to the endpoint."""
    return {
        "CLOUDSTORE_TEST_S3_ENDPOINT": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        "AWS_ACCESS_KEY_ID": "test",  # LocalStack takes any
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def _assignments(endpoint: str) -> list[str]:
    return [f"{name}={shlex.quote(value)}" for name, value in variables(endpoint).items()]


def _inherited() -> dict[str, str]:
    """Our environment without profiles, tokens and other endpoints of the user's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


@contextmanager
def _stop_signals_raise() -> Iterator[None]:
    """Raises Stopped at the first stop signal; further ones do not disturb the stopping."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in STOP_SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    yield


if __name__ == "__main__":
    sys.exit(main())
