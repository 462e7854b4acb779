"""What a function without source does: its compiled code, which is another one in each minor version of Python."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import CodeType

from core.code.graph import sha
from core.code.syntax import Import

_READS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS"}
_ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD"}


def form_of(code: CodeType) -> str:
    """A digest of what a code object does, less its lines and file."""
    signature = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    return sha(
        [
            f"{sys.implementation.cache_tag} {signature}",
            code.co_code.hex(),
            code.co_exceptiontable.hex(),
            repr((code.co_name, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)),
            *map(_constant, code.co_consts),
        ]
    )


def chains_of(code: CodeType) -> tuple[tuple[str, ...], ...]:
    """The names that the code and the functions inside it read, each with the attributes asked of it."""
    found: dict[tuple[str, ...], None] = {}
    for each in _codes(code):
        chain: tuple[str, ...] = ()
        for instruction in dis.get_instructions(each):
            if instruction.opname in _ATTRIBUTES and chain:
                chain = (*chain, instruction.argval)
                continue
            if chain:
                found[chain] = None
            chain = (instruction.argval,) if instruction.opname in _READS else ()
        if chain:
            found[chain] = None
    return tuple(found)


def imports_of(code: CodeType) -> tuple[Import, ...]:
    """The imports in the code, each as one that is used as a value."""
    found: dict[Import, None] = {}
    for each in _codes(code):
        before: list[object] = []
        module, level = "", 0
        for instruction in dis.get_instructions(each):
            if instruction.opname == "IMPORT_NAME":
                # What was loaded is kept as objects; the compiler loads the level, a number, just before the names.
                module, level = instruction.argval, before[-2] if len(before) > 1 else 0  # type: ignore[assignment]
                found[Import("", module, level)] = None
            elif instruction.opname == "IMPORT_FROM":
                found[Import("", module, level, instruction.argval)] = None
            before.append(instruction.argval)
    return tuple(found)


def attributes_of(code: CodeType) -> frozenset[str]:
    """All names of attributes in the code, among other names."""
    return frozenset(name for each in _codes(code) for name in each.co_names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _constant(value: object) -> str:
    if isinstance(value, CodeType):
        return f"code {form_of(value)}"
    if isinstance(value, tuple):
        return f"tuple {sha(map(_constant, value))}"
    if isinstance(value, frozenset):
        return f"set {sha(sorted(map(_constant, value)))}"
    text = f"{value:x}" if type(value) is int else repr(value)
    return f"{type(value).__name__} {text.encode('unicode_escape', 'surrogatepass').decode()}"
