"""Small projects of modules drawn at random, and an edit of one place in one of them."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from kinds import KINDS, NEUTRAL, REACHED

_PLACE = re.compile(r"@\[(.*?)\]@", re.DOTALL)
Files = dict[str, str]


class Edit(NamedTuple):
    """A project before and after an edit."""

    kind: str
    way: str
    is_neutral: bool
    before: Files
    after: Files


def random_edit(draw: random.Random, kind: str, others: int = 2) -> Edit:
    """A project of a module of the given kind, which is edited, and of some others."""
    return _edit(draw, kind, draw.sample(sorted(KINDS), draw.randint(0, others)))


def _edit(draw: random.Random, kind: str, others: list[str]) -> Edit:
    ways = [draw.choice(sorted(REACHED)) for _ in (kind, *others)]
    modules = [(f"m{number}", each) for number, each in enumerate((kind, *others))]
    chosen = {name: _choices(draw, KINDS[each]) for name, each in modules}
    pipeline = _pipeline([name for name, _ in modules], ways)
    before = {"pipeline.py": pipeline}
    for name, each in modules:
        before |= _files(name, _written(KINDS[each], chosen[name]))
    is_neutral = draw.random() < 0.2
    if is_neutral:
        neutral = draw.choice(sorted(NEUTRAL))
        old, new = NEUTRAL[neutral]
        changed = {"m0.py": before["m0.py"].replace(old, new) if old else new + before["m0.py"]}
        return Edit(f"neutral: {neutral}", ways[0], True, before, before | changed)
    places = [len(found.split("~")) for found in _PLACE.findall(KINDS[kind])]
    at = draw.randrange(len(places))
    edited = list(chosen["m0"])
    edited[at] = draw.choice([number for number in range(places[at]) if number != edited[at]])
    return Edit(kind, ways[0], False, before, before | _files("m0", _written(KINDS[kind], edited)))


def _choices(draw: random.Random, text: str) -> list[int]:
    return [draw.randrange(len(found.split("~"))) for found in _PLACE.findall(text)]


def _written(text: str, chosen: list[int]) -> str:
    numbers = iter(chosen)
    return _PLACE.sub(lambda found: found[1].split("~")[next(numbers)], text)


def _files(name: str, text: str) -> Files:
    own, *rest = re.split(r"^# file: (.*)\n", text.replace("MODULE", name), flags=re.MULTILINE)
    return {f"{name}.py": own.lstrip("\n"), **dict(zip(rest[::2], rest[1::2], strict=True))}


def _pipeline(names: list[str], ways: list[str]) -> str:
    statements = "".join(REACHED[way][0].replace("MODULE", name) for name, way in zip(names, ways, strict=True))
    values = ", ".join(REACHED[way][1].replace("MODULE", name) for name, way in zip(names, ways, strict=True))
    return f"from core import solid\n{statements}\n@solid\ndef given(_):\n    return [{values}]\n"
