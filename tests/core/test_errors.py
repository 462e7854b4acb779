"""The error tree, and the boundary around user code."""

import inspect
import pickle
import traceback
from collections.abc import Callable

import pytest

from core import DagsterType, errors
from core.errors import (
    DagsterError,
    DagsterExecutionHandleOutputError,
    DagsterExecutionInterruptedError,
    DagsterExecutionLoadInputError,
    DagsterExecutionStepExecutionError,
    DagsterInvalidConfigError,
    DagsterResourceFunctionError,
    DagsterTypeCheckDidNotPass,
    DagsterUnknownResourceError,
    DagsterUserCodeExecutionError,
    user_code_error_boundary,
)


def raised_by_user_code(
    error: BaseException, message: str | Callable[[], str] = "running", pass_on: tuple[type[BaseException], ...] = ()
) -> BaseException:
    def users_function() -> None:
        raise error

    try:
        with user_code_error_boundary(
            DagsterExecutionStepExecutionError, message, pass_on, step_key="step", solid_name="s", solid_def_name="d"
        ):
            users_function()
    except BaseException as raised:
        return raised
    raise AssertionError("nothing was raised")


def test_wraps_and_keeps_the_users_error() -> None:
    original = ValueError("of the user")
    raised = raised_by_user_code(original)
    assert isinstance(raised, DagsterExecutionStepExecutionError)
    assert str(raised) == "running: ValueError: of the user"
    assert raised.user_exception is original
    assert raised.__cause__ is original
    assert raised.is_user_code_error
    assert raised.original_exc_info[:2] == (ValueError, original)
    assert (raised.step_key, raised.solid_name, raised.solid_def_name) == ("step", "s", "d")
    frames = traceback.extract_tb(raised.__cause__.__traceback__)
    assert frames[-1].name == "users_function"
    assert frames[-1].filename == __file__


def test_the_message_may_be_a_function_called_only_when_needed() -> None:
    calls = []

    def message() -> str:
        calls.append(1)
        return "made late"

    with user_code_error_boundary(DagsterResourceFunctionError, message):
        pass
    assert calls == []
    assert str(raised_by_user_code(KeyError("k"), message)) == "made late: KeyError: 'k'"
    assert calls == [1]


def test_an_error_whose_str_raises_is_wrapped_all_the_same() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    raised = raised_by_user_code(Unspeakable())
    assert isinstance(raised, DagsterExecutionStepExecutionError)
    assert "Unspeakable" in str(raised)


@pytest.mark.parametrize(
    "passing",
    [
        DagsterError("ours"),
        DagsterInvalidConfigError("ours"),
        KeyboardInterrupt(),
        SystemExit(3),
        GeneratorExit(),
        DagsterExecutionInterruptedError(),
    ],
)
def test_what_passes_unwrapped(passing: BaseException) -> None:
    assert raised_by_user_code(passing) is passing
    assert passing.__cause__ is None


def test_control_flow_exceptions_pass_and_others_do_not() -> None:
    class Retry(Exception):
        pass

    class RetrySoon(Retry):
        pass

    passing = RetrySoon()
    assert raised_by_user_code(passing, pass_on=(Retry,)) is passing
    assert isinstance(raised_by_user_code(ValueError(), pass_on=(Retry,)), DagsterUserCodeExecutionError)


def test_details_of_loading_and_storing() -> None:
    with (
        pytest.raises(DagsterExecutionLoadInputError) as loading,
        user_code_error_boundary(DagsterExecutionLoadInputError, "loading", step_key="a", input_name="x", more=1),
    ):
        raise OSError("disk")
    assert (loading.value.step_key, loading.value.input_name, loading.value.details) == ("a", "x", {"more": 1})
    with (
        pytest.raises(DagsterExecutionHandleOutputError) as storing,
        user_code_error_boundary(DagsterExecutionHandleOutputError, "storing", step_key="a", output_name="y"),
    ):
        raise OSError("disk")
    assert (storing.value.step_key, storing.value.output_name) == ("a", "y")


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.DagsterRunNotFoundError, LookupError),
        (errors.DagsterExecutionStepNotFoundError, LookupError),
        (errors.DagsterStepOutputNotFoundError, LookupError),
        (errors.DagsterUnknownResourceError, AttributeError),
        (errors.DagsterObjectNotFoundError, FileNotFoundError),
        (errors.DagsterObjectAccessError, PermissionError),
    ],
)
def test_errors_are_the_built_in_ones_too(error: type[DagsterError], builtin: type[Exception]) -> None:
    assert issubclass(error, builtin)
    assert issubclass(error, DagsterError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        name = line.replace("│", " ").replace("├── ", "    ").replace("└── ", "    ")
        if name != line or line == "DagsterError":
            drawn.append(((len(name) - len(name.lstrip())) // 4, name.split()[0]))
    parents: list[str] = []
    for depth, name in drawn:
        parents[depth:] = [name]
        assert getattr(errors, name).__bases__[0].__name__ == (parents[depth - 1] if depth else "Exception")
    in_module = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, DagsterError)
    }
    assert in_module == {name for _, name in drawn}


def test_an_unknown_resource_says_what_there_is_and_what_to_do() -> None:
    error = DagsterUnknownResourceError("db", ["s3", "io_manager"])
    assert str(error) == (
        "Unknown resource 'db'; available here: io_manager, s3. "
        "Add 'db' to required_resource_keys of the definition that uses it."
    )
    assert "none" in str(DagsterUnknownResourceError("db"))
    assert "Did you mean 'database'? If not, add 'databse' to" in str(
        DagsterUnknownResourceError("databse", ["database"])
    )


_ARGUMENTS: dict[str, object] = {
    "message": "why",
    "description": "why",
    "run_id": "a1b2",
    "step_key": "load",
    "output_name": "result",
    "resource_name": "database",
    "signal_number": 15,
}
_RAISED = sorted(
    (each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, BaseException)),
    key=lambda each: each.__name__,
)


@pytest.mark.parametrize("kind", _RAISED, ids=lambda kind: kind.__name__)
def test_every_error_is_the_same_in_another_process(kind: type[BaseException]) -> None:
    parameters = inspect.signature(kind.__init__).parameters.values()
    given = {each.name: _ARGUMENTS[each.name] for each in parameters if each.name in _ARGUMENTS}
    if issubclass(kind, DagsterUserCodeExecutionError):
        given["user_exception"] = ValueError("of the user")
    error = kind(**given) if given else kind("why")
    error.add_note("told with it")
    there = pickle.loads(pickle.dumps(error))
    assert (type(there), there.args, str(there)) == (kind, error.args, str(error))
    assert vars(there).keys() == vars(error).keys()
    assert repr(vars(there)) == repr(vars(error))
    assert repr(there.__cause__) == repr(vars(error).get("user_exception"))


def test_what_stays_in_a_process_does_not_keep_an_error_there() -> None:
    with_type = DagsterTypeCheckDidNotPass("no", dagster_type=DagsterType(lambda _, value: value, "Own"))
    assert pickle.loads(pickle.dumps(with_type)).dagster_type is None
    wrapped = raised_by_user_code(ValueError("of the user"))
    assert pickle.loads(pickle.dumps(wrapped)).original_exc_info is None
