"""The version strategy: walks everything that a function reaches, and digests it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

from core.definitions.resource import ResourceDefinition
from core.definitions.solid import SolidDefinition
from core.definitions.version_strategy import VersionStrategy
from core.plan.canonical import digest
from core.versions.source_hash.expand import Expanded, Expander
from core.versions.source_hash.targets import Key, Target


class _Version(NamedTuple):
    made_of: list[Expanded]
    version: str | None
    parts: dict[str, str]


class SourceHashVersionStrategy(VersionStrategy):
    """Versions of solids and resources from their source and the source of everything in the project that they reach.

    A version changes when the code of the function changes, or of any function, class or constant of the project that
    it reaches, however many modules away; or when the version changes of an installed distribution that any of this
    names. The project is every module that belongs neither to the standard library nor to an installed distribution; a
    distribution installed as editable is part of it. The same code has the same version in every process, on every
    machine, in every folder.

    What counts:
        Functions and classes, by their syntax, without comments, docstrings, layout, `pass` and positions. Annotations
        of parameters, results and variables do not count; those in the body of a class do, since they are the fields of
        dataclasses. Arguments of this package's decorators (`@solid(description=...)`) do not count: those that affect
        results are part of a step's version already. Other decorators count. Moving a helper to another module changes
        nothing as long as its users call it by the same name.
        Constants of modules, by their value if that is plain: numbers, text, containers, enums, dataclasses, named
        tuples, times, paths, patterns, functions, `functools.partial`. The order of a dict counts. Others count by the
        statements that make them, as do those made from `__file__` or the working directory, which differ between
        folders. A list or dict that fills while solids run counts with its content at the time the version is
        asked for. Values held in closures and as defaults count by their value.
        A class counts as a whole, and so does a module that is used as a value, as in `getattr(helpers, name)`.
        Imports inside a function count by the source of the module, even if the module is not imported yet.
        Installed distributions count by name and version; this package is one. The standard library and the version
        of Python do not count: minor versions keep documented behaviour. If a result depends on them, set `version=`.

    A function whose source is not available (typed into a session, made by `exec`, one of two lambdas on a line, or in
    a file that was edited since it was imported) counts by its compiled code, which differs between minor versions of
    Python. If something that is reached cannot be inspected (a C function of the project, an object in a closure that
    is not a plain value), there is no version: the solid is not memoized, and `solid_parts` names what could not be
    seen.

    What it cannot see, and what a `version=` of your own is for:
        data files, databases, the time, the network, environment variables that functions read as they run;
        attributes of objects whose class is not known from the code (`thing.method()` is followed through the class
        that makes `thing`, if that is reached), `getattr` with a computed name on anything but a module, `eval`,
        modules imported by a computed name, entry points; changes made to modules and classes from outside (monkey
        patches); the inside of compiled extensions and installed distributions, beyond their version.

    No user code is run and nothing is imported. Files are read and parsed once for each strategy object.
    """

    def __init__(self) -> None:
        self._expander = Expander()
        self._versions: dict[Key, _Version] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[SourceHashVersionStrategy], tuple[()]]:
        return SourceHashVersionStrategy, ()  # a copy in another process parses again

    def get_solid_version(self, solid_def: SolidDefinition) -> str | None:
        """The version of a solid's function; None if something that it reaches cannot be seen."""
        return self._version(_solid_function(solid_def)).version

    def get_resource_version(self, resource_def: ResourceDefinition) -> str | None:
        """The version of a resource's function; None if something that it reaches cannot be seen."""
        return self._version(resource_def.resource_fn).version

    def solid_parts(self, solid_def: SolidDefinition) -> Mapping[str, str]:
        """The parts that a solid's version is made of.

        Returns:
            name -> digest, such as "helpers.parse_time"; "package " and the name of a distribution -> its version. For
            a part that cannot be seen, the reason stands in place of the digest and begins with "not seen: ".
        """
        return self._version(_solid_function(solid_def)).parts

    def resource_parts(self, resource_def: ResourceDefinition) -> Mapping[str, str]:
        """The parts that a resource's version is made of; see `solid_parts`."""
        return self._version(resource_def.resource_fn).parts

    def _version(self, function: Any) -> _Version:
        with self._lock:
            return self._walk(self._expander.start(function))

    def _walk(self, start: Target) -> _Version:
        """Numbers everything that is reached, in order of discovery, and digests the contents and the edges.

        The version thus depends on the shape of the graph but not on module names, and recursive functions are no
        problem.
        """
        known = self._versions.get(start.key)
        if known and all(self._is_unchanged(each) for each in known.made_of):
            return known
        reached = [start]
        numbers: dict[Key, int] = {start.key: 0}
        made_of = []
        records = []
        for target in reached:  # the list grows during the loop
            expanded = self._expander.expand(target)
            for _, used in expanded.piece.uses:
                if used.key not in numbers:
                    numbers[used.key] = len(reached)
                    reached.append(used)
            made_of.append(expanded)
            records.append((expanded.piece.content, [(name, numbers[used.key]) for name, used in expanded.piece.uses]))
        is_seen = not any(each.piece.unseen for each in made_of)
        version = digest(("source", records)) if is_seen else None
        self._versions[start.key] = _Version(made_of, version, _parts(made_of))
        return self._versions[start.key]

    def _is_unchanged(self, known: Expanded) -> bool:
        return known.trace.holds() or self._expander.expand(known.target).piece is known.piece


def _parts(made_of: list[Expanded]) -> dict[str, str]:
    contents: dict[str, set[str]] = {}
    for piece in [each.piece for each in made_of]:
        content = f"not seen: {piece.unseen}" if piece.unseen else piece.content
        if piece.label and content:
            contents.setdefault(piece.label, set()).add(content)
    return {label: min(several) if len(several) == 1 else digest(several) for label, several in contents.items()}


def _solid_function(solid_def: SolidDefinition) -> Any:
    """The user's own function; for a definition made by @solid, the function that its adapter wraps."""
    compute_fn = solid_def.compute_fn
    is_adapter = getattr(compute_fn, "__module__", None) == SolidDefinition.__module__
    return getattr(compute_fn, "__wrapped__", compute_fn) if is_adapter else compute_fn
