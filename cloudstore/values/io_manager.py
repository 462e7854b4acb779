"""Values in a bucket: those of one run, and those that every run can find again by their version."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cloudstore.client import connect_anew_in_forked_children, connections_of
from cloudstore.s3.bucket import check_bucket
from cloudstore.s3.keys import join_key, s3_url
from cloudstore.values import objects
from cloudstore.values.finding import FoundValue, find_values, find_values_cheaply
from cloudstore.values.options import VALUE_OPTIONS
from cloudstore.values.place import Place
from cloudstore.values.signing import signer_of
from cloudstore.values.versions import delete_in_bucket, is_in_bucket, versions_in_bucket
from core.definitions.keeping.io_manager import io_manager
from core.definitions.resource import InitResourceContext
from core.disk.spool import Spool
from core.errors import DagsterMissingExtraError
from core.values.codecs import ValueNotKeptError, codecs_for
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager, warn_of_damaged_value, warn_of_dropped_value
from core.values.stored_version import StoredVersion

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


_MOST_AT_ONCE = 32


class _S3IOManager(IOManager):
    """Values in a bucket, each under one exact key, by the codec that its output names or its type has, else pickled.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
        signing_key: signs values, and refuses those without a signature; by default what the environment variable
            CLOUDSTORE_SIGNING_KEY holds, if it is set.
        former_signing_key: its signatures are accepted too; by default that of CLOUDSTORE_FORMER_SIGNING_KEY.

    Raises:
        DagsterInvalidConfigError: a key is too short to be one.
    """

    def __init__(
        self,
        s3_bucket: str,
        s3_session: S3Client,
        s3_prefix: str = "dagster",
        signing_key: str | None = None,
        former_signing_key: str | None = None,
    ) -> None:
        self._client = connect_anew_in_forked_children(s3_session)
        self._bucket = s3_bucket
        self._prefix = s3_prefix
        self._signer = signer_of(signing_key, former_signing_key)
        self._stamps: dict[str, str | None] = {}  # by key; of values that are found by their versions

    @property
    def calls_at_once(self) -> int:  # type: ignore[override]  # it is for reading
        """int: as many as the client keeps connections, up to 32."""
        return min(connections_of(self._client), _MOST_AT_ONCE)

    @abstractmethod
    def _names(self, context: OutputContext) -> list[str]:
        """The names that make up the key of an output, below the prefix."""

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        with Spool() as spool:
            self.stage_output(context, obj, spool)()

    def stage_output(self, context: OutputContext, obj: Any, spool: Spool) -> Callable[[], object]:
        return self._stage(context, obj, spool, once=False)

    def _stage(self, context: OutputContext, obj: Any, spool: Spool, once: bool) -> Callable[[], objects.WrittenValue]:
        place = self._place(context)
        try:
            *preferred, last = codecs_for(context.metadata, context.dagster_type, obj)
            for codec in preferred:
                with suppress(ValueNotKeptError, DagsterMissingExtraError):
                    return objects.stage(place, obj, codec, spool, run_id=context.run_id, once=once)
            return objects.stage(place, obj, last, spool, run_id=context.run_id, once=once)
        except ValueNotKeptError as error:
            raise ValueNotKeptError(f"Output {context.name!r} of step {context.step_key!r}: {error}") from error

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        place = self._place(context.upstream_output)
        return objects.load(place, context.upstream_output.stamp or self._stamps.get(place.key))

    def has_value(self, context: OutputContext) -> bool | None:
        return find_values([(self._place(context), context.stamp)])[0].is_whole

    def get_address(self, context: OutputContext) -> str | None:
        return s3_url(self._bucket, self._key(context))

    def _place(self, context: OutputContext) -> Place:
        key = self._key(context)
        name = key.removeprefix(f"{self._prefix.strip('/')}/")
        return Place(self._client, self._bucket, key, self._signer, name)

    def _key(self, context: OutputContext) -> str:
        return join_key(self._prefix, *self._names(context))


class PickledObjectS3IOManager(_S3IOManager):
    """Values at `{s3_prefix}/storage/{run_id}/{step_key}/{output_name}`: one request each, in each direction.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
        signing_key: signs values, and refuses those without a signature; by default CLOUDSTORE_SIGNING_KEY's.
        former_signing_key: its signatures are accepted too; by default CLOUDSTORE_FORMER_SIGNING_KEY's.

    Example:
        >>> import boto3
        >>> from cloudstore import PickledObjectS3IOManager
        >>> from core import build_input_context, build_output_context
        >>> manager = PickledObjectS3IOManager("my-bucket", boto3.client("s3"), "teams/data")
        >>> stored = build_output_context("load", run_id="a-run")
        >>> manager.handle_output(stored, [17, 42])
        >>> manager.get_address(stored)
        's3://my-bucket/teams/data/storage/a-run/load/result'
        >>> manager.load_input(build_input_context(upstream_output=stored))
        [17, 42]
    """

    def _names(self, context: OutputContext) -> list[str]:
        return ["storage", *context.get_run_scoped_output_identifier()]


class VersionedPickledObjectS3IOManager(_S3IOManager, MemoizableIOManager):
    """Values at `{s3_prefix}/versioned_outputs/{step_key}/{output_name}/{version}`.

    Values of outputs without a version are where `PickledObjectS3IOManager` keeps them, and never a hit for another
    run.

    An object appears whole and once: one of many writers of a version wins, and the others' values are dropped. An
    object that is not whole, or not signed as it must be, does not count as stored, and is replaced by the next run
    that computes the value.

    An object's stamp is its ETag and size. With a known stamp, an object counts as whole without a request, signed or
    not: the instance's own database says that a run has stored or verified these very bytes, and under which signing
    key. (A stamp of another key, or of none, does not count.) An object whose stamp is not known is verified by a HEAD;
    one with another ETag or size than the known ones, by reading it. That an object with the known ETag has lost its
    metadata is noticed when it is loaded, before anything of it is decoded. See `cloudstore.values.finding`.

    Args:
        s3_bucket: the bucket.
        s3_session: a boto3 S3 client.
        s3_prefix: where in the bucket.
        signing_key: signs values, and refuses those without a signature; by default CLOUDSTORE_SIGNING_KEY's.
        former_signing_key: its signatures are accepted too; by default CLOUDSTORE_FORMER_SIGNING_KEY's.

    Example:
        >>> import boto3
        >>> from cloudstore import VersionedPickledObjectS3IOManager
        >>> from core import build_output_context
        >>> manager = VersionedPickledObjectS3IOManager("my-bucket", boto3.client("s3"), "teams/data")
        >>> output = build_output_context("load", version="1b0e")
        >>> manager.has_output(output)
        False
        >>> manager.handle_output(output, [17, 42])
        >>> manager.has_output(output)
        True
    """

    def _names(self, context: OutputContext) -> list[str]:
        if context.version is None:
            return ["storage", *context.get_run_scoped_output_identifier()]
        return ["versioned_outputs", *context.get_versioned_output_identifier()]

    def stage_output(self, context: OutputContext, obj: Any, spool: Spool) -> Callable[[], object]:
        put = self._stage(context, obj, spool, once=context.version is not None and not context.replaces_stored)

        def store() -> None:
            stored = put()
            self._stamps[self._key(context)] = stored.stamp
            if not stored.is_new:
                warn_of_dropped_value(context, self._place(context).url)

        return store

    def has_output(self, context: OutputContext) -> bool:
        return self.has_outputs([context])[0]

    def has_outputs(self, contexts: Sequence[OutputContext]) -> list[bool]:
        found = find_values([(self._place(context), context.stamp) for context in contexts])
        for context, each in zip(contexts, found, strict=True):
            self._note(context, each)
        return [each.is_whole for each in found]

    def find_outputs(self, contexts: Sequence[OutputContext]) -> list[bool | None]:
        found = find_values_cheaply([(self._place(context), context.stamp) for context in contexts])
        for context, each in zip(contexts, found, strict=True):
            if each is not None:
                self._note(context, each)
        return [None if each is None else each.is_whole for each in found]

    def _note(self, context: OutputContext, found: FoundValue) -> None:
        self._stamps[self._key(context)] = found.stamp
        if found.fault is not None:
            warn_of_damaged_value(context, found.fault)

    def get_stamp(self, context: OutputContext) -> str | None:
        return self._stamps.get(self._key(context))

    def stored_versions(self) -> Iterator[StoredVersion]:
        return versions_in_bucket(self._client, self._bucket, self._folder)

    def delete_version(self, stored: StoredVersion) -> bool:
        is_there = is_in_bucket(self._client, self._bucket, self._folder, stored)
        if is_there:
            self.delete_versions([stored])
        return is_there

    def delete_versions(self, stored: Sequence[StoredVersion]) -> list[bool]:
        delete_in_bucket(self._client, self._bucket, self._folder, stored)
        return [True] * len(stored)

    @property
    def _folder(self) -> str:
        return join_key(self._prefix, "versioned_outputs")


@io_manager(config_schema=VALUE_OPTIONS, required_resource_keys={"s3"}, version="1")
def s3_pickle_io_manager(init_context: InitResourceContext) -> PickledObjectS3IOManager:
    """IO manager that keeps the values of each run in a bucket, with the client under the resource key `s3`.

    Raises:
        DagsterResourceUnavailableError: the bucket cannot be used; the run is refused.
        DagsterInvalidConfigError: a signing key is too short to be one.

    Example:
        >>> from cloudstore import s3_pickle_io_manager, s3_resource
        >>> from core import ModeDefinition, execute_solid, lambda_solid
        >>> load = lambda_solid(name="load")(lambda: [17, 42])
        >>> io_manager = s3_pickle_io_manager.configured({"s3_bucket": "my-bucket", "s3_prefix": "teams/data"})
        >>> mode = ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": io_manager})
        >>> execute_solid(load, mode).output_value()
        [17, 42]
    """
    return PickledObjectS3IOManager(*_settings(init_context))


@io_manager(config_schema=VALUE_OPTIONS, required_resource_keys={"s3"}, version="1")
def versioned_s3_io_manager(init_context: InitResourceContext) -> VersionedPickledObjectS3IOManager:
    """IO manager that keeps values by version in a bucket, for memoized runs; otherwise as `s3_pickle_io_manager`.

    Example:
        >>> from cloudstore import s3_resource, versioned_s3_io_manager
        >>> from core import ModeDefinition, execute_pipeline, pipeline, solid
        >>> load = solid(name="load", version="1")(lambda context: [17, 42])
        >>> io_manager = versioned_s3_io_manager.configured({"s3_bucket": "my-bucket", "s3_prefix": "memoized"})
        >>> mode = ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": io_manager})
        >>> loads = pipeline(name="loads", mode_defs=[mode])(lambda: load())
        >>> [execute_pipeline(loads, memoize=True).executed_step_keys for _ in range(2)]
        [['load'], []]
    """
    return VersionedPickledObjectS3IOManager(*_settings(init_context))


def _settings(init_context: InitResourceContext) -> tuple[str, S3Client, str, str | None, str | None]:
    config, client = init_context.resource_config, init_context.resources.s3
    check_bucket(client, config["s3_bucket"], config["s3_prefix"])
    keys = config.get("signing_key"), config.get("former_signing_key")
    return config["s3_bucket"], client, config["s3_prefix"], *keys
