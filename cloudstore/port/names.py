"""Where what Dagster 0.11 had by one name is here: asked of the packages as they stand, so nothing is listed twice."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType

import cloudstore
import core
from core.absent import advice_on_name, advice_on_package

# The module of 0.11 -> that which it became here. Of several that fit, the first one that has a name is meant.
_MOVED = (
    ("dagster_aws.s3", "cloudstore"),
    ("dagster_postgres", "core.storage.postgres"),
    ("dagster_pandas", "core.tables"),
    ("dagster_dask", "core.executors.dask"),
    ("dagster_cron", "core.scheduler"),
    ("dagster.experimental", "core.experimental"),
    ("dagster.core", "core"),
    ("dagster", "core"),
)
# The few names that are others here, where there are such.
_RENAMED = {"dagster_pandas.DataFrame": ("core.tables", "PandasDataFrame")}
# What stood below `dagster` and was a module.
_TOP_MODULES = {
    *("api", "builtins", "check", "cli", "config", "core", "daemon", "experimental", "generate", "grpc", "loggers"),
    *("scheduler", "serdes", "seven", "utils"),
}
_PUBLIC = {"core": core, "cloudstore": cloudstore}


def is_of_dagster(module: str) -> bool:
    """Whether a module belonged to Dagster 0.11 or one of the packages beside it."""
    top = module.partition(".")[0]
    return top == "dagster" or advice_on_package(top) is not None or any(top == old for old, _ in _MOVED)


def home_of_name(module: str, name: str) -> str | None:
    """The module that has, here, what `from module import name` got from Dagster 0.11; None where there is none.

    That is the package itself where the name is public.

    >>> home_of_name("dagster.core.definitions.decorators.solid", "solid")
    'core'
    """
    if name_here(module, name) != name:
        return _RENAMED[f"{module}.{name}"][0]
    places = list(_places(module))
    if places and places[-1] in _PUBLIC and name in _PUBLIC[places[-1]].__all__:
        return places[-1]
    return next((place for place in places if _has(place, name)), None)


def name_here(module: str, name: str) -> str:
    """The name by which `home_of_name` has it; nearly always the same."""
    home, renamed = _RENAMED.get(f"{module}.{name}", ("", name))
    return renamed if home and _has(home, renamed) else name


def home_of_class(module: str, name: str) -> str | None:
    """As `home_of_name`, for a class that a `dagster.yaml` names: its own module is preferred to the whole package."""
    return next((place for place in _places(module) if _has(place, name)), None) or home_of_name(module, name)


def home_of_module(module: str) -> str | None:
    """What a whole module of Dagster 0.11 is here: the same one, or the nearest above it; None where there is none.

    >>> home_of_module("dagster.core.storage.runs")
    'core.storage.runs'
    """
    return next((place for place in _places(module) if _module(place) is not None), None)


def first_place(module: str) -> str | None:
    """What a module of Dagster 0.11 would be called here, if it were here; None where there can be none."""
    return next(_places(module), None)


def is_known_module(module: str) -> bool:
    """Whether something by this name was surely a module of Dagster 0.11, and has become one here."""
    return any(module == old for old, _ in _MOVED) and home_of_module(module) is not None


def may_be_module(module: str, name: str) -> bool:
    """Whether `module.name` may have been a module of Dagster 0.11, and not a function or class that is not here.

    >>> may_be_module("dagster", "utils"), may_be_module("dagster", "pipeline_failure_sensor")
    (True, False)
    """
    is_named_as_one = name in _TOP_MODULES if module == "dagster" else name.islower()
    return is_named_as_one and advice_on_name("dagster", name) is None


def home_of_advice(module: str, name: str) -> str | None:
    """The package that tells whoever imports a name what to use in its place; None where none knows the name."""
    return ([*_places(module)] or ["core"])[-1] if advice_on_name(module, name) is not None else None


def is_module(name: str) -> bool:
    """Whether there is a module of that full name here."""
    return _module(name) is not None


def has_below(module: str, names: Sequence[str]) -> bool:
    """Whether a module here has what dotted names say, as far as these are names of modules and of what is in them."""
    for name in names:
        if not _has(module, name):
            return False
        module = f"{module}.{name}"
        if not is_module(module):
            return True
    return True


def advice_on(module: str, name: str = "") -> str:
    """What to use in the place of something that is not here.

    Args:
        module: of Dagster 0.11.
        name: in that module; "" for the module itself.
    """
    package, *below = module.split(".")
    of_module = advice_on_name(package, below[0]) if below else None  # of dagster.check, for what is in it
    known = advice_on_name(module, name) or of_module or advice_on_package(package)
    if known is None and module == "dagster" and name not in _TOP_MODULES:
        return "Dagster 0.11 had no such name; see docs/coming-from-dagster.md."
    return known or "It was no public name of Dagster 0.11; see docs/coming-from-dagster.md."


def _places(module: str) -> Iterator[str]:
    """The modules that may have what a module of 0.11 had: what it became, and those above that.

    Of packages beside `dagster` itself, nothing is looked for above what these became.
    """
    for old, new in _MOVED:
        if _is_below(module, old):
            place, highest = new + module.removeprefix(old), new if old.startswith("dagster_") else "core"
            while _is_below(place, highest):
                yield place
                place = place.rpartition(".")[0]
            return


def _is_below(module: str, above: str) -> bool:
    return module == above or module.startswith(f"{above}.")


def _has(place: str, name: str) -> bool:
    module = _module(place)
    if module is None:
        return False
    # Public names of a lazy package are there without being loaded, which may need a library that is not installed.
    return name in getattr(module, "__all__", ()) or name in vars(module) or _module(f"{place}.{name}") is not None


@cache
def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or _is_below(name, error.name) or not error.name.startswith(("core", "cloudstore")):
            return None
        raise
