"""Runs edits and counts stale hits: `python run.py COUNT SEED` (for trying by hand)."""

from __future__ import annotations

import collections
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from checks import Observer, stale_hits
from kinds import KINDS
from projects import random_edit


def main() -> None:
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    draw = random.Random(seed)
    kinds = sorted(KINDS)
    stale: dict[str, list[str]] = collections.defaultdict(list)
    tried = collections.Counter()
    unversioned = collections.Counter()
    moved = collections.Counter()
    failed = []
    started = time.time()
    with tempfile.TemporaryDirectory() as folder, Observer() as observer:
        for number in range(count):
            edit = random_edit(draw, kinds[number % len(kinds)])
            seen = observer.observe(Path(folder, str(number)), edit)
            if isinstance(seen, str):
                failed.append((edit.kind, seen))
                Path(f"/tmp/failed-{number}.json").write_text(json.dumps(edit))
                continue
            tried[edit.kind] += 1
            versions = [version for _, version, _ in seen]
            unversioned[edit.kind] += None in versions
            if edit.is_neutral and None not in versions:
                moved[edit.kind] += versions[0] != versions[-2]
            if versions[0] != versions[-1]:
                failed.append((edit.kind, "another version for the same files"))
            for each in stale_hits(seen):
                stale[edit.kind].append(f"{edit.way}: {each}")
    print(f"{sum(tried.values())} edits of {len(tried)} kinds in {time.time() - started:.1f} s")
    print(f"stale hits: {sum(map(len, stale.values()))} in {len(stale)} kinds")
    for kind, several in stale.items():
        print(f"  {kind}: {len(several)} of {tried[kind]}, such as {several[0][:300]}")
    print("unversioned:", {k: f"{v}/{tried[k]}" for k, v in unversioned.items() if v})
    print(
        "neutral edits that changed a version:", dict(moved), "of", {k: v for k, v in tried.items() if "neutral" in k}
    )
    print("failed:", failed[:30], len(failed))


main()
