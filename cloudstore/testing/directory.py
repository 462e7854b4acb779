"""The directory of one embedded S3 server: claimed by a lock, described by a small state file.

server.lock   held while the server or the process that started it lives
server.json   access key, secret key and ports, 0600: the next start in this directory uses them again
s3.json       the same credentials in the server's own format, 0600
server.log    what the server printed since its last start
seaweedfs/    the data
"""

import fcntl
import json
import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from cloudstore.testing.weed import EmbeddedS3ServerError, remove_dead_sockets
from core.disk.atomic_file import atomic_write
from core.disk.private import keep_private, make_folder, open_new

TEMPORARY_PREFIX: Final = "cloudstore-s3-"
LOG_TAIL_LINES: Final = 15


@dataclass(frozen=True)
class ServerState:
    """What a directory keeps from one start of its server to the next."""

    access_key: str
    secret_key: str = field(repr=False)
    ports: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ServerDirectory:
    """A directory that this process holds the lock of; `lock` is the open file descriptor."""

    path: Path
    lock: int

    @property
    def data(self) -> Path:
        return self.path / "seaweedfs"

    @property
    def config(self) -> Path:
        return self.path / "s3.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def state_file(self) -> Path:
        return self.path / "server.json"

    def load(self) -> ServerState | None:
        """The state of the last start; None when there was none.

        Raises:
            EmbeddedS3ServerError: it is damaged.
        """
        try:
            return msgspec.json.decode(self.state_file.read_bytes(), type=ServerState)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise EmbeddedS3ServerError(
                f"{self.state_file} is damaged ({error}). Remove it to start with new credentials on the same data."
            ) from error

    def save(self, state: ServerState) -> None:
        """Writes the state, and the server's configuration with its one identity, which may do everything."""
        credentials = [{"accessKey": state.access_key, "secretKey": state.secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        identity = {"name": "cloudstore", "credentials": credentials, "actions": actions}
        make_folder(self.data)
        _write_private(self.config, json.dumps({"identities": [identity]}).encode())
        _write_private(self.state_file, msgspec.json.encode(state))


def claim_directory(directory: Path | str | None, stack: ExitStack) -> ServerDirectory:
    """Holds a directory for one server until `stack` closes.

    Args:
        directory: the directory, created if absent; None for a temporary one, which is removed at the end.
        stack: releases it.

    Raises:
        EmbeddedS3ServerError: another server uses `directory`.
        OSError: it cannot be written.
    """
    if directory is not None:
        path = Path(directory).absolute()
        make_folder(path)
        return _claim(path, stack)
    remove_abandoned_directories()
    made = Path(tempfile.mkdtemp(prefix="new-" + TEMPORARY_PREFIX))
    keep_private(made)
    claimed = _claim(made, stack)
    # It gets the name that remove_abandoned_directories looks for only now that it is locked.
    path = claimed.path.rename(claimed.path.with_name(claimed.path.name.removeprefix("new-")))
    stack.callback(shutil.rmtree, path, ignore_errors=True)
    return ServerDirectory(path, claimed.lock)


def remove_abandoned_directories() -> None:
    """Removes temporary directories of this user's servers whose processes were killed before they could."""
    for path in Path(tempfile.gettempdir()).glob(TEMPORARY_PREFIX + "*"):
        with suppress(OSError, EmbeddedS3ServerError), ExitStack() as stack:
            if path.stat(follow_symlinks=False).st_uid == os.geteuid() and (path / "server.lock").is_file():
                abandoned = _claim(path, stack)
                state = abandoned.load()
                remove_dead_sockets(state.ports if state else {})
                shutil.rmtree(path, ignore_errors=True)


def log_tail(directory: Path) -> str:
    """The last lines that the server in `directory` printed."""
    try:
        text = (directory / "server.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    return "\n".join(text.splitlines()[-LOG_TAIL_LINES:]) or "(it printed nothing)"


def _claim(path: Path, stack: ExitStack) -> ServerDirectory:
    lock = open_new(path / "server.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    stack.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise EmbeddedS3ServerError(
            f"Another embedded S3 server is using {path}. Stop it first, or use another directory."
        ) from error
    return ServerDirectory(path, lock)


def _write_private(path: Path, content: bytes) -> None:
    """Replaces `path` as a whole; only its owner may read it."""
    with atomic_write(path) as file:
        file.write(content)
