"""Presets: run configs of a pipeline that have a name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

from core.arguments import checked_arguments
from core.config import own_copy, unknown_name
from core.definitions.parts.configurable import items_of
from core.errors import DagsterInvalidConfigError, DagsterInvalidDefinitionError, DagsterInvariantViolationError
from core.events.user_events import normalize_tags
from core.serdes.yaml_file import dump_yaml
from core.utils.merger import deep_merge_dicts
from core.utils.yaml_utils import AnyPath, files_of, load_yaml_from_path, merge_yaml_strings, merge_yamls


class PresetDefinition:
    """A run config of a pipeline, with the mode and the tags that go with it, under a name.

    Args:
        name: unique in its pipeline.
        run_config: of a run; a copy is kept.
        solid_selection: of the solids to execute; all by default.
        mode: the name of the mode; "default" where the pipeline has one of that name, else its first.
        tags: of the run, added to those of the pipeline.

    Raises:
        DagsterInvalidDefinitionError: the name is not a text, the run config is not a dict, the selection is not a
            list, or a tag is none.

    Example:
        >>> from core import PresetDefinition, execute_pipeline, pipeline, solid
        >>> load = solid(name="load", config_schema={"rows": int})(lambda context: context.solid_config["rows"])
        >>> small = PresetDefinition("small", run_config={"solids": {"load": {"config": {"rows": 10}}}})
        >>> loads = pipeline(name="loads", preset_defs=[small])(lambda: load())
        >>> execute_pipeline(loads, preset="small").output_for_solid("load")
        10
    """

    @checked_arguments("preset", advice={"run_config": "From files, make the preset by PresetDefinition.from_files."})
    def __init__(
        self,
        name: str,
        run_config: Mapping[str, Any] | None = None,
        solid_selection: Sequence[str] | None = None,
        mode: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        if not name:
            raise DagsterInvalidDefinitionError("name of a preset must not be empty.")
        self.name = name
        self.run_config: dict[str, Any] = own_copy(dict(run_config or {}))
        self.solid_selection = None if solid_selection is None else list(solid_selection)
        self.mode = mode
        self.tags = normalize_tags(tags, f"preset {name!r}")

    @staticmethod
    def from_files(
        name: str,
        config_files: Iterable[AnyPath] | None = None,
        solid_selection: Sequence[str] | None = None,
        mode: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> PresetDefinition:
        """A preset whose run config is in YAML files.

        Example: `PresetDefinition.from_files("prod", [file_relative_path(__file__, "prod/*.yaml")], mode="prod")`

        Args:
            name: of the preset.
            config_files: paths, or patterns with `*`, from the current directory; merged in this order, and the matches
                of a pattern by name: mapping by mapping, and a later value wins.
            solid_selection: as for the class.
            mode: as for the class.
            tags: as for the class.

        Raises:
            DagsterInvalidDefinitionError: there is no such file, or no match of a pattern.
            DagsterInvariantViolationError: a file cannot be read, is not YAML, or holds no mapping.
        """
        given = [config_files] if isinstance(config_files, str | PathLike) else list(config_files or ())
        for pattern in given:
            if not files_of(pattern):
                raise DagsterInvalidDefinitionError(
                    f"Preset {name!r}: there is no file {str(pattern)!r}, and none that matches it as a pattern. Paths "
                    "are from the current directory; for one from the Python file, write "
                    "file_relative_path(__file__, ...)."
                )
        with _reading(name):
            run_config = merge_yamls([file for pattern in given for file in files_of(pattern)])
        return PresetDefinition(name, run_config, solid_selection, mode, tags)

    @staticmethod
    def from_yaml_strings(
        name: str,
        yaml_strings: Iterable[str] | None = None,
        solid_selection: Sequence[str] | None = None,
        mode: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> PresetDefinition:
        """A preset whose run config is in YAML texts.

        Example: `PresetDefinition.from_yaml_strings("small", ["solids: {load: {config: {rows: 10}}}"])`

        Args:
            name: of the preset.
            yaml_strings: the texts, merged in this order.
            solid_selection: as for the class.
            mode: as for the class.
            tags: as for the class.

        Raises:
            DagsterInvariantViolationError: a text is not YAML, or holds no mapping.
        """
        given = [yaml_strings] if isinstance(yaml_strings, str) else list(yaml_strings or ())
        with _reading(name):
            run_config = merge_yaml_strings(given)
        return PresetDefinition(name, run_config, solid_selection, mode, tags)

    @staticmethod
    def from_pkg_resources(
        name: str,
        pkg_resource_defs: Iterable[tuple[str, str]] | None = None,
        solid_selection: Sequence[str] | None = None,
        mode: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> PresetDefinition:
        """A preset whose run config is in YAML files of packages, wherever these are installed.

        Example: `PresetDefinition.from_pkg_resources("prod", [("my_company.config", "prod.yaml")])`

        Args:
            name: of the preset.
            pkg_resource_defs: the package and the name of the file in it, of each; merged in this order.
            solid_selection: as for the class.
            mode: as for the class.
            tags: as for the class.

        Raises:
            DagsterInvalidDefinitionError: what is given are not pairs.
            DagsterInvariantViolationError: there is no such package or file, it is not YAML, or holds no mapping.
        """
        from importlib.resources import as_file, files  # 8 ms to import

        run_config: dict[str, Any] = {}
        given = list(pkg_resource_defs or ())
        if not all(isinstance(each, list | tuple) and len(each) == 2 for each in given):
            raise DagsterInvalidDefinitionError(
                f"pkg_resource_defs of preset {name!r} are pairs of a package and the name of a file in it, as "
                '[("my_company.config", "prod.yaml")].'
            )
        for package, resource in given:
            with _reading(name, f"{resource!r} of package {package!r}: "), as_file(files(package) / resource) as path:
                run_config = deep_merge_dicts(run_config, load_yaml_from_path(path))
        return PresetDefinition(name, run_config, solid_selection, mode, tags)

    def with_additional_config(self, run_config: Mapping[str, Any] | None) -> PresetDefinition:
        """The same preset with more run config, merged onto its own: mapping by mapping, and the new value wins.

        Example: `preset.with_additional_config({"loggers": {"console": {"config": {"log_level": "DEBUG"}}}})`
        """
        merged = deep_merge_dicts(self.run_config, run_config or {})
        return PresetDefinition(self.name, merged, self.solid_selection, self.mode, self.tags)

    def get_environment_yaml(self) -> str:
        """The run config as YAML."""
        return dump_yaml(self.run_config) + "\n"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PresetDefinition) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((self.name, self.mode))

    def __repr__(self) -> str:
        return f"PresetDefinition({self.name!r}, mode={self.mode!r})"


def presets_by_name(
    preset_defs: Iterable[PresetDefinition] | None, modes: Collection[str], described: str
) -> dict[str, PresetDefinition]:
    """Presets by name.

    Args:
        preset_defs: the presets.
        modes: the names of modes that they may be for.
        described: what has them, for messages.

    Raises:
        DagsterInvalidDefinitionError: two have one name, one is for another mode, or something is no preset.
    """
    presets: dict[str, PresetDefinition] = {}
    for preset in items_of(preset_defs, PresetDefinition, f"preset_defs of {described}"):
        if preset.name in presets:
            raise DagsterInvalidDefinitionError(f"Two presets of {described} are called {preset.name!r}; rename one.")
        if preset.mode is not None and preset.mode not in modes:
            unknown = unknown_name("mode", preset.mode, modes)
            raise DagsterInvalidDefinitionError(f"Preset {preset.name!r} of {described}: {unknown}")
        presets[preset.name] = preset
    return presets


@contextmanager
def _reading(name: str, where: str = "") -> Iterator[None]:
    try:
        yield
    except (DagsterInvalidConfigError, ImportError, OSError, TypeError) as error:
        raise DagsterInvariantViolationError(f"The run config of preset {name!r}: {where}{error}") from None
