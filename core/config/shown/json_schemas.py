"""A schema as JSON schema, draft 2020-12, for editors and other programs.

It takes what our own validation takes, with three exceptions: it does not know the environment, it cannot say which
texts a checked value takes or what one field demands of others, and to it 1.0 is an integer.
"""

from __future__ import annotations

from typing import Any

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

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"bool": "boolean", "int": "integer", "number": "number", "string": "string", "null": "null"}


def json_schema(schema: Any, title: str = "") -> dict[str, Any]:
    """A config schema as a JSON schema.

    Args:
        schema: whatever a `config_schema` may be.
        title: of the JSON schema.

    Returns:
        The schema as dicts, lists and scalars. Secrets are marked `writeOnly`, and have no default in it.

    Raises:
        DagsterInvalidConfigDefinitionError: `schema` is not a config schema.

    Example:
        >>> json_schema({"months": [int]})["properties"]["months"]
        {'type': 'array', 'items': {'type': 'integer'}}
    """
    field = as_field(schema).form()
    head = {"$schema": DIALECT, "title": title} if title else {"$schema": DIALECT}
    return {**head, **_of_field(field)}


def _of_field(field: FieldForm) -> dict[str, Any]:
    said = _of(field.form)
    if field.may_be_null:
        said = {"anyOf": [said, {"type": "null"}]}
    about: dict[str, Any] = {"description": field.description} if field.description else {}
    if field.default:
        about["default"] = field.default[0]
    if field.is_secret:
        about["writeOnly"] = True
    return {**said, **about}


def _of(form: Form) -> dict[str, Any]:
    match form:
        case AnyForm(name):
            return {} if name == "Any" else {"description": name}
        case ScalarForm(kind):
            return {"type": _TYPES[kind]}
        case NamesForm(names):
            return {"enum": list(names)} if names else {"not": {}}
        case VariableForm():
            return {
                "type": "object",
                "properties": {"env": {"type": "string", "minLength": 1}},
                "required": ["env"],
                "additionalProperties": False,
                "description": "The name of an environment variable that holds the value.",
            }
        case ListForm(item):
            return {"type": "array", "items": _of(item)}
        case ItemsForm(items):
            count = len(items)
            return {"type": "array", "prefixItems": [_of(each) for each in items], "minItems": count, "maxItems": count}
        case MappingForm() | ChoiceForm():
            return _of_mapping(form)
        case EitherForm(containers, others):
            return {"if": {"type": ["object", "array"]}, "then": _of(containers), "else": _of(others)}
        case OneOfForm(forms):
            return {"anyOf": [_of(each) for each in forms]}
        case NoForm(why):
            return {"not": {}, "description": why}
        case ForeignForm(said):
            return dict(said)
    raise AssertionError(f"{form} is not a form")


def _of_mapping(form: MappingForm | ChoiceForm) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": ["object", "null"] if form.may_be_empty else "object",
        "properties": {name: _of_field(each) for name, each in form.fields.items()},
    }
    if isinstance(form, ChoiceForm):
        said |= {"additionalProperties": False, "minProperties": 0 if form.may_be_empty else 1, "maxProperties": 1}
    else:
        said["additionalProperties"] = False if form.others is None else _of(form.others)
        required = [name for name, each in form.fields.items() if each.is_required]
        said |= {"required": required} if required else {}
    return said | ({"description": form.description} if form.description else {})
