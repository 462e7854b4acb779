"""Journals of what processes began: they tell the living from the dead, and lose nothing of the dead."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.disk.deleting import entries_of
from core.errors import DagsterObjectStoreError, DagsterStorageError
from core.process.dead_journals import read_entry
from core.process.journal import Journal
from core.process.leftovers import Clearer, Leftovers
from core.records.removal import Removal

ENTRY = '{"number": 1, "entry": {"name": "a"}}'

cleared: list[Any] = []
"""What `clear_them` was called with, by tests of this process."""

PROGRAM = """
import os, signal, sys
from pathlib import Path
from core.process.leftovers import Clearer, Leftovers
journal = Leftovers(Path(sys.argv[1])).journal(Clearer("leftover_clearing", "clear_them", {"place": "here"}))
"""


def clear_them(
    config: Mapping[str, Any], entries: list[Any], living: Callable[[], list[Any]], dry_run: bool
) -> Iterator[Removal]:
    cleared.append((config["place"], entries, living(), dry_run))
    for entry in entries:
        if entry["name"] == "stuck":
            raise DagsterObjectStoreError("The store is away.")
        yield Removal("thing", entry["name"])


@pytest.fixture(autouse=True)
def clearing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function that journals name can be imported."""
    cleared.clear()
    monkeypatch.setitem(sys.modules, "leftover_clearing", sys.modules[__name__])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "leftovers"


def journal_in(folder: Path, place: str = "here") -> Journal:
    return Leftovers(folder).journal(Clearer("leftover_clearing", "clear_them", {"place": place}))


def died(folder: Path, program: str) -> None:
    """A process that ran `program`, with its `journal`, and killed itself."""
    code = PROGRAM + program + "\nos.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def names(removals: Iterator[Removal]) -> list[str]:
    return [each.name for each in removals]


def test_nothing_begun_costs_no_file(folder: Path) -> None:
    journal = journal_in(folder)
    assert not folder.exists()
    first = journal.begin({"name": "a"})
    second = journal_in(folder).begin({"name": "b"})
    assert len(entries_of(folder)) == 1  # one for all that are cleared alike
    elsewhere = journal_in(folder, "there").begin({"name": "c"})
    assert len(entries_of(folder)) == 2
    for begun in (first, elsewhere, second):
        begun.end()
    assert entries_of(folder) == []
    first.end()  # as often as one likes
    journal.begin({"name": "d"}).end()
    assert entries_of(folder) == []


def test_what_a_living_process_began_is_left_alone(folder: Path) -> None:
    begun = journal_in(folder).begin({"name": "a"})
    assert names(Leftovers(folder).clear()) == []
    assert (len(entries_of(folder)), cleared) == (1, [])
    begun.end()


def test_what_a_dead_process_began_and_did_not_end_is_cleared_once(folder: Path) -> None:
    died(
        folder,
        "a, b, c = [journal.begin({'name': name}) for name in 'abc']; b.end(); c.note({'name': 'c', 'id': 3})",
    )
    living = journal_in(folder, "there").begin({"name": "alive"})
    entries = [{"name": "a"}, {"name": "c", "id": 3}]
    assert names(Leftovers(folder).clear(dry_run=True)) == ["a", "c"]
    assert names(Leftovers(folder).clear()) == ["a", "c"]
    assert cleared == [("here", entries, [{"name": "alive"}], dry_run) for dry_run in (True, False)]
    living.end()
    assert entries_of(folder) == []
    assert names(Leftovers(folder).clear()) == []


def test_a_process_that_ended_all_leaves_nothing(folder: Path) -> None:
    died(folder, "journal.begin({'name': 'a'}).end()")
    assert entries_of(folder) == []


def test_what_cannot_be_cleared_is_kept_and_the_rest_is_cleared(folder: Path) -> None:
    died(folder, "journal.begin({'name': 'stuck'})")
    (stuck,) = entries_of(folder)
    died(folder, "journal.begin({'name': 'a'})")
    removed: list[str] = []
    with pytest.raises(DagsterStorageError, match=r"The store is away\..*noted in .*\.jsonl") as raised:
        removed.extend(each.name for each in Leftovers(folder).clear())
    assert str(stuck) in str(raised.value)
    assert entries_of(folder) == [stuck]
    stuck.write_bytes(stuck.read_bytes().replace(b'"stuck"', b'"loose"'))
    assert names(Leftovers(folder).clear()) == ["loose"]
    assert entries_of(folder) == []


def test_a_torn_last_line_was_never_acted_on(folder: Path) -> None:
    died(folder, "journal.begin({'name': 'a'}); journal.begin({'name': 'b'})")
    (path,) = entries_of(folder)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = content[:length].count(b"\n") - 1
        assert names(Leftovers(folder).clear(dry_run=True)) == ["a", "b"][: max(whole, 0)]
    path.write_bytes(lines[0] + b'{"number": 1, "en\n' + lines[2])  # which a full disk had cut
    assert names(Leftovers(folder).clear()) == ["b"]
    assert entries_of(folder) == []


def test_an_entry_is_read_as_what_it_is_or_not_at_all() -> None:
    class Thing(msgspec.Struct):
        name: str
        size: int = 0

    assert read_entry({"name": "a", "size": 1, "more": None}, Thing) == Thing("a", 1)
    assert read_entry({"name": "a"}, Thing) == Thing("a")
    for entry in ({}, {"name": 1}, {"name": "a", "size": "1"}, {"name": None}):
        assert read_entry(entry, Thing) is None


def test_a_journal_that_says_nothing_is_deleted(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number, content in enumerate([b"", b'{"module"', b'{"module":"m","function":"f","config":{}}\n']):
        Path(folder, f"{number}.jsonl").write_bytes(content)
    assert names(Leftovers(folder).clear(dry_run=True)) == []
    assert len(entries_of(folder)) == 3
    assert names(Leftovers(folder).clear()) == []
    assert entries_of(folder) == []


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ('{"module": "no_such_module", "function": "f", "config": {}}', "no_such_module.f cannot be imported here"),
        ('{"module": "core.errors", "function": "f", "config": {}}', "core.errors.f cannot be imported here"),
        ('{"module": 1}', "does not say which function clears it"),
    ],
)
def test_a_journal_that_nobody_here_can_clear_is_kept(folder: Path, head: str, reason: str) -> None:
    folder.mkdir(parents=True)
    path = folder / "x.jsonl"
    path.write_text(head + '\n{"number": 1, "entry": {"name": "a"}}\n')
    with pytest.raises(DagsterStorageError, match=reason) as raised:
        names(Leftovers(folder).clear())
    assert str(path) in str(raised.value)
    assert path.exists()


FORKING = """
parents = journal.begin({"name": "parent"})
told, until = map(int, sys.argv[2:])
child = os.fork()
if not child:
    parents.note({"name": "changed by the child"})
    parents.end()
    journal.begin({"name": "child"})
    os.write(told, b"x")
    os.read(until, 1)
    os._exit(0)
"""
STARTING = """
import subprocess
journal.begin({"name": "parent"})
told, until = map(int, sys.argv[2:])
code = "import os, sys; os.write(int(sys.argv[1]), b'x'); os.read(int(sys.argv[2]), 1)"
subprocess.Popen([sys.executable, "-c", code, str(told), str(until)], close_fds=False)
"""


@pytest.mark.parametrize(("program", "is_forked"), [(FORKING, True), (STARTING, False)])
def test_a_child_that_lives_on_does_not_keep_its_parents_journal_alive(
    folder: Path, program: str, is_forked: bool
) -> None:
    reading, told = os.pipe()
    until, ending = os.pipe()
    for descriptor in (told, until):
        os.set_inheritable(descriptor, True)
    code = PROGRAM + program + "\nsys.stdin.read(1)\nos.kill(os.getpid(), signal.SIGKILL)"
    arguments = [sys.executable, "-c", code, str(folder), str(told), str(until)]
    try:
        with subprocess.Popen(arguments, pass_fds=(told, until), stdin=subprocess.PIPE) as parent:
            os.close(told)
            assert os.read(reading, 1) == b"x"
            assert names(Leftovers(folder).clear()) == []  # both live
            parent.communicate(b"x", timeout=60)
        assert parent.returncode == -signal.SIGKILL
        assert names(Leftovers(folder).clear()) == ["parent"]
        assert cleared[-1][2] == ([{"name": "child"}] if is_forked else [])
    finally:
        os.write(ending, b"x")
        for descriptor in (reading, until, ending):
            os.close(descriptor)


def test_a_child_has_a_journal_of_its_own(folder: Path) -> None:
    died(
        folder,
        """
begun = journal.begin({"name": "parent"})
child = os.fork()
if not child:
    own = journal.begin({"name": "child"})
    both = len(os.listdir(sys.argv[1]))
    own.end()
    begun.end()
    os._exit(both)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
""",
    )
    (path,) = entries_of(folder)
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert lines == [{"number": 1, "entry": {"name": "parent"}}]


def test_of_two_that_clear_at_once_one_does(folder: Path) -> None:
    died(folder, "journal.begin({'name': 'a'}); journal.begin({'name': 'b'})")
    first = Leftovers(folder).clear()
    assert next(first).name == "a"
    assert names(Leftovers(folder).clear()) == []
    assert names(first) == ["b"]


def test_of_many_that_find_a_death_at_one_moment_one_clears(folder: Path) -> None:
    """Also where one opens the journal just before another is done with it."""
    start = threading.Barrier(2)

    def clear() -> None:
        start.wait()
        list(Leftovers(folder).clear())

    lines = '{"module": "leftover_clearing", "function": "clear_them", "config": {"place": "here"}}', ENTRY
    for number in range(1, 501):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jsonl").write_text("\n".join([*lines, ""]))
        threads = [threading.Thread(target=clear) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(cleared) == number


def test_a_folder_that_cannot_be_written_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with caplog.at_level(logging.WARNING):
        begun = journal_in(taken / "leftovers").begin({"name": "a"})
        begun.note({"name": "b"})
        begun.end()
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "leftovers cannot be written (Not a directory)" in warning
    assert names(Leftovers(taken / "leftovers").clear()) == []


def test_an_instance_that_was_deleted_meanwhile(folder: Path) -> None:
    begun = journal_in(folder).begin({"name": "a"})
    for path in entries_of(folder):
        path.unlink()
    folder.rmdir()
    begun.note({"name": "b"})
    begun.end()
    journal_in(folder).begin({"name": "c"}).end()
    assert entries_of(folder) == []
