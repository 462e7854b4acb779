"""Types of the values that pass between solids."""

from core.types.builtin import ANY, NOTHING
from core.types.dagster_type import (
    DagsterType,
    PythonObjectDagsterType,
    TypeCheckContext,
    usable_as_dagster_type,
)
from core.types.loaders import (
    DagsterTypeLoader,
    DagsterTypeMaterializer,
    dagster_type_loader,
    dagster_type_materializer,
)
from core.types.resolve import (
    Dict,
    List,
    Optional,
    Set,
    Tuple,
    check_dagster_type,
    make_python_type_usable_as_dagster_type,
    resolve_dagster_type,
)
from core.types.serialization import PickleSerializationStrategy, SerializationStrategy

__all__ = [
    "ANY",
    "Dict",
    "DagsterType",
    "DagsterTypeLoader",
    "DagsterTypeMaterializer",
    "List",
    "NOTHING",
    "Optional",
    "PickleSerializationStrategy",
    "PythonObjectDagsterType",
    "SerializationStrategy",
    "Set",
    "Tuple",
    "TypeCheckContext",
    "check_dagster_type",
    "dagster_type_loader",
    "dagster_type_materializer",
    "make_python_type_usable_as_dagster_type",
    "resolve_dagster_type",
    "usable_as_dagster_type",
]
