"""The names that a piece of syntax takes from outside itself."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Import(NamedTuple):
    """An import of a module (`name` is None) or of a name in it; `level` counts the dots before it."""

    module: str
    level: int
    name: str | None


class Reference(NamedTuple):
    """A name and the attributes accessed on it, as in `helpers.times.parse`.

    Attributes:
        chain: the name, and its attributes.
        imports: what the name stands for if it is imported inside the function; empty for a name from outside.
    """

    chain: tuple[str, ...]
    imports: tuple[Import, ...] = ()


def references(nodes: Iterable[ast.AST]) -> tuple[Reference, ...]:
    """The names that the syntax reads but does not bind, each once, in order of appearance."""
    finder = _Finder()
    for node in nodes:
        finder.visit(node)
    return tuple(finder.found)


def imports_of(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, Import]]:
    """The names that an import statement binds, each with what it imports under that name."""
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            yield alias.asname or alias.name, Import(statement.module or "", statement.level, alias.name)
        elif alias.asname:
            yield alias.asname, Import(alias.name, 0, None)
        else:
            top = alias.name.partition(".")[0]
            yield top, Import(top, 0, None)


def stored_names(node: ast.AST) -> Iterator[str]:
    """The names that syntax binds in its own scope, other than by import."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
            return
        case ast.Lambda():
            return
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield from (each.target.id for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
            return
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
    for child in ast.iter_child_nodes(node):
        yield from stored_names(child)


_Frame = dict[str, list[Import] | None]
"""Local name -> what is imported under it, or None if `global` declares that it is not local."""


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: dict[Reference, None] = {}
        self._frames: list[_Frame] = []
        self._in_class = False

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._add((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            chain.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self._add((inner.id, *reversed(chain)))
        else:
            self.visit(inner)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if self._in_class:
            self.visit(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all(node.decorator_list)
        self._visit_function(node, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_function(node, [node.body])

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *node.keywords])
        outer, self._in_class = self._in_class, True
        self._visit_all(node.body)
        self._in_class = outer

    def visit_ListComp(self, node: _Comprehension) -> None:
        self.visit(node.generators[0].iter)  # it is evaluated in the enclosing scope
        self._frames.append({name: [] for each in node.generators for name in stored_names(each.target)})
        self.generic_visit(node)
        self._frames.pop()

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _visit_function(self, node: _Function, body: Sequence[ast.AST]) -> None:
        arguments = node.args
        self._visit_all([*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)])
        outer, self._in_class = self._in_class, False
        self._frames.append(_frame(arguments, body))
        self._visit_all(body)
        self._frames.pop()
        self._in_class = outer

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _add(self, chain: tuple[str, ...]) -> None:
        for frame in reversed(self._frames):
            if chain[0] in frame:
                imports = frame[chain[0]]
                if imports is None:
                    break
                if imports:
                    self.found[Reference(chain, tuple(imports))] = None
                return
        self.found[Reference(chain)] = None


def _frame(arguments: ast.arguments, body: Sequence[ast.AST]) -> _Frame:
    """The names that are local to a function, with what is imported under them."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    imported: dict[str, list[Import]] = {each.arg: [] for each in every if each is not None}
    enclosing: set[str] = set()
    outermost: set[str] = set()
    for node in body:
        for name in stored_names(node):
            imported.setdefault(name, [])
        for inner in _own_nodes(node):
            if isinstance(inner, ast.Import | ast.ImportFrom):
                for name, what in imports_of(inner):
                    imported.setdefault(name, []).append(what)
            elif isinstance(inner, ast.Nonlocal):
                enclosing.update(inner.names)
            elif isinstance(inner, ast.Global):
                outermost.update(inner.names)
    frame: _Frame = {name: imports for name, imports in imported.items() if name not in enclosing}
    return frame | dict.fromkeys(outermost)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """A node and those below it, except inside functions and classes."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _own_nodes(child)
