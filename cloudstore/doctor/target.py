"""The places in S3 to probe: those that resources, storages and compute logs are configured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cloudstore.client import S3_OPTIONS, make_client
from cloudstore.compute_logs.manager import S3ComputeLogManager
from cloudstore.s3.keys import join_key
from core.config import Field, Shape, resolve_config
from core.definitions.intermediate_storage import IntermediateStorageDefinition
from core.definitions.mode import ModeDefinition
from core.definitions.parts.configurable import DefinitionField
from core.definitions.resource import InitResourceContext, ResourceDefinition
from core.errors import DagsterInvalidConfigError
from core.serdes import ConfigurableClassData
from core.serdes.yaml_file import load_yaml

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PROBE_FOLDER = ".cloudstore-probe"
GET, PUT, LIST = "s3:GetObject", "s3:PutObject", "s3:ListBucket"
ABORT, DELETE = "s3:AbortMultipartUpload", "s3:DeleteObject"
READING = frozenset({GET, LIST})
EVERYTHING = frozenset({GET, PUT, LIST, ABORT, DELETE})


@dataclass(frozen=True)
class Target:
    """A place in a bucket.

    Attributes:
        part: the part that uses it, such as a resource key.
        client: the client that reaches it.
        bucket: the bucket.
        prefix: where in the bucket.
        folders: what the part's keys have below the prefix, None standing for names that vary.
        needs: the IAM actions that the part needs.
    """

    part: str
    client: S3Client
    bucket: str
    prefix: str
    folders: tuple[str | None, ...]
    needs: frozenset[str]

    def probe_key(self, name: str) -> str:
        """A key that the part's policy covers, below a folder that nothing else uses.

        Raises:
            DagsterInvariantViolationError: the prefix is one that `join_key` refuses.
        """
        folders = self.folders if None in self.folders else (*self.folders, None)
        return join_key(self.prefix, *(folder or PROBE_FOLDER for folder in folders), name)

    def arn(self, action: str) -> str:
        """The least resource that the action is to be granted on."""
        bucket = f"arn:aws:s3:::{self.bucket}"
        folders = [join_key(self.prefix), *(folder or "*" for folder in self.folders), "*"]
        return bucket if action == LIST else "/".join([bucket, *filter(None, folders)])


@dataclass(frozen=True)
class _Part:
    folders: tuple[str | None, ...]
    needs: frozenset[str]


_MOST_PATIENCE = {"max_attempts": 2, "connect_timeout_seconds": 5.0, "read_timeout_seconds": 10.0}
_LOGS = _Part(("storage", None, "compute_logs"), EVERYTHING)
_WRITING = frozenset({GET, PUT, ABORT})
# By the name of the function that makes them, which `configured` keeps. docs/permissions.md has the policies.
_PARTS = {
    "s3_file_manager": _Part((), _WRITING),
    "s3_pickle_io_manager": _Part(("storage",), _WRITING),
    "versioned_s3_io_manager": _Part(("versioned_outputs",), _WRITING | {LIST}),
    "s3_file_cache": _Part((), _WRITING | {LIST}),
    "s3_intermediate_storage": _Part(("storage", None, "intermediates"), _WRITING),
}
_OTHER = _Part((), _WRITING | {LIST})

_Definition = ResourceDefinition | IntermediateStorageDefinition
_Defined = TypeVar("_Defined", ResourceDefinition, IntermediateStorageDefinition)


def target_of_logs(data: ConfigurableClassData) -> Target | None:
    """Where an instance's compute logs go; None when that is not S3.

    Raises:
        DagsterError: the config does not fit, or no client can be made with it.
    """
    if not issubclass(data.load_class(), S3ComputeLogManager):
        return None
    where = f"config of {data.class_name}"
    config = resolve_config(data.load_schema(), load_yaml(data.config_yaml, where), where)
    return Target(
        "compute logs", make_client(_options(config)), config["bucket"], config["prefix"], _LOGS.folders, _LOGS.needs
    )


class ModeTargets:
    """The places that a mode is configured with, by resource key or storage.

    Only the sections of the run config about resources and the intermediate storage are read and checked.

    Args:
        mode: the mode.
        run_config: as the user gave it.

    Raises:
        DagsterInvalidConfigError: the config of a resource or storage does not fit; with every fault.
    """

    def __init__(self, mode: ModeDefinition, run_config: Mapping[str, Any]) -> None:
        self._resources = _resolved("resources", mode.resource_defs, run_config.get("resources"))
        chosen = run_config.get("intermediate_storage")
        offered = mode.intermediate_storage_defs or {}  # the engine's own have no bucket
        storages = {name: each for name, each in offered.items() if name in (chosen or ())}
        stored = _resolved("intermediate_storage", storages, chosen)
        self._all: dict[str, tuple[_Definition, Any]] = {
            **self._resources,
            **{f"intermediate storage {name}": each for name, each in stored.items()},
        }

    def names(self) -> list[str]:
        """The parts that have a bucket."""
        return [name for name, (_, config) in self._all.items() if _bucket_and_prefix(config)]

    def get(self, name: str) -> Target:
        """The place of one of them.

        Raises:
            DagsterError: no client can be made for it.
        """
        definition, config = self._all[name]
        part = _PARTS.get(_maker(definition), _OTHER)
        has_own_client = any(option in config for option in S3_OPTIONS)
        client = make_client(_options(config)) if has_own_client else self._client_of(name, definition)
        bucket, prefix = _bucket_and_prefix(config) or ("", "")
        return Target(name, client, bucket, prefix, part.folders, part.needs)

    def _client_of(self, name: str, definition: _Definition) -> S3Client:
        """The client that a part gets from a resource it requires."""
        for key in sorted(definition.required_resource_keys & set(self._resources)):
            required, config = self._resources[key]
            made = required.create(InitResourceContext(config))
            if hasattr(made, "put_object") and hasattr(made, "meta"):
                client: S3Client = made
                return client
        raise DagsterInvalidConfigError(
            f"{name!r} requires no resource that is a boto3 client. Give the mode an s3_resource by the key that it "
            "requires."
        )


def _bucket_and_prefix(config: Any) -> tuple[str, str] | None:
    """Where a part keeps its objects, as this package's parts and most others call it; None where it has no bucket."""
    if isinstance(config, Mapping):
        for bucket, prefix in (("s3_bucket", "s3_prefix"), ("bucket", "key")):
            if isinstance(config.get(bucket), str):
                return config[bucket], config.get(prefix) or ""
    return None


def _maker(definition: _Definition) -> str:
    if isinstance(definition, ResourceDefinition):
        return getattr(definition.resource_fn, "__name__", "")
    return getattr(definition.intermediate_storage_creation_fn, "__name__", "")


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the client, with shorter timeouts than for a run: somebody waits for the answer."""
    given = {name: value for name, value in config.items() if name in S3_OPTIONS}
    return {**given, **{name: min(given.get(name) or most, most) for name, most in _MOST_PATIENCE.items()}}


def _resolved(section: str, definitions: Mapping[str, _Defined], given: object) -> dict[str, tuple[_Defined, Any]]:
    """(definition, its config) by name, without those of others that need config and are given none."""
    named = given if isinstance(given, Mapping) else {}
    fields: dict[str, Field] = {}
    for name, definition in definitions.items():
        field = Field(Shape({"config": DefinitionField(definition.config_schema)}))
        if name in named or not field.is_required or _maker(definition) in _PARTS:
            fields[name] = field
    resolved = resolve_config({section: Shape(fields)}, {section: given or {}}, "run config")[section]
    return {name: (definitions[name], value.get("config")) for name, value in resolved.items()}
