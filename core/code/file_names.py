"""What module a file is, by the folders that it is in."""

from __future__ import annotations

from pathlib import Path


def module_of(file: str | Path) -> str:
    """The dotted name of a file's module, as `import` knows it in the folder of `root_of`.

    Each folder with an `__init__.py` above the file is a package of it, as far as their names can be imported.

    >>> module_of("flights.py")
    'flights'
    """
    path = Path(file).absolute()
    packages = _packages_of(path)
    if path.stem == "__init__" and packages:
        return ".".join(packages)
    return ".".join([*packages, path.stem])


def root_of(file: str | Path) -> Path:
    """The folder that has the top-level package of a file; that of the file itself where it is in no package."""
    path = Path(file).absolute()
    return path.parents[len(_packages_of(path))]


def is_named(name: str, file: str | Path) -> bool:
    """Whether a dotted name could be that of a file's module, in some folder above it."""
    path = Path(file).absolute()
    parts = (path.parent if path.stem == "__init__" else path.with_suffix("")).parts
    asked = tuple(name.split("."))
    return parts[-len(asked) :] == asked or parts[-1] == name


def _packages_of(path: Path) -> list[str]:
    packages: list[str] = []
    # A name with a dot is none that a package can have a module of.
    for folder in path.parents if "." not in path.stem else ():
        if not (folder.name.isidentifier() and (folder / "__init__.py").is_file()):
            break
        packages.insert(0, folder.name)
    return packages
