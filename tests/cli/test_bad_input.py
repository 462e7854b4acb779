"""What users get wrong: a message that says what, where and what to do, no traceback of ours, and nothing written."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudstore.testing import EmbeddedS3Server

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from conftest import Project


def refusal(done: CompletedProcess[str], *words: str, exit_code: int = 1) -> str:
    """The message of a command that was refused, which has each of these words."""
    assert done.returncode == exit_code, done.stderr
    assert done.stdout == ""
    assert len(re.findall(r"^Error: ", done.stderr, re.MULTILINE)) == 1
    assert "Traceback" not in done.stderr
    assert 'File "' not in done.stderr
    for word in words:
        assert word in done.stderr
    return done.stderr


@pytest.fixture(autouse=True)
def _nothing_is_written(project: Project, request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test: no run, no event database, no log, no value."""
    server, bucket = None, ""
    if "s3_project" in request.fixturenames:
        server, bucket = request.getfixturevalue("s3_server"), request.getfixturevalue("bucket")
    yield
    written = {str(path.relative_to(project.home)) for path in project.home.rglob("*") if path.is_file()}
    assert written <= {"dagster.yaml", "history/runs.db"}
    if "history/runs.db" in written:
        with closing(sqlite3.connect(project.home / "history" / "runs.db")) as database:
            assert database.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    if server is not None:
        assert server.client().list_objects_v2(Bucket=bucket).get("KeyCount", 0) == 0


# ---- the run config ----


def test_an_unknown_solid(project: Project) -> None:
    said = refusal(project.run("--set", "solids.cleen.config.months=[1]"), "solids.cleen", "did you mean 'clean'?")
    assert "Known: check, clean, report." in said


def test_a_long_list_of_the_wrong_type(project: Project) -> None:
    path = project.write("long.yaml", f"solids: {{clean: {{config: {{months: [{', '.join(['a'] * 4000)}]}}}}}}")
    said = refusal(project.run("-c", str(path)), "4,000 errors", f"{path}, line 1: solids.clean.config.months[99]: ")
    assert said.endswith("  and 3,900 more\n")


def test_a_setting_that_names_a_secret_is_not_shown(project: Project) -> None:
    for setting in ("resources.db.config.password:hunter2", "password hunter2", "x..token=hunter2"):
        assert "hunter2" not in refusal(project.run("--set", setting), "--set expects a.b.c=value, got a secret.")


def test_an_unknown_mode(project: Project) -> None:
    refusal(project.run("--mode", "s4"), "'flights'", "unknown mode 's4'", "Known: local, s3.")


def test_an_unknown_key(project: Project) -> None:
    refusal(project.run("--set", "solids.clean.config.month=[1]"), "solids.clean.config.month:", "'months'?")


def test_a_missing_required_config(project: Project) -> None:
    done = project.command("run", "-f", "flights.py")
    refusal(done, "solids: missing required config: clean.config.months of type list of Int")


def test_a_wrong_type(project: Project) -> None:
    refusal(
        project.run("--set", "solids.clean.config.months=[1,two]"),
        "solids.clean.config.months[1]: expected Int, got 'two' (str)",
    )


def test_several_faults_are_told_at_once(project: Project) -> None:
    settings = ["solids.clean.config.months=7", "solids.clean.config.size=1", "solids.report.inputs.rows=1", "x=1"]
    said = refusal(project.run(*(word for each in settings for word in ("--set", each))), "4 errors")
    faults = re.findall(r"^  (\S+): ", said, re.MULTILINE)
    assert sorted(faults) == [
        "solids.clean.config.months",
        "solids.clean.config.size",
        "solids.report.inputs.rows",
        "x",
    ]


def test_a_missing_environment_variable(project: Project) -> None:
    variables = {"STORE_URL": "http://127.0.0.1:1", "STORE_KEY": "a-key-of-mine", "STORE_BUCKET": "b"}
    done = project.command(
        *("run", "-f", "flights.py", "-c", "config.yaml", "-c", "s3.yaml", "--mode", "s3"), variables=variables
    )
    said = refusal(
        done,
        "1 error",
        "resources.s3.config.aws_secret_access_key: the environment variable STORE_SECRET is not set; export it",
    )
    assert "a-key-of-mine" not in said


def test_a_secret_of_the_wrong_type_is_not_shown(project: Project) -> None:
    project.variables.update(STORE_URL="http://127.0.0.1:1", STORE_KEY="k", STORE_SECRET="s", STORE_BUCKET="b")
    key = "resources.s3.config.aws_secret_access_key"
    said = refusal(project.run("--mode", "s3", "-c", "s3.yaml", "--set", f"{key}=123454321"), key, "not shown")
    assert "123454321" not in said


# ---- the bucket ----


def s3_run(project: Project, *arguments: str) -> CompletedProcess[str]:
    return project.run("--mode", "s3", "-c", "s3.yaml", *arguments)


def test_a_missing_bucket(s3_project: Project) -> None:
    done = s3_run(s3_project, "--set", "resources.io_manager.config.s3_bucket=no-such-bucket")
    refusal(done, "The bucket 'no-such-bucket' does not exist", "create it: aws s3 mb s3://no-such-bucket")


@pytest.mark.parametrize("memoize", [True, False])
def test_a_wrong_secret(s3_project: Project, bucket: str, memoize: bool) -> None:
    s3_project.variables["STORE_SECRET"] = "not-the-secret-of-this-key"
    said = refusal(
        s3_run(s3_project, "--memoize" if memoize else "--no-memoize"),
        f"The bucket '{bucket}' cannot be used",
        "Check aws_secret_access_key.",
    )
    assert "not-the-secret" not in said


def test_an_unknown_access_key(s3_project: Project, bucket: str) -> None:
    s3_project.variables["STORE_KEY"] = "AKNOTTHERE"
    refusal(s3_run(s3_project), f"The bucket '{bucket}' cannot be used", "Check aws_access_key_id")


def test_an_endpoint_that_nobody_listens_at(s3_project: Project, s3_server: EmbeddedS3Server) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # held, and nobody listens
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        s3_project.variables["STORE_URL"] = url
        done = s3_run(s3_project)
    refusal(done, f"Cannot connect to {url}", "Check endpoint_url", "the server is running")


def test_an_endpoint_that_is_no_url(s3_project: Project) -> None:
    s3_project.variables["STORE_URL"] = "over there"
    refusal(s3_run(s3_project), "endpoint_url", "STORE_URL", "http://")


def test_a_prefix_that_no_store_keeps(s3_project: Project) -> None:
    done = s3_run(s3_project, "--set", "resources.io_manager.config.s3_prefix=a/../b")
    refusal(done, "resources.io_manager.config.s3_prefix: expected a path such as", "'a/../b'")


# ---- dagster.yaml and DAGSTER_HOME ----


def test_a_dagster_yaml_that_is_no_yaml(project: Project) -> None:
    project.write("home/dagster.yaml", "compute_logs: [")
    refusal(project.run(), str(project.home / "dagster.yaml"), "is not YAML")
    refusal(project.command("runs"), str(project.home / "dagster.yaml"), "is not YAML")


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("core.storage.nowhere", "Logs", "Cannot import module 'core.storage.nowhere'"),
        ("core.storage.runs", "Logs", "Module 'core.storage.runs' has no class 'Logs'"),
        ("pathlib", "Path", "pathlib.Path is not a ConfigurableClass"),
    ],
)
def test_a_dagster_yaml_that_names_a_class_that_does_not_exist(
    project: Project, module: str, name: str, expected: str
) -> None:
    project.write("home/dagster.yaml", f"compute_logs: {{module: {module}, class: {name}}}")
    refusal(project.run(), str(project.home / "dagster.yaml"), "compute_logs", expected)


def test_a_dagster_yaml_with_an_unknown_section(project: Project) -> None:
    project.write("home/dagster.yaml", "compute_log: {}")
    refusal(project.run(), str(project.home / "dagster.yaml"), "did you mean 'compute_logs'?")


def test_a_dagster_yaml_whose_class_is_given_the_wrong_config(project: Project) -> None:
    project.write(
        "home/dagster.yaml",
        "compute_logs: {module: cloudstore.compute_log_manager, class: S3ComputeLogManager, config: {buckt: x}}",
    )
    refusal(project.run(), str(project.home / "dagster.yaml"), "1 error", "buckt", "did you mean 'bucket'?")


def test_a_home_that_is_no_absolute_path(project: Project) -> None:
    done = project.command("runs", variables={"DAGSTER_HOME": "here"})
    refusal(done, "$DAGSTER_HOME must be an absolute path", "'here'")


def test_a_home_that_cannot_be_made(project: Project) -> None:
    done = project.command(
        *("run", "-f", "flights.py", "-c", "config.yaml"),
        variables={"DAGSTER_HOME": str(project.folder / "flights.py" / "home")},
    )
    refusal(done, str(project.folder / "flights.py" / "home"))


# ---- the pipeline's file ----


def users_failure(done: CompletedProcess[str], *words: str) -> str:
    """What is said where the user's own code failed: its traceback, and none of ours."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("Error: ") >= 1
    assert str(Path(__file__).parents[2] / "core") not in done.stderr
    assert "importlib" not in done.stderr
    for word in words:
        assert word in done.stderr
    return done.stderr


def test_a_file_that_raises_while_it_is_loaded(project: Project) -> None:
    file = project.write("broken.py", "def deep():\n    raise OverflowError('too deep')\n\ndeep()\n")
    said = users_failure(project.command("run", "-f", "broken.py"))
    assert f'File "{file}", line 4, in <module>\n    deep()\n' in said
    assert f'File "{file}", line 2, in deep\n' in said
    assert said.endswith("OverflowError: too deep\nError: broken.py could not be loaded: OverflowError: too deep\n")


def test_a_file_that_is_no_python(project: Project) -> None:
    file = project.write("broken.py", "def f(:\n")
    users_failure(project.command("run", "-f", "broken.py"), f'File "{file}", line 1\n', "SyntaxError: invalid syntax")
    project.write("broken.txt", "x = 1\n")
    refusal(project.command("run", "-f", "broken.txt"), "broken.txt is not a Python file")


def test_a_file_that_exits_by_itself(project: Project) -> None:
    project.write("script.py", "import sys\n\nsys.exit(0)\n")
    users_failure(project.command("run", "-f", "script.py"), "script.py could not be loaded: SystemExit: 0")


def test_a_file_that_is_not_there(project: Project) -> None:
    refusal(project.command("run", "-f", "nowhere.py"), "--file", "'nowhere.py' does not exist", exit_code=2)


def test_a_pipeline_that_is_not_in_the_file(project: Project) -> None:
    refusal(project.run("-a", "flight"), "flights.py", "unknown pipeline 'flight'; did you mean 'flights'?")
    refusal(project.run("-a", "Field"), "flights.py", "unknown pipeline 'Field'", "Known: flights.")


def test_a_file_with_no_pipeline_and_one_with_two(project: Project) -> None:
    project.write("none.py", "x = 1\n")
    refusal(project.command("run", "-f", "none.py"), "none.py defines no pipeline", "@pipeline")
    project.write("two.py", "from flights import *\nfrom core import PipelineDefinition\nb = PipelineDefinition([])\n")
    refusal(project.command("run", "-f", "two.py"), "two.py defines 2 pipelines", "-a", "b, flights")


def test_a_function_that_raises_in_the_place_of_a_pipeline(project: Project) -> None:
    file = project.write("made.py", "def make():\n    return 1 / 0\n")
    done = project.command("run", "-f", "made.py", "-a", "make")
    users_failure(done, f'File "{file}", line 2, in make\n', "make() of made.py raised an exception: ZeroDivisionError")


def test_a_pipeline_that_contradicts_itself(project: Project) -> None:
    project.write("loop.py", "from flights import *\n\n@pipeline\ndef p():\n    report(1)\n")
    said = project.command("run", "-f", "loop.py")
    assert said.returncode == 1
    assert "Input 'rows' of solid 'report' was given an int" in said.stderr


# ---- config files and settings ----


def test_a_config_file_that_is_not_there(project: Project) -> None:
    refusal(project.run("-c", "nowhere.yaml"), "nowhere.yaml: No such file")
    refusal(project.run("-c", "home"), "home: Is a directory")


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00"])
def test_a_config_file_that_is_no_yaml(project: Project, content: bytes) -> None:
    project.write("broken.yaml", content)
    refusal(project.run("-c", "broken.yaml"), "broken.yaml is not YAML")


def test_a_config_file_that_is_no_mapping(project: Project) -> None:
    project.write("list.yaml", "- a\n- b\n")
    refusal(project.run("-c", "list.yaml"), "list.yaml must hold a mapping, not a list")


@pytest.mark.parametrize(
    ("value", "said"),
    [(".inf", "the number inf"), ("{2020: 1}", "the key 2020"), ("[{yes: {true: 1}}]", "the key True")],
)
def test_a_config_file_with_what_is_not_recorded(project: Project, value: str, said: str) -> None:
    project.write(
        "loose.py",
        "from core import pipeline, solid\n\n@solid(config_schema=dict)\ndef s(_):\n    return 1\n\n"
        "@pipeline\ndef p():\n    s()\n",
    )
    project.write("odd.yaml", f"solids:\n  s:\n    config: {{a: {value}}}")
    done = project.command("run", "-f", "loose.py", "-c", "odd.yaml")
    refusal(done, "odd.yaml, line 3: solids.s.config.a", f"{said} is not recorded as it is")


@pytest.mark.parametrize("setting", ["solids", "=1", "solids..clean=1"])
def test_a_setting_without_a_path_or_value(project: Project, setting: str) -> None:
    refusal(project.run("--set", setting), "--set expects a.b.c=value", repr(setting))


def test_a_setting_that_is_no_yaml(project: Project) -> None:
    refusal(project.run("--set", "solids.clean.config.months=[1"), "--set solids.clean.config.months: '[1'", "quote it")


BOMB = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))])


def test_aliases_that_stand_for_millions_of_values(project: Project) -> None:
    project.write("bomb.yaml", BOMB)
    said = "with what its aliases stand for, it has more than 100,000 values"
    refusal(project.run("-c", "bomb.yaml"), f"bomb.yaml is not YAML: line 5, column 5: {said}")
    in_a_line = f"[{', '.join(f'&{line[:2]} {line[8:]}' for line in BOMB.splitlines())}]"
    refusal(project.run("--set", f"solids.clean.config.months={in_a_line}"), said)
    project.write("home/dagster.yaml", f"settings:\n{re.sub('^', '  ', BOMB, flags=re.MULTILINE)}\n")
    refusal(project.run(), str(project.home / "dagster.yaml"), f"line 6, column 7: {said}")


def test_numbers_that_python_does_not_read(project: Project) -> None:
    digits = "1" * 5000
    refusal(project.run("--set", f"solids.clean.config.months={digits}"), "this number has 5000 characters")
    refusal(project.run("--set", f"{'.'.join('a' * 101)}=1"), "--set expects a.b.c=value")
    refusal(
        project.run("--set", "solids.check.inputs.password=[hunter2"), "--set solids.check.inputs.password: a secret"
    )


def test_values_are_shown_as_they_are_written(project: Project) -> None:
    place, faults = "solids.clean.config.title", "expected StringSource or {env: NAME}, got"
    refusal(project.run("--set", f"{place}=0o10"), f"  {place}: {faults} 8 (int), written as '0o10'")
    refusal(project.run("--set", f"{place}=1e2"), f"{faults} 100.0 (float), written as '1e2'")
    project.write("title.yaml", "solids:\n  clean:\n    config:\n      title: 007\n      months: [2024-13-45]\n")
    said = refusal(project.run("-c", "title.yaml"), f"title.yaml, line 4: {place}: {faults} 7 (int), written as '007'")
    assert "title.yaml, line 5: solids.clean.config.months[0]: expected Int, got '2024-13-45' (str)" in said


def test_of_an_unknown_key_the_value_says_nothing(project: Project) -> None:
    said = refusal(project.run("--set", "solids.clean.config.titel=seven"), "solids.clean.config.titel: unknown key")
    assert "written as" not in said
    project.write("title.yaml", "solids:\n  clean:\n    config: {titel: seven}\n")
    assert "written as" not in refusal(project.run("-c", "title.yaml"), "title.yaml, line 3: solids.clean.config.titel")


def test_options_that_do_not_exist(project: Project) -> None:
    refusal(project.run("--memoise"), "--memoise", "--memoize", exit_code=2)
    refusal(project.command("rum"), "rum", exit_code=2)


def test_a_file_without_its_option(project: Project) -> None:
    refusal(project.command("run", "pipeline.py"), "(pipeline.py) Name the code", "-f FILE or -m MODULE", exit_code=2)
    refusal(project.command("config", "check", "pipeline.py"), "-f FILE or -m MODULE", exit_code=2)
    assert "-f FILE" not in refusal(project.command("runs", "show", "a", "b"), "extra argument (b)", exit_code=2)
