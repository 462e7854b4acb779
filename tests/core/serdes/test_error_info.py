"""Exceptions as records, and the part of a traceback that is the user's."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import core
from core.errors import DagsterExecutionStepExecutionError, user_code_error_boundary
from core.serdes import SerializableErrorInfo, error_info, from_json, to_json, user_traceback

USERS_CODE = """
def inner():
    raise ValueError("of the user")

def outer():
    inner()

def outer_with_cause():
    try:
        inner()
    except ValueError as error:
        raise KeyError("k") from error
"""


def imported(path: Path, source: str = USERS_CODE) -> ModuleType:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("core_tests_users_code", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wrapped(function_name: str, module: ModuleType) -> BaseException:
    try:
        with user_code_error_boundary(DagsterExecutionStepExecutionError, "running"):
            getattr(module, function_name)()
    except DagsterExecutionStepExecutionError as error:
        return error
    raise AssertionError("nothing was raised")


def caught(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:
        return raised


def test_an_error_with_its_causes(tmp_path: Path) -> None:
    info = error_info(wrapped("outer_with_cause", imported(tmp_path / "users.py")))
    assert info.cls_name == "DagsterExecutionStepExecutionError"
    assert info.cause is not None
    assert (info.cause.cls_name, info.cause.message) == ("KeyError", "KeyError: 'k'")
    assert info.cause.cause is not None
    assert (info.cause.cause.cls_name, info.cause.cause.message) == ("ValueError", "ValueError: of the user")
    assert info.cause.cause.cause is None
    assert "in inner" in info.cause.cause.stack[-1]
    text = info.to_string()
    assert text.index("ValueError: of the user") < text.index("KeyError: 'k'")
    assert text.count("The above exception was the cause of this one") == 1
    assert "running" not in text  # the error around the user's says nothing that the user's does not
    assert from_json(SerializableErrorInfo, to_json(info)) == info


def test_the_context_counts_as_cause_unless_suppressed() -> None:
    def raise_while_handling(suppress: bool) -> None:
        try:
            raise ValueError("first")
        except ValueError:
            error = KeyError("second")
            if suppress:
                raise error from None
            raise error  # noqa: B904  the context is what this is about

    infos = []
    for suppress in (False, True):
        try:
            raise_while_handling(suppress)
        except KeyError as error:
            infos.append(error_info(error))
    assert infos[0].cause is not None
    assert infos[0].cause.message == "ValueError: first"
    assert infos[1].cause is None


def test_errors_raised_from_each_other_end() -> None:
    first, second = ValueError("first"), KeyError("second")
    caught(second, first)
    info = error_info(caught(first, second))
    assert info.cause is not None
    assert info.cause.cls_name == "KeyError"
    assert info.cause.cause is None


def test_notes_come_after_the_message() -> None:
    error = ValueError("what")
    error.add_note("in row 7")
    assert error_info(error).message == "ValueError: what\nin row 7"


def test_user_traceback_has_the_users_frames_only(tmp_path: Path) -> None:
    path = tmp_path / "users.py"
    error = wrapped("outer", imported(path)).__cause__
    assert error is not None
    text = user_traceback(error)
    files = [line.split('"')[1] for line in text.splitlines() if line.startswith("  File ")]
    assert set(files) == {__file__, str(path)}
    assert files[-2:] == [str(path), str(path)]
    assert text.endswith("ValueError: of the user")
    assert "errors.py" not in text


def test_frames_of_a_package_whose_name_begins_like_ours_stay() -> None:
    """`core_utils` beside `core` is the user's."""
    root = Path(core.__file__).parents[1]
    source = compile(USERS_CODE, str(root / "core_utils" / "code.py"), "exec")
    module = ModuleType("users")
    exec(source, vars(module))
    error = wrapped("outer", module).__cause__
    assert error is not None
    assert "core_utils" in user_traceback(error)


def test_where_all_frames_are_ours_they_are_in_the_record_and_not_shown_as_the_users() -> None:
    module = ModuleType("ours")
    path = str(Path(core.__file__).parent / "made_up.py")
    exec(compile("def fail():\n    raise ValueError('ours')", path, "exec"), vars(module))
    with pytest.raises(ValueError, match="ours") as caught:
        module.fail()
    assert caught.value.__traceback__ is not None
    error = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert "made_up.py" in error_info(error).stack[-1]
    assert user_traceback(error) == "ValueError: ours"
