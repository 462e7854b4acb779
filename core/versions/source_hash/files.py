"""Source files: parsed once, with an index of what they define."""

from __future__ import annotations

import ast
import copy
import hashlib
import linecache
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType
from typing import NamedTuple

from core.versions.source_hash.references import Import, Reference, imports_of, references, stored_names
from core.versions.source_hash.syntax import normal_form

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Syntax(NamedTuple):
    """A piece of syntax: the digest of its normal form, and the names it takes from outside itself."""

    content: str
    references: tuple[Reference, ...]


class SourceFile:
    """A parsed file.

    Attributes:
        path: of the file, or the name that an interactive session gave to the source.
        bindings: name -> the top-level statements that bind or change it, other than imports.
        imports: name -> what is imported under it on the top level.
        stars: the modules from which all names are imported.
        classes: by qualified name; several if a class is defined more than once, as in an `if` and its `else`.
    """

    def __init__(self, path: str, source: bytes) -> None:
        self.path = path
        self.tree = ast.parse(source)
        self.bindings: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, list[Import]] = {}
        self.stars: list[Import] = []
        self.classes: dict[str, list[ast.ClassDef]] = {}
        self._functions: dict[tuple[int, str], list[FunctionNode]] = {}
        self._codes: dict[tuple[int, str], list[CodeType]] = {}
        self._syntax: dict[tuple[int, bool], Syntax] = {}
        self._index_definitions(self.tree, "")
        self._index_codes(compile(self.tree, path, "exec", dont_inherit=True))
        for statement in self.tree.body:
            self._index_bindings(statement, statement)

    def function(self, code: CodeType) -> FunctionNode | None:
        """The syntax of a function, if the function was compiled from this file.

        None if the file was edited after it was imported, if a tool rewrote the function, and for two lambdas on one
        line, which cannot be told apart.
        """
        key = (code.co_firstlineno, code.co_name)
        nodes = self._functions.get(key, ())
        return nodes[0] if len(nodes) == 1 and code in self._codes.get(key, ()) else None

    def syntax(self, node: ast.AST, leave_decorators: bool = False) -> Syntax:
        """The digest of a node of this file, and the names it takes from outside itself.

        Args:
            node: the node.
            leave_decorators: whether the node's own decorators are left out.
        """
        key = (id(node), leave_decorators)
        if key not in self._syntax:
            text = normal_form([node], leave_decorators).encode("utf-8", "surrogatepass")
            inside = _without_decorators(node) if leave_decorators else node
            self._syntax[key] = Syntax(hashlib.sha256(text).hexdigest(), references([inside]))
        return self._syntax[key]

    def _index_definitions(self, node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            below = prefix
            if isinstance(child, ast.ClassDef):
                self.classes.setdefault(prefix + child.name, []).append(child)
                below = f"{prefix}{child.name}."
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                first_line = min(each.lineno for each in [child, *child.decorator_list])
                self._functions.setdefault((first_line, child.name), []).append(child)
                below = f"{prefix}{child.name}.<locals>."
            elif isinstance(child, ast.Lambda):
                self._functions.setdefault((child.lineno, "<lambda>"), []).append(child)
                below = f"{prefix}<lambda>.<locals>."
            self._index_definitions(child, below)

    def _index_codes(self, code: CodeType) -> None:
        for each in code.co_consts:
            if isinstance(each, CodeType):
                self._codes.setdefault((each.co_firstlineno, each.co_name), []).append(each)
                self._index_codes(each)

    def _index_bindings(self, statement: ast.stmt, outermost: ast.stmt) -> None:
        """Records what a statement binds; for a name bound inside an `if` or a loop, the whole compound statement."""
        if _is_main_guard(statement):
            return  # it does not run when the file is imported
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for name, what in imports_of(statement):
                if what.name == "*":
                    self.stars.append(Import(what.module, what.level, None))
                else:
                    self.imports.setdefault(name, []).append(what)
            return
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            outermost = statement
        for name in [*stored_names(statement), *_changed_names(statement)]:
            bound = self.bindings.setdefault(name, [])
            if outermost not in bound and not _is_definition_inside(statement, name):
                bound.append(outermost)
        for inner in _inner_statements(statement):
            self._index_bindings(inner, outermost)


def _without_decorators(node: ast.AST) -> ast.AST:
    """The same definition with no decorators."""
    if not getattr(node, "decorator_list", []):
        return node
    bare = copy.copy(node)
    vars(bare)["decorator_list"] = []
    return bare


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(statement.test)
    )


def _is_definition_inside(statement: ast.stmt, name: str) -> bool:
    """Whether a `def` or `class` inside a compound statement binds the name; that one is recorded by itself."""
    inner = list(_inner_statements(statement))
    return any(
        (isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == name)
        or _is_definition_inside(each, name)
        for each in inner
    )


def _inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements inside a compound statement that belong to the same scope."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt):
            yield child
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            yield from child.body


def _changed_names(statement: ast.stmt) -> Iterator[str]:
    """The names whose values a statement changes in place: `X[1] = 2`, `X.a = 2`, `X.append(2)`."""
    targets: Sequence[ast.expr] = []
    match statement:
        case ast.Assign(targets=several) | ast.Delete(targets=several):
            targets = several
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            targets = [target]
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=called))):
            yield from _roots(called)
    for each in targets:
        if not isinstance(each, ast.Name):
            yield from _roots(each)


def _roots(changed: ast.expr) -> Iterator[str]:
    """The name whose attributes and items `changed` refers to."""
    match changed:
        case ast.Attribute(value=inner) | ast.Subscript(value=inner):
            yield from _roots(inner)
        case ast.Name(id=name):
            yield name


class SourceFiles:
    """The files read so far; each is parsed once, and again only if it has changed."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[object, SourceFile | None]] = {}
        self._nodes: dict[int, tuple[CodeType, tuple[SourceFile, FunctionNode] | None]] = {}

    def get(self, path: str) -> SourceFile | None:
        """The file as it was when it was first read; None if there is no source or it is not Python."""
        if path not in self._files:
            self._files[path] = (stamp_of(path), _parse(path))
        return self._files[path][1]

    def get_current(self, path: str) -> SourceFile | None:
        """The file as it is now."""
        if path in self._files and self._files[path][0] != stamp_of(path):
            del self._files[path]
        return self.get(path)

    def function(self, code: CodeType) -> tuple[SourceFile, FunctionNode] | None:
        """The syntax that a function was compiled from, and its file; None as in `SourceFile.function`."""
        if id(code) not in self._nodes:  # equal code objects may be of different files
            self._nodes[id(code)] = (code, self._find(code))
        return self._nodes[id(code)][1]

    def _find(self, code: CodeType) -> tuple[SourceFile, FunctionNode] | None:
        for get in (self.get, self.get_current):  # the first may date from before the module was reloaded
            file = get(code.co_filename)
            node = file.function(code) if file else None
            if file and node:
                return file, node
        return None


def stamp_of(path: str) -> object:
    """A value that changes when the file does."""
    try:
        status = os.stat(path)  # noqa: PTH116  a Path takes longer to make than this takes, and there are many
    except (OSError, ValueError):
        return len(linecache.getlines(path))
    return status.st_mtime_ns, status.st_size, status.st_ino


def _parse(path: str) -> SourceFile | None:
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError):
        content = "".join(linecache.getlines(path)).encode()  # sessions such as IPython keep their source there
    try:
        return SourceFile(path, content) if content else None
    except (SyntaxError, ValueError, RecursionError):
        return None
