"""Every error this package raises on purpose.

DagsterError
├── DagsterInvalidDefinitionError            a definition contradicts itself or another
│   └── DagsterInvalidConfigDefinitionError  a config schema is not valid
├── DagsterInvalidSubsetError                a selection names something that the pipeline does not have
├── DagsterInvalidConfigError                config does not fit its schema (lists all faults)
├── DagsterInvariantViolationError           the API was used in a way that cannot work
│   ├── DagsterInvalidInvocationError        a solid, resource or logger was called with what it does not take
│   ├── DagsterInvalidPropertyError          a context built for a test has no such property
│   └── ValueNotKeptError                    a value would not come back from where it is to be stored
├── DagsterResourceUnavailableError          what a resource needs is not there; the run is refused
├── DagsterRunNotFoundError                  (also a LookupError)
├── DagsterRunAlreadyExists
├── DagsterRunConflict                       a stored run is being executed already, or has ended
├── DagsterExecutionStepNotFoundError        (also a LookupError)
├── DagsterUnknownPartitionError             a partition set has no partition of that name (also a LookupError)
├── DagsterStepOutputNotFoundError           (also a LookupError)
├── DagsterUnknownResourceError              (also an AttributeError)
├── DagsterUnmetExecutorRequirementsError
├── DagsterSubprocessError                   a process that was to execute steps cannot
├── ChildProcessCrashException               the process of a step ended before the step had
├── DagsterMaxRuntimeExceededError           a step, or a run, took longer than it may
├── CodeServerError                          code that a code location has loaded cannot be asked
│   ├── DagsterUserCodeUnreachableError      nobody answers
│   └── DagsterUserCodeProcessError          there was no answer: the code raised
│       ├── CodeDeadlineExceededError        it took longer than it may
│       └── CodeProcessCrashedError          its process ended
├── DagsterLaunchFailedError                 a run was not launched
├── DagsterSchedulerError                    a scheduler cannot start a schedule
├── DagsterTypeCheckDidNotPass
├── DagsterHomeNotSetError
├── DagsterObjectStoreError                  reading or writing stored bytes failed
│   ├── DagsterObjectNotFoundError           (also a FileNotFoundError)
│   ├── DagsterObjectAccessError             (also a PermissionError)
│   └── DagsterObjectCorruptError
│       └── DagsterObjectNotLoadableError    no value can be made of it here
├── DagsterStorageError                      a run, event log or schedule database cannot be used
│   ├── DagsterEventLogInvalidForRun         it holds an entry that is not one
│   └── DagsterSchemaError                   its schema is of an older or newer release
├── NoFingerprintError                       what a config points at cannot be told from what it was
├── DagsterMissingExtraError                 an optional part is not installed (also an ImportError)
└── DagsterUserCodeExecutionError            the user's own code raised; holds that exception
    ├── DagsterExecutionStepExecutionError   the body of a solid
    ├── DagsterExecutionLoadInputError       an IO manager's load_input, or an input's loader
    ├── DagsterExecutionHandleOutputError    an IO manager's handle_output
    ├── DagsterResourceFunctionError         a resource, IO manager or logger function
    ├── DagsterTypeCheckError                a type check function
    ├── DagsterTypeMaterializationError      a type's materializer
    ├── DagsterConfigMappingFunctionError    a function given to `configured`
    ├── HookExecutionError                   a hook
    ├── ScheduleExecutionError               a function of a schedule
    ├── SensorExecutionError                 a function of a sensor
    └── PartitionExecutionError              a function of a partition set

ExperimentalWarning is a Warning, by the name that people filter.
DagsterExecutionInterruptedError is a BaseException, as KeyboardInterrupt is; so is its subclass DagsterTerminatedError.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from core.forks import end_if_forked
from core.lazy import lazy_names

_MOST_TOLD = 100  # faults; a file of 1 MB can have 100,000


class DagsterExecutionInterruptedError(BaseException):
    """A run was asked to stop while a step was running."""


class DagsterTerminatedError(DagsterExecutionInterruptedError, SystemExit):
    """A run was asked to stop by SIGTERM or SIGHUP. Where nothing catches it, it ends the program as a shell expects.

    Attributes:
        code: the exit code, which is 128 and the number of the signal.
        signal_name: as "SIGTERM".
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(128 + signal_number)
        self.signal_name = signal.Signals(signal_number).name

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (signal.Signals[self.signal_name],), dict(self.__dict__)

    def __str__(self) -> str:
        return self.signal_name


class ExperimentalWarning(Warning):
    """What is used may change in a later release.

    Nothing here gives it: no name of this package is experimental. It is here so that a line that silences it, which
    pipelines of Dagster 0.11 have, goes on working.

    Example:
        >>> import warnings
        >>> from core import ExperimentalWarning
        >>> warnings.filterwarnings("ignore", category=ExperimentalWarning)
    """


class DagsterError(Exception):
    """Base of the errors below; `str()` of each says what, which one, and what to do.

    Example:
        >>> from core import DagsterError, execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> try:
        ...     execute_pipeline(pipeline(name="count")(lambda: one()), mode="cloud")
        ... except DagsterError as error:
        ...     print(error)
        Pipeline 'count': unknown mode 'cloud'. Known: default.
    """

    @property
    def is_user_code_error(self) -> bool:
        """bool: True where the user's own code raised."""
        return False

    def __reduce__(self) -> tuple[Any, ...]:
        """What a process that executed a step tells that of the run: what `__init__` takes are not the `args`."""
        return _made_again, (type(self), self.args, self._told_attributes())

    def _told_attributes(self) -> dict[str, Any]:
        return dict(self.__dict__)


def _made_again(cls: type[DagsterError], args: tuple[Any, ...], attributes: Mapping[str, Any]) -> DagsterError:
    error = cls.__new__(cls, *args)
    error.__dict__.update(attributes)
    error.__cause__ = attributes.get("user_exception")
    return error


class DagsterInvalidDefinitionError(DagsterError):
    """A definition contradicts itself or another one.

    Example:
        >>> from core import PipelineDefinition
        >>> PipelineDefinition([], "two words")
        Traceback (most recent call last):
        core.errors.DagsterInvalidDefinitionError: 'two words' is not a valid pipeline name; use only the letters ...
    """


class DagsterInvalidConfigDefinitionError(DagsterInvalidDefinitionError):
    """A config schema holds something that is not a config type.

    Example:
        >>> from core import solid
        >>> solid(name="load", config_schema={"rows": 3})(lambda context: None)
        Traceback (most recent call last):
        core.errors.DagsterInvalidConfigDefinitionError: 3 (int) is not a config type. Use bool, int, ...
    """


class DagsterInvalidSubsetError(DagsterError):
    """A selection names a solid or step that the pipeline does not have.

    Example:
        >>> from core import execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> execute_pipeline(pipeline(name="count")(lambda: one()), solid_selection=["two"])
        Traceback (most recent call last):
        core.errors.DagsterInvalidSubsetError: Solid selection: unknown solid 'two'. Known: one.
    """


class DagsterInvalidConfigError(DagsterError):
    """Config does not fit its schema.

    Attributes:
        errors: one object for each fault, with a `path` and a `message`; all of them, not only the first.
        config_value: the config as it was given.

    Example:
        >>> from core import DagsterInvalidConfigError, pipeline, solid, validate_run_config
        >>> load = solid(name="load", config_schema={"rows": int, "city": str})(lambda context: None)
        >>> try:
        ...     validate_run_config(
        ...         pipeline(name="loads")(lambda: load()), {"solids": {"load": {"config": {"rows": "3", "city": 4}}}}
        ...     )
        ... except DagsterInvalidConfigError as error:
        ...     print(*[fault.path[-1] for fault in error.errors])
        rows city
    """

    def __init__(self, message: str, errors: Sequence[Any] = (), config_value: object = None) -> None:
        self.errors = tuple(errors)
        self.config_value = config_value
        self._headline = message
        super().__init__(self.told())

    def told(self, placed: Callable[[Sequence[Any]], Iterable[Any]] = tuple) -> str:
        """The message: a line for each fault, of many for the first 100.

        Args:
            placed: says of faults where they are written.
        """
        lines = [f"  {error}" for error in placed(self.errors[:_MOST_TOLD])]
        more = [f"  and {len(self.errors) - _MOST_TOLD:,} more"] if len(self.errors) > _MOST_TOLD else []
        return "\n".join([self._headline, *lines, *more])


class DagsterInvariantViolationError(DagsterError):
    """The API was used in a way that cannot work.

    Example:
        >>> from core import execute_solid, lambda_solid
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> execute_solid(one).output_value("total")
        Traceback (most recent call last):
        core.errors.DagsterInvariantViolationError: Solid 'one': unknown output 'total'. Known: result.
    """


class DagsterInvalidInvocationError(DagsterInvariantViolationError):
    """A solid, resource or logger was called outside a run with arguments that it does not take, or without some."""


class DagsterInvalidPropertyError(DagsterInvariantViolationError):
    """Code asks its context for something of a run, and is called outside of one."""


class DagsterResourceUnavailableError(DagsterError):
    """What a resource needs (a bucket, credentials, a server) is not there.

    Raised while resources start, before any step; the run is refused and nothing of it is recorded.

    Example:
        >>> from core import DagsterResourceUnavailableError, ModeDefinition, execute_solid, resource, solid
        >>> @resource
        ... def database():
        ...     raise DagsterResourceUnavailableError("No database answers at localhost:5432. Start it with `make db`.")
        >>> ask = solid(name="ask", required_resource_keys={"database"})(lambda context: context.resources.database)
        >>> execute_solid(ask, ModeDefinition(resource_defs={"database": database}))
        Traceback (most recent call last):
        core.errors.DagsterResourceUnavailableError: No database answers at localhost:5432. Start it with `make db`.
    """


class DagsterRunNotFoundError(DagsterError, LookupError):
    """No run has the given id.

    Example:
        >>> from core import DagsterInstance, DagsterRunNotFoundError
        >>> with DagsterInstance.ephemeral() as instance:
        ...     try:
        ...         instance.delete_run("a1b2")
        ...     except DagsterRunNotFoundError as error:
        ...         print(error.invalid_run_id)
        a1b2
    """

    def __init__(self, message: str, invalid_run_id: str | None = None) -> None:
        self.invalid_run_id = invalid_run_id
        super().__init__(message)


class DagsterRunAlreadyExists(DagsterError):
    """A run with this id is stored already."""


class DagsterRunConflict(DagsterError):
    """A stored run cannot be executed, because it is being executed or has ended.

    Example:
        >>> from core import DagsterInstance, execute_pipeline, execute_run, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count")(lambda: one())
        >>> instance = DagsterInstance.ephemeral()
        >>> ended = execute_pipeline(count, instance=instance)
        >>> execute_run(count, instance.get_run_by_id(ended.run_id), instance)
        Traceback (most recent call last):
        core.errors.DagsterRunConflict: Run ... of pipeline 'count' has ended as SUCCESS. To execute it again, use ...
    """


class DagsterExecutionStepNotFoundError(DagsterError, LookupError):
    """A step key is not in the execution plan.

    Example:
        >>> from core import DagsterInstance, PipelineRun, execute_run, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> instance = DagsterInstance.ephemeral()
        >>> run = instance.create_run(pipeline_name="count", step_keys_to_execute=["two"])
        >>> execute_run(pipeline(name="count")(lambda: one()), run, instance)
        Traceback (most recent call last):
        core.errors.DagsterExecutionStepNotFoundError: Steps to execute: unknown step 'two'. Known: one.
    """

    def __init__(self, message: str, step_keys: Sequence[str] = ()) -> None:
        self.step_keys = tuple(step_keys)
        super().__init__(message)


class DagsterUnknownPartitionError(DagsterError, LookupError):
    """A partition set has no partition of that name."""


class DagsterStepOutputNotFoundError(DagsterError, LookupError):
    """A required output was not yielded by the step that declares it.

    Example:
        >>> from core import Output, OutputDefinition, execute_solid, solid
        >>> @solid(output_defs=[OutputDefinition(int, "rows"), OutputDefinition(int, "errors")])
        ... def load():
        ...     yield Output(3, "rows")
        >>> execute_solid(load)
        Traceback (most recent call last):
        core.errors.DagsterStepOutputNotFoundError: Step 'load' did not give its required output 'errors'. Yield ...
    """

    def __init__(self, message: str, step_key: str, output_name: str) -> None:
        self.step_key = step_key
        self.output_name = output_name
        super().__init__(message)


class DagsterUnknownResourceError(DagsterError, AttributeError):
    """Code asks for a resource that its definition does not require.

    Example:
        >>> from core import execute_solid, solid
        >>> @solid
        ... def ask(context):
        ...     return context.resources.database
        >>> execute_solid(ask)
        Traceback (most recent call last):
        core.errors.DagsterUnknownResourceError: Unknown resource 'database'; available here: none. Add ...
    """

    def __init__(self, resource_name: str, available: Sequence[str] = ()) -> None:
        self.resource_name = resource_name
        import difflib  # only an error needs it

        known = ", ".join(sorted(available)) or "none"
        close = difflib.get_close_matches(resource_name, available, n=1)
        super().__init__(
            f"Unknown resource {resource_name!r}; available here: {known}. "
            + (f"Did you mean {close[0]!r}? If not, add" if close else "Add")
            + f" {resource_name!r} to required_resource_keys of the definition that uses it."
        )


class DagsterUnmetExecutorRequirementsError(DagsterError):
    """An executor cannot run this pipeline in this mode.

    Example:
        >>> from core import ExecutorRequirement, ModeDefinition, execute_pipeline, executor, lambda_solid, pipeline
        >>> @executor(requirements=[ExecutorRequirement.NON_EPHEMERAL_INSTANCE])
        ... def elsewhere(init_context):
        ...     raise NotImplementedError
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> count = pipeline(name="count", mode_defs=[ModeDefinition(executor_defs=[elsewhere])])(lambda: one())
        >>> execute_pipeline(count)
        Traceback (most recent call last):
        core.errors.DagsterUnmetExecutorRequirementsError: Executor 'elsewhere' cannot run pipeline 'count'. ...
    """


class DagsterSubprocessError(DagsterError):
    """Processes that were to execute steps of a run cannot, or an error of one of them cannot be raised here.

    Args:
        message: what went wrong.
        subprocess_error_infos: what they raised, as `SerializableErrorInfo`.

    Example:
        >>> from pathlib import Path
        >>> from core import DagsterInstance, DagsterSubprocessError, execute_pipeline, fs_io_manager, reconstructable
        >>> written = Path("broken.py").write_text('''
        ... from core import ModeDefinition, fs_io_manager, pipeline, solid
        ... @solid
        ... def fail():
        ...     class Own(Exception): "Of a class that no other process finds."
        ...     raise Own("no rows")
        ... @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": fs_io_manager})])
        ... def broken(): fail()
        ... ''')
        >>> from broken import broken
        >>> with DagsterInstance.local_temp() as instance:
        ...     try:
        ...         execute_pipeline(reconstructable(broken), {"execution": {"multiprocess": {}}}, instance=instance)
        ...     except DagsterSubprocessError as error:
        ...         print(error.subprocess_error_infos[0].message)
        core.errors.DagsterExecutionStepExecutionError: Solid 'fail' raised: Own: no rows
    """

    def __init__(self, message: str, subprocess_error_infos: Sequence[Any] = ()) -> None:
        self.subprocess_error_infos = list(subprocess_error_infos)
        super().__init__(message)


class ChildProcessCrashException(DagsterError):
    """The process of a step ended before the step had: by a signal, `os._exit`, or for want of memory.

    Args:
        message: how, and what it wrote last.
        exit_code: its exit code; where a signal ended it, the negative of its number; None where nobody knows.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class DagsterMaxRuntimeExceededError(DagsterError):
    """A step, or a run, took longer than its tag `dagster/max_runtime` allows."""


class CodeServerError(DagsterError):
    """Code that a code location has loaded, or is to load, cannot be asked."""

    @property
    def serializable_error_info(self) -> Any:
        """SerializableErrorInfo | None: what the user's code raised, where it did."""
        return None


class DagsterUserCodeUnreachableError(CodeServerError):
    """A code server does not answer, or could not be started."""


class DagsterUserCodeProcessError(CodeServerError):
    """Code that was asked gave no answer.

    Args:
        message: what was asked of which code, and what happened.
        user_code_process_error_infos: what it raised, as `SerializableErrorInfo`.
    """

    def __init__(self, message: str, user_code_process_error_infos: Sequence[Any] = ()) -> None:
        self.user_code_process_error_infos = list(user_code_process_error_infos)
        super().__init__(message)

    @property
    def serializable_error_info(self) -> Any:
        return next(iter(self.user_code_process_error_infos), None)


class CodeDeadlineExceededError(DagsterUserCodeProcessError):
    """Code that was asked took longer than it may, and was ended."""


class CodeProcessCrashedError(DagsterUserCodeProcessError):
    """The process in which code was asked ended: by a signal, by `os._exit`, or for want of memory.

    Args:
        message: how.
        exit_code: its exit code; where a signal ended it, the negative of its number.
    """

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class DagsterSchedulerError(DagsterError):
    """A scheduler cannot start a schedule, or what it needs is not there."""


class DagsterLaunchFailedError(DagsterError):
    """A run was not launched.

    Args:
        message: which, and why.
        serializable_error_info: what was raised, as `SerializableErrorInfo`; None where that is all.
    """

    def __init__(self, message: str, serializable_error_info: Any = None) -> None:
        self.serializable_error_info = serializable_error_info
        super().__init__(message)


class DagsterTypeCheckDidNotPass(DagsterError):
    """A value is not of the declared DagsterType.

    Attributes:
        metadata_entries: what the type check says.
        dagster_type: the type; None where the step was executed by another process.

    Example:
        >>> from core import DagsterTypeCheckDidNotPass, execute_solid, solid
        >>> @solid
        ... def count() -> int:
        ...     return "three"
        >>> try:
        ...     execute_solid(count)
        ... except DagsterTypeCheckDidNotPass as error:
        ...     print(error.dagster_type.display_name)
        Int
    """

    def __init__(self, description: str, metadata_entries: Sequence[Any] = (), dagster_type: Any = None) -> None:
        self.metadata_entries = tuple(metadata_entries)
        self.dagster_type = dagster_type
        super().__init__(description)

    def _told_attributes(self) -> dict[str, Any]:
        return {**self.__dict__, "dagster_type": None}  # it has functions, which stay in their process


class DagsterHomeNotSetError(DagsterError):
    """A persistent instance was asked for, and $DAGSTER_HOME is not set."""


class DagsterStorageError(DagsterError):
    """A run, event log or schedule database cannot be opened, read or written."""


class DagsterEventLogInvalidForRun(DagsterStorageError):
    """The log of a run holds an entry that cannot be read.

    Attributes:
        run_id: the run.

    Example:
        >>> from core import DagsterEventLogInvalidForRun, DagsterInstance
        >>> def entries_of_readable_runs(instance: DagsterInstance) -> int:
        ...     count = 0
        ...     for run in instance.get_runs():
        ...         try:
        ...             count += len(instance.all_logs(run.run_id))
        ...         except DagsterEventLogInvalidForRun as error:
        ...             print("The log of run", error.run_id, "is damaged.")
        ...     return count
        >>> entries_of_readable_runs(DagsterInstance.ephemeral())
        0
    """

    def __init__(self, message: str, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(message)


class DagsterObjectStoreError(DagsterError):
    """Reading or writing a stored object failed."""


class DagsterObjectNotFoundError(DagsterObjectStoreError, FileNotFoundError):
    """The object (or its bucket) is not there.

    Example:
        >>> from core import DagsterObjectNotFoundError, LocalFileHandle
        >>> from core.storage.file_manager import LocalFileManager
        >>> try:
        ...     LocalFileManager("files").read_data(LocalFileHandle("/nowhere/orders.csv"))
        ... except DagsterObjectNotFoundError:
        ...     print("has it been deleted?")
        has it been deleted?
    """


class DagsterObjectAccessError(DagsterObjectStoreError, PermissionError):
    """The store refused the credentials or the action.

    Example:
        >>> from core import DagsterObjectAccessError, IOManager, build_output_context
        >>> class Shelf(IOManager):
        ...     def handle_output(self, context, obj):
        ...         raise DagsterObjectAccessError(f"The shelf is locked for {context.step_key!r}. Ask for its key.")
        ...     def load_input(self, context):
        ...         raise NotImplementedError
        >>> try:
        ...     Shelf().handle_output(build_output_context("store"), 1)
        ... except PermissionError as error:
        ...     print(error)
        The shelf is locked for 'store'. Ask for its key.
    """


class DagsterObjectCorruptError(DagsterObjectStoreError):
    """The stored bytes are not the ones that were written.

    Example:
        >>> from pathlib import Path
        >>> from core import build_init_resource_context, build_input_context, build_output_context
        >>> from core import versioned_filesystem_io_manager
        >>> manager = versioned_filesystem_io_manager(build_init_resource_context({"base_dir": "values"}))
        >>> stored = build_output_context("count", version="1")
        >>> manager.handle_output(stored, 3)
        >>> damaged = Path(manager.get_address(stored)).write_bytes(b"something else")
        >>> manager.load_input(build_input_context(upstream_output=stored))
        Traceback (most recent call last):
        core.errors.DagsterObjectCorruptError: The file ... was cut, altered or exchanged for another value's ...
    """


class DagsterObjectNotLoadableError(DagsterObjectCorruptError):
    """The stored bytes are those that were written, but no value can be made of them here: of a class that was moved,
    say. For a memoized run such a value is not there.
    """


class ValueNotKeptError(DagsterInvariantViolationError):
    """A value would come back from where it is to be stored as another one, or not at all.

    Example:
        >>> from core import ModeDefinition, OutputDefinition, execute_solid, fs_io_manager, solid
        >>> @solid(output_defs=[OutputDefinition(metadata={"codec": "json"})])
        ... def point():
        ...     return (1, 2)  # JSON has lists and no tuples
        >>> execute_solid(point, ModeDefinition(resource_defs={"io_manager": fs_io_manager}))
        Traceback (most recent call last):
        core.errors.ValueNotKeptError: Output 'result' of step 'point': Codec 'json' does not keep the tuple. ...
    """


class NoFingerprintError(DagsterError):
    """What a config points at has no fingerprint that tells it from what it was: raised by a `Fingerprint`, it leaves
    the steps that depend on it without a version in this run, with this message as the reason.
    """


class DagsterSchemaError(DagsterStorageError):
    """A database was made by an older release, and has to be migrated, or by a newer one."""


class DagsterMissingExtraError(DagsterError, ImportError):
    """A library of an extra is not installed; the message has the `pip install` that brings it."""


class DagsterUserCodeExecutionError(DagsterError):
    """The user's own code raised; the original is `user_exception` and `__cause__`.

    Args:
        message: what the framework was doing.
        user_exception: the exception that the user's code raised.
        original_exc_info: its `sys.exc_info()` triple.

    Example:
        >>> from core import DagsterType, DagsterUserCodeExecutionError, check_dagster_type
        >>> positive = DagsterType(lambda _, value: value > 0, "Positive")
        >>> try:
        ...     check_dagster_type(positive, "three")
        ... except DagsterUserCodeExecutionError as error:
        ...     print(type(error.user_exception).__name__)
        TypeError
    """

    def __init__(
        self, message: str, *, user_exception: BaseException, original_exc_info: Any = None, **kwargs: Any
    ) -> None:
        self.user_exception = user_exception
        self.original_exc_info = original_exc_info
        self.details = kwargs
        super().__init__(f"{message}: {type(user_exception).__name__}: {_text_of(user_exception)}")

    @property
    def is_user_code_error(self) -> bool:
        return True

    def _told_attributes(self) -> dict[str, Any]:
        return {**self.__dict__, "original_exc_info": None}  # a traceback stays in its process


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  the user's own __str__; it must not take the place of the error
        return "<exception str() failed>"


class DagsterExecutionStepExecutionError(DagsterUserCodeExecutionError):
    """The body of a solid raised.

    Example:
        >>> from core import execute_solid, solid
        >>> @solid
        ... def divide():
        ...     return 1 / 0
        >>> error = execute_solid(divide, raise_on_error=False).failure_data.error
        >>> error.cls_name, error.cause.cls_name
        ('DagsterExecutionStepExecutionError', 'ZeroDivisionError')
    """

    def __init__(
        self,
        message: str,
        *,
        step_key: str = "",
        solid_name: str = "",
        solid_def_name: str = "",
        **kwargs: Any,
    ) -> None:
        self.step_key, self.solid_name, self.solid_def_name = step_key, solid_name, solid_def_name
        super().__init__(message, **kwargs)


class DagsterExecutionLoadInputError(DagsterUserCodeExecutionError):
    """Loading an input's value raised."""

    def __init__(self, message: str, *, step_key: str = "", input_name: str = "", **kwargs: Any) -> None:
        self.step_key, self.input_name = step_key, input_name
        super().__init__(message, **kwargs)


class DagsterExecutionHandleOutputError(DagsterUserCodeExecutionError):
    """Storing an output's value raised."""

    def __init__(self, message: str, *, step_key: str = "", output_name: str = "", **kwargs: Any) -> None:
        self.step_key, self.output_name = step_key, output_name
        super().__init__(message, **kwargs)


class DagsterResourceFunctionError(DagsterUserCodeExecutionError):
    """Starting or stopping a resource, IO manager or logger raised.

    Example:
        >>> from core import ModeDefinition, execute_pipeline, pipeline, resource, solid
        >>> @resource
        ... def numbers():
        ...     return [1, 2][3]
        >>> total = solid(name="total", required_resource_keys={"numbers"})(lambda context: context.resources.numbers)
        >>> @pipeline(mode_defs=[ModeDefinition(resource_defs={"numbers": numbers})])
        ... def sums():
        ...     total()
        >>> result = execute_pipeline(sums, raise_on_error=False)
        >>> result.event_list[-1].pipeline_failure_data.error.cls_name
        'DagsterResourceFunctionError'
    """


class DagsterTypeCheckError(DagsterUserCodeExecutionError):
    """A type check function raised instead of answering.

    Example:
        >>> from core import DagsterType, check_dagster_type
        >>> positive = DagsterType(lambda _, value: value > 0, "Positive")
        >>> check_dagster_type(positive, "three")
        Traceback (most recent call last):
        core.errors.DagsterTypeCheckError: The type check of Positive raised: TypeError: '>' not supported ...
    """


class DagsterTypeMaterializationError(DagsterUserCodeExecutionError):
    """The materializer of a type raised.

    Example:
        >>> from core import DagsterType, OutputDefinition, dagster_type_materializer, execute_solid, solid
        >>> @dagster_type_materializer({"path": str})
        ... def to_file(context, config, rows):
        ...     return open(config["path"]).write(rows)
        >>> rows = DagsterType(lambda _, value: True, "Rows", materializer=to_file)
        >>> load = solid(name="load", output_defs=[OutputDefinition(rows)])(lambda context: "a b")
        >>> run_config = {"solids": {"load": {"outputs": [{"result": {"path": "missing/rows.txt"}}]}}}
        >>> execute_solid(load, run_config=run_config, raise_on_error=False).failure_data.error.cls_name
        'DagsterTypeMaterializationError'
    """


class DagsterConfigMappingFunctionError(DagsterUserCodeExecutionError):
    """A function given to `configured` raised.

    Example:
        >>> from core import configured, execute_solid, solid
        >>> load = solid(name="load", config_schema={"rows": int})(lambda context: context.solid_config["rows"])
        >>> @configured(load, config_schema={"size": str})
        ... def load_by_size(config):
        ...     return {"rows": {"small": 10}[config["size"]]}
        >>> execute_solid(load_by_size, run_config={"solids": {"load_by_size": {"config": {"size": "huge"}}}})
        Traceback (most recent call last):
        core.errors.DagsterConfigMappingFunctionError: The function given to `configured` of solid load_by_size ...
    """


class HookExecutionError(DagsterUserCodeExecutionError):
    """A hook raised."""


class ScheduleExecutionError(DagsterUserCodeExecutionError):
    """A function of a schedule raised."""


class SensorExecutionError(DagsterUserCodeExecutionError):
    """A function of a sensor raised."""


class PartitionExecutionError(DagsterUserCodeExecutionError):
    """A function of a partition set raised."""


def user_code_error_boundary(
    error_cls: type[DagsterUserCodeExecutionError],
    msg_fn: Callable[[], str] | str,
    control_flow_exceptions: tuple[type[BaseException], ...] | None = None,
    **kwargs: Any,
) -> AbstractContextManager[None]:
    """Runs user code and wraps what it raises in one framework error.

    A forked child that comes out of the block ends there: what follows is for the process of the run to do.

    Args:
        error_cls: the DagsterUserCodeExecutionError subclass to raise.
        msg_fn: the message, or a function that makes it; called only when something was raised.
        control_flow_exceptions: exceptions that pass through unwrapped (a requested retry, say).
        kwargs: passed on to `error_cls`.

    Raises:
        error_cls: from the user's exception, whose traceback it keeps. Errors that are DagsterErrors
            already, and BaseExceptions that are not Exceptions (KeyboardInterrupt), pass through.
    """
    return _UserCodeErrorBoundary(error_cls, msg_fn, control_flow_exceptions, kwargs)


class _UserCodeErrorBoundary:
    """A class and no generator, because each step enters several, and so each costs half."""

    __slots__ = ("_error_cls", "_kwargs", "_msg_fn", "_passing", "_pid")

    def __init__(
        self,
        error_cls: type[DagsterUserCodeExecutionError],
        msg_fn: Callable[[], str] | str,
        passing: tuple[type[BaseException], ...] | None,
        kwargs: dict[str, Any],
    ) -> None:
        self._error_cls, self._msg_fn, self._passing, self._kwargs = error_cls, msg_fn, passing, kwargs

    def __enter__(self) -> None:
        self._pid = os.getpid()

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        end_if_forked(self._pid, error)
        if not isinstance(error, Exception) or isinstance(error, DagsterError):
            return
        if self._passing and isinstance(error, self._passing):
            return
        message = self._msg_fn if isinstance(self._msg_fn, str) else self._msg_fn()
        exc_info = (type(error), error, trace)
        raise self._error_cls(message, user_exception=error, original_exc_info=exc_info, **self._kwargs) from error


if not TYPE_CHECKING:
    __getattr__ = lazy_names(__name__, {}, stands_for="dagster.core.errors")
