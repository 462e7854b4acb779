"""Edits of small projects, drawn at random: whenever code gives another value, its version is another one.

Each project is observed before an edit, after it in the same process (with the old code in memory, and reloaded), and
in new processes. No two observations may have one version and two values: the second would be a stale hit.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).with_name("edits")))
from checks import Observer, Seen, stale_hits
from kinds import KINDS
from projects import Edit, random_edit

COUNT = 2000 if os.environ.get("CLOUDSTORE_TEST_FAULTS") else 200
BATCHES = 4
SEED = int(os.environ.get("CLOUDSTORE_TEST_SEED", "1"))


@pytest.fixture(scope="module")
def observer() -> Iterator[Observer]:
    with Observer() as found:
        yield found


def edits(batch: int) -> list[Edit]:
    draw = random.Random(SEED * BATCHES + batch)
    kinds = sorted(KINDS)
    share = COUNT // BATCHES
    return [random_edit(draw, kinds[(batch * share + number) % len(kinds)]) for number in range(share)]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_version_has_two_values(batch: int, observer: Observer, tmp_path: Path) -> None:
    neutral, executed_again = 0, 0
    for number, edit in enumerate(edits(batch)):
        seen: Seen = observer.observe(tmp_path / str(number), edit)
        assert not isinstance(seen, str), (edit, seen)
        assert not stale_hits(seen), (edit, seen)
        before, later, first = seen[0][1], seen[-2][1], seen[-1][1]
        assert before == first, f"{edit}: the same files have another version in another process: {seen}"
        if edit.is_neutral:
            neutral += 1
            executed_again += before != later
    assert executed_again <= neutral / 3, "most edits that change nothing leave the version as it is"


def test_most_kinds_have_versions(observer: Observer, tmp_path: Path) -> None:
    """A strategy that gave no versions would have no stale hits."""
    draw = random.Random(SEED)
    unversioned = set()
    for number, kind in enumerate(sorted(KINDS)):
        edit = random_edit(draw, kind, others=0)
        if observer.observe(tmp_path / str(number), edit)[0][1] is None:
            unversioned.add(kind)
    assert unversioned == {"a generator that is held", "an open file", "eval", "import_module with a computed name"}
