"""Config schemas: what users declare, and how config is held against it."""

from core.config.composite import (
    ABSENT,
    Array,
    Field,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    Shape,
    as_config_type,
    as_field,
    own_copy,
)
from core.config.environment import PermissiveSource, with_sources
from core.config.faults import (
    ConfigFault,
    format_path,
    hide_passwords,
    names_secret,
    show_text,
    show_value,
    unknown_name,
)
from core.config.fingerprint import FileFingerprint, Fingerprint
from core.config.parts import fingerprinted_fields, without_secret_fields
from core.config.recordable import not_recordable
from core.config.scalars import ConfigType, Enum, EnumValue
from core.config.secrets import (
    NOT_KEPT,
    SHORTEST_SECRET,
    Secret,
    collecting_secrets,
    lacking_secrets,
    without_secrets,
    written_out,
)
from core.config.sources import BoolSource, Checked, FloatSource, IntSource, SourceType, StringSource
from core.config.validate import raise_faults, resolve_config

__all__ = [
    "ABSENT",
    "Array",
    "BoolSource",
    "Checked",
    "ConfigFault",
    "ConfigType",
    "Enum",
    "EnumValue",
    "Field",
    "FileFingerprint",
    "Fingerprint",
    "FloatSource",
    "IntSource",
    "NOT_KEPT",
    "SHORTEST_SECRET",
    "Noneable",
    "Permissive",
    "PermissiveSource",
    "ScalarUnion",
    "Secret",
    "Selector",
    "Shape",
    "SourceType",
    "StringSource",
    "as_config_type",
    "as_field",
    "collecting_secrets",
    "fingerprinted_fields",
    "format_path",
    "hide_passwords",
    "lacking_secrets",
    "names_secret",
    "not_recordable",
    "own_copy",
    "raise_faults",
    "resolve_config",
    "show_text",
    "show_value",
    "unknown_name",
    "with_sources",
    "without_secret_fields",
    "without_secrets",
    "written_out",
]
