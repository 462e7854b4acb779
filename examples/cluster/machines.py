"""Machines of a cluster, all of them on this one: each is a folder, and processes that know no other folder.

What a machine has, and shares with none: a Python environment in which the pipeline is installed, a working directory,
a folder for temporary files, and one for its instance. What is read only is shared, as it would be the same everywhere:
Python, and the packages that this process has.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from cloudstore.testing import bound_exec

PIPELINE = Path(__file__).parents[1] / "flights" / "pipeline.py"
_STOP_SECONDS = 5.0


class Machine:
    """A machine.

    It is a context manager, at whose end its processes end.

    Args:
        folder: where it is, and is made.
        variables: of the environment of its processes, besides those that say where its folders are.

    Attributes:
        name: that of its folder.
        work: its working directory.
        home: of its instance.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder, self.name = folder, folder.name
        self.work, self.home, temporary = folder / "work", folder / "home", folder / "tmp"
        for each in (self.work, self.home, temporary):
            each.mkdir(parents=True)
        self._python = _install(folder / "python")
        own = {"HOME": folder, "TMPDIR": temporary, "DAGSTER_HOME": self.home, "PWD": self.work}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "DASK_"))}
        self._variables = {**kept, **variables, **{name: str(path) for name, path in own.items()}}
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str, is_read: bool = False) -> subprocess.Popen[str]:
        """Starts Python in a process group of its own; it ends with this process, whatever ends that.

        Args:
            arguments: those of Python.
            is_read: whether its stdout is read; else that, and stderr, go to the file `log`.
        """
        bound = [sys.executable, "-I", "-S", bound_exec.__file__, str(os.getpid())]
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                [*bound, str(self._python), "-P", *arguments],
                cwd=self.work,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if is_read else log,
                stderr=log,
                text=True,
                process_group=0,
            )
        self._started.append(process)
        return process

    @property
    def log(self) -> str:
        """str: what its processes have written, but for what is read."""
        return (self.folder / "log").read_text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Ends its processes."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._started:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()


def _install(folder: Path) -> Path:
    """Makes a Python environment with the packages of this one, and the module `flights.pipeline` of its own."""
    venv.create(folder, symlinks=True)
    variables = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", variables))
    paths = {sysconfig.get_path(each) for each in ("purelib", "platlib")}
    lines = [f"import site; site.addsitedir({path!r})\n" for path in sorted(paths)]
    (packages / "packages_of_all.pth").write_text("".join(lines))
    (packages / "flights").mkdir()
    (packages / "flights" / "__init__.py").write_text("")
    shutil.copy(PIPELINE, packages / "flights")
    return folder / "bin" / "python"
