"""One step of the walk: from a target to its own content, and to the targets it uses."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Iterable
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any, NamedTuple

from core.plan.canonical import digest
from core.versions.source_hash.files import FunctionNode, SourceFile, SourceFiles
from core.versions.source_hash.lookup import Lookup, packages
from core.versions.source_hash.origins import is_code, origin_of_code
from core.versions.source_hash.references import Reference, references
from core.versions.source_hash.targets import (
    Binding,
    Code,
    Constant,
    HeldValue,
    Key,
    LiveScope,
    Package,
    Scope,
    Target,
    Unseen,
    WholeModule,
    module_scope,
)
from core.versions.source_hash.trace import Trace
from core.versions.source_hash.values import NotPlainError, is_frozen, may_become_plain, structure

_MADE_BY_PYTHON = {
    *("__dict__", "__weakref__", "__module__", "__qualname__", "__doc__", "__firstlineno__", "__static_attributes__"),
    *("__annotations__", "__abstractmethods__", "_abc_impl", "__dataclass_fields__", "__dataclass_params__"),
}


class Piece(NamedTuple):
    """The content of a target.

    Attributes:
        label: its name, as people know it; "" if it is part of something that has a name.
        content: a digest of the target alone.
        uses: the targets it uses, each with the name it uses for it.
        unseen: why it cannot be inspected; "" if it can.
    """

    label: str
    content: str
    uses: list[tuple[str, Target]]
    unseen: str = ""


class Expanded(NamedTuple):
    """A target, its content, and what the content was read from."""

    target: Target
    piece: Piece
    trace: Trace


class Expander:
    """Finds the content of targets, and remembers it as long as it holds."""

    def __init__(self) -> None:
        self._files = SourceFiles()
        self._lookup = Lookup(self._files)
        self._known: dict[Key, Expanded] = {}

    def expand(self, target: Target) -> Expanded:
        """The content and uses of a target; the same `Piece` object as last time if nothing has changed."""
        known = self._known.get(target.key)
        if known and _value_of(known.target) is _value_of(target) and known.trace.holds():
            return known
        trace = self._lookup.trace = Trace()
        try:
            piece = self._expand(target)
        except RecursionError:
            piece = self._unseen(getattr(target, "name", "a function"), "its source is nested too deeply")
        if known and _is_same(known.piece, piece):
            piece = known.piece
        self._known[target.key] = Expanded(target, piece, trace)
        return self._known[target.key]

    def start(self, function: Any) -> Target:
        """The target for the function of a definition, or for another callable given as one."""
        if is_code(function) and (isinstance(function, FunctionType) or origin_of_code(function).is_project):
            return Code(function) if isinstance(function, FunctionType | type) else self._lookup.code(function)[0]
        wrapped = inspect.getattr_static(function, "__wrapped__", None)
        return HeldValue(function, type(function).__qualname__, function) if wrapped is None else self.start(wrapped)

    def _expand(self, target: Target) -> Piece:
        match target:
            case Code(value=FunctionType() as function):
                return self._function(function)
            case Code(value=cls):
                return self._class(cls)
            case Constant():
                return self._constant(target)
            case HeldValue(label=label, value=value):
                piece = self._plain(label, value)
                return piece or self._unseen(label, f"a value of type {type(value).__name__} that a function holds")
            case Binding(scope=scope, name=name):
                return self._binding(scope, name)
            case WholeModule(scope=scope):
                return self._whole_module(scope)
            case Package(name=name, version=version):
                return Piece(f"package {name}", version, [])
            case Unseen(label=label, reason=reason):
                return self._unseen(label, reason)

    def _function(self, function: FunctionType) -> Piece:
        names = function.__code__.co_freevars
        cells: dict[str, CellType] = dict(zip(names, function.__closure__ or (), strict=False))
        scope = LiveScope(function.__globals__, cells, function.__code__.co_filename)
        label = f"{scope.module_name}.{function.__code__.co_qualname.replace('<locals>.', '')}"
        origin = origin_of_code(function)
        if not origin.is_project:
            return self._function_of_others(function, label, scope, is_strict=origin.is_own)
        found = self._files.function(function.__code__)
        if found:
            file, node = found
            content, uses = self._definition(file, node, scope)
            uses += self._defaults(function, node, label)
        else:
            content, uses = _form_of(function.__code__), self._uses_of_code(function.__code__, scope)
            uses += self._defaults(function, None, label)
        wrapped = function.__dict__.get("__wrapped__")
        return Piece(label, content, [*uses, *self._followed("__wrapped__", wrapped)])

    def _function_of_others(self, function: FunctionType, label: str, scope: LiveScope, is_strict: bool) -> Piece:
        """A function from outside the project: only the project's code that it holds counts."""
        uses = self._followed("__wrapped__", function.__dict__.get("__wrapped__"))
        for name in scope.cells:
            targets = self._lookup.resolve(Reference((name,)), scope)
            for target in targets:
                if isinstance(target, HeldValue) and not is_strict:
                    uses += self._followed(name, target.value)
                else:
                    uses.append((name, target))
        uses += [("", each) for each in packages(origin_of_code(function))]
        return Piece("", digest(("outside", function.__module__, function.__qualname__)), uses)

    def _followed(self, name: str, value: Any) -> list[tuple[str, Target]]:
        """The code in a value that a function from outside the project holds; its other values do not count."""
        if is_code(value):
            return [(name, each) for each in self._lookup.code(value)]
        if type(value) in (functools.partial, MethodType, dict, list, tuple):
            try:
                met: list[Any] = []
                structure(value, met)
            except NotPlainError:
                return []
            return [(name, each) for code in met for each in self._lookup.code(code)]
        wrapped = inspect.getattr_static(value, "__wrapped__", None)
        return [] if wrapped is None else self._followed(name, wrapped)

    def _definition(self, file: SourceFile, node: ast.AST, scope: Scope) -> tuple[str, list[tuple[str, Target]]]:
        """The content of a definition and what it uses, without the arguments of our own decorators."""
        syntax = file.syntax(node, leave_decorators=True)
        contents, uses = [syntax.content], self._uses(syntax.references, scope)
        for decorator in getattr(node, "decorator_list", ()):
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            decorated_by = [
                each for reference in references([called]) for each in self._lookup.resolve(reference, scope)
            ]
            if decorated_by and all(isinstance(each, Package) and each.name == "cloudstore" for each in decorated_by):
                continue
            inner = file.syntax(decorator)
            contents.append(inner.content)
            uses += self._uses(inner.references, scope)
        return digest(contents), uses

    def _defaults(self, function: FunctionType, node: FunctionNode | None, label: str) -> list[tuple[str, Target]]:
        """The values of defaults that the source does not determine: `lambda x, i=i: ...` in a loop."""
        if node is not None and "<" not in function.__code__.co_qualname:
            return []
        count = function.__code__.co_argcount
        values = function.__defaults__ or ()
        named = dict(zip(function.__code__.co_varnames[count - len(values) : count], values, strict=True))
        named |= function.__kwdefaults__ or {}
        uses: list[tuple[str, Target]] = []
        for name, value in named.items():
            if is_code(value):
                uses += [(name, each) for each in self._lookup.code(value)]
            else:
                uses.append((name, HeldValue(function, f"{label}.{name}", value)))
        return uses

    def _class(self, cls: type) -> Piece:
        module = sys.modules.get(cls.__module__)
        scope = LiveScope({}) if module is None else module_scope(module)
        label = f"{scope.module_name}.{cls.__qualname__.replace('<locals>.', '')}"
        functions = [each for value in vars(cls).values() for each in _functions_of(value)]
        cells = {
            name: cell
            for each in functions
            for name, cell in zip(each.__code__.co_freevars, each.__closure__ or (), strict=False)
            if name != "__class__"
        }
        code_files = [each.__code__.co_filename for each in functions if self._files.get(each.__code__.co_filename)]
        scope = LiveScope(scope.names, cells, code_files[0] if code_files else None)
        bases = [("base", target) for base in cls.__bases__ for target in self._lookup.code(base)]
        file = self._lookup.source(scope)
        nodes = file.classes.get(cls.__qualname__, []) if file else []
        if file and nodes and self._is_current(functions, file):
            found = [self._definition(file, node, scope) for node in nodes]
            content = digest([content for content, _ in found])
            return Piece(label, content, [*bases, *(use for _, uses in found for use in uses)])
        if file and cls.__qualname__ in file.bindings and not nodes:
            return Piece(label, "", [*bases, ("binding", Binding(scope, cls.__qualname__))])  # a call made it
        return self._class_by_members(cls, label, bases)

    def _is_current(self, functions: Iterable[FunctionType], file: SourceFile) -> bool:
        """Whether the class still has the methods in the file; it has not if the file was edited since."""
        own = [each for each in functions if each.__code__.co_filename == file.path]
        return all(self._files.function(each.__code__) for each in own)

    def _class_by_members(self, cls: type, label: str, bases: list[tuple[str, Target]]) -> Piece:
        self._lookup.trace.lasts = False
        contents: list[object] = []
        uses = list(bases)
        for name, value in sorted(vars(cls).items()):
            functions = _functions_of(value)
            contents.append(name)
            if functions:
                uses += [(name, target) for each in functions for target in self._lookup.code(each)]
            elif name not in _MADE_BY_PYTHON and not hasattr(value, "__objclass__"):
                piece = self._plain(f"{label}.{name}", value)
                if piece is None:
                    return self._unseen(label, f"a class without source whose attribute {name} is not a plain value")
                contents.append(piece.content)
                uses += piece.uses
        return Piece(label, digest(contents), uses)

    def _constant(self, constant: Constant) -> Piece:
        label = f"{constant.scope.module_name}.{constant.name}"
        if not self._lookup.depends_on_folder(constant.scope, constant.name):
            piece = self._plain(label, constant.value)
            if piece:
                return piece
        file = self._lookup.source(constant.scope)
        if file is None or constant.name not in file.bindings:
            return self._unseen(label, f"a value of type {type(constant.value).__name__} without source")
        return self._binding(constant.scope, constant.name)

    def _plain(self, label: str, value: Any) -> Piece | None:
        met: list[Any] = []
        try:
            content = digest(structure(value, met))
        except (NotPlainError, RecursionError):
            self._lookup.trace.lasts &= not may_become_plain(value)
            return None
        self._lookup.trace.lasts &= is_frozen(value)
        return Piece(label, content, [("", target) for code in met for target in self._lookup.code(code)])

    def _binding(self, scope: Scope, name: str) -> Piece:
        file = self._lookup.source(scope)
        label = f"{scope.module_name}.{name}"
        if file is None:
            return self._unseen(label, "it has no source")
        found = [self._definition(file, each, scope) for each in file.bindings.get(name, ())]
        content = found[0][0] if len(found) == 1 else digest([content for content, _ in found])
        return Piece(label, content, [use for _, uses in found for use in uses])

    def _whole_module(self, scope: Scope) -> Piece:
        file = self._lookup.source(scope)
        if file is None:
            return self._unseen(scope.module_name, "a module without source, used as a value")
        syntax = file.syntax(file.tree)
        return Piece(scope.module_name, syntax.content, self._uses(syntax.references, scope))

    def _uses(self, found: Iterable[Reference], scope: Scope) -> list[tuple[str, Target]]:
        return [(".".join(each.chain), target) for each in found for target in self._lookup.resolve(each, scope)]

    def _uses_of_code(self, code: CodeType, scope: LiveScope) -> list[tuple[str, Target]]:
        names = [*code.co_freevars, *code.co_names]
        chains = [Reference((name,)) for name in names]
        for name in code.co_names:
            value = scope.names.get(name)
            members = vars(value) if isinstance(value, type(sys)) else {}
            chains += [Reference((name, each)) for each in code.co_names if each in members]
            if members:
                chains.remove(Reference((name,)))
        uses = self._uses(chains, scope)
        for inner in code.co_consts:
            if isinstance(inner, CodeType):
                uses += self._uses_of_code(inner, scope)
        return uses

    @staticmethod
    def _unseen(label: str, reason: str) -> Piece:
        return Piece(label, "", [], reason)


def _value_of(target: Target) -> object:
    return target.value if isinstance(target, Constant | HeldValue | Code) else None


def _is_same(one: Piece, other: Piece) -> bool:
    return one[:2] == other[:2] and one.unseen == other.unseen and _uses_of(one) == _uses_of(other)


def _uses_of(piece: Piece) -> list[tuple[str, Key, int]]:
    return [(name, target.key, id(_value_of(target))) for name, target in piece.uses]


def _functions_of(value: Any) -> list[FunctionType]:
    """The functions in an attribute of a class."""
    if isinstance(value, FunctionType):
        return [value]
    if isinstance(value, staticmethod | classmethod):
        return _functions_of(value.__func__)
    if isinstance(value, property):
        return [each for part in (value.fget, value.fset, value.fdel) for each in _functions_of(part)]
    if isinstance(value, functools.cached_property):
        return _functions_of(value.func)
    return []


def _form_of(code: CodeType) -> str:
    """The content of a code object, without lines and file. Each minor Python version compiles to a different one."""
    signature = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags, code.co_varnames)
    return digest((code.co_code, _constants(code.co_consts), code.co_names, code.co_freevars, signature))


def _constants(values: Iterable[Any]) -> list[Any]:
    forms: list[Any] = []
    for value in values:
        if isinstance(value, CodeType):
            forms.append(("code", _form_of(value)))
        elif isinstance(value, tuple):
            forms.append(("tuple", _constants(value)))
        elif isinstance(value, frozenset):
            forms.append(("set", sorted(digest(each) for each in _constants(value))))
        else:
            forms.append((type(value).__name__, value if isinstance(value, str | bytes | int | None) else repr(value)))
    return forms
