"""A pydantic model as config schema: pydantic validates, and the code gets an instance of the model.

pydantic is imported by those who use it, and never by this package: who gives a model has imported it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from core.config.faults import MISSING, ConfigFault, Path, names_secret, show_value
from core.config.forms import AnyForm, FieldForm, ForeignForm, Form, MappingForm
from core.config.pydantic_models.model_values import plain_value, secrets_in
from core.config.recordable import not_recordable, own_copy
from core.config.scalars import ConfigType, resolve_left_out
from core.config.secrets import SHORTEST_SECRET, note_secret
from core.errors import DagsterInvalidConfigDefinitionError


def is_model(schema: Any) -> bool:
    """Whether a schema is a class of pydantic's models."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(schema, type) and issubclass(schema, pydantic.BaseModel)


class ModelType(ConfigType):
    """Config that a pydantic model validates.

    `{env: NAME}` may stand for each value that the model does not take as a mapping.

    Args:
        model: the class.

    Raises:
        DagsterInvalidConfigDefinitionError: it is a model of an older pydantic.
    """

    def __init__(self, model: type[Any]) -> None:
        if not hasattr(model, "model_validate"):
            raise DagsterInvalidConfigDefinitionError(
                f"{model.__name__} is a model of pydantic 1, which cannot be a config schema; install pydantic 2."
            )
        self.model = model
        self.description = (model.__dict__.get("__doc__") or "").strip() or None

    @property
    def given_name(self) -> str:
        return self.model.__name__

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if value is None:
            return resolve_left_out(self, path, faults)
        given: Any = value
        instance, errors = self._validated(given)
        variables = _variables_at(given, errors)
        if variables:
            given = _with_texts(given, variables)
            instance, errors = self._validated(given)
        faults.extend(self._faults(errors, given, variables, path))
        if not errors:
            for place, secret in secrets_in(instance):
                note_secret({"env": variables[place]} if place in variables else None, secret)
        return instance

    def plain(self, instance: Any) -> Any:
        """What versions are made of: the instance as plain data without secrets, with the code of its class."""
        return plain_value(instance) if isinstance(instance, self.model) else instance

    def form(self) -> Form:
        try:
            said = self.model.model_json_schema()
        except Exception:  # noqa: BLE001  of a type that has no JSON schema
            said = {}
        name = f"urn:model:{self.model.__module__}.{self.model.__qualname__}"
        return ForeignForm({"$id": name, **said} if "$defs" in said else said, self._shown())

    def _shown(self) -> MappingForm:
        fields = {
            info.alias or name: FieldForm(
                AnyForm(_type_text(info.annotation), _example(info)),
                info.is_required(),
                _default(info),
                info.description or "",
                _is_secret_type(info.annotation),
            )
            for name, info in self.model.model_fields.items()
        }
        is_open = self.model.model_config.get("extra") == "allow"
        return MappingForm(fields, AnyForm() if is_open else None, self.description or "")

    def _validated(self, given: Any) -> tuple[Any, list[Any]]:
        pydantic = sys.modules["pydantic"]
        try:
            return self.model.model_validate(own_copy(given)), []
        except pydantic.ValidationError as error:
            return given, list(error.errors(include_url=False))
        except pydantic.PydanticUserError as error:
            raise DagsterInvalidConfigDefinitionError(
                f"The pydantic model {self.model.__name__} cannot be a config schema: {error.message}"
            ) from error

    def _faults(
        self, errors: list[Any], given: Any, variables: Mapping[Path, str], path: Path
    ) -> Iterator[ConfigFault]:
        """One fault for each value that is wrong, whatever the model has tried on it."""
        told: dict[Path, list[str]] = {}
        secrets = _secret_places(self.model)
        texts = {text for _, text in secrets_in(given) if len(text) >= SHORTEST_SECRET}
        for error in errors:
            place = _place(given, tuple(error["loc"]))
            if place in variables:
                continue
            is_secret = names_secret(place) or tuple(each for each in place if isinstance(each, str)) in secrets
            message = _message(error, is_secret)
            for text in texts:  # which a validator of the whole may tell
                message = message.replace(text, "*" * len(text))
            told.setdefault(place, []).append(message)
        wrong = {_place(given, tuple(error["loc"])) for error in errors}
        for place, name in variables.items():
            if name not in os.environ:
                message = f"the environment variable {name} is not set; export it, or write the value here"
                yield ConfigFault((*path, *place), message, is_of_environment=True)
            elif place in wrong:  # its text may be a secret, so the message does not hold it
                message = f"the environment variable {name} does not hold a value that fits"
                yield ConfigFault((*path, *place), message, is_of_environment=True)
        for place, messages in told.items():
            yield ConfigFault((*path, *place), ", or ".join(dict.fromkeys(messages)))


def _message(error: Mapping[str, Any], is_secret: bool) -> str:
    if error["type"] == "missing":
        return MISSING
    if error["type"] == "extra_forbidden":
        return "unknown key; leave it out"
    if is_secret:
        return "this does not fit (a secret, not shown)"
    said = str(error["msg"])
    return f"{said[:1].lower()}{said[1:]}, got {show_value(error['input'])}"


def _place(given: Any, loc: Path) -> Path:
    """Where in the config an error is: pydantic also names the members of unions and functions that it has tried."""
    place: list[str | int] = []
    for number, key in enumerate(loc):
        is_missing_field = number == len(loc) - 1 and isinstance(given, Mapping) and isinstance(key, str)
        if _has(given, key):
            given = given[key]
        elif not is_missing_field:
            continue
        place.append(key)
    return tuple(place)


def _has(given: Any, key: str | int) -> bool:
    if isinstance(given, Mapping):
        return key in given
    return isinstance(given, list | tuple) and isinstance(key, int) and key < len(given)


def _variables_at(given: Any, errors: list[Any]) -> dict[Path, str]:
    """The places of errors at which `{env: NAME}` stands, and so where the model takes no mapping, and the names."""
    places = (_variable_place(given, tuple(error["loc"])) for error in errors)
    return {place: _at(given, place)["env"] for place in places if place is not None}


def _with_texts(given: Any, variables: Mapping[Path, str]) -> Any:
    """The config with the texts of variables in their places; where one is not set, what stands there stays."""
    changed = own_copy(given)
    for place, name in variables.items():
        if name in os.environ:
            _at(changed, place[:-1])[place[-1]] = os.environ[name]
    return changed


def _variable_place(given: Any, loc: Path) -> Path | None:
    """The place of `{env: NAME}` that an error is about, or is inside of; None where there is none."""
    for end in range(1, len(loc) + 1):
        found = _at(given, loc[:end])
        if isinstance(found, Mapping) and set(found) == {"env"} and isinstance(found["env"], str):
            return loc[:end]
    return None


def _at(given: Any, place: Path) -> Any:
    for key in place:
        if not _has(given, key):
            return None
        given = given[key]
    return given


def _is_secret_type(annotation: Any) -> bool:
    parts = (annotation, *getattr(annotation, "__args__", ()))
    return any(hasattr(each, "get_secret_value") for each in parts)


def _secret_places(model: type[Any], above: Path = (), depth: int = 0) -> set[Path]:
    """The names that lead to secrets; those of models in models too, as far as anybody nests them."""
    found: set[Path] = set()
    for name, info in model.model_fields.items():
        for place in {(*above, name), (*above, info.alias or name)}:
            if _is_secret_type(info.annotation):
                found.add(place)
            for part in (info.annotation, *getattr(info.annotation, "__args__", ())):
                if is_model(part) and depth < _DEEPEST:
                    found |= _secret_places(part, place, depth + 1)
    return found


_DEEPEST = 10


def _type_text(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _default(info: Any) -> tuple[Any, ...]:
    if info.is_required() or info.default_factory is not None or _is_secret_type(info.annotation):
        return ()
    return (info.default,) if next(not_recordable(info.default), None) is None else ()


def _example(info: Any) -> Any:
    """A value of the commonest types, which the rest of the model may not take."""
    examples = {int: 0, float: 0.0, bool: False, str: "...", list: [], dict: {}}
    return examples.get(getattr(info.annotation, "__origin__", info.annotation), "...")
