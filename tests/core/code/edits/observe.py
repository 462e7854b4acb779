"""Observes projects in forked children of one warm process: what version a solid has, and what value it gives.

Reads a JSON line for each project (its folder, what its files are before and after an edit), and answers with a line.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from core import SourceHashVersionStrategy
from core.definitions.solid import SolidDefinition

_LONGEST_SECONDS = 20
sys.dont_write_bytecode = True  # two edits within a second may be of one size
sys.path.insert(0, "")


def _write(folder: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _observed(strategy: SourceHashVersionStrategy, definition: SolidDefinition) -> tuple[str | None, str]:
    """The version as a plan has it, and then the value, as a run would give it."""
    version = strategy.get_solid_version(definition)
    try:
        given = repr(definition.compute_fn(None, {}))
    except Exception as error:
        given = f"{type(error).__name__}: {error}"
    return version, given


def _start(folder: str) -> tuple[SourceHashVersionStrategy, Any]:
    os.chdir(folder)
    sys.path[0] = folder
    importlib.invalidate_caches()
    return SourceHashVersionStrategy(), importlib.import_module("pipeline")


def _in_one_process(folder: str, after: dict[str, str]) -> list[tuple[str, str | None, str]]:
    """Before the edit, again, after it with the old code in memory, and after reloading what was edited."""
    strategy, module = _start(folder)
    found = [("before", *_observed(strategy, module.given)), ("again", *_observed(strategy, module.given))]
    _write(folder, after)
    found.append(("edited", *_observed(strategy, module.given)))
    found.append(("edited, by another", *_observed(SourceHashVersionStrategy(), module.given)))
    names = [Path(name).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__") for name in after]
    for name in [each for each in names if each in sys.modules and each != "pipeline"]:
        try:
            importlib.reload(sys.modules[name])
        except Exception as error:
            found.append(("reloaded", None, repr(error)))
    found.append(("reloaded", *_observed(strategy, module.given)))
    importlib.reload(module)
    found.append(("reloaded, with the pipeline", *_observed(strategy, module.given)))
    return found


def _in_another(folder: str) -> list[tuple[str, str | None, str]]:
    strategy, module = _start(folder)
    return [("new process", *_observed(strategy, module.given))]


def _forked(work: Any, *arguments: Any) -> Any:
    """What a function gives in a child."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        faulthandler.dump_traceback_later(_LONGEST_SECONDS, exit=True)
        try:
            answer = json.dumps(work(*arguments))
        except BaseException as error:
            answer = json.dumps(f"{type(error).__name__}: {error}")
        with os.fdopen(writable, "w") as stream:
            stream.write(answer)
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as stream:
        answer = stream.read()
    os.waitpid(child, 0)
    return json.loads(answer or '"it took too long"')


def main() -> None:
    warnings.simplefilter("ignore")
    strategy = SourceHashVersionStrategy()
    strategy.get_solid_version(SolidDefinition("warm", [], _start))  # distributions are read once
    for line in sys.stdin:
        task = json.loads(line)
        folder = task["folder"]
        _write(folder, task["before"])
        observed = _forked(_in_one_process, folder, task["after"])
        later = _forked(_in_another, folder)
        _write(folder, task["before"])
        first = _forked(_in_another, folder)
        print(json.dumps([observed, later, first]), flush=True)


if __name__ == "__main__":
    main()
