"""Classes that users name in `dagster.yaml` by module and class, with config of their own."""

from __future__ import annotations

import importlib
import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import msgspec

from core.absent import advice_on_name
from core.config import Field, Permissive, as_field, resolve_config, with_sources
from core.errors import DagsterError, DagsterInvalidConfigError
from core.serdes.yaml_file import load_yaml

_POSTGRES = ("dagster_postgres", "core.storage.postgres")  # a package of many modules, and the one that has it all
_RENAMED = (("dagster_aws.s3", "cloudstore"), ("dagster_cron.cron_scheduler", "core.scheduler"), ("dagster.", ""))


class ConfigurableClass(ABC):
    """Mixin of classes that can be made from a piece of YAML: `module`, `class` and `config`.

    Example:
        >>> from core.serdes import ConfigurableClass
        >>> class Shelf(ConfigurableClass):
        ...     def __init__(self, boards, inst_data=None):
        ...         self.boards, self._inst_data = boards, inst_data
        ...     @property
        ...     def inst_data(self):
        ...         return self._inst_data
        ...     @classmethod
        ...     def config_type(cls):
        ...         return {"boards": int}
        ...     @staticmethod
        ...     def from_config_value(inst_data, config_value):
        ...         return Shelf(config_value["boards"], inst_data)
    """

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

    `{env: NAME}` stays as written here. `repr` leaves the YAML out, which may still hold a password.

    Example:
        >>> from core.serdes import ConfigurableClassData
        >>> in_yaml = ConfigurableClassData("core.storage.runs", "SqliteRunStorage", "base_dir: my_runs")
        >>> storage = in_yaml.rehydrate()
        >>> type(storage).__name__, storage.inst_data == in_yaml
        ('SqliteRunStorage', True)
    """

    module_name: str
    class_name: str
    config_yaml: str

    def __repr__(self) -> str:
        return f"ConfigurableClassData(module_name={self.module_name!r}, class_name={self.class_name!r}, config_yaml=…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("module_name", self.module_name), ("class_name", self.class_name)]

    def rehydrate(self) -> Any:
        """Imports the class, checks its config and makes the object.

        Raises:
            DagsterInvalidConfigError: the module or class does not exist or is not a ConfigurableClass, or its config
                does not fit.
        """
        loaded, schema = self.load_class(), self.load_schema()
        where = f"config of {self.module_name}.{self.class_name}"
        value = resolve_config(schema, load_yaml(self.config_yaml, where), where)
        return loaded.from_config_value(self, value)

    def load_module(self) -> ModuleType:
        """The module of the class; raises DagsterInvalidConfigError as `rehydrate` does."""
        with self._importing():
            return importlib.import_module(self.module_name)

    def load_class(self) -> type[ConfigurableClass]:
        """The class itself; raises DagsterInvalidConfigError as `rehydrate` does."""
        module = self.load_module()
        with self._importing():  # a module may import its names when they are first asked for
            loaded = getattr(module, self.class_name, None)
        if loaded is None:
            advice = advice_on_name("dagster", self.class_name)
            raise DagsterInvalidConfigError(
                f"Module {self.module_name!r} has no class {self.class_name!r}.{f' {advice}' if advice else ''}"
            )
        if not isinstance(loaded, type) or not issubclass(loaded, ConfigurableClass):
            raise DagsterInvalidConfigError(
                f"{self.module_name}.{self.class_name} is not a ConfigurableClass.{self._hint()}"
            )
        if missing := sorted(loaded.__abstractmethods__):
            raise DagsterInvalidConfigError(
                f"{self.module_name}.{self.class_name} cannot be used: it does not define {', '.join(missing)}."
            )
        return loaded

    def load_schema(self) -> Field:
        """What the class takes as config, with `{env: NAME}` for any value; raises as `rehydrate` does."""
        loaded = self.load_class()
        try:
            schema = loaded.config_type()
            return with_sources(as_field(Permissive() if schema is None else schema))
        except Exception as error:  # whatever the user's class raises, or something that is not a schema
            said = str(error) if isinstance(error, DagsterError) else f"{type(error).__name__}: {error}"
            raise DagsterInvalidConfigError(
                f"{self.module_name}.{self.class_name}.config_type() does not return a config schema: {said}"
            ) from error

    @contextmanager
    def _importing(self) -> Iterator[None]:
        try:
            yield
        except DagsterError:  # such as of an extra that is not installed
            raise
        except ImportError as error:
            raise DagsterInvalidConfigError(
                f"Cannot import module {self.module_name!r}: {error}.{self._hint()}"
            ) from error
        except Exception as error:  # whatever the user's module raises
            raise DagsterInvalidConfigError(
                f"Module {self.module_name!r} raised while it was imported: {type(error).__name__}: {error}"
            ) from error

    def _hint(self) -> str:
        if self.module_name.partition(".")[0] == _POSTGRES[0]:
            return f" Here that module is called {_POSTGRES[1]!r}."
        for old, new in _RENAMED:
            here = new + self.module_name.removeprefix(old)
            if self.module_name.startswith(old) and _is_module(here):
                advice = advice_on_name("dagster", self.class_name)
                if advice and not hasattr(importlib.import_module(here), self.class_name):
                    return f" {advice}"
                return f" Here that module is called {here!r}."
        return ""


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
