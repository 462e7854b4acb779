"""The directory of an instance on the local disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.config import StringSource
from core.disk.temporary import make_directory_of
from core.forks import fork_safe_lock
from core.serdes import ConfigurableClass, ConfigurableClassData


class LocalArtifactStorage(ConfigurableClass):
    """The directory for everything that needs a local disk: files and values of the local storages, and compute logs.

    Args:
        base_dir: the directory.
        inst_data: the config that it was made from.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._base_dir = base_dir
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> LocalArtifactStorage:
        return LocalArtifactStorage(inst_data=inst_data, **config_value)

    @property
    def base_dir(self) -> str:
        """str: the directory."""
        return self._base_dir

    @property
    def storage_dir(self) -> str:
        """str: the directory of values and files."""
        return str(Path(self.base_dir) / "storage")


class TemporaryArtifactStorage(LocalArtifactStorage):
    """A directory of its own among the temporary files. It is made when it is first asked for.

    It is deleted when this object is collected, or the process ends.
    """

    def __init__(self) -> None:
        super().__init__("")
        self._lock = fork_safe_lock()

    @property
    def base_dir(self) -> str:
        """str: the directory."""
        with self._lock:
            if not self._base_dir:
                self._base_dir, _ = make_directory_of(self, "cloudstore-")
            return self._base_dir
