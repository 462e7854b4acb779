"""The smallest config that fits a schema, as YAML to begin with; what may be left out stands in it as comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from core.config.composite import as_field
from core.config.forms import (
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
from core.config.shown.schema_texts import block_of, holds_nothing, inline, key_text, remark, value_text


def scaffold(schema: Any) -> str:
    """The smallest config that fits a schema, as YAML.

    What is required has a value that fits, to be replaced by the right one; what is optional is commented out, with its
    default. A field whose values cannot be given stands as a comment that says so.

    Args:
        schema: whatever a `config_schema` may be.

    Raises:
        DagsterInvalidConfigDefinitionError: `schema` is not a config schema.

    Example:
        >>> from core import Field
        >>> print(scaffold({"months": [int], "title": Field(str, default_value="Months")}))
        months: []  # [Int]; required
        # title: "Months"  # String; "Months" by default
    """
    form = as_field(schema).form().form
    block = _block_of(form)
    if block is None:
        return f"{value_text(smallest(form))}  # {inline(form)}"
    lines = list(_lines(block))
    empty = [] if any(line.is_live for line in lines) else ["{}"]
    return "\n".join([*map(str, lines), *empty])


def smallest(form: Form) -> Any:
    """A value of a form that holds no more than it must; None where there is none."""
    match form:
        case AnyForm(_, example) | ScalarForm(_, _, example):
            return example
        case NamesForm(names):
            return next(iter(names), None)
        case VariableForm():
            return {"env": "NAME"}
        case ListForm():
            return []
        case ItemsForm(items):
            return [smallest(each) for each in items]
        case MappingForm(fields):
            return {name: smallest(each.form) for name, each in fields.items() if each.is_required}
        case ChoiceForm(fields):
            name = _easiest(form)
            return {} if name is None else {name: smallest(fields[name].form)}
        case EitherForm(_, others):
            return smallest(others)
        case OneOfForm(forms):
            return smallest(forms[0])
        case ForeignForm(_, shown):
            return smallest(shown)
    return None


def _easiest(form: ChoiceForm) -> str | None:
    """The choice with the least to be given."""
    if form.may_be_empty or not form.fields:
        return None
    return min(form.fields, key=lambda name: len(value_text(smallest(form.fields[name].form))))


class _Line(NamedTuple):
    """A line, how deep it stands, and the depths at which something that it belongs to is commented out."""

    depth: int
    text: str
    comments: frozenset[int]

    @property
    def is_live(self) -> bool:
        """bool: whether it is more than a comment."""
        return not self.comments and not self.text.startswith("#")

    def __str__(self) -> str:
        marks = ("# " if depth in self.comments else "" for depth in range(self.depth + 1))
        return "  ".join(marks) + self.text


def _block_of(form: Form) -> MappingForm | ChoiceForm | None:
    """What is shown in lines of its own; a list is empty in the smallest config."""
    block = block_of(form)
    return None if isinstance(block, ListForm) else block


def _lines(form: MappingForm | ChoiceForm, depth: int = 0, comments: frozenset[int] = frozenset()) -> Iterator[_Line]:
    if isinstance(form, ChoiceForm):
        yield _Line(depth, "# exactly one of:", comments)
        chosen = _easiest(form) or next(iter(form.fields), None)
        for name, field in form.fields.items():
            is_left_out = name != chosen or (form.may_be_empty and not comments)
            yield from _field_lines(name, field, depth, comments | ({depth} if is_left_out else set()), is_choice=True)
        return
    for name, field in form.fields.items():
        if isinstance(field.form, NoForm):
            yield _Line(depth, f"# {key_text(name)}: {inline(field.form)}", comments)
        elif field.is_required:
            yield from _field_lines(name, field, depth, comments)
        elif not _says_nothing(field):
            yield from _field_lines(name, field, depth, comments or frozenset({depth}))


def _field_lines(
    name: str, field: FieldForm, depth: int, comments: frozenset[int], is_choice: bool = False
) -> Iterator[_Line]:
    block = _block_of(field.form)
    lines = [] if block is None else list(_lines(block, depth + 1, comments))
    if lines and (comments or any(line.is_live for line in lines)):
        yield _Line(depth, f"{key_text(name)}:{remark(field, is_choice)}", comments)
        yield from lines
        return
    if block is not None and comments and not is_choice:
        return  # none of its fields says anything
    value = field.default[0] if field.default and comments else smallest(field.form)
    about = "; ".join(filter(None, (inline(field.form), remark(field, is_choice).removeprefix("  # "))))
    yield _Line(depth, f"{key_text(name)}: {value_text(value)}  # {about}", comments)


def _says_nothing(field: FieldForm) -> bool:
    """Whether there is nothing to be given, or only in ways of which few make use."""
    first = field.form.forms[0] if isinstance(field.form, OneOfForm) else field.form
    is_free = isinstance(first, AnyForm) and first.name == "Any" and not field.default
    return is_free or holds_nothing(first)
