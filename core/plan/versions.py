"""Versions of step outputs: a digest over everything that can change their values.

A version covers the solid's code version, its key in the pipeline and its config, each input by name with the version
of the very output that feeds it (or the value that config or a default gives, or the config from which the loader of
its type makes one), the versions and config of the resources the solid requires, the fingerprints of what its config
points at outside, and the output's name. What the run config gives the IO managers that load an input goes into that
input, and what it gives the one that stores an output into that output. An input that a root input manager loads goes
in with the version and config of that, and with the input's metadata, by which it is loaded. A step has no version when
any of these has none. Fields of config that are marked as secret are left out.

The version of a dynamic output is that of the list of its mapping keys; each of its values has one that follows from it
and the key. What depends on keys that are not known has no version until they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from core.cached import cached_property
from core.definitions.keeping.io_manager import IOConfig
from core.definitions.resource import ResourceDefinition
from core.definitions.run_configs.type_config import LoaderConfig
from core.definitions.solid import SolidDefinition
from core.definitions.version_strategy import NOT_SEEN, CodeVersion, Definition, VersionStrategy
from core.errors import NoFingerprintError
from core.events.payloads import PlanVersionedData, StepOutputHandle, VersionedStep
from core.plan.canonical import NoDigestError, digest
from core.plan.expand import Expanded, expanded
from core.plan.facts import Show, config_facts, input_fact, io_facts, part_facts, shown
from core.plan.plan import ExecutionPlan, KnownKeys, version_of
from core.plan.pointers import Pointer, PointerKey, pointers_of_resource, pointers_of_step
from core.plan.steps import (
    ExecutionStep,
    FromCollected,
    FromConfig,
    FromDefault,
    FromRootManager,
    FromStepOutput,
    FromStepOutputs,
    StepInput,
)

Fingerprints = Mapping[PointerKey, str | NoFingerprintError]


def version_of_absence(version: str) -> str:
    """Under which version of an optional output it is stored that the solid did not give it in `version`."""
    return digest(("not given", version))


class _Unversioned(Exception):
    """Something that goes into a version has none; says what."""


class _Waiting(_Unversioned):
    """Something that goes into a version follows from mapping keys that are not known yet.

    Args:
        why: as a sentence.
        step_key: of the step that waits too, where it is the output of one.
    """

    def __init__(self, why: str, step_key: str | None = None) -> None:
        super().__init__(why)
        self.step_key = step_key


class News(NamedTuple):
    """What became known while a run went on.

    Attributes:
        computed: the keys of the steps whose versions were worked out.
        expanded: those of the templates that are gone.
    """

    computed: frozenset[str]
    expanded: tuple[str, ...]


class Versioning:
    """Works out the versions of a plan, each thing once.

    Args:
        plan: the plan.
        resource_defs: the mode's resources by key.
        resource_config: the checked config of each.
        strategy: gives versions to solids and resources that state none.
        fingerprints: of what config points at outside, by where; steps of whose config some are missing, or have
            none, have no version.
        code: the code versions of the plan, where they are known.
        hide: takes secrets out of a text that tells what versions are made of.
    """

    def __init__(
        self,
        plan: ExecutionPlan,
        resource_defs: Mapping[str, ResourceDefinition],
        resource_config: Mapping[str, Any],
        strategy: VersionStrategy | None = None,
        fingerprints: Fingerprints | None = None,
        code: _CodeVersions | None = None,
        hide: Callable[[str], str] = str,
    ) -> None:
        self._plan = plan
        self._given = resource_defs, resource_config, strategy
        self._fingerprints = fingerprints or {}
        self._code = code or _CodeVersions(_definitions(plan, resource_defs), strategy)
        self._hide, self._show = hide, partial(shown, hide=hide)
        self._resources = _ResourceVersions(resource_defs, resource_config, self._code, self._fingerprints, self._show)
        self._versions: dict[StepOutputHandle, str | None] = {}
        self._unversioned: dict[str, str] = {}
        self._waiting: set[str] = set()  # steps whose version depends on mapping keys that are not known
        self._waiting_for: dict[str, list[str]] = {}  # one of these -> those of which it is the first that they lack
        self._computed: set[str] = set()
        self._expanded: list[str] = []

    def with_fingerprints(self, fingerprints: Fingerprints) -> Versioning:
        """The same, for when it is known what the config points at."""
        return Versioning(self._plan, *self._given, fingerprints, self._code, self._hide) if fingerprints else self

    def versioned_plan(self) -> ExecutionPlan:
        """The plan with the version of every output, computed in one pass."""
        if not self._versions:
            self._compute(self._plan, self._plan.steps)
        return msgspec.structs.replace(self._plan, versions=self._versions)

    def expand(self, plan: ExecutionPlan, known: KnownKeys) -> Expanded:
        """As `expanded`, with the versions that follow.

        Args:
            plan: what `versioned_plan` or this has made, or one that was made of it.
            known: dynamic outputs, with the mapping keys of their values, in order.
        """
        found = expanded(plan, known)
        for key in found.templates:
            self._forget(plan.steps[key])
        new = (key for keys in found.templates.values() for key in keys)
        self._compute(found.plan, [*new, *found.changed])
        return found

    def take_news(self) -> News:
        """What became known since this was last asked."""
        news = News(frozenset(self._computed), tuple(self._expanded))
        self._computed, self._expanded = set(), []
        return news

    def _forget(self, template: ExecutionStep) -> None:
        self._expanded.append(template.key)
        self._waiting.discard(template.key)
        self._unversioned.pop(template.key, None)
        for output in template.outputs:
            self._versions.pop(template.handle(output.name), None)

    def _compute(self, plan: ExecutionPlan, step_keys: Iterable[str]) -> None:
        """Works out versions: of steps, and of those that waited for one of them. A step that waits for several is
        looked at again when the first of them has its version, so this is done at most once for each of its inputs.
        """
        keys = list(step_keys)
        for key in keys:  # grows while it is walked
            step = plan.steps[key]
            self._computed.add(key)
            self._unversioned.pop(key, None)
            self._waiting.discard(key)
            step_version = self._step_version(step)
            for output in step.outputs:
                self._versions[step.handle(output.name)] = self._output_version(step, step_version, output.name)
            if key not in self._waiting:
                keys += self._waiting_for.pop(key, ())

    def described(self, plan: ExecutionPlan, news: News | None = None) -> PlanVersionedData:
        """What the versions of steps are made of; after `versioned_plan`.

        Args:
            plan: the plan, in which all that it is about are to be executed.
            news: only what became known of them; by default all.
        """
        keys = plan.step_keys_to_execute
        if news is not None:
            keys = tuple(filter(news.computed.__contains__, keys))
        steps = [plan.steps[key] for key in keys]
        definitions = {step.solid.definition.name: step.solid.definition for step in steps}
        resource_keys = dict.fromkeys(key for step in steps for key in self._resources.reached(step))
        return PlanVersionedData(
            tuple(map(self._described_step, steps)),
            {name: self._code.facts(definition) for name, definition in definitions.items()},
            {key: self._resources.facts(key) for key in resource_keys},
            tuple(key for key in keys if key in plan.refreshed),
            expanded=() if news is None else news.expanded,
        )

    def _step_version(self, step: ExecutionStep) -> str | None:
        definition = step.solid.definition
        try:
            if step.is_template:
                raise _Waiting(f"it becomes a step for each value of {step.mapped_over}, which are not known yet")
            fingerprints = _fingerprints_of(pointers_of_step(step), self._fingerprints)
            parts = (
                "step",
                self._code.of_solid(definition),
                definition.name,
                step.key,
                definition.config_schema.without_secrets(step.solid_config.config),
                {each.definition.name: self._input_version(step, each) for each in step.inputs},
                {key: self._resources.version(key) for key in definition.required_resource_keys},
            )
            return digest((*parts, fingerprints) if fingerprints else parts)
        except _Unversioned as error:
            self._unversioned[step.key] = str(error)
            if isinstance(error, _Waiting):
                self._waiting.add(step.key)
                if error.step_key is not None:
                    self._waiting_for.setdefault(error.step_key, []).append(step.key)
        except NoDigestError as error:
            self._unversioned[step.key] = f"its config, or that of its inputs, holds {error}"
        return None

    def _output_version(self, step: ExecutionStep, step_version: str | None, name: str) -> str | None:
        if step_version is None:
            return None
        try:
            return digest(("output", step_version, name, *_versioned(step.solid_config.storing.get(name))))
        except NoDigestError as error:
            self._unversioned[step.key] = f"the config of output {name!r} holds {error}"
            return None

    def _input_version(self, step: ExecutionStep, step_input: StepInput) -> Any:
        loading = _versioned(step.solid_config.loading.get(step_input.definition.name))
        match step_input.value_from:
            case FromStepOutput(handle):
                return ("from output", *self._known([handle], step_input), *loading)
            case FromStepOutputs(handles):
                return ("from outputs", *self._known(handles, step_input), *loading)
            case FromCollected(handle):
                raise _Waiting(f"input {step_input.definition.name!r} is a list of {handle}, which are not known yet")
            case FromConfig(config):
                return self._loaded_version(step_input.definition.name, config)
            case FromDefault(value):
                return ("value", value)
            case FromRootManager(key):
                return ("loaded", key, self._resources.version(key), step_input.definition.metadata, *loading)
        return ("nothing",)

    def _loaded_version(self, name: str, config: LoaderConfig) -> Any:
        """As the config says it, with what the resources add that the loader takes."""
        if config.versioned is None:
            raise _Unversioned(
                f"input {name!r} is made by the loader of type {config.type_name}, which has no version: give it a "
                "loader_version or an external_version_fn"
            )
        keys = config.loader.required_resource_keys()
        resources = {key: self._resources.version(key) for key in keys}
        return (*config.versioned, resources) if resources else config.versioned

    def _known(self, handles: Iterable[StepOutputHandle], step_input: StepInput) -> list[str]:
        known = []
        for handle in handles:
            version = version_of(self._versions, handle)
            if version is None:
                why = f"input {step_input.definition.name!r} is fed by {handle}, which has no version"
                raise _Waiting(why, handle.step_key) if handle.step_key in self._waiting else _Unversioned(why)
            known.append(version)
        return known

    def _described_step(self, step: ExecutionStep) -> VersionedStep:
        known = partial(version_of, self._versions)
        facts = {
            **config_facts(step.solid.definition.config_schema.without_secrets(step.solid_config.config), self._show),
            **_pointer_facts(pointers_of_step(step), self._fingerprints),
            **{f"input {each.definition.name}": input_fact(each, known, self._show) for each in step.inputs},
            **io_facts("loading", step.solid_config.loading, self._show),
            **io_facts("storing", step.solid_config.storing, self._show),
        }
        return VersionedStep(
            step.key,
            step.solid.definition.name,
            tuple(self._resources.reached(step)),
            facts,
            {output.name: self._versions[step.handle(output.name)] for output in step.outputs},
            self._hide(self._unversioned.get(step.key, "")),
            tuple(dict.fromkeys(each.output_name for each in step.solid_config.materializing)),
        )


def _versioned(configs: Mapping[str, IOConfig] | None) -> list[Any]:
    """What config for IO managers adds to a version: nothing where there is none, so that most versions stay."""
    if not configs:
        return []
    given = {key: config.versioned for key, config in configs.items()}
    return [given] if any(value not in (None, {}) for value in given.values()) else []


def _reached(step: ExecutionStep, resource_defs: Mapping[str, ResourceDefinition]) -> list[str]:
    found: dict[str, None] = {}
    waiting = [*step.versioned_resource_keys]
    while waiting:
        key = waiting.pop(0)
        if key not in found:
            found[key] = None
            waiting += sorted(resource_defs[key].required_resource_keys)
    return list(found)


def _definitions(plan: ExecutionPlan, resource_defs: Mapping[str, ResourceDefinition]) -> list[Definition]:
    """Those of which a version of the plan is made, in whatever order."""
    steps = plan.steps.values()
    keys = dict.fromkeys(key for step in steps for key in _reached(step, resource_defs))
    return [*(step.solid.definition for step in steps), *(resource_defs[key] for key in keys)]


def _fingerprints_of(pointers: Iterable[Pointer], fingerprints: Fingerprints) -> dict[str, str]:
    known = {}
    for pointer in pointers:
        found = fingerprints.get(pointer.key)
        if not isinstance(found, str):
            why = "was not looked at" if found is None else f"has no fingerprint: {found}"
            raise _Unversioned(f"what the config of {pointer.key} points at {why}")
        known[pointer.key.path] = found
    return known


def _pointer_facts(pointers: Iterable[Pointer], fingerprints: Fingerprints) -> dict[str, str]:
    found = {f"source {each.key.path}".rstrip(): fingerprints.get(each.key) for each in pointers}
    return {name: each if isinstance(each, str) else "unknown" for name, each in found.items()}


class _CodeVersions:
    """The code versions of definitions: their own, else those of the strategy, which is asked once for all of them."""

    def __init__(self, definitions: Sequence[Definition], strategy: VersionStrategy | None) -> None:
        self._unstated = [each for each in dict.fromkeys(definitions) if each.version is None]
        self._strategy = strategy

    def of_solid(self, definition: SolidDefinition) -> str:
        version = self._version(definition)
        if version is None:
            raise _Unversioned(f"solid {definition.name!r} has no version{self._unseen(definition)}")
        return version

    def of_resource(self, key: str, definition: ResourceDefinition) -> str:
        version = self._version(definition)
        if version is None:
            raise _Unversioned(f"resource {key!r} has no version{self._unseen(definition)}")
        return version

    def facts(self, definition: Definition) -> dict[str, str]:
        found = self._found.get(definition)
        return part_facts(definition.version, {}) if found is None else part_facts(found.version, found.parts())

    def _unseen(self, definition: Definition) -> str:
        """What of the code could not be seen, as the end of a sentence."""
        found = self._found.get(definition)
        parts = {} if found is None else found.parts()
        unseen = [
            f"`{name}`: {part.removeprefix(NOT_SEEN)}" for name, part in parts.items() if part.startswith(NOT_SEEN)
        ]
        return f", since this cannot be seen: {'; '.join(unseen)}" if unseen else ""

    def _version(self, definition: Definition) -> str | None:
        found = self._found.get(definition)
        return definition.version if found is None else found.version

    @cached_property
    def _found(self) -> dict[Definition, CodeVersion]:
        if self._strategy is None or not self._unstated:
            return {}
        return dict(zip(self._unstated, self._strategy.versions_of(self._unstated), strict=True))


class _ResourceVersions:
    """The version of each resource, with those of the resources it requires; each computed once."""

    def __init__(
        self,
        definitions: Mapping[str, ResourceDefinition],
        config: Mapping[str, Any],
        code: _CodeVersions,
        fingerprints: Fingerprints,
        show: Show,
    ) -> None:
        self._definitions = definitions
        self._config = config
        self._code = code
        self._fingerprints = fingerprints
        self._show = show
        self._known: dict[str, str | _Unversioned] = {}
        self._reached: dict[str, list[str]] = {}

    def version(self, key: str) -> str:
        if key not in self._known:
            # Stands while it is computed, so a circle of resources ends as unversioned.
            self._known[key] = _Unversioned(f"resource {key!r} requires itself")
            try:
                self._known[key] = self._compute(key)
            except _Unversioned as error:
                self._known[key] = error
            except NoDigestError as error:
                self._known[key] = _Unversioned(f"the config of resource {key!r} holds {error}")
        found = self._known[key]
        if isinstance(found, _Unversioned):
            raise found
        return found

    def _compute(self, key: str) -> str:
        definition = self._definitions[key]
        version = self._code.of_resource(key, definition)
        required = {each: self.version(each) for each in definition.required_resource_keys}
        config = definition.config_schema.without_secrets(self._config.get(key))
        pointers = pointers_of_resource(key, definition, self._config.get(key))
        fingerprints = _fingerprints_of(pointers, self._fingerprints)
        parts = ("resource", key, definition.name, version, config, required)
        return digest((*parts, fingerprints) if fingerprints else parts)

    def reached(self, step: ExecutionStep) -> list[str]:
        """Keys of the resources that a step requires, and that those require."""
        return _reached(step, self._definitions)

    def facts(self, key: str) -> dict[str, str]:
        definition, config = self._definitions[key], self._config.get(key)
        return {
            **self._code.facts(definition),
            "definition": definition.name,
            **config_facts(definition.config_schema.without_secrets(config), self._show),
            **_pointer_facts(pointers_of_resource(key, definition, config), self._fingerprints),
        }
