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
Bool = BuiltinEnum.BOOL
Float = BuiltinEnum.FLOAT
Int = BuiltinEnum.INT
Nothing = BuiltinEnum.NOTHING
String = BuiltinEnum.STRING
