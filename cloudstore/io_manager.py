"""Values in a bucket: those of one run, and those that every run can find again by their version."""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.errors import check_bucket
from cloudstore.keys import join_key, s3_url
from cloudstore.resource import BUCKET_OPTIONS
from core.definitions.io_manager import io_manager
from core.definitions.resource import InitResourceContext
from core.storage.fs_io_manager import PICKLE_PROTOCOL
from core.storage.io_context import InputContext, OutputContext
from core.storage.io_manager import IOManager, MemoizableIOManager

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_QUESTIONS_AT_ONCE = 16


class _S3Values:
    """Pickles in a bucket, each under one exact key.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
    """

    def __init__(self, s3_bucket: str, s3_session: S3Client, s3_prefix: str) -> None:
        self._client = s3_session
        self._bucket = s3_bucket
        self._prefix = s3_prefix

    def key(self, names: Sequence[str]) -> str:
        return join_key(self._prefix, *names)

    def url(self, key: str) -> str:
        return s3_url(self._bucket, key)

    def store(self, key: str, value: Any, only_if_absent: bool) -> None:
        content = io.BytesIO()
        pickle.dump(value, content, PICKLE_PROTOCOL)
        content.seek(0)
        transfer.put_stream(self._client, self._bucket, key, content, if_absent=only_if_absent)

    def load(self, key: str) -> Any:
        return pickle.loads(transfer.get_bytes(self._client, self._bucket, key))

    def exist(self, keys: Sequence[str]) -> list[bool]:
        """Whether each is there, asked of each exact key, many at a time."""
        ask = partial(transfer.exists, self._client, self._bucket)
        if len(keys) < 2:
            return [ask(key) for key in keys]
        with ThreadPoolExecutor(min(len(keys), _QUESTIONS_AT_ONCE), thread_name_prefix="s3-exists") as pool:
            return list(pool.map(ask, keys))


class PickledObjectS3IOManager(IOManager):
    """Pickles at `{s3_prefix}/storage/{run_id}/{step_key}/{output_name}`: one request a value, in each direction.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
    """

    def __init__(self, s3_bucket: str, s3_session: S3Client, s3_prefix: str = "dagster") -> None:
        self._values = _S3Values(s3_bucket, s3_session, s3_prefix)

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self._values.store(self._key(context), obj, only_if_absent=False)

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return self._values.load(self._key(context.upstream_output))

    def get_address(self, context: OutputContext) -> str | None:
        return self._values.url(self._key(context))

    def _key(self, context: OutputContext) -> str:
        return self._values.key(["storage", *context.get_run_scoped_output_identifier()])


class VersionedPickledObjectS3IOManager(MemoizableIOManager):
    """Pickles at `{s3_prefix}/versioned_outputs/{step_key}/{output_name}/{version}`.

    An object appears whole and once: of many writers of one version one wins, and the others' values are dropped.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
    """

    def __init__(self, s3_bucket: str, s3_session: S3Client, s3_prefix: str = "dagster") -> None:
        self._values = _S3Values(s3_bucket, s3_session, s3_prefix)

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self._values.store(self._key(context), obj, only_if_absent=True)

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return self._values.load(self._key(context.upstream_output))

    def has_output(self, context: OutputContext) -> bool:
        return self.has_outputs([context])[0]

    def has_outputs(self, contexts: Sequence[OutputContext]) -> list[bool]:
        return self._values.exist([self._key(context) for context in contexts])

    def get_address(self, context: OutputContext) -> str | None:
        return self._values.url(self._key(context))

    def _key(self, context: OutputContext) -> str:
        return self._values.key(["versioned_outputs", *context.get_versioned_output_identifier()])


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
