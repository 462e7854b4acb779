"""Config values that are written out or read from the environment: `{env: NAME}`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from core.config.faults import ConfigFault, Path, show_value
from core.config.forms import AnyForm, Form, OneOfForm, VariableForm
from core.config.scalars import FLOAT, ConfigType, scalar_form
from core.printable import printable


class SourceType(ConfigType):
    """A scalar, or `{env: NAME}` for the text of an environment variable, converted to that scalar.

    Example:
        >>> os.environ["THE_PORT"] = "5432"
        >>> IntSource.resolve({"env": "THE_PORT"}, (), [])
        5432
    """

    def __init__(self, name: str, python_type: type, convert: Callable[[str], object]) -> None:
        self._name = name
        self._python_type = python_type
        self._convert = convert

    @property
    def given_name(self) -> str:
        return f"{self._name} or {{env: NAME}}"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if isinstance(value, dict):
            return self._from_environment(value, path, faults)
        if not isinstance(value, self._python_type) or (isinstance(value, bool) and self._python_type is not bool):
            faults.append(ConfigFault(path, f"expected {self.given_name}, got {show_value(value)}"))
        return value

    def form(self) -> Form:
        return OneOfForm((scalar_form(self._python_type, self._name), VariableForm()))

    def _from_environment(self, value: dict[Any, Any], path: Path, faults: list[ConfigFault]) -> Any:
        name = value.get("env")
        if set(value) != {"env"} or not isinstance(name, str) or not name:
            faults.append(
                ConfigFault(path, f"expected {self.given_name}, got a mapping with keys {sorted(map(str, value))}")
            )
            return value
        text = os.environ.get(name)
        if text is None:
            message = f"the environment variable {printable(name)} is not set; export it, or write the value here"
            faults.append(ConfigFault(path, message, is_of_environment=True))
            return value
        try:
            text.encode()  # the bytes of a variable need not be text, and nothing stores what is not
            return self._convert(text)
        except ValueError:  # the text may be a secret, so the message does not hold it
            message = f"the environment variable {printable(name)} does not hold a valid {self._name}"
            faults.append(ConfigFault(path, message, is_of_environment=True))
            return value


class Checked(ConfigType):
    """A scalar of which not every value will do, written out or read from the environment.

    Args:
        source: what it is before it is checked, such as `IntSource`.
        wanted: what will do, as messages say it: "a whole number from 1 to 9".
        fits: whether a value will do; it gets what `source` takes.
        is_shown: False keeps values out of messages, where a wrong one may be a secret.
    """

    def __init__(self, source: SourceType, wanted: str, fits: Callable[[Any], bool], is_shown: bool = True) -> None:
        self._source, self._wanted, self._fits, self._is_shown = source, wanted, fits, is_shown

    @property
    def given_name(self) -> str:
        return f"{self._wanted} or {{env: NAME}}"

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        found: list[ConfigFault] = []
        resolved = self._source.resolve(value, path, found)
        if any(fault.is_of_environment for fault in found):
            faults.extend(found)
        elif not found and not self._fits(resolved) and isinstance(value, dict):
            message = f"the environment variable {printable(value['env'])} does not hold {self._wanted}"
            faults.append(ConfigFault(path, message, is_of_environment=True))
        elif found or not self._fits(resolved):
            got = f"got {show_value(value)}" if self._is_shown else "got something else (not shown)"
            faults.append(ConfigFault(path, f"expected {self.given_name}, {got}"))
        return resolved

    def form(self) -> Form:
        faultless = (each for each in _EXAMPLES if self._takes(each))
        return AnyForm(self.given_name, next(faultless, None))

    def _takes(self, value: object) -> bool:
        faults: list[ConfigFault] = []
        self.resolve(value, (), faults)
        return not faults


_EXAMPLES = ("...", "example", "us-east-1", "http://localhost:9000", "true", 1, 1000, 10_000_000, 0.5)
"""Values of which most checks take one."""


class _FloatSource(SourceType):
    """As its base class; a written int is taken as a float."""

    def resolve(self, value: object, path: Path, faults: list[ConfigFault]) -> Any:
        if type(value) is int:
            return FLOAT.resolve(value, path, faults)
        return super().resolve(value, path, faults)


def _to_bool(text: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


StringSource = SourceType("StringSource", str, str)
"""A text, or `{"env": NAME}` for that of an environment variable, read when a run begins.

Example:
    >>> import os
    >>> from core import StringSource, execute_solid, solid
    >>> os.environ["THE_REGION"] = "eu-west-1"
    >>> @solid(config_schema={"region": StringSource})
    ... def where(context):
    ...     return context.solid_config["region"]
    >>> execute_solid(
    ...     where, run_config={"solids": {"where": {"config": {"region": {"env": "THE_REGION"}}}}}
    ... ).output_value()
    'eu-west-1'
"""

IntSource = SourceType("IntSource", int, int)
"""A whole number, or `{"env": NAME}` for that in an environment variable, read when a run begins.

Example:
    >>> import os
    >>> from core import Field, IntSource
    >>> os.environ["THE_PORT"] = "5432"
    >>> Field(IntSource).resolve({"env": "THE_PORT"}, (), [])
    5432
"""

FloatSource = _FloatSource("FloatSource", float, float)
BoolSource = SourceType("BoolSource", bool, _to_bool)
"""True or False, or `{"env": NAME}` for "true" or "false" in an environment variable, read when a run begins.

Example:
    >>> import os
    >>> from core import BoolSource, Field
    >>> os.environ["VERBOSE"] = "true"
    >>> Field(BoolSource).resolve({"env": "VERBOSE"}, (), [])
    True
"""
