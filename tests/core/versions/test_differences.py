"""Two versions of a step and the sentences on what is between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events.payloads import PlanVersionedData, VersionedStep
from core.versions.differences import all_facts, differences

BASE = {"definition": "clean"}

SENTENCES = [
    ({"config months": "[1, 2]"}, {"config months": "[1, 2, 3]"}, ["config `months`: [1, 2] → [1, 2, 3]"]),
    ({}, {"config limit": "5"}, ["config `limit` added: 5"]),
    ({"config limit": "5"}, {}, ["config `limit` removed (was 5)"]),
    ({"config a.b": "1"}, {"config a.b": "'1'"}, ["config `a.b`: 1 → '1'"]),
    ({"config": "1"}, {"config": "2"}, ["config: 1 → 2"]),
    ({"version": "1"}, {"version": "2"}, ["version of `clean`: 1 → 2"]),
    (
        {"version": "aa", "code h.parse": "1", "code h.old": "1", "code h.same": "1", "package pandas": "2.2.2"},
        {"version": "bb", "code h.parse": "2", "code h.new": "1", "code h.same": "1", "package pandas": "2.2.3"},
        ["code of `clean` changed (h.parse, h.old removed, h.new added)", "package `pandas`: 2.2.2 → 2.2.3"],
    ),
    ({"version": "aa", "code f": "1"}, {"version": "bb", "code f": "1"}, ["code of `clean` changed"]),
    ({"version": "aa", "code f": "1"}, {"version": "2"}, ["version of `clean`: that of its code → 2"]),
    ({"version": "1"}, {"version": "bb", "code f": "1"}, ["version of `clean`: 1 → that of its code"]),
    ({"input rows": "from join.result 1f"}, {"input rows": "from join.result 2f"}, ["upstream `join.result`"]),
    (
        {"input rows": "from join.result 1f"},
        {"input rows": "from other.result 1f"},
        ["input `rows`: join.result → other.result"],
    ),
    ({"input rows": "value 5"}, {"input rows": "value 6"}, ["input `rows`: 5 → 6"]),
    ({"input rows": "value 5"}, {"input rows": "from a.result 1f"}, ["input `rows`: 5 → a.result"]),
    ({"input rows": "nothing"}, {"input rows": "value 6"}, ["input `rows`: nothing → 6"]),
    (
        {"input rows": "from a.x 1, b.x 1, c.x 1"},
        {"input rows": "from a.x 2, b.x 1, c.x 2"},
        ["upstream `a.x`", "upstream `c.x`"],
    ),
    (
        {"input rows": "from a.x 1, b.x 1"},
        {"input rows": "from b.x 2, a.x 1"},
        ["input `rows`: a.x, b.x → b.x, a.x", "upstream `b.x`"],
    ),
    (
        {"input x": "from a.result 1", "input y": "from a.result 1"},
        {"input x": "from a.result 2", "input y": "from a.result 2"},
        ["upstream `a.result`"],
    ),
    ({"input x": "from a.r 1", "input y": "from b.r 1"}, {"input x": "from b.r 1", "input y": "from a.r 1"},
     ["input `x`: a.r → b.r", "input `y`: b.r → a.r"]),
    ({"source data.csv": "1f"}, {"source data.csv": "2f"}, ["source `data.csv` changed"]),
    ({}, {"source data.csv": "2f"}, ["source `data.csv` added"]),
    ({"resource db version": "1"}, {"resource db version": "2"}, ["resource `db` version: 1 → 2"]),
    (
        {"resource db config host": "'a'", "resource db source file": "1"},
        {"resource db config host": "'b'", "resource db source file": "2"},
        ["resource `db` config `host`: 'a' → 'b'", "resource `db` source `file` changed"],
    ),
    (
        {"resource db version": "aa", "resource db code db.connect": "1", "resource db package pg": "3.1"},
        {"resource db version": "bb", "resource db code db.connect": "2", "resource db package pg": "3.2"},
        ["code of resource `db` changed (db.connect)", "resource `db` package `pg`: 3.1 → 3.2"],
    ),
    ({}, {"resource db version": "1", "resource db config host": "'a'"}, ["resource `db` added"]),
    ({"resource db version": "1", "resource db config host": "'a'"}, {}, ["resource `db` removed"]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "now", "sentences"), SENTENCES, ids=[str(each[2]) for each in SENTENCES])
def test_each_change_has_its_sentence(before: dict[str, str], now: dict[str, str], sentences: list[str]) -> None:
    assert differences({**BASE, **before}, {**BASE, **now}) == sentences


def test_another_definition_in_the_same_place_is_named() -> None:
    before, now = {"definition": "clean", "version": "1"}, {"definition": "tidy", "version": "2"}
    assert differences(before, now) == ["solid: `clean` → `tidy`", "version of `tidy`: 1 → 2"]


def test_all_facts_have_the_solids_and_the_resources() -> None:
    step = VersionedStep("here", "clean", ("db",), {"config months": "[1]"}, {"result": "1f"})
    data = PlanVersionedData(
        (step,),
        {"clean": {"version": "1"}, "other": {"version": "9"}},
        {"db": {"version": "2", "config host": "'a'"}, "unused": {"version": "9"}},
    )
    assert all_facts(data, step) == {
        "definition": "clean",
        "version": "1",
        "config months": "[1]",
        "resource db version": "2",
        "resource db config host": "'a'",
    }


WORDS = st.from_regex(r"[a-z]{1,6}(\.[a-z]{1,6})?", fullmatch=True)
KEYS = st.sampled_from(["db", "s3"])
VALUES = st.from_regex(r"[0-9]{1,3}|\[1, [0-9]\]|'[a-z]{1,3}'", fullmatch=True)
OUTPUTS = st.from_regex(r"[a-z]{1,4}\.result [0-9a-f]{2}", fullmatch=True)
INPUTS = st.one_of(
    st.lists(OUTPUTS, min_size=1, max_size=3, unique_by=lambda each: each.split(" ")[0]).map(
        lambda outputs: f"from {', '.join(outputs)}"
    ),
    VALUES.map(lambda value: f"value {value}"),
)
OF_CODE = st.dictionaries(WORDS.map(lambda word: f"code {word}"), VALUES, min_size=1, max_size=3)
OF_PACKAGES = st.dictionaries(WORDS.map(lambda word: f"package {word}"), VALUES, max_size=2)
OF_CONFIG = st.dictionaries(st.tuples(st.sampled_from(["config", "source"]), WORDS).map(" ".join), VALUES, max_size=3)
OF_INPUTS = st.dictionaries(WORDS.map(lambda word: f"input {word}"), INPUTS, max_size=3)


@st.composite
def facts(draw: st.DrawFn) -> dict[str, str]:
    """Facts of a step whose code has a version made by a strategy, and of a resource."""
    found = {"definition": "clean", "version": draw(VALUES), **draw(OF_CODE), **draw(OF_PACKAGES), **draw(OF_INPUTS)}
    found |= draw(OF_CONFIG)
    for key in draw(st.sets(KEYS)):
        parts = {"version": draw(VALUES), **draw(OF_CODE), **draw(OF_CONFIG)}
        found |= {f"resource {key} {name}": fact for name, fact in parts.items()}
    return found


@given(facts())
def test_equal_facts_have_no_differences(given_facts: dict[str, str]) -> None:
    shuffled = dict(reversed(given_facts.items()))
    assert differences(given_facts, given_facts) == []
    assert differences(given_facts, shuffled) == []


@given(facts(), facts())
def test_every_changed_fact_is_named(before: dict[str, str], now: dict[str, str]) -> None:
    said = differences(before, now)
    assert len(said) == len(set(said))
    for fact in before.keys() | now.keys():
        if before.get(fact) == now.get(fact):
            continue
        assert any(name in sentence for sentence in said for name in _names_of(fact, before, now)), (fact, said)


def _names_of(fact: str, before: dict[str, str], now: dict[str, str]) -> list[str]:
    """What may stand for a fact in a sentence."""
    kind, _space, name = fact.partition(" ")
    if kind == "resource":
        key, own_kind, own_name = name.split(" ", 2) if name.count(" ") > 1 else [*name.split(" "), ""]
        whole = [f"resource `{key}` added", f"resource `{key}` removed"]
        if own_kind == "version":
            return [*whole, f"code of resource `{key}`"]
        return [*whole, own_name if own_kind == "code" else f"resource `{key}` {own_kind} `{own_name}`"]
    if kind == "version":
        return ["code of `clean`", "package "]
    if kind == "code":
        return [name]
    if kind == "input" and (old := before.get(fact)) and old.startswith("from ") and fact in now:
        return [f"`{name}`", *(f"upstream `{each.split(' ')[0]}`" for each in old.removeprefix("from ").split(", "))]
    return [f"{kind} `{name}`"]
