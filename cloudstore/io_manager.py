"""Values in a bucket: those of one run, and those that every run can find again by their version."""

from __future__ import annotations

import io
import pickle
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from cloudstore import transfer
from cloudstore.errors import check_bucket
from cloudstore.keys import join_key, s3_url
from cloudstore.resource import BUCKET_OPTIONS
from core.definitions.io_manager import io_manager
from core.definitions.resource import InitResourceContext
from core.storage.io_context import InputContext, OutputContext
from core.storage.io_manager import PICKLE_PROTOCOL, IOManager, MemoizableIOManager, warn_of_dropped_value

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_QUESTIONS_AT_ONCE = 16


class _PickledObjects(IOManager):
    """Pickles in a bucket, each under one exact key.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
    """

    _keeps_existing: ClassVar[bool]
    """Whether a value that is stored already stays, and the new one is dropped."""

    def __init__(self, s3_bucket: str, s3_session: S3Client, s3_prefix: str = "dagster") -> None:
        self._client = s3_session
        self._bucket = s3_bucket
        self._prefix = s3_prefix

    @abstractmethod
    def _names(self, context: OutputContext) -> list[str]:
        """What the key of an output is made of, below the prefix."""

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        content = io.BytesIO()
        pickle.dump(obj, content, PICKLE_PROTOCOL)
        content.seek(0)
        key = self._key(context)
        if not transfer.put_stream(self._client, self._bucket, key, content, if_absent=self._keeps_existing):
            warn_of_dropped_value(context, s3_url(self._bucket, key))

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return pickle.loads(transfer.get_bytes(self._client, self._bucket, self._key(context.upstream_output)))

    def get_address(self, context: OutputContext) -> str | None:
        return s3_url(self._bucket, self._key(context))

    def _key(self, context: OutputContext) -> str:
        return join_key(self._prefix, *self._names(context))


class PickledObjectS3IOManager(_PickledObjects):
    """Pickles at `{s3_prefix}/storage/{run_id}/{step_key}/{output_name}`: one request a value, in each direction.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
    """

    _keeps_existing = False

    def _names(self, context: OutputContext) -> list[str]:
        return ["storage", *context.get_run_scoped_output_identifier()]


class VersionedPickledObjectS3IOManager(_PickledObjects, MemoizableIOManager):
    """Pickles at `{s3_prefix}/versioned_outputs/{step_key}/{output_name}/{version}`.

    An object appears whole and once: of many writers of one version one wins, and the others' values are dropped.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
    """

    _keeps_existing = True

    def _names(self, context: OutputContext) -> list[str]:
        return ["versioned_outputs", *context.get_versioned_output_identifier()]

    def has_output(self, context: OutputContext) -> bool:
        return transfer.exists(self._client, self._bucket, self._key(context))

    def has_outputs(self, contexts: Sequence[OutputContext]) -> list[bool]:
        if len(contexts) < 2:
            return [self.has_output(context) for context in contexts]
        with ThreadPoolExecutor(min(len(contexts), _QUESTIONS_AT_ONCE), thread_name_prefix="s3-exists") as pool:
            return list(pool.map(self.has_output, contexts))


@io_manager(config_schema=BUCKET_OPTIONS, required_resource_keys={"s3"}, version="1")
def s3_pickle_io_manager(init_context: InitResourceContext) -> PickledObjectS3IOManager:
    """IO manager that pickles the values of each run to a bucket, with the client under the resource key `s3`.

    Raises:
        DagsterResourceUnavailableError: the bucket cannot be used; the run is refused.
    """
    return PickledObjectS3IOManager(*_bucket_to_use(init_context))


@io_manager(config_schema=BUCKET_OPTIONS, required_resource_keys={"s3"}, version="1")
def versioned_s3_io_manager(init_context: InitResourceContext) -> VersionedPickledObjectS3IOManager:
    """IO manager that pickles values by version to a bucket, for memoized runs; otherwise as `s3_pickle_io_manager`."""
    return VersionedPickledObjectS3IOManager(*_bucket_to_use(init_context))


def _bucket_to_use(init_context: InitResourceContext) -> tuple[str, S3Client, str]:
    config, client = init_context.resource_config, init_context.resources.s3
    check_bucket(client, config["s3_bucket"], config["s3_prefix"])
    return config["s3_bucket"], client, config["s3_prefix"]
