"""Names for the built-in types, understood both in config schemas and as solid types."""

from __future__ import annotations

from enum import Enum


class BuiltinEnum(Enum):
    """The built-in types. `String`, `Int` and the rest below are its members."""

    ANY = "Any"
    BOOL = "Bool"
    FLOAT = "Float"
    INT = "Int"
    NOTHING = "Nothing"
    STRING = "String"


Any = BuiltinEnum.ANY
"""Any value; the type of what has no other.

Example:
    >>> from core import Any, Field
    >>> Field(Any).resolve({"whatever": [1, None]}, (), [])
    {'whatever': [1, None]}
"""

Bool = BuiltinEnum.BOOL
"""True and False, as `bool`.

Example:
    >>> from core import Bool, Field, execute_solid, solid
    >>> @solid(config_schema={"loud": Field(Bool, default_value=False)})
    ... def greet(context):
    ...     return "HELLO" if context.solid_config["loud"] else "hello"
    >>> execute_solid(greet, run_config={"solids": {"greet": {"config": {"loud": True}}}}).output_value()
    'HELLO'
"""

Float = BuiltinEnum.FLOAT
"""Numbers, as `float`; in config whole ones too.

Example:
    >>> from core import Float, InputDefinition, solid
    >>> @solid(input_defs=[InputDefinition("celsius", Float)])
    ... def fahrenheit(celsius):
    ...     return celsius * 1.8 + 32
    >>> fahrenheit(100.0)
    212.0
"""

Int = BuiltinEnum.INT
"""Whole numbers, as `int`; True and False are none in config.

Example:
    >>> from core import Int, execute_solid, solid
    >>> @solid(config_schema={"rows": Int})
    ... def numbers(context):
    ...     return list(range(context.solid_config["rows"]))
    >>> execute_solid(numbers, run_config={"solids": {"numbers": {"config": {"rows": 3}}}}).output_value()
    [0, 1, 2]
"""

Nothing = BuiltinEnum.NOTHING
"""No value: a solid with such an input runs after the one that feeds it, and takes nothing from it.

Example:
    >>> from pathlib import Path
    >>> from core import InputDefinition, Nothing, OutputDefinition, execute_pipeline, pipeline, solid
    >>> @solid(output_defs=[OutputDefinition(Nothing)])
    ... def make_table():
    ...     Path("table.csv").write_text("id,total")
    >>> @solid(input_defs=[InputDefinition("table", Nothing)])
    ... def read_table():
    ...     return Path("table.csv").read_text()
    >>> execute_pipeline(pipeline(name="tables")(lambda: read_table(table=make_table()))).success
    True
"""

String = BuiltinEnum.STRING
"""Text, as `str`.

Example:
    >>> from core import Output, OutputDefinition, String, execute_solid, solid
    >>> @solid(output_defs=[OutputDefinition(String, "word"), OutputDefinition(String, "last_letter")])
    ... def letters():
    ...     yield Output("word", "word")
    ...     yield Output("d", "last_letter")
    >>> execute_solid(letters).output_values
    {'word': 'word', 'last_letter': 'd'}
"""
