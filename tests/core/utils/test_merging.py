"""Merging dicts and YAML files, and paths beside a file."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DagsterInvalidConfigError
from core.serdes.yaml_file import dump_yaml
from core.utils import (
    deep_merge_dicts,
    file_relative_path,
    load_yaml_from_glob_list,
    load_yaml_from_globs,
    load_yaml_from_path,
    merge_dicts,
    merge_yaml_strings,
    merge_yamls,
)

LEAVES = st.one_of(st.integers(0, 5), st.text("ab", max_size=2), st.none(), st.lists(st.integers(0, 2), max_size=2))
KEYS = st.sampled_from("abc")
DICTS: st.SearchStrategy[Any] = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8), max_size=3
)


def parts(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each path in a dict, with its value; of dicts, only that they are one."""
    for key, item in value.items():
        yield (*path, key), dict if isinstance(item, dict) else item
        if isinstance(item, dict):
            yield from parts(item, (*path, key))


@given(DICTS, DICTS)
def test_merged_is_what_the_second_says_and_what_it_leaves_of_the_first(first: Any, second: Any) -> None:
    before = copy.deepcopy((first, second))
    merged = deep_merge_dicts(first, second)
    above = dict(parts(second))
    expected = {
        path: value
        for path, value in parts(first)
        if all(above.get(path[:depth], dict) is dict for depth in range(1, len(path) + 1))
    } | above
    assert dict(parts(merged)) == expected
    assert (first, second) == before
    assert deep_merge_dicts(first, {}) == deep_merge_dicts({}, first) == deep_merge_dicts(first, first) == first
    assert merge_dicts(first, second) == {**first, **second}


def test_the_first_dict_stays_as_it_was_whatever_becomes_of_the_merged_one() -> None:
    first: Any = {"a": {"b": [1]}, "c": {"d": {}}}
    merged = deep_merge_dicts(first, {"c": {"e": 1}})
    merged["a"]["b"].append(2)
    merged["c"]["d"]["x"] = 1
    assert first == {"a": {"b": [1]}, "c": {"d": {}}}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(DICTS, max_size=4))
def test_files_and_texts_are_merged_in_order(tmp_path: Path, contents: list[Any]) -> None:
    files = [tmp_path / f"{number}.yaml" for number in range(len(contents))]
    texts = [dump_yaml(content) for content in contents]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, "utf-8")
    expected: Any = reduce(deep_merge_dicts, contents, {})
    assert merge_yamls(files) == merge_yamls([str(file) for file in files]) == expected
    assert merge_yaml_strings(texts) == expected
    assert load_yaml_from_globs(*files) == load_yaml_from_glob_list(files) == expected


def test_the_matches_of_a_pattern_are_merged_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / f"{name}.yaml").write_text(f"last: {name}\n{name}: 1\n", "utf-8")
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "deep" / "deeper" / "d.yaml").write_text("last: d\n", "utf-8")
    odd = tmp_path / "[a].yaml"
    assert load_yaml_from_globs(tmp_path / "?.yaml") == {"last": "c", "a": 1, "b": 1, "c": 1}
    assert load_yaml_from_globs(f"{tmp_path}/?.yaml", f"{tmp_path}/[ab].yaml")["last"] == "b"
    assert load_yaml_from_globs(f"{tmp_path}/**/d.yaml") == {"last": "d"}
    assert load_yaml_from_globs(tmp_path / "none*.yaml") == {}
    assert load_yaml_from_globs(odd) == {"last": "a", "a": 1}
    odd.write_text("last: odd\n", "utf-8")
    assert load_yaml_from_globs(odd) == {"last": "odd"}, "the path of a file is no pattern"


@pytest.mark.parametrize(
    ("text", "said"),
    [("- 1", "must hold a mapping"), ("a: [", "is not YAML: line 1"), ("a: 1\na: 2", "this key is")],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "odd.yaml"
    file.write_text(text, "utf-8")
    for read in (lambda: load_yaml_from_path(file), lambda: merge_yaml_strings(["{}", text])):
        with pytest.raises(DagsterInvalidConfigError, match=said):
            read()
    with pytest.raises(DagsterInvalidConfigError, match="Cannot read"):
        load_yaml_from_path(tmp_path / "none.yaml")


def test_yaml_is_read_as_everywhere_else(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("country: no\nmode: 010\nday: 2020-01-01\n", "utf-8")
    assert load_yaml_from_path(str(file)) == {"country": "no", "mode": 10, "day": "2020-01-01"}
    file.write_text("", "utf-8")
    assert load_yaml_from_path(file) == {}


def test_a_path_beside_a_file() -> None:
    assert file_relative_path("/a/b/c.py", "d/e.yaml") == "/a/b/d/e.yaml"
    assert file_relative_path("c.py", "d.yaml") == "d.yaml"
    assert file_relative_path("/a/b/c.py", "../d.yaml") == "/a/b/../d.yaml"
    assert Path(file_relative_path(__file__, Path(__file__).name)) == Path(__file__)
