"""Classes that users name in `dagster.yaml` by module and class, with config of their own."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from typing import Any

import msgspec

from core.config import Field, Permissive, as_field, resolve_config
from core.errors import DagsterInvalidConfigError

_RENAMED = (("dagster_aws.s3", "cloudstore"), ("dagster_cron.cron_scheduler", "core.scheduler"), ("dagster.", ""))


class ConfigurableClass(ABC):
    """Mixin of classes that can be made from a piece of YAML: `module`, `class` and `config`."""

    @property
    @abstractmethod
    def inst_data(self) -> ConfigurableClassData | None:
        """ConfigurableClassData | None: what the object was made from, when it was made by `from_config_value`."""

    @classmethod
    @abstractmethod
    def config_type(cls) -> Any:
        """The schema of `config`: a dict of fields, or anything else that `Field` takes."""

    @staticmethod
    @abstractmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> Any:
        """Makes the object from a checked config.

        Args:
            inst_data: to be given back by the property of that name.
            config_value: the config, with defaults and environment variables in place.
        """


class ConfigurableClassData(msgspec.Struct, frozen=True):
    """Where a class is and the YAML it is configured with. Crosses process boundaries in an InstanceRef.

    `{env: NAME}` stays as written here, so no secret is in it.
    """

    module_name: str
    class_name: str
    config_yaml: str

    def rehydrate(self) -> Any:
        """Imports the class, checks its config and makes the object.

        Raises:
            DagsterInvalidConfigError: the module or class does not exist, is no ConfigurableClass, or its config
                does not fit.
        """
        import yaml  # 30 ms to import; most processes read no YAML

        loaded, schema = self.load_class(), self.load_schema()
        where = f"config of {self.module_name}.{self.class_name}"
        try:
            given = yaml.safe_load(self.config_yaml)
        except yaml.YAMLError as error:
            raise DagsterInvalidConfigError(f"Invalid {where}: not YAML: {error}") from error
        value = resolve_config(schema, given, where)
        return loaded.from_config_value(self, value)

    def load_class(self) -> type[ConfigurableClass]:
        """The class itself; raises DagsterInvalidConfigError as `rehydrate` does."""
        try:
            module = importlib.import_module(self.module_name)
        except ImportError as error:
            raise DagsterInvalidConfigError(
                f"Cannot import module {self.module_name!r}: {error}.{self._hint()}"
            ) from error
        except Exception as error:  # whatever the user's module raises
            raise DagsterInvalidConfigError(
                f"Module {self.module_name!r} raised while it was imported: {type(error).__name__}: {error}"
            ) from error
        loaded = getattr(module, self.class_name, None)
        if loaded is None:
            raise DagsterInvalidConfigError(f"Module {self.module_name!r} has no class {self.class_name!r}.")
        if not isinstance(loaded, type) or not issubclass(loaded, ConfigurableClass):
            raise DagsterInvalidConfigError(f"{self.module_name}.{self.class_name} is no ConfigurableClass.")
        return loaded

    def load_schema(self) -> Field:
        """What the class takes as config; raises DagsterInvalidConfigError as `rehydrate` does."""
        schema = self.load_class().config_type()
        return as_field(Permissive() if schema is None else schema)

    def _hint(self) -> str:
        for old, new in _RENAMED:
            here = new + self.module_name.removeprefix(old)
            if self.module_name.startswith(old) and _is_module(here):
                return f" Here that module is called {here!r}."
        return ""


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
