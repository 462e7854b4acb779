"""YAML files: their lines, and what is said of one that is none, without a word of its text."""

import traceback
from pathlib import Path

import pytest

from core.errors import DagsterInvalidConfigError
from core.serdes.yaml_file import read_yaml_file, read_yaml_mapping

SECRET = "hunter2"


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


UNREADABLE = {
    "open list": (f"a: {SECRET}\nb: [", "line 2, column 5: while parsing a flow node, expected the node content"),
    "open quote": (f"a: 1\nb: '{SECRET}\n", "line 3, column 1: while scanning a quoted scalar that begins in line 2, "),
    "colon": (f"a: b: {SECRET}", "line 1, column 5: mapping values are not allowed here"),
    "tab": (f"a:\n\tb: {SECRET}", "line 2, column 1: a tab stands where YAML takes only spaces"),
    "alias": (
        f"a: *{SECRET}",
        "line 1, column 4: this alias names an anchor that does not exist; put text that begins with *",
    ),
    "anchor": (f"a: &{SECRET} 1\nb: &{SECRET} 2", "line 2, column 4: this anchor is defined twice"),
    "tag": (f"a: !{SECRET} 1", "line 1, column 4: this tag is not known; put text that begins with !"),
    "tag handle": (f"a: !{SECRET}!x 1", "line 1, column 4: this tag is not known"),
    "int": (f"a: !!int {SECRET}", "line 1, column 4: this is not a valid int; put it in quotes"),
    "bool": (f"a: !!bool {SECRET}", "line 1, column 4: this is not a valid bool"),
    "time": (f"a: !!timestamp {SECRET}", "line 1, column 4: this is not a valid timestamp"),
    "date": ("x: 1\na: 2024-13-45", "line 2, column 4: this is not a valid timestamp"),
    "int as a key": (f"!!int {SECRET}: 1", "line 1, column 1: this is not a valid int"),
    "base64": (f"a: !!binary {SECRET}", "line 1, column 4: failed to decode base64 data"),
    "object": ("a: !!python/object/apply:os.system [x]", "line 1, column 4: this tag is not known"),
    "list as a key": (f"? [{SECRET}]\n: 1", "line 1, column 3: while constructing a mapping, found unhashable key"),
    "two documents": (f"a: 1\n---\nb: {SECRET}", "line 2, column 1: a second document begins here"),
    "alias of itself": ("x: 1\na: &b [1, *b]", "line 2, column 4: this holds an alias of itself"),
    "NUL": (f"a: 1\nb: {SECRET}\0", "line 2: the character #x0000 cannot stand in YAML"),
    "latin 1": ("a: 1\nb: 2\nc: \xe4".encode("latin-1"), "line 3: this is not UTF-8 text"),
    "depth": ("[" * 5000, "it is nested too deeply"),
}


@pytest.mark.parametrize(("text", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_yaml(text: str | bytes, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DagsterInvalidConfigError) as caught:
        read_yaml_mapping(path)
    assert str(caught.value).startswith(f"{path} is not YAML: {said}")
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_a_key_that_is_there_twice(tmp_path: Path) -> None:
    path = write(tmp_path, "a: 1\nb:\n- {c: 1,\n   c: 2}\n'a': 3\n")
    with pytest.raises(DagsterInvalidConfigError) as caught:
        read_yaml_mapping(path)
    assert str(caught.value).splitlines()[1:] == [
        f"  {path}, line 4: b[0].c: this key is in line 3 already; keep one",
        f"  {path}, line 5: a: this key is in line 1 already; keep one",
    ]


def test_merged_keys_are_not_there_twice(tmp_path: Path) -> None:
    path = write(tmp_path, "base: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3\n")
    assert read_yaml_mapping(path)["more"] == {"a": 1, "b": 3}
    assert read_yaml_file(path).line_of(("more", "b")) == 4
    assert read_yaml_file(path).line_of(("more", "a")) == 1


def test_a_mapping_may_be_merged_from_several(tmp_path: Path) -> None:
    path = write(tmp_path, "x: &x {a: 1}\ny: &y {b: 2}\nmore:\n  <<: *x\n  <<: *y\n")
    assert read_yaml_mapping(path)["more"] == {"a": 1, "b": 2}


def test_aliases_of_aliases_take_no_time(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))]
    assert len(read_yaml_mapping(write(tmp_path, "\n".join(lines)))) == 60


def test_lines(tmp_path: Path) -> None:
    file = read_yaml_file(write(tmp_path, "# first\r\na:\r\n  b:\r\n  - c\r\n  - d: 1\r\n3: x\r\n"))
    lines = {(): 2, ("a",): 2, ("a", "b"): 3, ("a", "b", 0): 4, ("a", "b", 1, "d"): 5, (3,): 6}
    assert {path: file.line_of(path) for path in lines} == lines
    assert file.line_of(("a", "b", 7)) == 3
    assert file.line_of(("a", "z", "d")) == 2
    assert file.content == {"a": {"b": ["c", {"d": 1}]}, 3: "x"}


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(DagsterInvalidConfigError, match=r"Cannot read .*No such file"):
        read_yaml_file(tmp_path / "no.yaml")
    absent = read_yaml_file(tmp_path / "no.yaml", may_be_absent=True)
    assert (absent.content, absent.line_of(("a",))) == ({}, 1)
