"""How a fork server, or a process for one job, is started."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from core.executors.processes.messages import PROGRAM

# Our own modules first: a module of the user's may have the name of one of Python's, which is then imported already.
_FIND = (
    "import json, sys; home, path = json.loads(sys.argv[1]); sys.path[:0] = [home] * (home not in sys.path); "
    "sys.path += [each for each in path if each not in sys.path]; "
)
_BOOT = (
    "from importlib import import_module; "
    "import_module(sys.argv[6]).main(int(sys.argv[2]), int(sys.argv[5]), int(sys.argv[3]), sys.argv[4] == 'one')"
)
_HOME = str(Path(__file__).parents[3])


def python_command(code: str, *arguments: str) -> list[str]:
    """The command that executes code with this process's interpreter and where it looks for modules.

    Until our own modules are imported, what Python comes with is found first: a `json.py` of the user's, say, is not
    taken for Python's, as it is not in this process either, which had that module before it looked there.

    Args:
        code: the code, for which `sys` is imported.
        arguments: from the third of its `sys.argv` on.
    """
    flags = ["-P", *["-O"] * sys.flags.optimize]
    flags += [word for each in sys.warnoptions for word in ("-W", each)]
    path = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100  "" is the working directory
    return [sys.executable, *flags, "-c", _FIND + code, json.dumps([_HOME, path]), *arguments]


def boot_command(descriptor: int, printed: int, is_for_one: bool, program: str = PROGRAM) -> list[str]:
    """The command that starts one.

    Args:
        descriptor: the socket, which the process inherits.
        printed: the file for what it prints while it loads the code, which it inherits too.
        is_for_one: whether it is to do one job itself.
        program: the module whose `main` it is.
    """
    kind = "one" if is_for_one else "many"
    return python_command(_BOOT, str(descriptor), str(os.getpid()), kind, str(printed), program)
