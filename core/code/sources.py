"""The syntax that a live function was compiled from: found by compiling its file again and comparing."""

from __future__ import annotations

import ast
import importlib.util
import linecache
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

from core.cached import cached_property
from core.code.graph import sha
from core.code.syntax import Import, Syntax, read
from core.forks import fork_safe_lock

_Place = tuple[int, int]
"""A line, from 1, and a column in bytes, from 0."""


class _Lambda(NamedTuple):
    start: _Place
    end: _Place
    found: tuple[Syntax, str]
    node: ast.Lambda


class FunctionSource(NamedTuple):
    """What is known of a function from its source.

    Attributes:
        digest: of its normal form.
        chains: the names it reads from outside, and perhaps some of its own, with the attributes asked of each.
        attributes: all attributes that it reads.
        imports: the imports inside it.
        segment: its text as it was written, with decorators, comments and layout.
    """

    digest: str
    chains: tuple[tuple[str, ...], ...]
    attributes: frozenset[str]
    imports: tuple[Import, ...]
    segment: str


class SourceFile:
    """A file as it was when it was read, with what it compiles to. Of its syntax only functions that are asked for.

    Attributes:
        text: its content.

    Args:
        path: of the file, or the name that an interactive session gave to a piece of source.
        content: of the file.

    Raises:
        SyntaxError, ValueError: it is not Python.
        RecursionError: it is nested too deeply.
    """

    def __init__(self, path: str, content: bytes) -> None:
        self.text = importlib.util.decode_source(content)
        self._codes: dict[str, list[CodeType]] = {}
        self._index(compile(content, path, "exec", dont_inherit=True))

    def function(self, code: CodeType) -> FunctionSource | None:
        """The source of a function, if this file is what it was compiled from; None where no function here is equal."""
        candidates = self._codes.get(code.co_qualname, ())
        same = [each for each in candidates if each == code] or [each for each in candidates if _is_equal(each, code)]
        if not same:
            return None
        found = self._lambda(same[0]) if code.co_name == "<lambda>" else self._definition(same[0])
        if found is None:
            return None
        syntax, segment = found
        if same[0].co_firstlineno != code.co_firstlineno:
            segment = self.elsewhere(code)
        names = names_of(code)
        chains = tuple(chain for each in syntax.chains if (chain := _global_chain(each, names, syntax.imports)))
        return FunctionSource(sha([syntax.text]), chains, syntax.attributes, syntax.imports, segment)

    def elsewhere(self, code: CodeType) -> str:
        """What a function can get as its text when it was compiled from other lines than those of this file."""
        return f"{code.co_firstlineno} {self.text}"

    def _definition(self, code: CodeType) -> tuple[Syntax, str] | None:
        """Parses the lines of one function, which end where a line is not indented more than its first.

        A line that only seems to end it stands inside brackets or a string, and what is before it cannot be parsed.
        """
        first = code.co_firstlineno - 1
        lines = self._lines[first:]
        indent = _indent(lines[0])
        last = max(line for each in _codes(code) for _, _, line in each.co_lines() if line is not None) - first
        for end in range(last, len(lines) + 1):
            if end < len(lines) and not (lines[end].strip() and _indent(lines[end]) <= indent):
                continue
            segment = "\n".join(lines[:end])
            try:
                tree = ast.parse(f"if 1:\n{segment}" if indent else segment)
            except SyntaxError:
                continue
            node = tree.body[0].body[0] if isinstance(tree.body[0], ast.If) else tree.body[0]
            return (read(node), segment.rstrip()) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else None
        return None

    def _lambda(self, code: CodeType) -> tuple[Syntax, str] | None:
        """A lambda by its place: of those that stand inside each other, the inner one."""
        on_line = [each for each in self._lambdas if each.start[0] == code.co_firstlineno]
        if len(on_line) == 1:
            return on_line[0].found
        spans = [span for span in code.co_positions() if span[2] is not None and span[3]]
        starts = [(line, column) for line, _, column, _ in spans if line is not None and column is not None]
        if not starts:  # Python 3.12 tells no place of one that gives a constant
            return next((each.found for each in on_line if _gives_same(each.node, code)), None)
        inside = [each.found for each in self._lambdas if all(each.start <= place <= each.end for place in starts)]
        return inside[-1] if inside else None

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def _lambdas(self) -> list[_Lambda]:
        """All of the file, those outside before those inside them."""
        return [
            _Lambda(
                (node.lineno, node.col_offset),
                (node.end_lineno or 0, node.end_col_offset or 0),
                (read(node), "\n".join(self._lines[node.lineno - 1 : node.end_lineno])),
                node,
            )
            for node in ast.walk(ast.parse(self.text))
            if isinstance(node, ast.Lambda)
        ]

    def _index(self, code: CodeType) -> None:
        for each in code.co_consts:
            if isinstance(each, CodeType):
                self._codes.setdefault(each.co_qualname, []).append(each)
                self._index(each)


def _gives_same(node: ast.Lambda, code: CodeType) -> bool:
    """Whether a lambda of the source is compiled to what the code of one does."""
    around = compile(ast.Expression(node), "", "eval", dont_inherit=True)
    made = next(each for each in around.co_consts if isinstance(each, CodeType))
    return (made.co_code, made.co_consts, made.co_names) == (code.co_code, code.co_consts, code.co_names)


class Sources:
    """The files read so far, each once until it is another one; for any number of threads."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[object, SourceFile | None]] = {}
        self._functions: dict[int, tuple[CodeType, SourceFile, FunctionSource | None]] = {}
        self._lock = fork_safe_lock()

    def look(self) -> SourcesNow:
        """The files as they are now, looked at once each."""
        return SourcesNow(self)

    def file(self, path: str, names: Mapping[str, Any], stamp: object) -> SourceFile | None:
        """A file; None where there is no source or it is not Python."""
        with self._lock:
            known = self._files.get(path)
            if known is None or known[0] != stamp:
                known = self._files[path] = (stamp, _parse(path, names))
            return known[1]

    def function(self, code: CodeType, file: SourceFile) -> FunctionSource | None:
        """The source of a function in a file, as `SourceFile.function`; once known it holds, whatever becomes of it."""
        with self._lock:
            known = self._functions.get(id(code))
            if known is None or known[0] is not code or (known[1] is not file and known[2] is None):
                known = self._functions[id(code)] = (code, file, _find(file, code))
            _, of, source = known
            return source if of is file or source is None else source._replace(segment=file.elsewhere(code))


class SourcesNow:
    """The files as they are while one look lasts."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._files: dict[str, SourceFile | None] = {}

    def function(self, code: CodeType, names: Mapping[str, Any]) -> FunctionSource | None:
        """The source of a function whose global names are `names`; None where it is not to be had."""
        path = code.co_filename
        if path not in self._files:
            self._files[path] = self._sources.file(path, names, _stamp(path))
        file = self._files[path]
        return None if file is None else self._sources.function(code, file)


def _find(file: SourceFile, code: CodeType) -> FunctionSource | None:
    try:
        return file.function(code)
    except RecursionError:
        return None


def _stamp(path: str) -> object:
    """Something that is another one when the file is."""
    try:
        status = os.stat(path)  # noqa: PTH116  a Path takes longer to make than this takes, and there are many
    except (OSError, ValueError):
        return tuple(linecache.getlines(path))
    return status.st_mtime_ns, status.st_size, status.st_ino


def _parse(path: str, names: Mapping[str, Any]) -> SourceFile | None:
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError):
        # Sessions such as IPython keep their source there, and loaders can give it, such as that of a zip file.
        content = "".join(linecache.getlines(path, dict(names))).encode("utf-8", "surrogatepass")
    try:
        return SourceFile(path, content) if content else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def names_of(code: CodeType) -> frozenset[str]:
    """The names that a function and those inside it take from outside, and those of attributes and modules."""
    return frozenset({*code.co_freevars, *(name for each in _codes(code) for name in each.co_names)})


def _global_chain(chain: tuple[str, ...], names: frozenset[str], imports: tuple[Import, ...]) -> tuple[str, ...] | None:
    """The chain, if its first name may come from outside the function; with the name as it is called there."""
    name = chain[0]
    if name in names or any(each.bound == name for each in imports):
        return chain
    if name.startswith("__"):  # inside a class, `__name` is `_Class__name`
        mangled = next((each for each in names if each.endswith(name) and each.startswith("_")), None)
        return None if mangled is None else (mangled, *chain[1:])
    return None


def _is_equal(one: CodeType, other: CodeType) -> bool:
    """Whether two code objects do the same wherever they stand."""
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_cellvars == other.co_cellvars
        and one.co_flags == other.co_flags
        and one.co_exceptiontable == other.co_exceptiontable
        and one.co_qualname == other.co_qualname
        and (one.co_argcount, one.co_posonlyargcount, one.co_kwonlyargcount)
        == (other.co_argcount, other.co_posonlyargcount, other.co_kwonlyargcount)
        and _are_equal(one.co_consts, other.co_consts)
    )


def _are_equal(ones: tuple[object, ...], others: tuple[object, ...]) -> bool:
    return len(ones) == len(others) and all(map(_is_constant_equal, ones, others))


def _is_constant_equal(one: object, other: object) -> bool:
    if isinstance(one, CodeType) and isinstance(other, CodeType):
        return _is_equal(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return _are_equal(one, other)
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return sorted(map(_typed, one)) == sorted(map(_typed, other))
    return type(one) is type(other) and repr(one) == repr(other)


def _typed(value: object) -> str:
    return f"{type(value).__name__} {value!r}"


def _indent(line: str) -> int:
    return len(line.expandtabs()) - len(line.expandtabs().lstrip())


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)
