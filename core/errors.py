"""Every error this package raises on purpose.

DagsterError
├── DagsterInvalidDefinitionError            a definition contradicts itself or another
│   └── DagsterInvalidConfigDefinitionError  a config schema is not valid
├── DagsterInvalidSubsetError                a selection names something that the pipeline does not have
├── DagsterInvalidConfigError                config does not fit its schema (lists all faults)
├── DagsterInvariantViolationError           the API was used in a way that cannot work
│   ├── DagsterInvalidInvocationError        a solid, resource or logger was called with what it does not take
│   └── DagsterInvalidPropertyError          a context built for a test has no such property
├── DagsterResourceUnavailableError          what a resource needs is not there; the run is refused
├── DagsterRunNotFoundError                  (also a LookupError)
├── DagsterRunAlreadyExists
├── DagsterRunConflict                       a stored run is being executed already, or has ended
├── DagsterExecutionStepNotFoundError        (also a LookupError)
├── DagsterUnknownPartitionError             a partition set has no partition of that name (also a LookupError)
├── DagsterStepOutputNotFoundError           (also a LookupError)
├── DagsterUnknownResourceError              (also an AttributeError)
├── DagsterUnmetExecutorRequirementsError
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
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from core.forks import end_if_forked

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

    def __str__(self) -> str:
        return self.signal_name


class ExperimentalWarning(Warning):
    """What is used may change in a later release. Nothing here gives it; pipelines name it to filter it:
    `warnings.filterwarnings("ignore", category=ExperimentalWarning)`.
    """


class DagsterError(Exception):
    """Base of the errors below; `str()` of each says what, which one, and what to do."""

    @property
    def is_user_code_error(self) -> bool:
        """bool: True where the user's own code raised."""
        return False


class DagsterInvalidDefinitionError(DagsterError):
    """A definition contradicts itself or another one."""


class DagsterInvalidConfigDefinitionError(DagsterInvalidDefinitionError):
    """A config schema holds something that is not a config type."""


class DagsterInvalidSubsetError(DagsterError):
    """A selection names a solid or step that the pipeline does not have."""


class DagsterInvalidConfigError(DagsterError):
    """Config does not fit its schema.

    Attributes:
        errors: one object for each fault, with a `path` and a `message`; all of them, not only the first.
        config_value: the config as it was given.
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
    """The API was used in a way that cannot work."""


class DagsterInvalidInvocationError(DagsterInvariantViolationError):
    """A solid, resource or logger was called outside a run with arguments that it does not take, or without some."""


class DagsterInvalidPropertyError(DagsterInvariantViolationError):
    """Code asks its context for something of a run, and is called outside of one."""


class DagsterResourceUnavailableError(DagsterError):
    """What a resource needs (a bucket, credentials, a server) is not there.

    Raised while resources start, before any step; the run is refused and nothing of it is recorded.
    """


class DagsterRunNotFoundError(DagsterError, LookupError):
    """No run has the given id."""

    def __init__(self, message: str, invalid_run_id: str | None = None) -> None:
        self.invalid_run_id = invalid_run_id
        super().__init__(message)


class DagsterRunAlreadyExists(DagsterError):
    """A run with this id is stored already."""


class DagsterRunConflict(DagsterError):
    """A stored run cannot be executed, because it is being executed or has ended."""


class DagsterExecutionStepNotFoundError(DagsterError, LookupError):
    """A step key is not in the execution plan."""

    def __init__(self, message: str, step_keys: Sequence[str] = ()) -> None:
        self.step_keys = tuple(step_keys)
        super().__init__(message)


class DagsterUnknownPartitionError(DagsterError, LookupError):
    """A partition set has no partition of that name."""


class DagsterStepOutputNotFoundError(DagsterError, LookupError):
    """A required output was not yielded by the step that declares it."""

    def __init__(self, message: str, step_key: str, output_name: str) -> None:
        self.step_key = step_key
        self.output_name = output_name
        super().__init__(message)


class DagsterUnknownResourceError(DagsterError, AttributeError):
    """Code asks for a resource that its definition does not require."""

    def __init__(self, resource_name: str, available: Sequence[str] = ()) -> None:
        self.resource_name = resource_name
        known = ", ".join(sorted(available)) or "none"
        super().__init__(
            f"Unknown resource {resource_name!r}; available here: {known}. "
            f"Add {resource_name!r} to required_resource_keys of the definition that uses it."
        )


class DagsterUnmetExecutorRequirementsError(DagsterError):
    """An executor cannot run this pipeline in this mode."""


class DagsterTypeCheckDidNotPass(DagsterError):
    """A value is not of the declared DagsterType."""

    def __init__(self, description: str, metadata_entries: Sequence[Any] = (), dagster_type: Any = None) -> None:
        self.metadata_entries = tuple(metadata_entries)
        self.dagster_type = dagster_type
        super().__init__(description)


class DagsterHomeNotSetError(DagsterError):
    """A persistent instance was asked for, and $DAGSTER_HOME is not set."""


class DagsterStorageError(DagsterError):
    """A run, event log or schedule database cannot be opened, read or written."""


class DagsterEventLogInvalidForRun(DagsterStorageError):
    """The log of a run holds an entry that cannot be read.

    Attributes:
        run_id: the run.
    """

    def __init__(self, message: str, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(message)


class DagsterObjectStoreError(DagsterError):
    """Reading or writing a stored object failed."""


class DagsterObjectNotFoundError(DagsterObjectStoreError, FileNotFoundError):
    """The object (or its bucket) is not there."""


class DagsterObjectAccessError(DagsterObjectStoreError, PermissionError):
    """The store refused the credentials or the action."""


class DagsterObjectCorruptError(DagsterObjectStoreError):
    """The stored bytes are not the ones that were written."""


class DagsterObjectNotLoadableError(DagsterObjectCorruptError):
    """The stored bytes are those that were written, but no value can be made of them here: of a class that was moved,
    say. For a memoized run such a value is not there.
    """


class ValueNotKeptError(DagsterInvariantViolationError):
    """A value would come back from where it is to be stored as another one, or not at all."""


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


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001  the user's own __str__; it must not take the place of the error
        return "<exception str() failed>"


class DagsterExecutionStepExecutionError(DagsterUserCodeExecutionError):
    """The body of a solid raised."""

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
    """Starting or stopping a resource, IO manager or logger raised."""


class DagsterTypeCheckError(DagsterUserCodeExecutionError):
    """A type check function raised instead of answering."""


class DagsterTypeMaterializationError(DagsterUserCodeExecutionError):
    """The materializer of a type raised."""


class DagsterConfigMappingFunctionError(DagsterUserCodeExecutionError):
    """A function given to `configured` raised."""


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
