"""Records and classes that cross process boundaries."""

from core.serdes.configurable_class import ConfigurableClass, ConfigurableClassData
from core.serdes.error_info import SerializableErrorInfo, error_info, user_traceback
from core.serdes.json import from_json, to_json

__all__ = [
    "ConfigurableClass",
    "ConfigurableClassData",
    "SerializableErrorInfo",
    "error_info",
    "from_json",
    "to_json",
    "user_traceback",
]
