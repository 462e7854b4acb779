"""A schema as text that people read: what may stand where, in the shape of the YAML that they write."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from core.config.composite import as_field
from core.config.forms import (
    NULL,
    AnyForm,
    ChoiceForm,
    EitherForm,
    FieldForm,
    ForeignForm,
    Form,
    ItemsForm,
    ListForm,
    MappingForm,
    NamesForm,
    NoForm,
    OneOfForm,
    ScalarForm,
    VariableForm,
)
from core.printable import printable

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_YAML_WORDS = {"yes", "no", "on", "off", "true", "false", "null"}


def schema_text(schema: Any) -> str:
    """A config schema as text, one line for each field, with what is required and what is there by default.

    Args:
        schema: whatever a `config_schema` may be.

    Raises:
        DagsterInvalidConfigDefinitionError: `schema` is not a config schema.

    Example:
        >>> from core import Field
        >>> print(schema_text({"months": [int], "title": Field(str, default_value="Months")}))
        months: [Int]  # required
        title: String  # "Months" by default
    """
    form = as_field(schema).form()
    block = block_of(form.form)
    return "\n".join(_lines(block)) if block is not None else f"{inline(form.form)}{remark(form)}"


def block_of(form: Form) -> MappingForm | ChoiceForm | ListForm | None:
    """What of a form is shown in lines of its own: a mapping, a choice, or a list of them; None of other forms."""
    match form:
        case MappingForm(fields):
            return form if fields and not holds_nothing(form) else None
        case ChoiceForm(fields):
            return form if fields else None
        case ListForm(item):
            return form if block_of(item) is not None else None
        case OneOfForm():
            first = _telling(form)[0]
            return block_of(first) if isinstance(first, MappingForm | ChoiceForm) else None
        case EitherForm(containers):
            return block_of(containers)
        case ForeignForm(_, shown):
            return block_of(shown)
    return None


def holds_nothing(form: Form) -> bool:
    """Whether nothing can be given but empty mappings."""
    return (
        isinstance(form, MappingForm)
        and form.others is None
        and all(holds_nothing(each.form) for each in form.fields.values())
    )


def _telling(form: OneOfForm) -> Sequence[Form]:
    """The forms of several in which something can be given."""
    return [each for each in form.forms if not holds_nothing(each)] or form.forms


def _lines(form: Form) -> Iterator[str]:
    match form:
        case ListForm(item):
            block = block_of(item)
            assert block is not None, "other lists are shown in a line"
            for number, line in enumerate(_lines(block)):
                yield f"{'  ' if number else '- '}{line}"
        case MappingForm(fields, others):
            yield from _field_lines(fields, is_choice=False)
            if others is not None:
                yield f"...: {inline(others)}  # any other keys"
        case ChoiceForm(fields):
            yield "# exactly one of:"
            yield from _field_lines(fields, is_choice=True)


def _field_lines(fields: Mapping[str, FieldForm], is_choice: bool) -> Iterator[str]:
    for name, field in fields.items():
        if holds_nothing(field.form) and not is_choice:
            continue
        block = block_of(field.form)
        if block is None:
            yield f"{key_text(name)}: {inline(field.form)}{remark(field, is_choice)}"
            continue
        also = [f"or {inline(each)}" for each in _beside_block(field.form)]
        yield f"{key_text(name)}:{remark(field, is_choice, *also)}"
        for line in _lines(block):
            yield f"  {line}"


def _beside_block(form: Form) -> Sequence[Form]:
    """The forms that may stand in the place of the one that is shown in lines of its own."""
    match form:
        case OneOfForm():
            return _telling(form)[1:]
        case EitherForm(_, others):
            return (others,)
    return ()


def inline(form: Form, is_inner: bool = False) -> str:
    """A form in a few words; `is_inner` where it stands inside of another."""
    match form:
        case AnyForm(name):
            return name
        case ScalarForm(_, name):
            return name
        case NamesForm(names):
            return " | ".join(map(key_text, names)) or "(nothing)"
        case VariableForm():
            return "{env: NAME}"
        case ListForm(item):
            return f"[{inline(item, is_inner=True)}]"
        case ItemsForm(items):
            return f"[{', '.join(inline(each, is_inner=True) for each in items)}]"
        case MappingForm(fields, others):
            shown = [f"{key_text(name)}: {inline(each.form, is_inner=True)}" for name, each in fields.items()]
            return f"{{{', '.join([*shown, *(['...'] if others is not None else [])])}}}"
        case ChoiceForm(fields, description):
            return description or " or ".join(
                f"{{{key_text(name)}: {inline(each.form, is_inner=True)}}}" for name, each in fields.items()
            )
        case EitherForm(containers, others):
            return f"{inline(others, is_inner)} or {inline(containers, is_inner)}"
        case OneOfForm():
            told = [
                each for each in _telling(form) if not (is_inner and isinstance(each, ChoiceForm) and each.is_aside)
            ]
            return " or ".join(dict.fromkeys(inline(each, is_inner) for each in told))
        case NoForm(why):
            return f"(nothing: {why})"
        case ForeignForm(_, shown_form):
            return inline(shown_form, is_inner)
    raise AssertionError(f"{form} is not a form")


def remark(field: FieldForm, is_choice: bool = False, *more: str) -> str:
    """What is to be said of a field, as a comment at the end of its line.

    Args:
        field: the field.
        is_choice: whether it is one of several of which one must be given.
        more: what else is to be said.
    """
    said = ["required"] if field.is_required and not is_choice else []
    if field.default and field.default[0] not in ({}, None):
        said.append(f"{value_text(field.default[0])} by default")
    elif not field.is_required and not is_choice and block_of(field.form) is None and not may_be_null(field.form):
        said.append("optional")
    said += ["secret"] if field.is_secret else []
    said += [" ".join(printable(each).split()) for each in (field.description, *more) if each]
    return f"  # {'; '.join(said)}" if said else ""


def may_be_null(form: Form) -> bool:
    """Whether null is one of the values."""
    return isinstance(form, OneOfForm) and NULL in form.forms


def key_text(name: str) -> str:
    """A key as YAML."""
    return name if _PLAIN_KEY.fullmatch(name) and name.lower() not in _YAML_WORDS else value_text(name)


def value_text(value: Any) -> str:
    """A value as JSON, which YAML reads too."""
    return printable(msgspec.json.encode(value).decode("utf-8"))
