"""S3 for pipelines: the client as a resource, files, values and compute logs in buckets."""

from pathlib import Path
from typing import TYPE_CHECKING

import core


def _check_core() -> None:
    """A `core` of the user's own, found before ours, would break everything in ways hard to see through."""
    found = Path(core.__file__ or next(iter(core.__path__)))
    if found.parent.parent != Path(__file__).parent.parent:
        raise ImportError(
            f"cloudstore needs its own package 'core', and {found} was found in its place. Rename that one, or take "
            "its folder off PYTHONPATH and the working directory."
        )


_check_core()

from cloudstore.client.resource import s3_resource
from cloudstore.compute_logs.manager import S3ComputeLogManager
from cloudstore.files.cache import S3FileCache, s3_file_cache
from cloudstore.files.fingerprint import S3ObjectFingerprint
from cloudstore.files.manager import S3FileHandle, S3FileManager
from cloudstore.files.resource import s3_file_manager
from cloudstore.files.solids import S3Coordinate, file_handle_to_s3
from cloudstore.values.intermediate_storage import (
    S3IntermediateStorage,
    s3_intermediate_storage,
    s3_plus_default_intermediate_storage_defs,
)
from cloudstore.values.io_manager import (
    PickledObjectS3IOManager,
    VersionedPickledObjectS3IOManager,
    s3_pickle_io_manager,
    versioned_s3_io_manager,
)
from cloudstore.values.metadata import S3UntrustedValueError
from cloudstore.values.object_store import S3ObjectStore
from core import lazy

if TYPE_CHECKING:
    from cloudstore.sensors import new_s3_keys, s3_keys_sensor
else:
    __getattr__ = lazy.lazy_names(
        __name__, dict.fromkeys(("new_s3_keys", "s3_keys_sensor"), "cloudstore.sensors"), stands_for="dagster_aws.s3"
    )

__all__ = [
    "PickledObjectS3IOManager",
    "S3ComputeLogManager",
    "S3Coordinate",
    "S3FileCache",
    "S3FileHandle",
    "S3FileManager",
    "S3IntermediateStorage",
    "S3ObjectFingerprint",
    "S3ObjectStore",
    "S3UntrustedValueError",
    "VersionedPickledObjectS3IOManager",
    "file_handle_to_s3",
    "new_s3_keys",
    "s3_file_cache",
    "s3_file_manager",
    "s3_intermediate_storage",
    "s3_keys_sensor",
    "s3_pickle_io_manager",
    "s3_plus_default_intermediate_storage_defs",
    "s3_resource",
    "versioned_s3_io_manager",
]
