"""Config schemas: what users declare, and how config is held against it."""

from typing import TYPE_CHECKING

from core import lazy
from core.config.choices import ScalarUnion, Selector
from core.config.composite import (
    ABSENT,
    Array,
    Field,
    Noneable,
    Permissive,
    Shape,
    as_config_type,
    as_field,
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
from core.config.forms import (
    AnyForm,
    ChoiceForm,
    FieldForm,
    Form,
    ItemsForm,
    ListForm,
    MappingForm,
    NoForm,
    OneOfForm,
)
from core.config.parts import fingerprinted_fields, without_secret_fields
from core.config.recordable import not_recordable, own_copy, own_plain_copy
from core.config.scalars import ConfigType, Enum, EnumValue
from core.config.secrets import (
    NOT_KEPT,
    SHORTEST_SECRET,
    Secret,
    collecting_secrets,
    lacking_secrets,
    note_secrets,
    without_secrets,
    written_out,
)
from core.config.sources import BoolSource, Checked, FloatSource, IntSource, SourceType, StringSource
from core.config.validate import raise_faults, resolve_config

if TYPE_CHECKING:
    from core.config.shown.json_schemas import json_schema
    from core.config.shown.scaffolds import scaffold
    from core.config.shown.schema_texts import schema_text

__all__ = [
    "ABSENT",
    "AnyForm",
    "Array",
    "BoolSource",
    "Checked",
    "ChoiceForm",
    "ConfigFault",
    "ConfigType",
    "Enum",
    "EnumValue",
    "Field",
    "FieldForm",
    "FileFingerprint",
    "Fingerprint",
    "FloatSource",
    "Form",
    "IntSource",
    "ItemsForm",
    "ListForm",
    "MappingForm",
    "NOT_KEPT",
    "NoForm",
    "SHORTEST_SECRET",
    "Noneable",
    "OneOfForm",
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
    "json_schema",
    "lacking_secrets",
    "names_secret",
    "not_recordable",
    "note_secrets",
    "own_copy",
    "own_plain_copy",
    "raise_faults",
    "resolve_config",
    "scaffold",
    "schema_text",
    "show_text",
    "show_value",
    "unknown_name",
    "with_sources",
    "without_secret_fields",
    "without_secrets",
    "written_out",
]

if not TYPE_CHECKING:  # few programs print or translate schemas
    __getattr__ = lazy.lazy_names(
        __name__,
        {
            "json_schema": "core.config.shown.json_schemas",
            "scaffold": "core.config.shown.scaffolds",
            "schema_text": "core.config.shown.schema_texts",
        },
    )
