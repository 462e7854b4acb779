"""Names of files made from any text, and files that are there whole or not at all."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.disk.atomic_file import atomic_write
from core.disk.paths import file_name, inside, real_path
from core.errors import DagsterInvariantViolationError

WRITES = 10_000 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 400
NAMES = st.text(min_size=1, max_size=12) | st.text("./~%\\[] \0a", min_size=1, max_size=12)


@given(NAMES)
@settings(max_examples=300)
def test_a_name_is_one_part_of_a_path_and_reversible(name: str) -> None:
    made = file_name(name, "run id")
    assert unquote(made) == name
    assert "/" not in made
    assert "\0" not in made
    assert made not in (".", "..")
    assert Path("base", made).name == made
    assert os.path.normpath(f"/base/{made}") == f"/base/{made}"


def test_a_dynamic_steps_key_stays_readable() -> None:
    assert file_name("clean[part_1]", "step key") == "clean[part_1]"


@pytest.mark.parametrize("name", ["", "x" * 201, "é" * 40, "\ud800"])
def test_what_cannot_be_a_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(DagsterInvariantViolationError) as caught:
        file_name(name, "step key")
    assert f"The step key {name[:40]!r}" in str(caught.value)


def test_inside(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (tmp_path / "base-too").mkdir()
    (base / "loop").symlink_to(base)
    (base / "out").symlink_to(tmp_path / "base-too")
    assert inside(base, "a", "b") == base / "a" / "b"
    assert inside(base, "loop", "a") == base / "loop" / "a"
    for names in (("..",), ("..", "base-too"), ("out", "a"), ("/etc",), ("a", "..", "..")):
        with pytest.raises(DagsterInvariantViolationError, match="lies outside"):
            inside(base, *names)


def test_a_path_is_told_while_a_link_on_it_comes_and_goes(tmp_path: Path) -> None:
    link, parent = tmp_path / "link", os.getpid()
    child = os.fork()  # a thread would mostly wait for this one
    if not child:
        while os.getppid() == parent:
            link.symlink_to(tmp_path / "there")
            link.unlink()
        os._exit(0)
    try:
        told = {real_path(link / "file") for _ in range(20_000)}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert told <= {tmp_path / "link" / "file", tmp_path / "there" / "file"}


def test_a_file_is_written_while_its_empty_folders_are_deleted(tmp_path: Path) -> None:
    target, parent = tmp_path / "a" / "b" / "file", os.getpid()
    child = os.fork()
    if not child:
        while os.getppid() == parent:
            for folder in (target.parent, target.parent.parent):
                with suppress(OSError):
                    folder.rmdir()
        os._exit(0)
    try:
        for _ in range(WRITES):
            with atomic_write(target) as stream:
                stream.write(b"1")
            target.unlink()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_link_to_itself_stays(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert real_path(tmp_path / "loop") == tmp_path / "loop"
    assert inside(tmp_path, "loop") == tmp_path / "loop"


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_written_appears_at_the_end_or_not_at_all(overwrite: bool, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"

    def write_half() -> None:
        with atomic_write(path, overwrite) as stream:
            stream.write(b"half")
            assert not path.exists()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert list(path.parent.iterdir()) == []
    with atomic_write(path, overwrite) as stream:
        stream.write(b"whole")
    assert [(each, each.read_bytes()) for each in path.parent.iterdir()] == [(path, b"whole")]


def test_writing_again(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content, overwrite, left in ((b"1", True, b"1"), (b"2", True, b"2"), (b"3", False, b"2")):
        with atomic_write(path, overwrite) as stream:
            stream.write(content)
        assert path.read_bytes() == left
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_damaged_is_replaced_by_one_of_many(tmp_path: Path) -> None:
    path = tmp_path / "x"
    barrier = threading.Barrier(6)

    def is_whole(found: Path) -> bool:
        return found.exists() and found.read_bytes().startswith(b"whole")

    def repair(worker: int) -> bytes:
        barrier.wait()
        with atomic_write(path, overwrite=False, is_whole=is_whole) as stream:
            stream.write(b"whole %d" % worker)
        return path.read_bytes()

    for _ in range(20):
        path.write_bytes(b"damaged")
        with ThreadPoolExecutor(6) as pool:
            assert len(set(pool.map(repair, range(6)))) == 1
        assert list(tmp_path.iterdir()) == [path]
