"""Projects that are packages: however a file is named, and wherever from, it is one module with one version."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from conftest import Project

HELPERS = """
class Shape:
    size = 3
"""

PIPELINES = """
import logging
from core import ModeDefinition, SourceHashVersionStrategy, pipeline, solid, versioned_filesystem_io_manager
{imports}
log = logging.getLogger(__name__)

class Own:
    pass

@solid
def make(_):
    log.debug(__name__)
    return [Shape(), Own()]

@solid
def look(_, made):
    assert type(made[0]) is Shape and type(made[1]) is Own
    print("looked at", made[1].__class__.__module__)

@pipeline(
    mode_defs=[ModeDefinition("disk", {{"io_manager": versioned_filesystem_io_manager}})],
    version_strategy=SourceHashVersionStrategy(),
    tags={{"dagster/is_memoized_run": "true"}},
)
def shapes():
    look(make())
"""

RELATIVE, ABSOLUTE, BESIDE = (
    "from .helpers import Shape",
    "from my.package.helpers import Shape",
    "from helpers import Shape",
)

# The folders with an __init__.py, the import of the helpers, and the ways to name the file: (folder, arguments).
LAYOUTS = {
    "a file": ([], BESIDE, ".", [(".", "-f my/package/pipelines.py"), ("my/package", "-m pipelines")]),
    "package": (
        ["my", "my/package"], RELATIVE, ".",
        [
            (".", "-f my/package/pipelines.py"), (".", "-m my.package.pipelines"), ("my", "-f package/pipelines.py"),
            ("my/package", "-f pipelines.py"), ("home", "-f ../my/package/pipelines.py"),
        ],
    ),
    "package with absolute imports": (
        ["my", "my/package"], ABSOLUTE, ".",
        [("my/package", "-f pipelines.py"), (".", "-m my.package.pipelines"), (".", "-f ./my/package/pipelines.py")],
    ),
    "no __init__.py": (
        [], RELATIVE, ".", [(".", "-f my/package/pipelines.py"), (".", "-m my.package.pipelines")],
    ),
    "no __init__.py and absolute imports": (
        [], ABSOLUTE, ".", [(".", "-f my/package/pipelines.py"), (".", "-m my.package.pipelines")],
    ),
    "one __init__.py is missing": (
        ["my"], ABSOLUTE, ".", [(".", "-f my/package/pipelines.py"), (".", "-m my.package.pipelines")],
    ),
    "src": (
        ["src/my", "src/my/package"], RELATIVE, "src",
        [
            ("src", "-m my.package.pipelines"), (".", "-f src/my/package/pipelines.py"),
            ("src/my", "-f package/pipelines.py"),
        ],
    ),
    "a folder whose name cannot be imported": (
        ["my-project", "my-project/my", "my-project/my/package"], ABSOLUTE, "my-project",
        [("my-project", "-m my.package.pipelines"), (".", "-f my-project/my/package/pipelines.py")],
    ),
}  # fmt: skip


def write_package(project: Project, root: str, packages: list[str], imports: str) -> None:
    folder = project.folder / root / "my" / "package"
    folder.mkdir(parents=True)
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "pipelines.py").write_text(PIPELINES.format(imports=imports))
    for package in packages:
        (project.folder / package / "__init__.py").touch()


def in_folder(project: Project, folder: str, *arguments: str) -> CompletedProcess[str]:
    command = [str(project.program), *arguments]
    return project.warm.run(command, project.folder / folder, project.environment())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_however_a_file_is_named_it_is_one_module_with_one_version(project: Project, layout: str) -> None:
    packages, imports, root, ways = LAYOUTS[layout]
    write_package(project, root, packages, imports)
    versions, modules = set(), set()
    for first, (folder, way) in zip([True] + [False] * len(ways), ways, strict=False):
        done = in_folder(project, folder, "run", *way.split())
        assert done.returncode == 0, f"{way}: {done.stdout}{done.stderr}"
        assert re.findall(r"(\w+) +(executed|memoized)", done.stderr) == [
            ("make", "executed" if first else "memoized"),
            ("look", "executed" if first else "memoized"),
        ], way
        again = in_folder(project, folder, "run", *way.split(), "--refresh", "look")  # which loads what `make` stored
        modules |= set(re.findall(r"looked at (\S+)", again.stdout))
        planned = in_folder(project, folder, "plan", "--verbose", *way.split()).stdout
        versions.add(tuple(re.findall(r"versioned_outputs/(\w+)/result/(\w+)", planned)))
    assert len(modules) == 1, modules
    assert len(versions) == 1
    assert [step for step, _ in versions.pop()] == ["make", "look"]


def test_a_package_itself_is_a_module_too(project: Project) -> None:
    write_package(project, ".", ["my", "my/package"], RELATIVE)
    project.write("my/package/__init__.py", "from my.package.pipelines import shapes\n")
    for way in ("-m my.package", "-f my/package/__init__.py", "-m my.package.pipelines"):
        done = in_folder(project, ".", "run", *way.split())
        assert done.returncode == 0, done.stderr
    assert "make                     memoized" in done.stderr


def test_a_script_of_a_package_stores_what_the_command_loads(project: Project) -> None:
    write_package(project, ".", ["my", "my/package"], ABSOLUTE)
    file = project.folder / "my" / "package" / "pipelines.py"
    file.write_text(
        file.read_text().replace("    log.debug(__name__)\n", "")
        + "\nif __name__ == '__main__':\n    from core import DagsterInstance, execute_pipeline\n"
        "    print(execute_pipeline(shapes, instance=DagsterInstance.get()).executed_step_keys)\n"
    )
    variables = {**project.environment(), "PYTHONPATH": str(project.folder)}
    for command in (["my/package/pipelines.py"], ["-m", "my.package.pipelines"]):
        done = subprocess.run(
            [sys.executable, *command], cwd=project.folder, env=variables, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
    by_command = in_folder(project, ".", "run", "-m", "my.package.pipelines", "--refresh", "look")
    assert by_command.returncode == 0, by_command.stdout + by_command.stderr
    assert re.findall(r"(\w+) +(executed|memoized)", by_command.stderr) == [("make", "memoized"), ("look", "executed")]


def test_the_command_is_a_module_too(project: Project) -> None:
    write_package(project, ".", ["my", "my/package"], RELATIVE)
    done = subprocess.run(
        [sys.executable, "-m", "cloudstore", "run", "-m", "my.package.pipelines"],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = subprocess.run(
        [sys.executable, "-m", "cloudstore", "run", "--help"],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert told.stdout.startswith("Usage: python -m cloudstore run ")


def test_modules_of_a_package_do_not_hide_those_of_python(project: Project) -> None:
    write_package(project, ".", ["my", "my/package"], RELATIVE)
    project.write("my/package/wave.py", "raise RuntimeError('not the one of the standard library')\n")
    file = project.folder / "my" / "package" / "pipelines.py"
    file.write_text("import wave\n" + file.read_text())
    assert in_folder(project, ".", "run", "-f", "my/package/pipelines.py").returncode == 0


ERRORS = [
    ("-m my.packge.pipelines", "unknown module 'my.packge'; did you mean 'my.package'? Known: my.package."),
    ("-m my.package.pipeline", "did you mean 'my.package.pipelines'? Known: my.package.helpers, my.package.pipelines."),
    ("-m nowhere", "-m nowhere: unknown module 'nowhere'."),
    ("-m my.package.pipelines.shapes", "Try: -m my.package.pipelines -a shapes"),
    ("-m my/package/pipelines.py", "Try: -f my/package/pipelines.py"),
    ("-m my-package", "-m expects the dotted name of a module, such as my.package.pipelines; got 'my-package'."),
    ("-m .pipelines", "got '.pipelines'"),
    ("-m my.package", "Or name a module of it: -m my.package.helpers, -m my.package.pipelines."),
    ("-m core.pipelines", "package called 'core', and another 'core' is loaded already"),
    ("-f core/pipelines.py", "package called 'core', and another 'core' is loaded already"),
    ("-f my.package.pipelines", "does not exist. To name a module: -m my.package.pipelines"),
    ("-f my/package", "To name a package: -m my.package"),
    ("-f my/package/pipelins.py", "Did you mean 'my/package/pipelines.py'?"),
    ("-f my/package/pipelines.py -m disk", "Give one of -f FILE and -m MODULE. The mode is chosen with --mode."),
    ("", "Name the code of the pipeline, with -f FILE or -m MODULE."),
]


@pytest.mark.parametrize(("arguments", "said"), ERRORS, ids=[each for each, _ in ERRORS])
def test_what_is_wrong_with_a_name_is_told_with_the_way_out(project: Project, arguments: str, said: str) -> None:
    write_package(project, ".", ["my", "my/package"], RELATIVE)
    project.write("core.txt", "")
    (project.folder / "core").mkdir()
    project.write("core/__init__.py", "")
    project.write("core/pipelines.py", PIPELINES.format(imports="from my.package.helpers import Shape"))
    done = in_folder(project, ".", "run", *arguments.split())
    assert done.returncode in (1, 2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_imports_that_fail_are_told_with_the_way_out(project: Project) -> None:
    write_package(project, ".", [], RELATIVE)
    done = in_folder(project, "my/package", "run", "-f", "pipelines.py")
    assert done.returncode == 1
    assert f"`cd {project.folder / 'my'}; cloudstore run -m package.pipelines`" in done.stderr
    assert f"or add an empty file {project.folder / 'my' / 'package' / '__init__.py'}." in done.stderr

    file = Path("my/package/pipelines.py")
    project.write(str(file), PIPELINES.format(imports=ABSOLUTE))
    done = in_folder(project, "my/package", "run", "-f", "pipelines.py")
    assert f"{project.folder} has 'my': run the command there, or set PYTHONPATH={project.folder}." in done.stderr
    done = in_folder(project, "my", "run", "-m", "my.package.pipelines")
    assert f"{project.folder} has 'my': run the command there" in done.stderr

    project.write(str(file), "from dagster_aws.s3 import s3_resource\n")
    done = in_folder(project, ".", "run", "-f", str(file))
    assert f"`cloudstore port {file}` rewrites what is imported of Dagster 0.11." in done.stderr


SMALL = """
from core import pipeline, repository, solid

@solid
def say(_):
    print("said")

@pipeline
def orders():
    say()
"""


def test_the_commands_of_the_page_run(project: Project) -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")
    block = page.partition("## Which pipeline\n\n```sh\n")[2].partition("```")[0]
    commands = [line.partition("#")[0].split() for line in block.splitlines()]
    assert len(commands) == 4
    (project.folder / "my" / "package").mkdir(parents=True)
    project.write("my/__init__.py", "")
    project.write("my/package/__init__.py", f"{SMALL}\n@repository\ndef shop():\n    return [orders]\n")
    project.write("my/package/pipelines.py", SMALL)
    project.write("pipelines.py", SMALL)
    for program, *arguments in commands:
        assert program == "cloudstore"
        done = in_folder(project, ".", *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("said\n")


def test_the_other_commands_of_the_page_run(project: Project) -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text("utf-8")
    block = page.partition("## For people")[2].partition("```sh\n")[2].partition("```")[0]
    run_id = project.run_id(project.run("--memoize"))
    names = {"RUN": run_id, "STEP": "clean", "[OUTPUT]": "result", "FILE": "clean.pickle"}
    commands = [line.partition("#")[0].split() for line in block.splitlines()]
    assert len(commands) == 4
    for _, *arguments in commands:
        done = project.command(*(names.get(each, each) for each in arguments))
        assert done.returncode == 0, done.stderr
    assert (project.folder / "clean.pickle").is_file()
