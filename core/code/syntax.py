"""The syntax of a function as text that is the same for functions that do the same, and the names that it takes."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_LEFT_OUT = {"ctx", "kind", "type_comment", "type_params", "returns", "simple", "type_ignores"}
_IMPORTERS = {"import_module", "__import__"}


class Import(NamedTuple):
    """An import inside a function.

    Attributes:
        bound: the name that it binds; "" when the module is used as a value at once.
        module: as it is written, without the dots before it.
        level: how many dots stand before it.
        name: what is imported from the module; "" for the module itself.
        is_whole: whether `bound` stands for the module that is named, and not for the package at its top.
    """

    bound: str
    module: str
    level: int
    name: str = ""
    is_whole: bool = True


class Syntax(NamedTuple):
    """What the syntax of a function says.

    Attributes:
        text: its normal form.
        chains: the names that it reads, each with the attributes asked of it: `helpers.times.parse`.
        attributes: all attributes that it reads or calls, of whatever.
        imports: the imports inside it.
    """

    text: str
    chains: tuple[tuple[str, ...], ...]
    attributes: frozenset[str]
    imports: tuple[Import, ...]


def read(function: FunctionNode) -> Syntax:
    """Reads the syntax of a function.

    The normal form has no positions, comments, docstrings and other bare strings, no `pass`, no annotations of
    parameters, results and variables, and of the function itself no decorators and no defaults: what those have done is
    in the live object. Annotations in the body of a class stay: dataclasses and their like make fields of them.
    Fields that are empty are left out, so that Python 3.11, 3.12 and 3.13 write the same.

    Raises:
        RecursionError: the syntax is nested too deeply.
    """
    reader = _Reader()
    reader.out(type(function).__name__)
    reader.arguments(function.args, with_defaults=False)
    reader.field(function.body)
    return Syntax("".join(reader.pieces), tuple(reader.chains), frozenset(reader.attributes), tuple(reader.imports))


@functools.cache
def _fields_of(kind: type[ast.AST]) -> tuple[tuple[str, str], ...]:
    return tuple((field, f"{field}=") for field in kind._fields if field not in _LEFT_OUT)


class _Reader:
    """Writes nodes as text, and notes the names that they take on the way."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.out = self.pieces.append
        self.chains: dict[tuple[str, ...], None] = {}
        self.attributes: set[str] = set()
        self.imports: dict[Import, None] = {}
        self._in_class = False
        self._special: dict[type[ast.AST], Callable[[Any], None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Constant: self._constant,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.FunctionDef: self._definition,
            ast.AsyncFunctionDef: self._definition,
            ast.Lambda: self._definition,
            ast.ClassDef: self._class,
            ast.Call: self._call,
            ast.Import: self._import,
            ast.ImportFrom: self._import_from,
        }

    def node(self, node: ast.AST) -> None:
        kind = type(node)
        special = self._special.get(kind)
        if special is not None:
            special(node)
        else:
            self._generic(node, kind)

    def field(self, value: Any) -> None:
        if isinstance(value, ast.AST):
            self.node(value)
        elif type(value) is list:
            self.out("[")
            for item in value:
                if not (isinstance(item, ast.stmt) and _is_bare(item)):
                    self.field(item)
                    self.out(",")
            self.out("]")
        else:
            self.out(_quoted(value))

    def arguments(self, arguments: ast.arguments, with_defaults: bool = True) -> None:
        for kind in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            found = getattr(arguments, kind)
            names = [each.arg for each in (found if type(found) is list else [found]) if each is not None]
            if names:
                self.out(f"{kind}({','.join(names)})")
        if with_defaults:
            self.field(arguments.defaults)
            self.field(arguments.kw_defaults)

    def _generic(self, node: ast.AST, kind: type[ast.AST]) -> None:
        out = self.out
        out(kind.__name__)
        out("(")
        # Classes are hashable; the type checker looks at the __hash__ of their instances.
        for field, title in _fields_of(kind):  # type: ignore[arg-type]
            value = getattr(node, field, None)
            if value is not None and value != []:
                out(title)
                self.field(value)
        out(")")

    def _name(self, node: ast.Name) -> None:
        self.out(f"Name({node.id})")
        if type(node.ctx) is ast.Load:
            self.chains[(node.id,)] = None

    def _attribute(self, node: ast.Attribute) -> None:
        names = [node.attr]
        inner: ast.expr = node.value
        while type(inner) is ast.Attribute:
            names.append(inner.attr)
            inner = inner.value
        self.attributes.update(names)
        if type(inner) is ast.Name:
            names.append(inner.id)
            self.out("Attribute(" + ".".join(reversed(names)) + ")")
            self.chains[tuple(reversed(names))] = None
        else:
            self.out("Attribute(")
            self.node(inner)
            self.out("." + ".".join(reversed(names)) + ")")

    def _constant(self, node: ast.Constant) -> None:
        self.out(_quoted(node.value))

    def _annotated(self, node: ast.AnnAssign) -> None:
        if self._in_class:
            self._generic(node, ast.AnnAssign)
        elif node.value is not None:
            self._generic(ast.Assign([node.target], node.value), ast.Assign)

    def _augmented(self, node: ast.AugAssign) -> None:
        if type(node.target) is ast.Name:
            self.chains[(node.target.id,)] = None  # it is read, too
        self._generic(node, ast.AugAssign)

    def _definition(self, node: FunctionNode) -> None:
        outer, self._in_class = self._in_class, False
        self.out(f"{type(node).__name__}({getattr(node, 'name', '')}")
        self.field(getattr(node, "decorator_list", []))
        self.arguments(node.args)
        self.field(node.body)
        self.out(")")
        self._in_class = outer

    def _class(self, node: ast.ClassDef) -> None:
        outer, self._in_class = self._in_class, True
        self._generic(node, ast.ClassDef)
        self._in_class = outer

    def _call(self, node: ast.Call) -> None:
        """A module that is imported by its written name is an import; by a computed name it is a call of a function."""
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        given = node.args[0] if node.args else None
        if name in _IMPORTERS and isinstance(given, ast.Constant) and type(given.value) is str and len(node.args) == 1:
            self.out(f"Import({given.value!r})")
            if given.value and not given.value.startswith("."):
                self.imports[Import("", given.value, 0)] = None
                return
        self._generic(node, ast.Call)

    def _import(self, node: ast.Import) -> None:
        self._generic(node, ast.Import)
        for alias in node.names:
            if alias.asname:
                self.imports[Import(alias.asname, alias.name, 0)] = None
            else:
                self.imports[Import(alias.name.partition(".")[0], alias.name, 0, is_whole="." not in alias.name)] = None

    def _import_from(self, node: ast.ImportFrom) -> None:
        self._generic(node, ast.ImportFrom)
        for alias in node.names:
            self.imports[Import(alias.asname or alias.name, node.module or "", node.level, alias.name)] = None


def _quoted(value: object) -> str:
    if type(value) is int:
        return f"int:{value:x};"  # in decimal, Python refuses more than 4300 digits
    text = repr(value)
    return f"{type(value).__name__}:{len(text)}:{text};"


def _is_bare(statement: ast.stmt) -> bool:
    """Whether a statement does nothing: `pass`, a docstring or another constant on its own."""
    kind = type(statement)
    # The kind was compared by identity, which the type checker does not follow.
    return kind is ast.Pass or (kind is ast.Expr and type(statement.value) is ast.Constant)  # type: ignore[attr-defined]
