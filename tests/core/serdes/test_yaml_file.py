"""YAML files: their lines, and what is said of one that is none, without a word of its text."""

import math
import traceback
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DagsterInvalidConfigError
from core.serdes.yaml_file import dump_yaml, load_yaml, read_yaml_file, read_yaml_mapping

SECRET = "hunter2"


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


BOMB = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])
MERGED_BOMB = "\n".join(["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40))])
UNREADABLE = {
    "open list": (f"a: {SECRET}\nb: [", "line 2, column 5: while parsing a flow node, expected the node content"),
    "open quote": (f"a: 1\nb: '{SECRET}\n", "line 3, column 1: while scanning a quoted scalar that begins in line 2, "),
    "colon": (f"a: b: {SECRET}", "line 1, column 5: mapping values are not allowed here"),
    "tab": (
        f"a:\n\tb: {SECRET}",
        "line 2, column 1: a tab stands here; write spaces, or put text with a tab in quotes",
    ),
    "alias": (
        f"a: *{SECRET}",
        "line 1, column 4: this alias names an anchor that does not exist; put text that begins with *",
    ),
    "anchor": (f"a: &{SECRET} 1\nb: &{SECRET} 2", "line 2, column 4: this anchor is defined twice"),
    "tag": (f"a: !{SECRET} 1", "line 1, column 4: this tag is not known; put text that begins with !"),
    "tag handle": (f"a: !{SECRET}!x 1", "line 1, column 4: this tag is not known"),
    "int": (f"a: !!int {SECRET}", "line 1, column 4: this is not a valid int; put it in quotes"),
    "bool": (f"a: !!bool {SECRET}", "line 1, column 4: this is not a valid bool"),
    "no tag": (f"a: ! {SECRET}", "line 1, column 4: this tag is not known; put text that begins with !"),
    "no tag of a list": (f"a: ! [{SECRET}]", "line 1, column 4: this tag is not known"),
    "tag of a merge": (f"a: !!merge {SECRET}", "line 1, column 4: this tag is not known"),
    "merge by a tag": (f"!!merge x: {{a: {SECRET}}}", "line 1, column 1: this tag is not known"),
    "time": (f"a: !!timestamp {SECRET}", "line 1, column 4: this tag is not known; put text that begins with !"),
    "set": (f"a: !!set {{{SECRET}}}", "line 1, column 4: this tag is not known"),
    "tag of a list": (f"a: !!int [{SECRET}]", "line 1, column 4: this tag is not known"),
    "digits": ("x: 1\na: " + "1" * 5000, "line 2, column 4: this number has 5000 characters"),
    "hexadecimal digits": ("a: 0x" + "f" * 5000, "line 1, column 4: this number has 5002 characters"),
    "a float": ("a: 1e999", "line 1, column 4: this number is larger than any float"),
    "escape": (f'a: "{SECRET}\\UFFFFFFFF"', "an escape in quotes stands for no character"),
    "half a character": ('a: "\\ud83d"', "line 1, column 4: this holds half of a character"),
    "merged text": (f"<<: {SECRET}", "line 1, column 5: << takes a mapping, or a list of mappings"),
    "UTF-16": ("a: 1".encode("utf-16"), "line 1: this is not UTF-8 text"),
    "bomb": (BOMB, "line 5, column 5: with what its aliases stand for, it has more than 100,000 values"),
    "merged bomb": (MERGED_BOMB, "line 14, column 6: with what its aliases stand for, it has more than 100,000 values"),
    "values": ("[" + "1, " * 100_001 + "]", "line 1, column 299999: it has more than 100,000 values"),
    "int as a key": (f"!!int {SECRET}: 1", "line 1, column 1: this is not a valid int"),
    "base64": (f"a: !!binary {SECRET}", "line 1, column 4: this tag is not known"),
    "object": ("a: !!python/object/apply:os.system [x]", "line 1, column 4: this tag is not known"),
    "list as a key": (f"? [{SECRET}]\n: 1", "line 1, column 3: a sequence cannot be a key"),
    "two documents": (f"a: 1\n---\nb: {SECRET}", "line 2, column 1: a second document begins here"),
    "alias of itself": ("x: 1\na: &b [1, *b]", "line 2, column 4: this holds an alias of itself"),
    "NUL": (f"a: 1\nb: {SECRET}\0", "line 2: the character #x0000 cannot stand in YAML"),
    "latin 1": ("a: 1\nb: 2\nc: \xe4".encode("latin-1"), "line 3: this is not UTF-8 text"),
    "depth": ("[" * 5000, "line 1, column 101: it is nested too deeply"),
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


def test_aliases_stand_for_what_they_name(tmp_path: Path) -> None:
    assert read_yaml_mapping(write(tmp_path, "a: &a {x: [1]}\nb: *a\nc: [*a, *a]\n"))["c"] == [{"x": [1]}] * 2


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with pytest.raises(DagsterInvalidConfigError, match="has more than 1,000,000 bytes"):
        read_yaml_mapping(write(tmp_path, "#" * 1_000_001))


SCALARS: dict[str, object] = {
    "010": 10, "-08": -8, "+5": 5, "0o10": 8, "0x1F": 31, "1_000": "1_000", "0b11": "0b11", "1e3": 1000.0, ".5": 0.5,
    "5.": 5.0, "1.2.3": "1.2.3", ".inf": math.inf, "-.INF": -math.inf, "+.inf": math.inf, "inf": "inf", "nan": "nan",
    "12:30": "12:30", "190:20:30": "190:20:30", "2020-01-01": "2020-01-01", "2020-02-30": "2020-02-30",
    "2001-12-14t21:59:43.10-05:00": "2001-12-14t21:59:43.10-05:00", "yes": "yes", "No": "No", "on": "on", "OFF": "OFF",
    "y": "y", "true": True, "TRUE": True, "tRUE": "tRUE", "False": False, "null": None,
    "~": None, "": None, "NULL": None,
    "=": "=", "'010'": "010", "!!str 010": "010", "!!int '7'": 7, "!!float 1": 1.0, "<": "<",
    "'<<'": "<<",
    "0o8": "0o8", "0x": "0x", "1e": "1e", ".": ".", "-": None, "--1": "--1", "\u0663": "\u0663",
    "{env: X}": {"env": "X"},
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS.items(), ids=map(repr, SCALARS))
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    loaded = load_yaml(f"a: {text}", "it")["a"] if text != "-" else load_yaml("-", "it")[0]
    assert (loaded, type(loaded)) == (value, type(value))


@pytest.mark.parametrize("text", ["{a: 1, a: 2}", "{1: a, 0x1: b}", "a: 1\nb: 2\n'a': 3"])
def test_a_text_with_a_key_twice(text: str) -> None:
    with pytest.raises(DagsterInvalidConfigError, match="there twice"):
        load_yaml(text, "it")


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert read_yaml_mapping(write(tmp_path, b"\xef\xbb\xbfa: 1\n")) == {"a": 1}


PIECES = [
    "&a ", "*a", "!!int ", "!x ", "<<: ", "- ", "? ", ": ", "\n", "  ", "[", "]", "{", "}", ",", "'",
    '"', "\\U", "|", ">", "---",
    "...", "%YAML 1.1\n", "%TAG ! x", "#", "\t",
    "\ufeff", "\x85", "0o9", "1e999", "~", "=", "@", "`", "a", "\ud800", "\0",
]  # fmt: skip
ANY_TEXT = st.text(max_size=40) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALAR, inner, max_size=4))


@settings(max_examples=300)
@given(ANY_TEXT)
def test_any_text_is_a_value_or_one_error(text: str) -> None:
    with suppress(DagsterInvalidConfigError):
        value = load_yaml(text, "it")
        assert repr(load_yaml(dump_yaml(value), "it")) == repr(value)


@settings(max_examples=300)
@given(VALUE)
def test_what_is_dumped_is_loaded_again(value: object) -> None:
    loaded = load_yaml(dump_yaml(value), "it")
    assert repr(loaded) == repr(value)


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
