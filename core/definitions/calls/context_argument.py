"""The context among the arguments of a definition that is called outside a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from core.errors import DagsterInvalidInvocationError

C = TypeVar("C")


def split_context(
    described: str,
    parameter: str | None,
    builder: str,
    context_type: type[C],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[C | None, Sequence[Any], Mapping[str, Any]]:
    """The context that a definition was called with, which may be None, and the other arguments.

    Args:
        described: the definition, for messages: "Solid 'clean'".
        parameter: what its function calls the context; None where it takes none.
        builder: the function that builds such a context.
        context_type: what it builds.
        args: the positional arguments.
        kwargs: the others.

    Raises:
        DagsterInvalidInvocationError: there is none, or something else in its place, or one that is not wanted.
    """
    if parameter is None:
        if any(isinstance(each, context_type) for each in (*args, *kwargs.values())):
            raise DagsterInvalidInvocationError(
                f"{described} was called with a context, and its function takes none; leave it out, or give the "
                "function a first parameter called `context`."
            )
        return None, args, kwargs
    how = f"call it with {builder}(...), or with None where it needs nothing of one"
    if parameter in kwargs:
        context, rest = kwargs[parameter], args
        others: Mapping[str, Any] = {name: value for name, value in kwargs.items() if name != parameter}
    elif args:
        context, rest, others = args[0], args[1:], kwargs
    else:
        raise DagsterInvalidInvocationError(f"{described} takes a context first, and was called without one; {how}.")
    if context is not None and not isinstance(context, context_type):
        what = type(context).__name__
        raise DagsterInvalidInvocationError(f"{described} takes a context first, and was given a {what}; {how}.")
    return context, rest, others


def only_context(
    described: str,
    parameter: str | None,
    builder: str,
    context_type: type[C],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> C | None:
    """As `split_context`, for what takes nothing but a context."""
    context, rest, others = split_context(described, parameter, builder, context_type, args, kwargs)
    if rest or others:
        count = len(args) + len(kwargs)
        takes = "nothing" if parameter is None else "a context and nothing else"
        raise DagsterInvalidInvocationError(f"{described} takes {takes}, and was called with {count} arguments.")
    return context
