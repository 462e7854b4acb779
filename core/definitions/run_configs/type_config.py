"""What a run config says for the types of a solid's inputs and outputs: values to load, and where to write others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from core.cached import cached_property
from core.config import (
    ABSENT,
    Array,
    ChoiceForm,
    ConfigFault,
    ConfigType,
    Field,
    FieldForm,
    Fingerprint,
    Form,
    ListForm,
    MappingForm,
    NoForm,
    OneOfForm,
    Selector,
    as_field,
)
from core.definitions.dependency import Solid
from core.definitions.parts.input_output import InputDefinition, OutputDefinition
from core.errors import DagsterExecutionLoadInputError, NoFingerprintError, user_code_error_boundary
from core.types import DagsterType, DagsterTypeLoader, DagsterTypeMaterializer

_Path = tuple[str | int, ...]


class LoaderConfig:
    """The config from which the value of an input is made.

    Args:
        loader: what makes it.
        value: the config, with defaults and environment variables in place.
        type_name: of the input.
    """

    def __init__(self, loader: DagsterTypeLoader, value: Any, type_name: str) -> None:
        self.loader, self.value, self.type_name = loader, value, type_name

    @cached_property
    def versioned(self) -> Any:
        """The part of a version that it is, asked for once; None where the value has no version.

        Raises:
            DagsterExecutionLoadInputError: the loader could not say.
        """
        message = f"The version of a value that the loader of type {self.type_name} makes could not be taken"
        try:
            with user_code_error_boundary(DagsterExecutionLoadInputError, message):
                return self.loader.versioned(self.value)
        except NoFingerprintError:
            return None

    def fingerprinted(self) -> list[tuple[str, Fingerprint, Any]]:
        """Path, fingerprint and value of each field that points at something outside."""
        return self.loader.fingerprinted(self.value)


class MaterializerConfig(msgspec.Struct, frozen=True, eq=False):
    """Where a value of an output is to be written.

    Attributes:
        output_name: the output.
        materializer: what writes it.
        value: the config, with defaults and environment variables in place.
    """

    output_name: str
    materializer: DagsterTypeMaterializer
    value: Any


class OutputsConfig(msgspec.Struct, frozen=True, eq=False):
    """What a run config says of the outputs of a solid.

    Attributes:
        storing: config for the IO managers that store them, by output.
        materializing: where else to write them, in order.
    """

    storing: Mapping[str, Any]
    materializing: tuple[MaterializerConfig, ...] = ()


def input_field(definition: InputDefinition, is_required: bool | None = None) -> Field:
    """The place of an input's value in a run config, for an input that nothing feeds; comes to a LoaderConfig.

    Args:
        definition: the input.
        is_required: whether it must be given; by default if it has no default value.
    """
    dagster_type = definition.dagster_type
    is_required = not definition.has_default_value if is_required is None else is_required
    if dagster_type.loader is None:
        return _UnloadableField(_Unloadable(dagster_type.display_name), is_required=is_required)
    return _LoaderField(dagster_type.loader, dagster_type, definition.name, is_required)


class _LoaderField(Field):
    def __init__(self, loader: DagsterTypeLoader, dagster_type: DagsterType, name: str, is_required: bool) -> None:
        self._loader, self._type_name = loader, dagster_type.display_name
        schema = as_field(loader.schema_type)
        about = f"a value for input {name!r}, which no solid feeds"
        super().__init__(schema.config_type, is_required=is_required, description=about, is_secret=schema.is_secret)

    def resolve(self, value: object, path: _Path, faults: list[ConfigFault]) -> Any:
        return LoaderConfig(self._loader, super().resolve(value, path, faults), self._type_name)

    def resolve_missing(self, path: _Path, faults: list[ConfigFault]) -> Any:
        found = super().resolve_missing(path, faults)
        return found if found is ABSENT else LoaderConfig(self._loader, found, self._type_name)


class _UnloadableField(Field):
    def resolve_missing(self, path: _Path, faults: list[ConfigFault]) -> Any:
        if self.is_required:
            self.config_type.resolve(None, path, faults)  # to ask for config would be to ask for what is refused
        return ABSENT


class _Unloadable(ConfigType):
    """Stands where no config can give a value."""

    def __init__(self, type_name: str) -> None:
        self._type_name = type_name

    @property
    def given_name(self) -> str:
        return self._type_name

    def resolve(self, value: object, path: _Path, faults: list[ConfigFault]) -> Any:
        message = (
            f"values of type {self._type_name} cannot be given as config; feed the input from a solid, or give the "
            "type a loader, as @dagster_type_loader makes one"
        )
        faults.append(ConfigFault(path, message))
        return value

    def form(self) -> Form:
        return NoForm(f"values of type {self._type_name} cannot be given as config")


class OutputsField(Field):
    """The place of config for the outputs of a solid: a mapping for the IO managers that store them, or a list of
    `{OUTPUT: ...}` for the materializers of their types. Comes to an OutputsConfig.

    Args:
        definitions: the outputs.
        storing: the config for IO managers.
    """

    def __init__(self, definitions: Mapping[str, OutputDefinition], storing: Field) -> None:
        self._storing, self._definitions = storing, definitions
        super().__init__(storing.config_type, is_required=storing.is_required)

    def resolve(self, value: object, path: _Path, faults: list[ConfigFault]) -> Any:
        if not isinstance(value, list):
            return OutputsConfig(self._storing.resolve(value, path, faults))
        before = len(faults)
        chosen = Array(_Materializing(self._definitions)).resolve(value, path, faults)
        materializing = () if len(faults) > before else tuple(self._configs(chosen))
        storing = self._storing.resolve_missing(path, faults)
        return OutputsConfig({} if storing is ABSENT else storing, materializing)

    def resolve_missing(self, path: _Path, faults: list[ConfigFault]) -> Any:
        storing = self._storing.resolve_missing(path, faults)
        return storing if storing is ABSENT else OutputsConfig(storing)

    def form(self) -> FieldForm:
        storing = self._storing.form()
        choice = _Materializing(self._definitions).form()
        if not choice.fields or (isinstance(storing.form, MappingForm) and not storing.form.may_be_empty):
            return storing
        return msgspec.structs.replace(storing, form=OneOfForm((storing.form, ListForm(choice))))

    def _configs(self, chosen: list[dict[str, Any]]) -> Iterator[MaterializerConfig]:
        for each in chosen:
            for name, config in each.items():
                materializer = self._definitions[name].dagster_type.materializer
                assert materializer is not None, "the schema has none of the others"
                yield MaterializerConfig(name, materializer, config)


class _Materializing(Selector):
    """One output, and the config of its type's materializer."""

    def __init__(self, definitions: Mapping[str, OutputDefinition]) -> None:
        types = {name: each.dagster_type for name, each in definitions.items()}
        super().__init__(
            {name: as_field(each.materializer.schema_type) for name, each in types.items() if each.materializer}
        )
        self._without = {name: each.display_name for name, each in types.items() if each.materializer is None}

    def resolve(self, value: object, path: _Path, faults: list[ConfigFault]) -> Any:
        if not isinstance(value, Mapping) or not value:  # which a selector of one field would fill in
            faults.append(ConfigFault(path, f"expected {self.given_name}, got {type(value).__name__}"))
            return value
        for name in value:
            if name in self._without:
                message = (
                    f"values of type {self._without[name]} have no materializer; give the type one, as "
                    "@dagster_type_materializer makes one"
                )
                faults.append(ConfigFault((*path, name), message))
                return value
        return super().resolve(value, path, faults)

    def form(self) -> ChoiceForm:
        return ChoiceForm(self._field_forms())


def materializes(run_config: Mapping[str, Any] | None) -> bool:
    """Whether a run config, which is not checked yet, has an output written by the materializer of its type."""
    solids = (run_config or {}).get("solids")
    for solid in solids.values() if isinstance(solids, Mapping) else ():
        if isinstance(solid, Mapping) and (isinstance(solid.get("outputs"), list) or materializes(solid)):
            return True
    return False


def type_resources(solid: Solid, has_materializations: bool = True) -> Iterator[tuple[str, frozenset[str]]]:
    """What the types of a solid require: who asks, and the keys of resources.

    Args:
        solid: the solid in its place.
        has_materializations: False leaves materializers out.
    """
    for name, definition in solid.definition.input_dict.items():
        of_type = definition.dagster_type
        if of_type.required_resource_keys:
            yield f"type {of_type.display_name!r}", of_type.required_resource_keys
        if of_type.loader is not None and name not in solid.feeds:
            yield f"the loader of type {of_type.display_name!r}", of_type.loader.required_resource_keys()
    for output in solid.definition.output_defs:
        of_type = output.dagster_type
        if of_type.required_resource_keys:
            yield f"type {of_type.display_name!r}", of_type.required_resource_keys
        if of_type.materializer is not None and has_materializations:
            yield f"the materializer of type {of_type.display_name!r}", of_type.materializer.required_resource_keys()
