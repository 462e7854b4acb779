"""What is said of a column: its type, and the rules that its values keep."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Sequence
from typing import Any

import msgspec

from core.arguments import check_fields, checked_arguments

KINDS = ("bool", "int", "float", "number", "string", "datetime", "date", "duration", "category")
_OF_PYTHON: dict[Any, str] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    datetime.datetime: "datetime",
    datetime.date: "date",
    datetime.timedelta: "duration",
}


class Check(msgspec.Struct, frozen=True):
    """A rule of your own, of a column or of a whole table.

    Attributes:
        name: the rule, as a failing check says it: "dates are working days".
        holds: gets the column (a Series) or the frame; returns True or False, or a Series, an array, a list or, of
            Polars, an expression of them, one for each row.

    Example:
        >>> Column("n", int, checks=[Check("is even", lambda column: column % 2 == 0)]).checks[0].name
        'is even'
    """

    name: str
    holds: Callable[[Any], Any]

    def __post_init__(self) -> None:
        check_fields(self, f"check {self.name!r}" if isinstance(self.name, str) else "a Check")


class Column:
    """A column of a table, and the rules that its values keep.

    Args:
        name: of the column.
        dtype: what its values are: bool, int, float, str, datetime, date or timedelta; "number" for int or float, and
            "category"; or a dtype of the library itself, such as `"float32"` or `polars.Int8`, which must be exactly
            that. None takes any.
        nullable: whether values may be missing: null, or NaN among floats.
        unique: whether no value may stand in two rows; missing ones do not count.
        at_least: the smallest value; missing ones do not count, as in the rules below.
        at_most: the largest value.
        one_of: the values that there may be.
        is_required: whether the column must be there.
        checks: rules of your own, each a Check or a function that is called by its own name.
        description: for people.

    Raises:
        DagsterInvalidDefinitionError: an argument is not what it has to be.

    Example:
        >>> Column("month", int, nullable=False, at_least=1, at_most=12).dtype_text
        'int'
    """

    @checked_arguments("column")
    def __init__(
        self,
        name: str,
        dtype: Any = None,
        *,
        nullable: bool = True,
        unique: bool = False,
        at_least: Any = None,
        at_most: Any = None,
        one_of: Collection[Any] | None = None,
        is_required: bool = True,
        checks: Sequence[Check | Callable[[Any], Any]] = (),
        description: str | None = None,
    ) -> None:
        self.name = name
        kind = _OF_PYTHON.get(dtype) if isinstance(dtype, type) else dtype
        self.kind: str | None = kind if isinstance(kind, str) and kind in KINDS else None
        self.exact_dtype = None if self.kind is not None else dtype
        self.nullable, self.unique = nullable, unique
        self.at_least, self.at_most = at_least, at_most
        self.one_of = None if one_of is None else list(one_of)
        self.is_required = is_required
        self.checks = as_checks(checks)
        self.description = description

    @property
    def dtype_text(self) -> str:
        """str: the type of its values, for messages."""
        return self.kind or str(getattr(self.exact_dtype, "__name__", self.exact_dtype))


def as_checks(given: Sequence[Check | Callable[[Any], Any]]) -> tuple[Check, ...]:
    """Checks, of which functions have their own name."""
    return tuple(
        each if isinstance(each, Check) else Check(getattr(each, "__name__", repr(each)), each) for each in given
    )
