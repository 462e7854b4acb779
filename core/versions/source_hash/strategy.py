"""The strategy: a version is a digest over a graph of pieces."""

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
    """Versions of solids and resources from their source and that of all they reach in the project.

    A version changes when the code of the function changes, or that of a function, class or constant of the project
    that it reaches, however many modules away; or when the version of an installed distribution does that any of this
    names. The project is every module that is neither of the standard library nor of an installed distribution; a
    distribution installed as editable is part of it. The same code has the same version in every process, on every
    machine, in every folder.

    What counts:
        Functions and classes, by their syntax: not comments, docstrings, layout, `pass`, and positions. Annotations
        of parameters, results and variables do not count; those in the body of a class do, being fields of
        dataclasses. What decorators of this package are told (`@solid(description=...)`) does not count: what of it
        changes results is in the version of a step already. Other decorators do. Moving a helper to another module
        changes nothing as long as its users call it by the same name.
        Constants of modules, by their value where that is plain: numbers, text, containers, enums, dataclasses, named
        tuples, times, paths, patterns, functions, `functools.partial`. The order of a dict counts. Others by the
        statements that make them, as do those made from `__file__` or the working directory, which differ between
        folders. A list or dict that fills while solids run counts with what it holds when the version is asked for.
        What closures hold and defaults are, by their value.
        A class counts whole, and so does a module that is used as a value, as in `getattr(helpers, name)`.
        What is imported inside a function counts by its source, also when the module is not imported yet.
        Installed distributions count by name and version; this package is one. The standard library and the version
        of Python do not count: between minor versions they keep to what is documented. Where a result depends on
        them, state `version=`.

    A function whose source is not to be had (typed into a session, made by `exec`, one of two lambdas on a line, or
    of a file that was edited since it was imported) counts by its compiled code, which is another one in each minor
    version of Python. Where nothing can be told of something that is reached (a function of the project in C, an
    object in a closure that is no plain value) there is no version: the solid is not memoized, and `solid_parts` says
    which name could not be seen.

    What it can not see, and what a `version=` of your own is for:
        data files, databases, the time, the network, environment variables that functions read as they run;
        attributes of objects whose class is not known from the code (`thing.method()` is followed through the class
        that makes `thing`, when that is reached), `getattr` with a computed name on anything but a module, `eval`,
        modules imported by a computed name, entry points; changes made to modules and classes from outside (monkey
        patches); what is inside compiled extensions and installed distributions beyond their version.

    No code of the user is run and nothing is imported. Files are read and parsed once for each strategy object.
    """

    def __init__(self) -> None:
        self._expander = Expander()
        self._versions: dict[Key, _Version] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[SourceHashVersionStrategy], tuple[()]]:
        return SourceHashVersionStrategy, ()  # what was parsed stays in this process

    def get_solid_version(self, solid_def: SolidDefinition) -> str | None:
        """The version of a solid's function; None when something that it reaches can not be seen."""
        return self._version(_solid_function(solid_def)).version

    def get_resource_version(self, resource_def: ResourceDefinition) -> str | None:
        """The version of a resource's function; None when something that it reaches can not be seen."""
        return self._version(resource_def.resource_fn).version

    def solid_parts(self, solid_def: SolidDefinition) -> Mapping[str, str]:
        """What a solid's version is made of.

        Returns:
            A digest by name ("helpers.parse_time"), the version of a distribution by "package " and its name, and for
            what could not be seen the reason, which begins with "not seen: ".
        """
        return self._version(_solid_function(solid_def)).parts

    def resource_parts(self, resource_def: ResourceDefinition) -> Mapping[str, str]:
        """What a resource's version is made of, as in `solid_parts`."""
        return self._version(resource_def.resource_fn).parts

    def _version(self, function: Any) -> _Version:
        with self._lock:
            return self._walk(self._expander.start(function))

    def _walk(self, start: Target) -> _Version:
        """Numbers all that is reached in the order it is met, and digests the contents with who uses whom.

        So a version has the shape of the graph in it but no module's name, and circles of functions end.
        """
        known = self._versions.get(start.key)
        if known and all(self._is_unchanged(each) for each in known.made_of):
            return known
        reached = [start]
        numbers: dict[Key, int] = {start.key: 0}
        made_of = []
        records = []
        for target in reached:  # grows as it is walked
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
    """The user's own function: for one made by @solid, what the adapter around it wraps."""
    compute_fn = solid_def.compute_fn
    is_adapter = getattr(compute_fn, "__module__", None) == SolidDefinition.__module__
    return getattr(compute_fn, "__wrapped__", compute_fn) if is_adapter else compute_fn
