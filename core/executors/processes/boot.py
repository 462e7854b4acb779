"""How a fork server, or a process for one job, is started."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from core.executors.processes.messages import PROGRAM

# Our own modules first: a module of the user's may have the name of one of Python's, which is then imported already.
_BOOT = (
    "import json, sys; home, path = json.loads(sys.argv[4]); "
    "sys.path[:0] = [home] * (home not in sys.path); sys.path += path; "
    "from importlib import import_module; "
    "import_module(sys.argv[6]).main(int(sys.argv[1]), int(sys.argv[5]), int(sys.argv[2]), sys.argv[3] == 'one')"
)
_HOME = str(Path(__file__).parents[3])


def boot_command(descriptor: int, printed: int, is_for_one: bool, program: str = PROGRAM) -> list[str]:
    """The command that starts one, with this process's interpreter and where it looks for modules.

    Until the program is imported, what Python comes with is found first: a `json.py` of the user's, say, is not taken
    for Python's, as it is not in this process either, which had that module before it looked there.

    Args:
        descriptor: the socket, which the process inherits.
        printed: the file for what it prints while it loads the code, which it inherits too.
        is_for_one: whether it is to do one job itself.
        program: the module whose `main` it is.
    """
    flags = ["-P", *["-O"] * sys.flags.optimize]
    flags += [word for each in sys.warnoptions for word in ("-W", each)]
    kind = "one" if is_for_one else "many"
    path = [os.path.abspath(each) for each in sys.path]  # noqa: PTH100  "" is the working directory
    told = [str(descriptor), str(os.getpid()), kind, json.dumps([_HOME, path]), str(printed), program]
    return [sys.executable, *flags, "-c", _BOOT, *told]
