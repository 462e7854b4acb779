"""Hooks: functions that are called when a step has ended."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

import msgspec

from core.arguments import checked_arguments
from core.definitions.parts.configurable import check_name
from core.errors import DagsterInvalidDefinitionError, DagsterInvalidInvocationError
from core.events.records import DagsterEvent


class HookExecutionResult(msgspec.Struct, frozen=True):
    """What the function of a HookDefinition returns.

    Attributes:
        hook_name: the name of the hook.
        is_skipped: whether the events of the step are none that the hook is for.
    """

    hook_name: str
    is_skipped: bool = False


HookFn = Callable[[Any, Sequence[DagsterEvent]], HookExecutionResult | None]
"""Called with a HookContext and the events of the step, when it has ended."""

_order = itertools.count()


class HookDefinition:
    """A function that is called when a step has ended. Most are made by `success_hook` and `failure_hook`.

    Args:
        name: of the hook.
        hook_fn: called with a HookContext and the events of the step's last attempt; may return a HookExecutionResult.
        required_resource_keys: resources that `context.resources` has.
        decorated_fn: the function that a decorator made it from, of the context alone.

    Raises:
        DagsterInvalidDefinitionError: the name is not one, or `hook_fn` is not a function that ends when it returns.

    Example:
        >>> from core import HookDefinition, execute_pipeline, lambda_solid, pipeline
        >>> ended = []
        >>> note = HookDefinition(name="note", hook_fn=lambda context, events: ended.append(context.step_key))
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> execute_pipeline(pipeline(name="count", hook_defs={note})(lambda: one())).success, ended
        (True, ['one'])
    """

    @checked_arguments("hook")
    def __init__(
        self,
        *,
        name: str,
        hook_fn: HookFn,
        required_resource_keys: Iterable[str] | None = None,
        decorated_fn: Callable[[Any], object] | None = None,
    ) -> None:
        self.name = check_name(name, "hook")
        self.hook_fn = hook_fn
        self.required_resource_keys = frozenset(required_resource_keys or ())
        self.decorated_fn = decorated_fn
        self._defined = next(_order)
        _check_function(decorated_fn or hook_fn, name)

    @property
    def rank(self) -> tuple[str, int]:
        """tuple[str, int]: hooks of a step are called in this order: by name, and as they were defined."""
        return self.name, self._defined

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Decorates a pipeline, which has the hook on each of its solids then; or calls the hook's function, in a test.

        Example: `tell_me(build_hook_context(resources={"slack": fake_slack}))`

        Args:
            args: the pipeline, or the context; None where the function does not use it.
            kwargs: the context, by the name that the function gives it.

        Raises:
            DagsterInvalidInvocationError: the arguments are others, or the context lacks a resource that the hook
                requires.
            Exception: what the function raised.
        """
        given = args[0] if args else None
        with_hooks = getattr(given, "with_hooks", None)
        if with_hooks is not None and len(args) == 1 and not kwargs:
            return with_hooks({self})
        if self.decorated_fn is None:
            raise DagsterInvalidInvocationError(
                f"Hook {self.name!r} was not made by @success_hook or @failure_hook; call its hook_fn(context, events)."
            )
        parameter = next(iter(inspect.signature(self.decorated_fn).parameters))
        if len(args) + len(kwargs) != 1 or (kwargs and parameter not in kwargs):
            raise DagsterInvalidInvocationError(
                f"Hook {self.name!r} takes one argument, {parameter!r}: call it with build_hook_context(...)."
            )
        context = args[0] if args else kwargs[parameter]
        bind = getattr(context, "bound_to", None)
        self.decorated_fn(context if bind is None else bind(self))
        return None

    def __repr__(self) -> str:
        return f"HookDefinition({self.name!r})"


def _check_function(function: object, name: str) -> None:
    if not callable(function) or inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise DagsterInvalidDefinitionError(
            f"Hook {name!r} needs a function that is neither async nor a generator; it was given {function!r}."
        )


def hook_set(hook_defs: Iterable[HookDefinition] | None, described: str) -> frozenset[HookDefinition]:
    """Hooks as a set.

    Args:
        hook_defs: the hooks.
        described: what they were given to, for the message.

    Raises:
        DagsterInvalidDefinitionError: something is not a hook.
    """
    if isinstance(hook_defs, HookDefinition):
        raise DagsterInvalidDefinitionError(f"hook_defs of {described} must be a set of hooks; write {{hook}}.")
    hooks = list(hook_defs or ())
    for each in hooks:
        if not isinstance(each, HookDefinition):
            raise DagsterInvalidDefinitionError(
                f"hook_defs of {described} holds {each!r}, which is not a hook. Decorate the function with "
                "@success_hook or @failure_hook."
            )
    return frozenset(hooks)


@overload
def success_hook(name: Callable[[Any], object]) -> HookDefinition: ...
@overload
def success_hook(
    name: str | None = None, required_resource_keys: Iterable[str] | None = None
) -> Callable[[Callable[[Any], object]], HookDefinition]: ...
def success_hook(name: Any = None, required_resource_keys: Iterable[str] | None = None) -> Any:
    """Decorator: a function of a HookContext becomes a hook that is called when a step has succeeded.

    Args:
        name: of the hook; the function's name by default.
        required_resource_keys: resources that `context.resources` has.

    Raises:
        DagsterInvalidDefinitionError: the function does not take one argument, or is async or a generator.

    Example:
        >>> from core import build_hook_context, lambda_solid, success_hook
        >>> @success_hook(required_resource_keys={"slack"})
        ... def tell_of_success(context):
        ...     context.resources.slack.append(f"{context.solid.name} succeeded")
        >>> slack = []
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> tell_of_success(build_hook_context(resources={"slack": slack}, solid=one))
        >>> slack
        ['one succeeded']
    """
    return _decorator(name, required_resource_keys, lambda event: event.is_step_success)


@overload
def failure_hook(name: Callable[[Any], object]) -> HookDefinition: ...
@overload
def failure_hook(
    name: str | None = None, required_resource_keys: Iterable[str] | None = None
) -> Callable[[Callable[[Any], object]], HookDefinition]: ...
def failure_hook(name: Any = None, required_resource_keys: Iterable[str] | None = None) -> Any:
    """Decorator: a function of a HookContext becomes a hook that is called when a step has failed for good.

    Args:
        name: of the hook; the function's name by default.
        required_resource_keys: resources that `context.resources` has.

    Raises:
        DagsterInvalidDefinitionError: the function does not take one argument, or is async or a generator.

    Example:
        >>> from core import execute_pipeline, failure_hook, lambda_solid, pipeline
        >>> @failure_hook
        ... def tell_of_failure(context):
        ...     print(f"{context.solid.name} failed: {context.solid_exception}")
        >>> divide = lambda_solid(name="divide")(lambda: 1 / 0)
        >>> execute_pipeline(pipeline(name="sums", hook_defs={tell_of_failure})(lambda: divide()), raise_on_error=False)
        divide failed: division by zero
        <PipelineExecutionResult ...>
    """
    return _decorator(name, required_resource_keys, lambda event: event.is_step_failure)


def _decorator(name: Any, required_resource_keys: Iterable[str] | None, is_for: Callable[[DagsterEvent], bool]) -> Any:
    def make(decorated_fn: Callable[[Any], object]) -> HookDefinition:
        own_name = getattr(decorated_fn, "__name__", "hook") if name is None or callable(name) else name
        _check_function(decorated_fn, own_name)
        try:
            inspect.signature(decorated_fn).bind("context")
        except TypeError:
            raise DagsterInvalidDefinitionError(
                f"The function of hook {own_name!r} must take one argument, the context: def {own_name}(context)."
            ) from None

        def hook_fn(context: Any, events: Sequence[DagsterEvent]) -> HookExecutionResult:
            if not any(is_for(event) for event in events):
                return HookExecutionResult(own_name, is_skipped=True)
            decorated_fn(context)
            return HookExecutionResult(own_name)

        hook_def = HookDefinition(
            name=own_name,
            hook_fn=hook_fn,
            required_resource_keys=required_resource_keys,
            decorated_fn=decorated_fn,
        )
        functools.update_wrapper(hook_def, decorated_fn, updated=())  # its name and docstring
        return hook_def

    return make(name) if callable(name) else make
