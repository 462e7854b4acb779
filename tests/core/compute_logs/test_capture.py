"""Catching what a step prints: every way to print, and nothing left behind."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.compute_logs.capturing.capture import OutputCapture
from core.compute_logs.pieces import read_piece
from core.errors import DagsterInvariantViolationError

StartPython = Callable[..., "subprocess.Popen[str]"]

PRELUDE = """
import ctypes, os, signal, subprocess, sys, threading
from pathlib import Path
from core.compute_logs.capturing.capture import OutputCapture
base = Path(sys.argv[1])
libc = ctypes.CDLL(None)
capture = OutputCapture()
"""


def run_child(script: str, base: Path, *, shell_suffix: str = "") -> "subprocess.CompletedProcess[bytes]":
    """Runs a script in a Python of its own, with its stdout and stderr in pipes."""
    command = [sys.executable, "-c", PRELUDE + script, str(base)]
    if shell_suffix:
        command = ["sh", "-c", f'"$@" {shell_suffix}', "sh", *command]
    # with PYTHONUNBUFFERED neither Python nor C would buffer anything
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return subprocess.run(command, capture_output=True, check=False, timeout=60, env=environment)


def logs(base: Path) -> tuple[bytes, bytes]:
    return tuple(path.read_bytes() if path.exists() else b"" for path in (base / "s.out", base / "s.err"))  # type: ignore[return-value]


@pytest.fixture
def capture() -> Iterator[OutputCapture]:
    made = OutputCapture()
    yield made
    made.close()


def files(base: Path, name: str = "s") -> tuple[Path, Path]:
    return base / f"{name}.out", base / f"{name}.err"


EVERY_WAY = """
def write_every_way(descriptor, stream):
    number = str(descriptor).encode()
    print(f"print {descriptor}", file=stream, flush=True)
    os.write(descriptor, b"os.write " + number + b"\\n")
    subprocess.run(["sh", "-c", f"echo child {descriptor} >&{descriptor}"], check=True)
    libc.write(descriptor, b"libc.write " + number + b"\\n", 13)
    stream.buffer.write(b"bytes \\xff\\xfe " + number + b"\\n")

print("before")
libc.puts(b"C before")
print("before", file=sys.stderr)
with capture.capture(base / "s.out", base / "s.err"):
    write_every_way(1, sys.stdout)
    write_every_way(2, sys.stderr)
    libc.puts(b"C's own buffer")
print("after")
libc.puts(b"C after")
print("after", file=sys.stderr)
capture.close()
"""


def test_every_way_to_print_is_caught_and_still_shown(tmp_path: Path) -> None:
    done = run_child(EVERY_WAY, tmp_path)
    assert done.returncode == 0, done.stderr
    out, err = logs(tmp_path)
    ways = b"print %d\nos.write %d\nchild %d\nlibc.write %d\nbytes \xff\xfe %d\n"
    assert sorted(out.splitlines()) == sorted((ways % (1, 1, 1, 1, 1) + b"C's own buffer").splitlines())
    assert out.startswith(ways.partition(b"bytes")[0] % (1, 1, 1, 1))
    assert err == ways % (2, 2, 2, 2, 2)
    assert sorted(done.stdout.splitlines()) == sorted([b"before", b"C before", *out.splitlines(), b"after", b"C after"])
    assert done.stdout.index(b"before") < done.stdout.index(out) < done.stdout.index(b"after")
    assert done.stderr == b"before\n" + err + b"after\n"


def test_what_was_written_is_on_disk_when_the_process_is_killed(tmp_path: Path) -> None:
    script = """
with capture.capture(base / "s.out", base / "s.err"):
    os.write(1, b"last words\\n")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_child(script, tmp_path).returncode == -signal.SIGKILL
    assert any(b"last words\n" in path.read_bytes() for path in tmp_path.iterdir())


def test_much_output_is_shown_whole(tmp_path: Path) -> None:
    script = """
with capture.capture(base / "s.out", base / "s.err"):
    for number in range(3000):
        os.write(1, b"%07d\\n" % number * 128)
capture.close()
"""
    done = run_child(script, tmp_path)
    out, _ = logs(tmp_path)
    assert len(out) == 3000 * 128 * 8
    assert done.stdout == out


def test_a_reader_that_went_away_does_not_stop_the_step(tmp_path: Path, start_python: StartPython) -> None:
    script = """
with capture.capture(base / "s.out", base / "s.err"):
    os.write(1, b"begin\\n")
    sys.stdin.readline()
    for _ in range(100):
        os.write(1, b"x" * 9999 + b"\\n")
capture.close()
"""
    process = start_python(PRELUDE + script, tmp_path)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "begin\n"
    process.stdout.close()
    process.stdin.write("go\n")
    process.stdin.close()
    assert process.wait(60) == 0
    assert len(logs(tmp_path)[0]) == 6 + 1_000_000


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_process_without_stdout_or_stderr(closed: str, tmp_path: Path) -> None:
    """As a daemon may be started."""
    script = """
with capture.capture(base / "s.out", base / "s.err"):
    os.write(1, b"out\\n")
    os.write(2, b"err\\n")
    subprocess.run("echo child; echo child >&2", shell=True, check=True)
with capture.capture(base / "t.out", base / "t.err"):
    os.write(1, b"second\\n")
capture.close()
os.write(1, b"nowhere\\n")
"""
    assert run_child(script, tmp_path, shell_suffix=closed).returncode == 0
    assert logs(tmp_path) == (b"out\nchild\n", b"err\nchild\n")
    assert (tmp_path / "t.out").read_bytes() == b"second\n"


def test_under_a_replaced_stdout(capture: OutputCapture, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with capture.capture(*files(tmp_path)):
        print("printed é🦆")
        print("to stderr", file=sys.stderr)
        os.write(1, b"bytes \xff\n")
        subprocess.run(["echo", "child"], check=True)
    assert (sys.stdout, sys.stderr) == before
    assert logs(tmp_path) == ("printed é🦆\n".encode() + b"bytes \xff\nchild\n", b"to stderr\n")
    shown = capsys.readouterr()
    assert shown.out == "printed é🦆\nbytes \ufffd\nchild\n"
    assert shown.err == "to stderr\n"
    print("after")
    assert capsys.readouterr().out == "after\n"
    assert logs(tmp_path)[0].endswith(b"child\n")


def test_with_an_echo_of_ones_own(capture: OutputCapture, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chunks: list[bytes] = []
    with capture.capture(*files(tmp_path), chunks.append):
        print("one")
        print("two", file=sys.stderr)
    assert sorted(b"".join(chunks).splitlines()) == [b"one", b"two"]
    assert capsys.readouterr() == ("", "")


def test_output_is_shown_while_the_step_runs(capture: OutputCapture, tmp_path: Path) -> None:
    shown = threading.Event()
    with capture.capture(*files(tmp_path), lambda chunk: shown.set() if b"early" in chunk else None):
        os.write(1, b"early\n")
        assert shown.wait(30)


def test_what_the_step_redirects_itself_stays_with_it(capture: OutputCapture, tmp_path: Path) -> None:
    own = io.StringIO()
    with capture.capture(*files(tmp_path)):
        with redirect_stdout(own):
            print("mine")
        print("ours")
    assert own.getvalue() == "mine\n"
    assert logs(tmp_path)[0] == b"ours\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere /dev/stdout is the descriptor itself")
def test_what_truncates_the_output_truncates_the_log_and_appending_does_not(
    capture: OutputCapture, tmp_path: Path
) -> None:
    for number, (redirection, left) in enumerate(
        {"> /dev/stdout": b"more\n", ">> /dev/stdout": b"before\nmore\n", ">&1": b"before\nmore\n"}.items()
    ):
        with capture.capture(*files(tmp_path, str(number))):
            os.write(1, b"before\n")
            subprocess.run(["/bin/sh", "-c", f"echo more {redirection}"], check=True)
        assert files(tmp_path, str(number))[0].read_bytes().lstrip(b"\0") == left, redirection


class StepError(Exception):
    pass


def descriptors() -> dict[str, str]:
    """The open descriptors of this process, and what each is open on."""
    folder = Path("/proc/self/fd")
    found = {}
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # the one of this listing
            found[path.name] = str(path.readlink())
    return found


def test_a_step_that_raises(capture: OutputCapture, tmp_path: Path) -> None:
    def step() -> None:
        print("until here")
        raise StepError

    before = descriptors(), sys.stdout, sys.stderr
    with pytest.raises(StepError), capture.capture(*files(tmp_path)):
        step()
    assert logs(tmp_path)[0] == b"until here\n"
    capture.close()
    assert (descriptors(), sys.stdout, sys.stderr) == before
    with capture.capture(*files(tmp_path)):
        print("again")
    assert logs(tmp_path)[0] == b"again\n"


def test_steps_one_after_another_each_have_their_own(capture: OutputCapture, tmp_path: Path) -> None:
    for number in range(20):
        with capture.capture(*files(tmp_path, str(number))):
            if number % 3 == 1:
                print(number)
            if number % 3 == 2:
                print(number, file=sys.stderr)
    for number in range(20):
        out, err = files(tmp_path, str(number))
        line = f"{number}\n"
        assert (out.read_text() if out.exists() else "") == (line if number % 3 == 1 else "")
        assert (err.read_text() if err.exists() else "") == (line if number % 3 == 2 else "")


def test_a_capture_inside_another_one_goes_to_the_first(capture: OutputCapture, tmp_path: Path) -> None:
    with closing(OutputCapture()) as other:

        def second() -> None:
            with other.capture(*files(tmp_path, "inner")):
                print("from the thread")

        with capture.capture(*files(tmp_path)):
            print("from the step")
            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
            print("from the step again")
        assert logs(tmp_path)[0] == b"from the step\nfrom the thread\nfrom the step again\n"
        assert not any(path.exists() for path in files(tmp_path, "inner"))
        with other.capture(*files(tmp_path, "inner")):
            print("now its own")
    assert (tmp_path / "inner.out").read_bytes() == b"now its own\n"


def test_nothing_is_left_after_close(tmp_path: Path) -> None:
    capture = OutputCapture()
    before, threads = descriptors(), set(threading.enumerate())
    for number in range(30):
        try:
            with capture.capture(*files(tmp_path, str(number))):
                if number % 2:
                    print(number)
                if number % 3 == 0:
                    raise StepError
        except StepError:
            pass
        assert len(set(threading.enumerate()) - threads) <= 2  # for all steps
    capture.close()
    capture.close()
    assert descriptors() == before
    assert set(threading.enumerate()) == threads
    assert {path.name for path in tmp_path.iterdir()} == {f"{number}.out" for number in range(1, 30, 2)}
    with capture.capture(*files(tmp_path)):
        print("usable again")
    capture.close()
    assert logs(tmp_path)[0] == b"usable again\n"
    assert set(threading.enumerate()) == threads


def test_closing_lets_a_step_that_runs_go_on(capture: OutputCapture, tmp_path: Path) -> None:
    """As where of two runs in two threads the first one ends."""
    threads, shown = set(threading.enumerate()), threading.Event()
    with capture.capture(*files(tmp_path / "other")):
        pass
    with capture.capture(*files(tmp_path), lambda chunk: shown.set() if b"late" in chunk else None):
        capture.close()
        assert list((tmp_path / "other").iterdir()) == []
        os.write(1, b"late\n")
        assert shown.wait(30)
        assert logs(tmp_path)[0] == b"late\n"
    assert set(threading.enumerate()) == threads, "closed when the step had ended"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["s.out"]


def test_a_log_has_its_name_while_the_other_one_is_not_taken(capture: OutputCapture, tmp_path: Path) -> None:
    is_stuck, never, goes_on = threading.Event(), threading.Event(), threading.Event()

    def stuck(chunk: bytes) -> None:
        is_stuck.set()
        assert goes_on.wait(60)

    try:
        with capture.capture(*files(tmp_path), stuck):
            os.write(1, b"out\n")
            assert is_stuck.wait(30)
            os.write(2, b"err\n")
            while not files(tmp_path)[1].exists() and not never.wait(0.01):
                assert capture._threads, "nobody is left to name it"
            assert logs(tmp_path) == (b"out\n", b"err\n")
            goes_on.set()
    finally:
        goes_on.set()


class OnlyWrites:
    """Takes text, and is nothing else of a stream."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def write(self, text: str) -> None:
        self.taken.append(text)


class Breaks(OnlyWrites):
    """Raises whatever is asked of it."""

    def write(self, text: str) -> None:
        super().write(text)
        raise RuntimeError("the widget is gone")

    def flush(self) -> None:
        raise RuntimeError("the widget is gone")

    def fileno(self) -> int:
        raise RuntimeError("the widget is gone")


class NumbersNothing(OnlyWrites):
    def fileno(self) -> None:
        return None


@pytest.mark.parametrize("kind", [OnlyWrites, Breaks, NumbersNothing])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_an_unusual_object_in_a_streams_place(
    kind: type[OnlyWrites], name: str, capture: OutputCapture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, before = kind(), descriptors()
    monkeypatch.setattr(sys, name, odd)
    with capture.capture(*files(tmp_path)):
        print("one", file=getattr(sys, name))
        capture.show_now()
        print("two", file=getattr(sys, name))
    assert getattr(sys, name) is odd
    capture.close()
    assert odd.taken == ["one\n", "two\n"]
    assert logs(tmp_path)[name == "stderr"] == b"one\ntwo\n"
    assert descriptors() == before


def test_what_breaks_once_is_shown_the_rest(capture: OutputCapture, tmp_path: Path) -> None:
    shown: list[bytes] = []
    is_shown = threading.Event()

    def breaks_once(chunk: bytes) -> None:
        shown.append(chunk)
        is_shown.set()
        if len(shown) == 1:
            raise RuntimeError("the widget is gone")

    with capture.capture(*files(tmp_path), breaks_once):
        for text in (b"one\n", b"two\n"):
            os.write(1, text)
            assert is_shown.wait(30)
            is_shown.clear()
    assert shown == [b"one\n", b"two\n"]


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_text_that_is_no_unicode_under_a_replaced_stream(
    name: str, capture: OutputCapture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = io.StringIO()
    monkeypatch.setattr(sys, name, replaced)
    with capture.capture(*files(tmp_path)):
        print("a file named \udcff, and \ud800", file=getattr(sys, name))
    assert logs(tmp_path)[name == "stderr"] == b"a file named \\udcff, and \\ud800\n"


def test_a_step_that_takes_its_streams_away(capture: OutputCapture, tmp_path: Path, monkeypatch: Any) -> None:
    with capture.capture(*files(tmp_path)):
        print("before")
        monkeypatch.delattr(sys, "stdout")
        capture.show_now()
    assert logs(tmp_path)[0] == b"before\n"


def test_a_folder_that_is_not_there_is_made(capture: OutputCapture, tmp_path: Path) -> None:
    with capture.capture(*files(tmp_path / "not" / "there")):
        print("works")
    assert logs(tmp_path / "not" / "there")[0] == b"works\n"


def test_a_folder_that_cannot_be_is_the_callers_fault_and_leaves_nothing(
    capture: OutputCapture, tmp_path: Path
) -> None:
    before = descriptors()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError), capture.capture(*files(tmp_path / "file" / "folder")):
        raise AssertionError("the step ran")
    assert descriptors() == before
    with capture.capture(*files(tmp_path)):
        print("works")
    assert logs(tmp_path)[0] == b"works\n"


def test_a_link_put_in_the_logs_place_is_not_written_through(capture: OutputCapture, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "s.out").symlink_to(victim)
    try:
        with capture.capture(*files(tmp_path)):
            print("x")
    except OSError:
        pass
    assert victim.read_text() == "untouched"


PAGES = st.integers(4, 40)


def read_all(path: Path, max_bytes: int, is_complete: bool = True) -> list[str]:
    pieces: list[str] = []
    cursor = 0
    while cursor < path.stat().st_size:
        piece = read_piece(path, cursor, max_bytes, is_complete)
        assert piece.data is not None
        assert cursor < piece.cursor <= cursor + max_bytes
        assert piece.size == path.stat().st_size
        cursor = piece.cursor
        pieces.append(piece.data)
    return pieces


@pytest.fixture(scope="module")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "s.out"


@given(st.text(st.sampled_from("aé€🦆\n\0")) | st.text(), PAGES)
@settings(max_examples=200)
def test_pages_never_split_a_character(log_path: Path, text: str, max_bytes: int) -> None:
    log_path.write_bytes(text.encode())
    pieces = read_all(log_path, max_bytes)
    assert "".join(pieces) == text
    assert "\ufffd" in text or not any("\ufffd" in piece for piece in pieces)


@given(st.binary(max_size=60), PAGES)
@settings(max_examples=200)
def test_bytes_that_are_no_text_are_replaced_as_in_one_piece(log_path: Path, content: bytes, max_bytes: int) -> None:
    log_path.write_bytes(content)
    assert "".join(read_all(log_path, max_bytes)) == content.decode("utf-8", "replace")


@given(st.text(st.sampled_from("aé€🦆\n"), max_size=20), st.data(), PAGES)
@settings(max_examples=100)
def test_a_log_that_grows_is_followed_without_loss(
    log_path: Path, text: str, data: st.DataObject, max_bytes: int
) -> None:
    content, seen, cursor, written = text.encode(), "", 0, 0
    log_path.write_bytes(b"")
    while written < len(content):
        more = data.draw(st.integers(1, len(content) - written), label="bytes written")
        with log_path.open("ab") as stream:
            stream.write(content[written : written + more])
        written += more
        piece = read_piece(log_path, cursor, max_bytes, is_complete=False)
        assert "\ufffd" not in (piece.data or "")
        seen, cursor = seen + (piece.data or ""), piece.cursor
    while cursor < len(content):
        piece = read_piece(log_path, cursor, max_bytes, is_complete=True)
        seen, cursor = seen + (piece.data or ""), piece.cursor
    assert seen == text


def test_half_a_character_at_the_end_waits_until_the_log_is_complete(log_path: Path) -> None:
    log_path.write_bytes("ab€".encode()[:-1])
    growing = read_piece(log_path, 0, 100, is_complete=False)
    assert (growing.data, growing.cursor, growing.size) == ("ab", 2, 4)
    complete = read_piece(log_path, 2, 100, is_complete=True)
    assert (complete.data, complete.cursor) == ("\ufffd", 4)


def test_cursors_at_and_behind_the_end(log_path: Path) -> None:
    log_path.write_bytes(b"abc")
    for cursor in (3, 4, 10**9):
        piece = read_piece(log_path, cursor, 100, is_complete=True)
        assert (piece.data, piece.cursor, piece.size) == ("", cursor, 3)
    missing = read_piece(log_path.with_name("missing"), 5, 100, is_complete=True)
    assert (missing.path, missing.size, missing.cursor) == (None, 0, 5)


@pytest.mark.parametrize(("cursor", "max_bytes"), [(-1, 100), (0, 3), (0, 0), (0, -1)])
@pytest.mark.parametrize("name", ["s.out", "missing"])
def test_what_is_no_piece_is_refused(log_path: Path, name: str, cursor: int, max_bytes: int) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"cursor must be 0|max_bytes must be at least 4"):
        read_piece(log_path.with_name(name), cursor, max_bytes, is_complete=True)
