"""Compute logs in a bucket."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudstore import transfer
from cloudstore.client import S3_OPTIONS, make_client
from cloudstore.client.option_types import BUCKET, PREFIX
from cloudstore.compute_logs.agenda import Pace
from cloudstore.compute_logs.masking import Masker
from cloudstore.compute_logs.objects import LogPlaces, are_complete, fetch_log, read_segments
from cloudstore.compute_logs.options import LOG_OPTIONS
from cloudstore.compute_logs.run_secrets import RunSecrets
from cloudstore.compute_logs.shipper import Shipper
from cloudstore.compute_logs.spool import Spool
from cloudstore.compute_logs.staging_folder import default_staging_folder, make_staging_folder
from cloudstore.compute_logs.stream import LogStream, Packing
from cloudstore.s3.errors import translate_errors
from cloudstore.s3.keys import s3_url
from core.cached import cached_property
from core.compute_logs.log_files import LogFiles
from core.compute_logs.manager import ComputeLogManager
from core.compute_logs.names import ComputeIOType, LogName
from core.compute_logs.pieces import MAX_BYTES_FILE_READ, ComputeLogFileData, check_piece, decoded, read_piece
from core.compute_logs.reading import is_ended, read_log
from core.compute_logs.recovery import dead_writers
from core.compute_logs.size_cap import SizeCap
from core.compute_logs.writers import LogWriter
from core.config import Field, Secret, StringSource, resolve_config
from core.disk.paths import can_name_file
from core.errors import DagsterError
from core.forks import reset_in_forked_children
from core.records.pipeline_run import PipelineRun
from core.records.removal import Removal
from core.serdes import ConfigurableClass, ConfigurableClassData

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_FORMER = "FORMER_"  # before the name of an option: the variable that holds what it was when a process was killed
_MOST_THREADS = 16
_SECRET_OPTIONS = [name for name, option in S3_OPTIONS.items() if option.is_secret]


class S3ComputeLogManager(ComputeLogManager, ConfigurableClass):
    r"""Keeps the stdout and stderr of each step at `{prefix}/storage/{run_id}/compute_logs/{step_key}.out` and `.err`.

    Steps write to files on the local disk, which are shipped from there in the background: while a step runs its new
    bytes, as segments, and when the run has ended each log as one object. Then the files are deleted. A log that cannot
    be shipped stays on the disk, and the run has a warning event; it is shipped later, by this process, by one that
    begins a run of the instance, or by `cloudstore logs drain`, also when this process is killed.

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
        options: those of `LOG_OPTIONS` (`upload_interval`, `gzip`, ...) and those of `s3_resource`.

    Raises:
        DagsterInvalidConfigError: an option does not exist, or has a wrong value.
        DagsterInvariantViolationError: the default of `local_dir` belongs to another user.

    Example:
        >>> import os
        >>> from cloudstore import S3ComputeLogManager
        >>> from core import PipelineRun
        >>> from core.storage.compute_log_manager import ComputeIOType
        >>> manager, run = S3ComputeLogManager("my-bucket", "staging"), PipelineRun("greetings", run_id="a-run")
        >>> with manager.watch(run, "greet"):
        ...     written = os.write(2, b"nobody is here\n")
        >>> waiting = manager.finish_run(run)
        >>> manager.drain()
        []
        >>> manager.read_logs_file("a-run", "greet", ComputeIOType.STDERR).data
        'nobody is here\n'
        >>> manager.dispose()
    """

    follow_interval_seconds = 1.0

    def __init__(
        self,
        bucket: str,
        local_dir: str | None = None,
        inst_data: ConfigurableClassData | None = None,
        prefix: str = "dagster",
        skip_empty_files: bool = False,
        **options: Any,
    ) -> None:
        given = resolve_config({**LOG_OPTIONS, **S3_OPTIONS}, options, "options of S3ComputeLogManager")
        self._options = given
        self._inst_data = inst_data
        self._places = LogPlaces(bucket, prefix)
        max_log_bytes = given.get("max_log_bytes")
        self.size_cap = None if max_log_bytes is None else SizeCap(max_log_bytes)
        self._is_staged_by_default = local_dir is None
        folder = default_staging_folder() if local_dir is None else Path(local_dir).absolute()
        self._files = LogFiles(folder, self.size_cap)
        self._writer = LogWriter(self._files)
        always_masked = {_FORMER + name.upper(): str(given[name]) for name in _SECRET_OPTIONS if given.get(name)}
        self._secrets = RunSecrets(always_masked, lambda texts: Masker(texts, given["mask_patterns"]), self._writer)
        pace = Pace(
            interval_seconds=given["upload_interval"],
            most_bytes=given["upload_bytes"],
            threads=min(given["max_pool_connections"], _MOST_THREADS),
            patience_seconds=given["exit_timeout_seconds"],
        )
        self._shipper = Shipper(lambda: self._client, bucket, pace, self._warn)
        self._spool = Spool(
            self._files, self._writer, self._secrets, self._shipper, self._new_stream, skips_empty=skip_empty_files
        )
        self._active: set[str] = set()
        self.reset_after_fork()
        reset_in_forked_children(self)
        _close_at_exit(self)

    def reset_after_fork(self) -> None:
        """As `core.forks` says: the connections of the parent's client are the parent's."""
        self._lock = threading.Lock()
        self.__dict__.pop("_client", None)

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
            **LOG_OPTIONS,
            **S3_OPTIONS,
        }

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> S3ComputeLogManager:
        return S3ComputeLogManager(inst_data=inst_data, **config_value)

    @cached_property
    def _client(self) -> S3Client:
        return make_client(self._options)

    def _new_stream(self, log: LogName, io_type: ComputeIOType, may_have_segments: bool) -> LogStream:
        path = self._files.path(log, io_type)
        key = self._places.of_log(log.run_id, log.key, io_type, log.attempt)
        packing = Packing(lambda: self._secrets.masker(log.run_id), self._options["gzip"])
        most_bytes = None if self.size_cap is None else self.size_cap.head_bytes
        return LogStream(path, key, packing, most_bytes, may_have_segments)

    def get_local_path(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str:
        return str(self._files.path(LogName(run_id, key, attempt), io_type))

    def _make_folder(self) -> None:
        if self._is_staged_by_default:  # else it is made when something is written to it, as any folder
            make_staging_folder(self._files.base_dir)

    def hide(self, run_id: str, secrets: Collection[Secret]) -> None:
        try:
            self._make_folder()
            self._spool.hide(run_id, secrets, self.output_capture.nameless_stem)
        except (DagsterError, OSError) as error:
            self._warn(run_id, f"What is secret in its logs cannot be noted: {error}")

    def on_watch_start(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        log = LogName(pipeline_run.run_id, step_key or pipeline_run.pipeline_name, attempt)
        self._active.add(log.run_id)
        self._new_stream(log, ComputeIOType.STDOUT, may_have_segments=False)  # refuses names that it cannot hold
        self._make_folder()
        self._spool.begin(log, self.output_capture.nameless_stem)

    def on_watch_finish(self, pipeline_run: PipelineRun, step_key: str | None, attempt: int = 1) -> None:
        log = LogName(pipeline_run.run_id, step_key or pipeline_run.pipeline_name, attempt)
        self._spool.end(log, self.output_capture.nameless_stem)

    def finish_run(self, pipeline_run: PipelineRun) -> list[str]:
        with self._lock:
            self._active.discard(pipeline_run.run_id)  # what goes wrong from here on is reported
        warnings = super().finish_run(pipeline_run)
        self._spool.end_run(pipeline_run.run_id)
        self._shipper.hurry()
        return warnings

    def recover(self) -> None:
        self._recovered()

    def _recovered(self) -> list[str]:
        """Takes over what dead processes left; why some of it stays on the local disk."""
        withheld: list[str] = []
        for dead in dead_writers(self._files):
            unknown = self._secrets.learn(dead.entries, dead.path)
            logs = dead.complete(None if unknown else self._secrets.mask_of)
            if not unknown:
                self._spool.take_over(dead, logs)
                continue
            dead.close()
            for run_id, why in unknown:
                withheld.append(why)
                if run_id:
                    self._warn(run_id, why)
        return withheld

    def drain(self) -> list[str]:
        withheld = self._recovered()
        why = self._shipper.wait()
        left = [f"Compute logs stay in {self._files.base_dir}: {why}"] if why else []
        return left + withheld

    def dispose(self) -> None:
        super().dispose()
        self._shipper.close()
        self._spool.close()

    def _warn(self, run_id: str, message: str) -> None:
        with self._lock:
            if run_id in self._active:
                self.warn(run_id, message)
                return
        if self.report is not None:
            self.report(run_id, message)

    def is_watch_completed(self, run_id: str, key: str, attempt: int = 1) -> bool:
        log = LogName(run_id, key, attempt)
        if is_ended(self._files, log):
            return True
        if self._files.completed.says(log) is False or self._files.exist(log):
            return False  # a process of this machine is writing it
        return self._is_shipped(run_id, key, attempt)

    def _is_shipped(self, run_id: str, key: str, attempt: int) -> bool:
        keys = [self._places.of_log(run_id, key, io_type, attempt) for io_type in ComputeIOType]
        return are_complete(self._client, self._places.bucket, keys)

    def download_url(self, run_id: str, key: str, io_type: ComputeIOType, attempt: int = 1) -> str | None:
        object_key = self._places.of_log(run_id, key, io_type, attempt)
        with translate_errors("GetObject", self._places.bucket, object_key):
            return self._client.generate_presigned_url(
                "get_object",
                Params={"Bucket": self._places.bucket, "Key": object_key},
                ExpiresIn=self._options["url_expiry_seconds"],
            )

    def read_logs_file(
        self,
        run_id: str,
        key: str,
        io_type: ComputeIOType,
        cursor: int = 0,
        max_bytes: int = MAX_BYTES_FILE_READ,
        attempt: int = 1,
    ) -> ComputeLogFileData:
        check_piece(cursor, max_bytes)
        log = LogName(run_id, key, attempt)
        path = self._files.path(log, io_type)
        self._spool.wait_until_readable(log)
        piece = read_log(self._files, log, io_type, cursor, max_bytes)
        if piece.path is not None or self._spool.is_here(log, io_type):
            return piece  # else it was never here, or was shipped just now
        bucket, object_key = self._places.bucket, self._places.of_log(run_id, key, io_type, attempt)
        copy = fetch_log(self._client, bucket, object_key, path, self._make_folder)
        if copy is None:
            segments = read_segments(self._client, bucket, object_key, cursor, max_bytes)
            if segments is not None:
                raw, size = segments
                text, used = decoded(raw, is_last=False)
                return ComputeLogFileData(None, text, cursor + used, size, None)
            copy = fetch_log(
                self._client, bucket, object_key, path, self._make_folder
            )  # it may have taken their place meanwhile
        if copy is None:
            return piece
        return read_piece(copy, cursor, max_bytes, is_complete=True)

    def delete_logs(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        if not can_name_file(run_id):  # so nothing of it was staged, or shipped
            return []
        bucket = self._places.bucket
        if not dry_run:
            self._shipper.wait()  # or a log might arrive when those in the bucket have gone
        found = transfer.list_objects(self._client, bucket, self._places.of_run(run_id))
        shipped = [each for each in found if self._places.is_log(each.key)]
        if not dry_run:  # the bucket first: logs that are on the disk alone stay when it cannot be reached
            transfer.delete_objects(self._client, bucket, [each.key for each in shipped])
            self._spool.drop_run(run_id)
        removed = self._files.delete_run(run_id, dry_run)
        if not dry_run:
            self._spool.end_run(run_id)
        return removed + [Removal("compute log", s3_url(bucket, each.key), each.size_bytes) for each in shipped]


def _close_at_exit(manager: S3ComputeLogManager) -> None:
    """Ships the remaining logs when the process ends, if nobody has disposed of the manager."""
    reference = weakref.ref(manager)

    def close() -> None:
        left = reference()
        if left is not None:
            left.dispose()

    atexit.register(close)
    weakref.finalize(manager, atexit.unregister, close).atexit = False
