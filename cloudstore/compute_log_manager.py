"""Compute logs in a bucket."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property, partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.client import S3_OPTIONS, make_client
from cloudstore.errors import answer_to, code_of, translate_errors
from cloudstore.keys import join_key, s3_url
from cloudstore.option_types import BUCKET, PREFIX
from core.config import Field, StringSource, resolve_config
from core.errors import DagsterError, DagsterInvalidConfigError, DagsterObjectNotFoundError
from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.compute_log_manager import (
    IO_TYPE_EXTENSION,
    MAX_BYTES_FILE_READ,
    ComputeIOType,
    ComputeLogFileData,
    ComputeLogManager,
)
from core.storage.local_compute_log_manager import LocalComputeLogManager
from core.storage.paths import can_name_file
from core.storage.pipeline_run import PipelineRun
from core.storage.removal import Removal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_UPLOADS_AT_ONCE = 4
_URL_EXPIRY_SECONDS = 3600
_LOG_ENDINGS = tuple(f".{extension}" for extension in IO_TYPE_EXTENSION.values())


class S3ComputeLogManager(ComputeLogManager, ConfigurableClass):
    """Keeps the stdout and stderr of each step at `{prefix}/storage/{run_id}/compute_logs/{step_key}.out` and `.err`.

    Steps write to files on the local disk, which are shipped from there when a step has ended, without making the
    run wait until its own end. A log that cannot be shipped stays on the disk, and the run has a warning event.

    In `dagster.yaml`:

        compute_logs:
          module: cloudstore.compute_log_manager
          class: S3ComputeLogManager
          config:
            bucket: my-bucket
            prefix: teams/data

    Args:
        bucket: the bucket.
        local_dir: where logs are staged; a folder in the system's temporary directory by default.
        inst_data: what it was configured with.
        prefix: where in the bucket.
        skip_empty_files: do not ship files that hold nothing.
        s3_options: those of `s3_resource`.

    Raises:
        DagsterInvalidConfigError: an option is none, or has a wrong value.
    """

    def __init__(
        self,
        bucket: str,
        local_dir: str | None = None,
        inst_data: ConfigurableClassData | None = None,
        prefix: str = "dagster",
        skip_empty_files: bool = False,
        **s3_options: Any,
    ) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._skip_empty_files = skip_empty_files
        self._s3_options = resolve_config(S3_OPTIONS, s3_options, "options of S3ComputeLogManager")
        self._inst_data = inst_data
        self._local = LocalComputeLogManager(local_dir or _own_staging_folder())
        self._lock = threading.Lock()
        self._shipments: dict[str, _Shipment] = {}

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {
            "bucket": Field(BUCKET, description="The bucket."),
            "local_dir": Field(StringSource, is_required=False, description="Where logs are staged."),
            "prefix": Field(PREFIX, default_value="dagster", description="Where in the bucket, as a path."),
            "skip_empty_files": Field(bool, default_value=False, description="Do not ship files that hold nothing."),
            **S3_OPTIONS,
        }

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> S3ComputeLogManager:
        return S3ComputeLogManager(inst_data=inst_data, **config_value)

    @cached_property
    def _client(self) -> S3Client:
        return make_client(self._s3_options)

    def _key(self, run_id: str, key: str, io_type: ComputeIOType) -> str:
        return join_key(self._prefix, "storage", run_id, "compute_logs", f"{key}.{IO_TYPE_EXTENSION[io_type]}")

    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType) -> str:
        return self._local.get_local_path(run_id, key, io_type)

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        self._local.on_watch_start(pipeline_run, step_key)

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None) -> None:
        self._local.on_watch_finish(pipeline_run, step_key)
        run_id, key = pipeline_run.run_id, step_key or pipeline_run.pipeline_name
        with self._lock:
            shipment = self._shipments.setdefault(run_id, _Shipment())
        for io_type in ComputeIOType:
            path = Path(self.get_local_path(run_id, key, io_type))
            if path.exists() or not self._skip_empty_files:
                object_key = self._key(run_id, key, io_type)
                shipment.add(object_key, partial(self._ship, path, object_key))

    def _ship(self, path: Path, key: str) -> None:
        with _open_log(path) as stream:
            transfer.put_stream(self._client, self._bucket, key, stream, content_type="text/plain; charset=utf-8")

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        warnings = super().finish_run(pipeline_run) + self._local.finish_run(pipeline_run)
        with self._lock:
            shipment = self._shipments.pop(pipeline_run.run_id, None)
        return warnings + (shipment.finish() if shipment else [])

    def dispose(self) -> None:
        super().dispose()
        with self._lock:
            shipments, self._shipments = list(self._shipments.values()), {}
        for shipment in shipments:
            shipment.finish()

    def is_watch_completed(self, run_id: str, key: str) -> bool:
        noted = self._local.noted_completion(run_id, key)
        if noted is not None:
            return noted
        keys = (self._key(run_id, key, io_type) for io_type in ComputeIOType)
        return any(transfer.exists(self._client, self._bucket, each) for each in keys)

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType) -> str | None:
        object_key = self._key(run_id, key, io_type)
        with translate_errors("GetObject", self._bucket, object_key):
            return self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": object_key}, ExpiresIn=_URL_EXPIRY_SECONDS
            )

    def read_logs_file(
        self, run_id: str, key: str, io_type: ComputeIOType, cursor: int = 0, max_bytes: int = MAX_BYTES_FILE_READ
    ) -> ComputeLogFileData:
        path = Path(self.get_local_path(run_id, key, io_type))
        if not path.exists() and self._local.noted_completion(run_id, key) is None:
            self._fetch(run_id, key)
        return self._local.read_logs_file(run_id, key, io_type, cursor, max_bytes)

    def _fetch(self, run_id: str, key: str) -> None:
        found = [self._download(run_id, key, io_type) for io_type in ComputeIOType]
        if any(found):  # what is in the bucket was shipped after the step's end
            self._local.mark_completed(run_id, key)

    def _download(self, run_id: str, key: str, io_type: ComputeIOType) -> bool:
        path = Path(self.get_local_path(run_id, key, io_type))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            transfer.download(self._client, self._bucket, self._key(run_id, key, io_type), path)
        except DagsterObjectNotFoundError as error:
            if code_of(answer_to(error)) == "NoSuchBucket":
                raise
            return False  # an empty log that was not shipped, or none at all
        return True

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        if not can_name_file(run_id):  # so nothing of it was staged, or shipped
            return []
        folder = join_key(self._prefix, "storage", run_id, "compute_logs") + "/"
        found = transfer.list_objects(self._client, self._bucket, folder)
        shipped = [each for each in found if each.key.endswith(_LOG_ENDINGS)]  # values may be there too
        if not dry_run:  # the bucket first: logs that are on the disk alone stay when it cannot be reached
            transfer.delete_objects(self._client, self._bucket, [each.key for each in shipped])
        removed = self._local.delete_logs(run_id, dry_run)
        return removed + [Removal("compute log", s3_url(self._bucket, key), size) for key, size in shipped]


def _own_staging_folder() -> str:
    """A folder in the system's temporary directory that is this user's alone.

    Raises:
        DagsterInvalidConfigError: it belongs to someone else.
    """
    folder = Path(tempfile.gettempdir(), f"cloudstore-compute-logs-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise DagsterInvalidConfigError(f"{folder} belongs to another user; set local_dir of S3ComputeLogManager.")
    return str(folder)


def _open_log(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:  # the step wrote nothing, or was begun again meanwhile and will be shipped again
        return io.BytesIO()


class _Shipment:
    """The logs of one run on their way to the bucket.

    After one failed the rest are not tried: an unreachable bucket costs a run the time of one log, not of all.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_UPLOADS_AT_ONCE, thread_name_prefix="compute-logs")
        self._futures: list[Future[None]] = []
        self._latest: dict[str, Future[None]] = {}
        self._error: DagsterError | OSError | None = None

    def add(self, object_key: str, ship: Any) -> None:
        future = self._pool.submit(self._try, ship, self._latest.get(object_key))
        self._latest[object_key] = future
        self._futures.append(future)

    def _try(self, ship: Any, earlier: Future[None] | None) -> None:
        if earlier is not None:
            wait([earlier])  # of an earlier attempt at the same step, which must not be the last one to arrive
        if self._error is None:
            try:
                ship()
                return
            except (DagsterError, OSError) as error:
                self._error = self._error or error
        raise self._error

    def finish(self) -> list[str]:
        """Waits for every log that is being shipped; a warning where some were not."""
        self._pool.shutdown()
        failed = _count_failed(self._futures)
        if not failed:
            return []
        return [f"{failed} of {len(self._futures)} compute logs stay on the local disk: {self._error}"]


def _count_failed(futures: Sequence[Future[None]]) -> int:
    return sum(1 for future in futures if future.exception() is not None)
