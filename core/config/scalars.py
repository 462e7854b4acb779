"""The config type interface, and the types that hold no other types."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from core.arguments import checked_arguments
from core.config.faults import MISSING, ConfigFault, Path, format_path, show_value
from core.config.forms import AnyForm, Form, NamesForm, ScalarForm
from core.errors import DagsterInvalidConfigDefinitionError

_MOST_MISSING = 5


class ConfigType(ABC):
    """A shape that config can have. Users write Python types, dicts and lists; these stand behind them."""

    description: str | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.given_name}>"

    @property
    @abstractmethod
    def given_name(self) -> str:
        """str: what the type is called in messages and in help."""

    @abstractmethod
    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        """Checks `value`, appends each fault to `faults`, and returns the value to use.

        Returns:
            The value with defaults filled in and sources read. Meaningless once a fault was appended.
        """

    def form(self) -> Form:
        """The values that it takes, as far as that can be said."""
        return AnyForm(self.given_name)


def resolve_left_out(config_type: ConfigType, path: Path, faults: list[ConfigFault]) -> Any:
    """What a mapping comes to that is not there; where something in it is required, that is one fault, of the whole.

    What cannot be given at all is told where it is, and so is what the environment lacks, where that is all.
    """
    found: list[ConfigFault] = []
    resolved = config_type.resolve({}, path, found)
    missing = [fault for fault in found if fault.message.startswith(MISSING)]
    if not missing:
        faults.extend(found)
        return resolved
    faults.extend(fault for fault in found if fault not in missing and not fault.is_of_environment)
    parts = [part for fault in missing for part in fault.lacking or [fault]]
    said = [format_path(part.path[len(path) :]) + part.message.removeprefix(MISSING) for part in parts[:_MOST_MISSING]]
    more = ", ..." if len(parts) > _MOST_MISSING else ""
    message = f"{MISSING}: {', '.join(said)}{more}"
    faults.append(ConfigFault(path, message, lacking=tuple(parts), left_out=config_type))
    return resolved


class AnyType(ConfigType):
    """Takes every value as it is."""

    given_name = "Any"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        return value

    def form(self) -> Form:
        return AnyForm()


_HINT_OF_SOURCES = "; only fields of StringSource, IntSource and BoolSource take {env: NAME}"


class ScalarType(ConfigType):
    """One of bool, int, float, str. A bool is not an int; an int is taken where a float is wanted."""

    def __init__(self, name: str, python_type: type) -> None:
        self._name = name
        self._python_type = python_type

    @property
    def given_name(self) -> str:
        return self._name

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if self._python_type is float and type(value) is int:
            return self._as_float(value, path, faults)
        if not isinstance(value, self._python_type) or (isinstance(value, bool) and self._python_type is not bool):
            hint = _HINT_OF_SOURCES if isinstance(value, dict) and set(value) == {"env"} else ""
            faults.append(ConfigFault(path, f"expected {self._name}, got {show_value(value)}{hint}"))
        return value

    def form(self) -> Form:
        return scalar_form(self._python_type, self._name)

    def _as_float(self, value: int, path: Path, faults: list[ConfigFault]) -> float:
        try:
            return float(value)
        except OverflowError:
            faults.append(ConfigFault(path, f"expected {self._name}, got an int of {value.bit_length()} bits"))
            return 0.0


def scalar_form(python_type: type, name: str) -> ScalarForm:
    """The form of bool, int, float or str."""
    match python_type():
        case bool():
            return ScalarForm("bool", name, False)
        case int():
            return ScalarForm("int", name, 0)
        case float():
            return ScalarForm("number", name, 0.0)
    return ScalarForm("string", name, "...")


class EnumValue:
    """One value that an `Enum` config type takes.

    Args:
        config_value: what the user writes.
        python_value: what the code gets; the config value when not given.
        description: for people.

    Example:
        >>> EnumValue("red", 0xFF0000, "The color of fire.").python_value
        16711680
    """

    @checked_arguments("an EnumValue", DagsterInvalidConfigDefinitionError)
    def __init__(self, config_value: str, python_value: object = None, description: str | None = None) -> None:
        self.config_value = config_value
        self.python_value = config_value if python_value is None else python_value
        self.description = description


class Enum(ConfigType):
    """One of a fixed list of strings, each standing for a Python value.

    Args:
        name: of the type, for people.
        enum_values: the strings and what they stand for.

    Example:
        >>> Enum("Color", [EnumValue("red", 0xFF0000), EnumValue("blue")]).resolve("blue", (), [])
        'blue'
    """

    @checked_arguments("Enum", DagsterInvalidConfigDefinitionError)
    def __init__(self, name: str, enum_values: Sequence[EnumValue]) -> None:
        self._name = name
        self.values = {value.config_value: value.python_value for value in enum_values}
        self._descriptions = {value.config_value: value.description or "" for value in enum_values}

    @classmethod
    def from_python_enum(cls, python_enum: type[enum.Enum], name: str | None = None) -> Enum:
        """The names of a Python enum as config."""
        return cls(name or python_enum.__name__, [EnumValue(member.name, member) for member in python_enum])

    @property
    def given_name(self) -> str:
        return self._name

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if not isinstance(value, str) or value not in self.values:
            faults.append(ConfigFault(path, f"expected one of {', '.join(self.values)}, got {show_value(value)}"))
            return value
        return self.values[value]

    def form(self) -> Form:
        return NamesForm(self._descriptions)


ANY = AnyType()
BOOL = ScalarType("Bool", bool)
FLOAT = ScalarType("Float", float)
INT = ScalarType("Int", int)
STRING = ScalarType("String", str)
