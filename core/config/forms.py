"""The forms that config can have: what a schema says, in few kinds of records, for those who print or translate it.

`schema_text`, `json_schema` and `scaffold` are written once over these. A config type says its form with `form()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class AnyForm(msgspec.Struct, frozen=True):
    """Any value, or values of which no more can be said than a name.

    Attributes:
        name: for people.
        example: a value that fits.
    """

    name: str = "Any"
    example: Any = None


class ScalarForm(msgspec.Struct, frozen=True):
    """One scalar.

    Attributes:
        kind: which; a number takes ints, and an int is no bool.
        name: for people.
        example: a value that fits.
    """

    kind: Literal["bool", "int", "number", "string", "null"]
    name: str
    example: Any


class NamesForm(msgspec.Struct, frozen=True):
    """One of a list of strings.

    Attributes:
        names: name -> its description, which may be empty.
    """

    names: Mapping[str, str]


class VariableForm(msgspec.Struct, frozen=True):
    """`{env: NAME}`, which stands for the text of an environment variable."""


class ListForm(msgspec.Struct, frozen=True):
    """A list of values of one form."""

    item: Form


class ItemsForm(msgspec.Struct, frozen=True):
    """A list of fixed length, each item of a form of its own."""

    items: tuple[Form, ...]


class FieldForm(msgspec.Struct, frozen=True):
    """A named place in a mapping.

    Attributes:
        form: of its values.
        is_required: whether it must be given.
        default: a tuple of one value, or none where leaving the field out gives no value, or one that is not shown.
        description: for people; may be empty.
        is_secret: whether its values are secrets.
        may_be_null: whether null stands for the default, in a choice.
    """

    form: Form
    is_required: bool = True
    default: tuple[Any, ...] = ()
    description: str = ""
    is_secret: bool = False
    may_be_null: bool = False


class MappingForm(msgspec.Struct, frozen=True):
    """Named fields, and others where `others` has a form. Null stands for a mapping without fields.

    Attributes:
        fields: by name.
        others: the form of other fields; None where there can be none.
        description: for people; may be empty.
    """

    fields: Mapping[str, FieldForm]
    others: Form | None = None
    description: str = ""

    @property
    def may_be_empty(self) -> bool:
        """bool: whether every field can be left out."""
        return not any(each.is_required for each in self.fields.values())


class ChoiceForm(msgspec.Struct, frozen=True):
    """Exactly one of the named fields.

    Attributes:
        fields: by name.
        description: for people; may be empty.
        may_be_empty: whether none, or null, stands for the only field with its default.
        is_aside: whether it is another way to give what stands beside it, which is not shown inside of others.
    """

    fields: Mapping[str, FieldForm]
    description: str = ""
    may_be_empty: bool = False
    is_aside: bool = False


class EitherForm(msgspec.Struct, frozen=True):
    """Lists and mappings of one form, everything else of another."""

    containers: Form
    others: Form


class OneOfForm(msgspec.Struct, frozen=True):
    """A value of any of these forms; people write the first."""

    forms: tuple[Form, ...]


class NoForm(msgspec.Struct, frozen=True):
    """No value at all.

    Attributes:
        why: for people.
    """

    why: str


class ForeignForm(msgspec.Struct, frozen=True):
    """What another library says in a JSON schema of its own.

    Attributes:
        json_schema: it.
        shown: the same as far as these forms can say it.
    """

    json_schema: Mapping[str, Any]
    shown: Form


Form = (
    AnyForm
    | ScalarForm
    | NamesForm
    | VariableForm
    | ListForm
    | ItemsForm
    | MappingForm
    | ChoiceForm
    | EitherForm
    | OneOfForm
    | NoForm
    | ForeignForm
)

NULL = ScalarForm("null", "null", None)
