"""`cloudstore value`: shows a value that a step has given, or saves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from core.cli.failures import clear_failures
from core.cli.loading import find_run
from core.cli.options import ChosenPipeline, json_option, optional_pipeline_options, verbose_option
from core.cli.output.shown_value import document_value, show_saved, show_value
from core.cli.output.terminal import json_document
from core.disk.atomic_file import atomic_write
from core.disk.copying import copy_stream
from core.errors import (
    DagsterError,
    DagsterInvariantViolationError,
    DagsterObjectNotFoundError,
    DagsterObjectNotLoadableError,
)
from core.execution.loaded_outputs import encode_output, load_output
from core.instance import DagsterInstance, persistent_instance
from core.records.pipeline_run import PipelineRun
from core.resources.value_files import OpenedValue, opened_value
from core.values.codecs.registry import codec_named
from core.values.loading import told_where
from core.views.stored_outputs import StoredOutput, find_output

_CHUNK_BYTES = 1 << 20
_NEEDS_CODE = "Name the code of the pipeline with -f FILE or -m MODULE, so that its IO managers and classes are known."


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step_key", metavar="STEP")
@click.argument("output", metavar="[OUTPUT]", required=False)
@click.option(
    "--to", "to_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Save the value in this file, encoded as it is stored, and do not show it.",
)  # fmt: skip
@optional_pipeline_options
@json_option
@verbose_option
def value(
    chosen: ChosenPipeline | None,
    run_id: str,
    step_key: str,
    output: str | None,
    to_file: Path | None,
    as_json: bool,
    is_verbose: bool,
) -> None:
    """Show a value that a step of a run has given, or that the run found in its place.

    RUN is the run's id, or the beginning of it. OUTPUT is the name of the output, with its key where it is dynamic, as
    in 'result[a]'; it may be left out where the step has one value.

    Shown are the type, the size, and the beginning of the value's repr. Most values are pickles, and loading a pickle
    runs whatever code it names, so show values of people you trust only. --to copies a file without loading it.

    Values on the disk of this machine need nothing else. For others, and for values of your own classes, name the code
    of the pipeline with -f or -m. The config of its IO manager is that of the run; -c and --set add to it.

    \b
    Examples:
      cloudstore value 5c1f report
      cloudstore value 5c1f clean --to clean.parquet
      cloudstore value 5c1f clean -f pipeline.py
    """
    placed = clear_failures(chosen.placed) if chosen else clear_failures()
    with placed, json_document(as_json) as document, persistent_instance() as instance:
        run = find_run(instance, run_id)
        stored = find_output(instance, run, step_key, output)
        name = f"{stored.handle} of run {stored.run_id}"
        if not stored.is_given:
            raise DagsterObjectNotFoundError(f"{name} was not given: the solid yields this output only sometimes.")
        code = _Code(chosen, instance, run) if chosen else None
        try:
            if to_file is not None:
                show_saved(name, _save(stored, name, code, to_file), to_file)
                return
            loaded = code.load(stored) if code else _load_file(stored, name)
        except OSError as error:
            if isinstance(error, DagsterError):
                raise
            raise DagsterInvariantViolationError(f"{error.filename or to_file}: {error.strerror}.") from error
        path = _path(stored)
        told = document_value(stored, loaded, path.stat().st_size if path else None)
        if as_json:
            document(told)
        else:
            show_value(told, name, is_verbose)


class _Code:
    """The pipeline that a value is of, whose IO manager knows where it is."""

    def __init__(self, chosen: ChosenPipeline, instance: DagsterInstance, run: PipelineRun) -> None:
        self.pipeline = chosen.load()
        self._instance, self._run = instance, run
        self._mode = chosen.mode or run.mode
        self._config: Mapping[str, Any] = chosen.run_config(run.run_config)

    def load(self, stored: StoredOutput) -> Any:
        where = stored.handle, stored.run_id, stored.version
        return load_output(self.pipeline, self._mode, self._config, *where, self._instance)


def _save(stored: StoredOutput, name: str, code: _Code | None, to_file: Path) -> str:
    """Saves a value; returns the name of the codec that it is encoded by."""
    if code is None or _path(stored) is not None:
        with _opened(stored, name) as opened, atomic_write(to_file) as target:
            copy_stream(opened.stream, target, _CHUNK_BYTES)
            return opened.codec_name
    loaded = code.load(stored)
    with atomic_write(to_file) as target:
        return encode_output(code.pipeline, stored.handle, loaded, target)


def _load_file(stored: StoredOutput, name: str) -> Any:
    with _opened(stored, name) as opened:
        try:
            with told_where(str(stored.address)):
                return codec_named(opened.codec_name).decode(opened.stream)
        except DagsterObjectNotLoadableError as error:
            raise DagsterObjectNotLoadableError(f"{error} {_NEEDS_CODE}") from error


@contextmanager
def _opened(stored: StoredOutput, name: str) -> Iterator[OpenedValue]:
    path = _path(stored)
    if path is None and stored.address is not None and stored.address.startswith("/"):
        raise DagsterObjectNotFoundError(f"{name}: there is no file {stored.address} any more, on this machine.")
    if path is None:
        where = f"is at {stored.address}" if stored.address else "is where only its IO manager finds it"
        raise DagsterInvariantViolationError(f"{name} {where}. {_NEEDS_CODE}")
    with opened_value(path) as opened:
        yield opened


def _path(stored: StoredOutput) -> Path | None:
    """The file of a value on the disk of this machine; None where it is in no such file."""
    path = Path(stored.address) if stored.address is not None and stored.address.startswith("/") else None
    return path if path is not None and path.is_file() else None
