"""Arguments of users' calls, held against the annotations of what is called: what does not fit is told by its name."""

from __future__ import annotations

import builtins
import functools
import sys
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from inspect import get_annotations
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, ParamSpec, TypeVar

from core.errors import DagsterError, DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.wording import a_kind_of, with_article

_P = ParamSpec("_P")
_T = TypeVar("_T")
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_WIDER: dict[Any, Any] = {int: Integral, float: Real}  # those of other libraries are taken too


def checked_arguments(
    described: str,
    error: type[DagsterError] = DagsterInvalidDefinitionError,
    advice: Mapping[str, str] = types.MappingProxyType({}),
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Decorator: what a function or constructor is given is what its annotations say, or is refused in a sentence.

    Names that are imported for type checkers only stand for anything.

    Args:
        described: what messages call what is called: "solid" of one with an argument `name`, which they then say too;
            otherwise in full, as "a resource".
        error: what is raised.
        advice: by the name of an argument, a sentence about what to do.

    >>> @checked_arguments("cup")
    ... def cup(name: str, size: int = 1): ...
    >>> cup("tea", size="large")
    Traceback (most recent call last):
    core.errors.DagsterInvalidDefinitionError: size of cup 'tea' must be an int; it is a str.
    """

    def decorate(function: Callable[_P, _T]) -> Callable[_P, _T]:
        expected: dict[str, _Expected] = {}
        code: Any = function.__code__
        names: tuple[str, ...] = code.co_varnames[: code.co_argcount]

        @functools.wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            if not expected:
                scope = vars(sys.modules[function.__module__])
                expected.update({name: _expected(hint, scope) for name, hint in function.__annotations__.items()})
            for name, value in (*zip(names, args, strict=False), *kwargs.items()):
                known = expected.get(name)
                if known is None or isinstance(value, known.plain):
                    continue
                why = _misfit(value, known.choices)
                if why is None:
                    continue
                if args == (value,) and isinstance(value, _FUNCTIONS) and not kwargs:
                    raise error(f"@{function.__name__} needs its arguments in parentheses: @{function.__name__}(...).")
                given = {**dict(zip(names, args, strict=False)), **kwargs}
                whole = _called(described, given) if "name" in expected else described
                raise error(" ".join(filter(None, (f"{name} of {whole} {why}.", advice.get(name)))))
            return function(*args, **kwargs)

        return call

    return decorate


def check_fields(record: Any, described: str, error: type[DagsterError] = DagsterInvalidDefinitionError) -> None:
    """Holds the fields of a record against its annotations, as `checked_arguments` does arguments; for a constructor.

    Args:
        record: it is called by the name of its class.
        described: what messages call it.
        error: what is raised.
    """
    for name, known in _fields_of(record.__class__):
        value = getattr(record, name)
        why = None if isinstance(value, known.plain) else _misfit(value, known.choices)
        if why is not None:
            raise error(f"{name} of {described} {why}.")


def check_returned(
    value: Any, hint: Any, function: str, error: type[DagsterError] = DagsterInvariantViolationError
) -> None:
    """Holds what a user's function returned against what it must be.

    Args:
        value: what it returned.
        hint: as in an annotation.
        function: what messages call the function: "should_execute of schedule 'morning'".
        error: what is raised.

    >>> check_returned("no", bool, "should_execute of schedule 'morning'")
    Traceback (most recent call last):
    core.errors.DagsterInvariantViolationError: should_execute of schedule 'morning' must return a bool; it gave a str.
    """
    choices = tuple(_choices(hint))
    why = _misfit(value, choices)
    if why is not None:
        items = f", and {why}" if why.startswith("h") else ""
        raise error(f"{function} must return {_in_words(choices)}; it gave {a_kind_of(value)}{items}.")


def _called(described: str, given: Mapping[str, Any]) -> str:
    name = given.get("name")
    return f"{described} {name!r}" if isinstance(name, str) else with_article(described)


class _Choice(NamedTuple):
    """One of what an annotation gives the choice between.

    Attributes:
        words: what it is, for messages.
        kind: the classes of which a value of that kind is.
        values: the only values that there may be; none where any of its kind does.
        keys, items: what may stand in it, of a dict, list or set; none where that is not said.
    """

    words: str
    kind: tuple[type, ...]
    values: tuple[Any, ...] = ()
    keys: tuple[_Choice, ...] = ()
    items: tuple[_Choice, ...] = ()

    @property
    def is_list(self) -> bool:
        return bool(self.items) and not self.keys

    @property
    def is_plain(self) -> bool:
        return not self.items and not self.values

    def takes(self, value: Any) -> bool:
        """Whether a value is of its kind, whatever is in it."""
        if isinstance(value, self.kind):
            return not self.values or value in self.values
        return bool in self.kind and type(value).__name__ in ("bool", "bool_")  # that of a library of arrays


class _Expected(NamedTuple):
    """What may stand somewhere.

    Attributes:
        choices: what an annotation gives the choice between.
        plain: classes of which it takes any instance, so that most values need one look.
    """

    choices: tuple[_Choice, ...]
    plain: tuple[type, ...]


def _expected(annotation: Any, scope: Mapping[str, Any]) -> _Expected:
    hint = eval(annotation, {}, _Names(scope)) if isinstance(annotation, str) else annotation  # noqa: S307 - our own
    choices = tuple(_choices(hint))
    plain = {each: None for choice in choices if choice.is_plain for each in choice.kind}
    return _Expected(choices, tuple(sorted(plain, key=lambda each: type(each) is not type)))


class _Names(dict[str, Any]):
    """The names of a module, where those that only type checkers see stand for anything."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, Any)


@functools.cache
def _fields_of(cls: Any) -> list[tuple[str, _Expected]]:
    return [
        (name, _expected(hint, vars(sys.modules[each.__module__])))
        for each in reversed(cls.__mro__)
        for name, hint in get_annotations(each).items()
    ]


def _choices(hint: Any) -> Iterator[_Choice]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for each in typing.get_args(hint):
            yield from _choices(each)
    elif hint is Any or isinstance(hint, TypeVar):
        yield _Choice("", (object,))
    else:
        yield _choice(type(None) if hint is None else hint)


def _choice(hint: Any) -> _Choice:
    origin, arguments = typing.get_origin(hint) or hint, typing.get_args(hint)
    if origin is Literal:
        return _Choice(" or ".join(map(repr, arguments)), (object,), arguments)
    if origin is type:
        return _Choice("a class", (type,))
    if origin is Callable or getattr(origin, "_is_protocol", False):
        return _Choice("a function", (Callable,))  # type: ignore[arg-type]
    if origin in _WIDER:
        return _Choice("a number" if origin is float else "an int", (_WIDER[origin],))
    if issubclass(origin, Mapping):
        keys, items = map(tuple, map(_choices, arguments)) if arguments else ((), ())
        return _Choice("a dict", (origin,), (), keys, items)
    if arguments and issubclass(origin, Iterable):
        return _list_choice(origin, tuple(_choices(arguments[0])))
    return _Choice(with_article(origin.__name__), (origin,))


def _list_choice(origin: type, items: tuple[_Choice, ...]) -> _Choice:
    kind = "a list" if issubclass(origin, Sequence) else "a set or list"
    item = " or ".join(filter(None, (each.words.removeprefix("an ").removeprefix("a ") for each in items)))
    return _Choice(f"{kind} of {item}" if item else kind, (origin,), (), (), items)


def _misfit(value: Any, choices: tuple[_Choice, ...]) -> str | None:
    """Why a value does not fit an annotation, as the end of a sentence; None where it does."""
    is_text = isinstance(value, str | bytes)  # which would be a list of letters
    of_its_kind = [each for each in choices if each.takes(value) and not (is_text and each.is_list)]
    if of_its_kind:
        why = [_misfit_of_items(value, each) for each in of_its_kind]
        return None if None in why else why[0]
    what = f"must be {_in_words(choices)}; it is {a_kind_of(value)}"
    if not any(item.takes(value) for each in choices if each.is_list for item in each.items):
        return what
    return f"{what}; write [{value!r}]" if is_text else f"{what}; put it in brackets"


def _misfit_of_items(value: Any, choice: _Choice) -> str | None:
    if choice.keys:
        for key, item in value.items():
            if not any(each.takes(key) for each in choice.keys):
                return f"has a key that is {a_kind_of(key)}, which is not {_in_words(choice.keys)}"
            if not any(each.takes(item) for each in choice.items):
                return f"holds {a_kind_of(item)} for {key!r}, which is not {_in_words(choice.items)}"
    elif choice.items and isinstance(value, Collection):
        for item in value:
            if not any(each.takes(item) for each in choice.items):
                return f"holds {a_kind_of(item)}, which is not {_in_words(choice.items)}"
    return None


def _in_words(choices: Iterable[_Choice]) -> str:
    said = (each.words for each in choices if each.kind != (type(None),))
    return " or ".join(dict.fromkeys(said))
