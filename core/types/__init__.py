"""Types of the values that pass between solids."""

from core.types.builtin import ANY, NOTHING
from core.types.dagster_type import (
    DagsterType,
    PythonObjectDagsterType,
    make_python_type_usable_as_dagster_type,
    usable_as_dagster_type,
)
from core.types.resolve import Dict, List, Optional, Set, Tuple, resolve_dagster_type
from core.types.serialization import PickleSerializationStrategy, SerializationStrategy

__all__ = [
    "ANY",
    "Dict",
    "DagsterType",
    "List",
    "NOTHING",
    "Optional",
    "PickleSerializationStrategy",
    "PythonObjectDagsterType",
    "SerializationStrategy",
    "Set",
    "Tuple",
    "make_python_type_usable_as_dagster_type",
    "resolve_dagster_type",
    "usable_as_dagster_type",
]
