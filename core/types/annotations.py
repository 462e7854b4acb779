"""Annotations of a function, each evaluated by itself: one that cannot be evaluated costs the others nothing."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import sys
import types
import typing
from collections.abc import Callable
from contextlib import suppress
from typing import Any


class _AnyPart(type):
    """Whatever is done with the class in an annotation gives the class again."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls

    def __getitem__(cls, _: Any) -> Any:
        return cls

    def __call__(cls, *_args: Any, **_kwargs: Any) -> Any:
        return cls


class Unevaluated(metaclass=_AnyPart):
    """Stands for the parts of an annotation that cannot be evaluated; any value is of this type."""


class Annotation(typing.NamedTuple):
    """An annotation as the engine takes it.

    Attributes:
        value: what it evaluates to, with `Unevaluated` for the parts that cannot be evaluated.
        missing: the text of the annotation and why a part of it could not be evaluated; None where all of it could.
    """

    value: Any
    missing: tuple[str, str] | None = None


def evaluated(annotation: Any, function: Callable[..., Any]) -> Annotation:
    """Evaluates an annotation that is text, or holds text, where its function stands.

    Names are looked up in what the function closes over, in its module, and then in the function whose body defines it.

    Args:
        annotation: as `inspect.signature` gives it.
        function: whose annotation it is.
    """
    names = _Names(function)
    value = _evaluated(annotation, names)
    if not names.missing:
        return Annotation(value)
    text = annotation if isinstance(annotation, str) else str(annotation).removeprefix("typing.")
    return Annotation(value, (text, names.missing[0]))


def _evaluated(annotation: Any, names: _Names) -> Any:
    if isinstance(annotation, str):
        return _evaluated(names.evaluate(annotation), names)
    if isinstance(annotation, typing.ForwardRef):
        return _evaluated(names.evaluate(annotation.__forward_arg__), names)
    if isinstance(annotation, typing.TypeVar):
        return _evaluated(annotation.__bound__ or Any, names)
    if type(annotation).__name__ == "TypeAliasType":  # of `type Rows = list[int]`
        return _evaluated(annotation.__value__, names)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _evaluated(args[0], names)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(_evaluated(each, names) for each in args)]  # noqa: UP007  made of what is not known here
    if origin in (list, dict, set, tuple):
        inner = tuple(each if each is Ellipsis else _evaluated(each, names) for each in args)
        return origin[inner] if inner else annotation
    return annotation


class _Names(dict[str, Any]):
    """The names of the place where a function stands; those that are not there are `Unevaluated`.

    Attributes:
        missing: why parts could not be evaluated, one sentence each.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = _plain_function(function)
        self.missing: list[str] = []

    def evaluate(self, text: str) -> Any:
        try:
            tree = ast.parse(text.strip(), mode="eval")
            code = compile(ast.fix_missing_locations(_Unquoted().visit(tree)), "<annotation>", "eval")
            return eval(code, {"__builtins__": {}}, self)  # noqa: S307  what Python itself does with it
        except Exception as error:  # noqa: BLE001  an annotation may do anything
            self.missing.append(f"{type(error).__name__}: {error}")
            return Unevaluated

    def __missing__(self, name: str) -> Any:
        function = self._function
        if function is not None:
            parameters = {each.__name__: each for each in getattr(function, "__type_params__", ())}
            for place in (parameters, _closure(function), function.__globals__, vars(builtins), self._locals()):
                if name in place:
                    return place[name]
        self.missing.append(f"the name {name!r} is not defined")
        return Unevaluated

    def _locals(self) -> dict[str, Any]:
        """The local names of the function that defines this one, which is being called."""
        frame: types.FrameType | None = sys._getframe()
        while frame is not None and self._function is not None:
            if frame.f_globals is self._function.__globals__:
                return dict(frame.f_locals)
            frame = frame.f_back
        return {}


def _plain_function(function: Callable[..., Any]) -> types.FunctionType | None:
    """The function in Python that a callable is, or wraps; None where there is none."""
    found: Any = inspect.unwrap(function)
    while isinstance(found, functools.partial):
        found = found.func
    for candidate in (getattr(found, "__func__", found), getattr(type(found), "__call__", None)):  # noqa: B004  the method itself
        if isinstance(candidate, types.FunctionType):
            return candidate
    return None


def _closure(function: types.FunctionType) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        with suppress(ValueError):  # it has no value yet
            found[name] = cell.cell_contents
    return found


class _Unquoted(ast.NodeTransformer):
    """Text inside an annotation is an annotation too, but for what stands in `Literal` and behind `Annotated`."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        name = getattr(node.value, "attr", getattr(node.value, "id", ""))
        if name == "Literal":
            return node
        if name == "Annotated" and isinstance(node.slice, ast.Tuple) and node.slice.elts:
            return self._visited(node.slice.elts[0])
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str):
            return node
        return self._visited(ast.parse(node.value.strip(), mode="eval").body)

    def _visited(self, node: ast.AST) -> ast.AST:
        visited: ast.AST = self.visit(node)
        return visited
