"""What helps where code could not be imported."""

from __future__ import annotations

from pathlib import Path

from core.printable import printable

_RELATIVE = ("attempted relative import with no known parent package", "attempted relative import beyond top-level")


def advice_on_import(error: BaseException, file: Path | None) -> str:
    """A sentence that says what to do about an error of importing; "" where nothing is known.

    Args:
        error: what was raised.
        file: the file that was to be loaded, if one was named.
    """
    if not isinstance(error, ImportError):
        return ""
    if str(error).startswith(_RELATIVE):
        return _of_relative_import(file)
    top = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not top:
        return ""
    if top == "dagster" or top.startswith("dagster_"):
        return f"`cloudstore port {_shown(file) if file else 'PATH'}` rewrites what is imported of Dagster 0.11."
    for folder in _folders_above(file):
        if (folder / top).is_dir() or (folder / f"{top}.py").is_file():
            return f"{_shown(folder)} has {top!r}: run the command there, or set PYTHONPATH={_shown(folder)}."
    return ""


def _of_relative_import(file: Path | None) -> str:
    if file is None:
        return "It imports from above its top-level package: run the command in the folder above that."
    folder = file.absolute().parent
    return (
        f"It imports from its package: run the command in the folder that the package is in, as in `cd "
        f"{_shown(folder.parent)}; cloudstore run -m {folder.name}.{file.stem}`, or add an empty file "
        f"{_shown(folder / '__init__.py')}."
    )


def _folders_above(file: Path | None) -> list[Path]:
    here = Path.cwd()
    start = [] if file is None else list(file.absolute().parents)
    return [*start, *here.parents]


def _shown(path: Path) -> str:
    return printable(str(path))
