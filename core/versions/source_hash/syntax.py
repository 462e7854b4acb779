"""The text of a piece of syntax, without the parts that do not change what it does."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LEFT_OUT = {"ctx", "kind", "type_comment", "type_params", "returns", "simple", "type_ignores"}
Write = Callable[[str], None]


def normal_form(nodes: Iterable[ast.AST], leave_decorators: bool = False) -> str:
    """The syntax as text without positions, comments, docstrings and other bare strings, `pass`, and annotations.

    Annotations of parameters, results and local variables are for readers and type checkers. Those in the body of a
    class stay, because dataclasses and similar classes make fields of them. Empty fields of syntax nodes are left out,
    so that Python 3.11, 3.12 and 3.13 give the same text.

    Args:
        nodes: the syntax.
        leave_decorators: whether the decorators of the nodes themselves, but not of nodes inside them, are left out.
    """
    pieces: list[str] = []
    for node in nodes:
        _node(node, pieces.append, in_class=False, leave_decorators=leave_decorators)
    return "".join(pieces)


def is_bare(statement: ast.stmt) -> bool:
    """Whether a statement does nothing: `pass`, a docstring, or any other constant on its own."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _node(node: ast.AST, write: Write, in_class: bool, leave_decorators: bool = False) -> None:
    if isinstance(node, ast.AnnAssign) and not in_class:
        if node.value is not None:
            _node(ast.Assign([node.target], node.value), write, in_class)
        return
    left_out = _LEFT_OUT | {"annotation"} if isinstance(node, ast.arg) else _LEFT_OUT
    if leave_decorators:
        left_out = left_out | {"decorator_list"}
    if isinstance(node, ast.ClassDef):
        in_class = True
    elif isinstance(node, _FUNCTIONS):
        in_class = False
    write(f"{type(node).__name__}(")
    for field in node._fields:
        value = getattr(node, field, None)
        if field not in left_out and value != [] and (value is not None or isinstance(node, ast.Constant)):
            write(f"{field}=")
            _field(value, write, in_class)
    write(")")


def _field(value: object, write: Write, in_class: bool) -> None:
    if isinstance(value, ast.AST):
        _node(value, write, in_class)
    elif isinstance(value, list):
        write("[")
        for item in value:
            if not (isinstance(item, ast.stmt) and is_bare(item)):
                _field(item, write, in_class)
                write(",")
        write("]")
    elif type(value) is int:
        write(f"int:{value:x};")  # hexadecimal, since Python refuses to write more than 4300 decimal digits
    else:
        write(f"{type(value).__name__}:{value!r};")
