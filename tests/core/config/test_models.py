"""pydantic models as config schemas."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pydantic
import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretBytes,
    SecretStr,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

import core
from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    ModeDefinition,
    PipelineDefinition,
    execute_pipeline,
    plan_pipeline,
    resource,
    solid,
)
from core.config import (
    as_field,
    collecting_secrets,
    json_schema,
    resolve_config,
    scaffold,
    schema_text,
    without_secret_fields,
)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    x: int = Field(gt=0)
    token: SecretStr | None = None


class Settings(BaseModel):
    """What the solid needs."""

    model_config = ConfigDict(extra="forbid")

    months: list[Annotated[int, Field(ge=1, le=12)]] = Field(description="The months.")
    title: str = "Months"
    key: SecretStr = SecretStr("default-key")
    inner: Inner | None = None
    rows: list[Inner] = []
    color: Color = Color.RED
    when: date | None = None
    kind: Literal["a", "b"] = "a"
    either: int | list[str] = 1

    @field_validator("title")
    @classmethod
    def _is_short(cls, title: str) -> str:
        if len(title) > 10:
            raise ValueError("a title has at most 10 letters")
        return title


class Empty(BaseModel):
    a: int = 1


def faults_of(schema: Any, value: Any) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(DagsterInvalidConfigError) as caught:
        resolve_config(schema, value, "config")
    return [(each.path, each.message) for each in caught.value.errors]


def test_the_code_gets_an_instance() -> None:
    given = {"months": [1, "2"], "inner": {"x": 3}, "color": "blue", "when": "2026-01-02"}
    found = resolve_config(Settings, given, "config")
    assert found == Settings(months=[1, 2], inner=Inner(x=3), color=Color.BLUE, when=date(2026, 1, 2))
    assert isinstance(found, Settings)
    assert given["months"] == [1, "2"], "what was given is left as it was"
    nested = resolve_config({"all": [Settings], "one": core.Noneable(Empty)}, {"all": [given], "one": None}, "config")
    assert nested == {"all": [found], "one": None}
    assert resolve_config({"m": Empty}, {}, "config") == {"m": Empty()}, "whose fields can all be left out"
    assert resolve_config({"m": Empty}, {"m": None}, "config") == {"m": Empty()}
    assert resolve_config(Settings, found, "config") is not None


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"months": [1, 13]}, ("months", 1), "input should be less than or equal to 12, got 13 (int)"),
        ({"months": "x"}, ("months",), "input should be a valid list, got 'x' (str)"),
        ({"mnths": [1]}, ("mnths",), "unknown key; leave it out"),
        ({"inner": {"x": 0}}, ("inner", "x"), "input should be greater than 0, got 0 (int)"),
        ({"inner": {}}, ("inner", "x"), "missing required config"),
        ({"inner": 3}, ("inner",), "input should be a valid dictionary or instance of Inner, got 3 (int)"),
        ({"rows": [{"x": 1}, {"x": "y"}]}, ("rows", 1, "x"), "input should be a valid integer"),
        ({"title": "x" * 11}, ("title",), "value error, a title has at most 10 letters, got 'xxxxxxxxxxx' (str)"),
        ({"color": "green"}, ("color",), "input should be 'red' or 'blue', got 'green' (str)"),
        ({"kind": "c"}, ("kind",), "input should be 'a' or 'b', got 'c' (str)"),
        ({"either": "z"}, ("either",), "input should be a valid integer, unable to parse string as an integer"),
        ({"either": [1]}, ("either",), "input should be a valid integer"),
    ],
)
def test_each_fault_is_told_at_its_path(change: dict[str, Any], path: tuple[str | int, ...], said: str) -> None:
    found = faults_of({"a": Settings}, {"a": {"months": [1], **change}})
    if change == {"either": [1]}:  # the union has two ways to be wrong, one of them deeper
        assert [each[0] for each in found] == [("a", "either"), ("a", "either", 0)]
        return
    [(where, message)] = found
    assert where == ("a", *path)
    assert said in message


def test_a_missing_model_names_its_missing_fields() -> None:
    assert faults_of({"a": Settings}, {}) == [
        (("a",), 'missing required config: months; the least to write is {"months":[]}')
    ]
    assert faults_of({"a": Settings}, {"a": 3}) == [
        (("a",), "input should be a valid dictionary or instance of Settings, got 3 (int)")
    ]


def test_a_validator_of_the_whole_model() -> None:
    class Span(BaseModel):
        low: int
        high: int

        @model_validator(mode="after")
        def _ordered(self) -> Span:
            if self.low > self.high:
                raise ValueError("low is above high")
            return self

    assert faults_of({"span": Span}, {"span": {"low": 2, "high": 1}}) == [
        (("span",), "value error, low is above high, got {low: …, high: …} (dict)")
    ]


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "of-the-environment")
    given = {"months": [], "key": {"env": "THE_KEY"}, "inner": {"x": 1, "token": "written-out"}}
    with collecting_secrets() as secrets:
        found = resolve_config({"a": Settings}, {"a": given}, "config")
    assert found["a"].key.get_secret_value() == "of-the-environment"
    assert {(each.value, each.variable) for each in secrets} == {
        ("of-the-environment", "THE_KEY"),
        ("written-out", None),
    }
    for wrong in ({"key": 12345}, {"inner": {"x": 1, "token": 12345}}, {"rows": [{"x": 1, "token": 12345}]}):
        [(_, message)] = faults_of({"a": Settings}, {"a": {"months": [], **wrong}})
        assert message == "this does not fit (a secret, not shown)"
    assert "written-out" not in str(without_secret_fields(as_field(Settings), found["a"]))


def test_variables_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONTH", "5")
    monkeypatch.setenv("WORD", "five")

    class Free(BaseModel):
        n: int
        any: dict[str, str] = {}

    assert resolve_config(Free, {"n": {"env": "MONTH"}, "any": {"env": "MONTH"}}, "config") == Free(
        n=5, any={"env": "MONTH"}
    )
    assert resolve_config(Settings, {"months": [{"env": "MONTH"}]}, "config").months == [5]
    [(path, message)] = faults_of(Settings, {"months": [1, {"env": "NO_SUCH"}]})
    assert (path, message) == (
        ("months", 1), "the environment variable NO_SUCH is not set; export it, or write the value here"
    )  # fmt: skip
    assert faults_of(Settings, {"months": [{"env": "WORD"}, 13]}) == [
        (("months", 0), "the environment variable WORD does not hold a value that fits"),
        (("months", 1), "input should be less than or equal to 12, got 13 (int)"),
    ]


def test_versions_are_made_of_all_values_without_secrets(instance: DagsterInstance) -> None:
    @solid(config_schema=Settings, version="1")
    def take(context):  # type: ignore[no-untyped-def]
        return context.solid_config.title

    placed = PipelineDefinition([take])

    def version(**config: Any) -> str | None:
        given = {"solids": {"take": {"config": {"months": [1], **config}}}}
        return plan_pipeline(placed, given, instance=instance).versioned.steps[0].outputs["result"]

    assert version() is not None
    same = [version(), version(key="another"), version(months=["1"]), version(inner=None), version(color="red")]
    assert len(set(same)) == 1
    changed = [version(months=[2]), version(title="T"), version(color="blue"), version(when="2026-01-02")]
    changed += [version(inner={"x": 1}), version(rows=[{"x": 1}])]
    assert len({*same, *changed}) == 1 + len(changed)
    assert version(inner={"x": 1, "token": "t"}) == version(inner={"x": 1, "token": "u"})


def model_of_a_number(factor: int, **options: Any) -> type[BaseModel]:
    class Number(BaseModel):
        n: float = Field(**options)
        _twice: float = 0.0

        @field_serializer("n")
        def _rounded(self, n: float) -> int:
            return round(n)

        @model_validator(mode="after")
        def _doubled(self) -> Number:
            self._twice = 2 * self.n
            return self

        def scaled(self) -> float:
            return self.n * factor

    return Number


def test_what_a_dump_leaves_out_and_the_code_of_the_class_count(instance: DagsterInstance) -> None:
    def version(model: type[BaseModel], config: Any) -> str | None:
        @solid(config_schema=model, version="1")
        def take(_):  # type: ignore[no-untyped-def]
            return 1

        given = {"solids": {"take": {"config": config}}}
        return plan_pipeline(PipelineDefinition([take]), given, instance=instance).versioned.steps[0].outputs["result"]

    plain = model_of_a_number(1)
    assert version(plain, {"n": 1.1}) == version(model_of_a_number(1), {"n": 1.1}) is not None
    others = [
        version(plain, {"n": 1.2}),
        version(model_of_a_number(2), {"n": 1.1}),
        version(model_of_a_number(1, gt=0), {"n": 1.1}),
        version(model_of_a_number(1, exclude=True), {"n": 1.1}),
        version(model_of_a_number(1, exclude=True), {"n": 1.2}),
    ]
    assert None not in others
    assert len({version(plain, {"n": 1.1}), *others}) == 1 + len(others)


def test_secrets_that_are_not_dumped_are_known() -> None:
    class Hidden(BaseModel):
        key: SecretStr = Field(exclude=True)
        raw: SecretBytes
        password: str = Field(exclude=True, validation_alias="thePassword")
        deep: list[dict[str, SecretStr]] = Field(default=[], exclude=True)

        @model_serializer
        def _dumped(self) -> str:
            return "nothing"

    given = {"key": "the-key", "raw": "the-bytes", "thePassword": "the-word", "deep": [{"a": "the-deep"}]}
    with collecting_secrets() as secrets:
        resolve_config(Hidden, given, "config")
    assert {each.value for each in secrets} == {"the-key", "the-bytes", "the-word", "the-deep"}


def test_what_a_validator_of_the_whole_says_shows_no_secret() -> None:
    class Login(BaseModel):
        password: str

        @model_validator(mode="after")
        def _fits(self) -> Login:
            raise ValueError(f"no user has {self.password}")

    [(_, message)] = faults_of({"logins": [Login]}, {"logins": [{"password": "hunter2"}]})
    assert message.startswith("value error, no user has *******, got")


def test_a_value_that_is_no_plain_data_leaves_no_version(instance: DagsterInstance) -> None:
    class Odd(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        thing: Any = object()

    @solid(config_schema=Odd, version="1")
    def take(_):  # type: ignore[no-untyped-def]
        return 1

    planned = plan_pipeline(PipelineDefinition([take]), instance=instance).versioned.steps[0]
    assert "a value of type object" in planned.unversioned


def test_solids_and_resources_with_models_run(instance: DagsterInstance) -> None:
    @resource(config_schema=Empty)
    def number(context):  # type: ignore[no-untyped-def]
        return context.resource_config.a

    @solid(config_schema=Settings, required_resource_keys={"number"})
    def take(context):  # type: ignore[no-untyped-def]
        return context.solid_config.months, context.resources.number

    placed = PipelineDefinition([take], mode_defs=[ModeDefinition(resource_defs={"number": number})])
    config = {"solids": {"take": {"config": {"months": [3], "key": "written-out"}}}}
    result = execute_pipeline(placed, config, instance=instance)
    assert result.output_for_solid("take") == ([3], 1)
    stored = instance.get_run_by_id(result.run_id)
    assert stored is not None
    assert "written-out" not in str(stored.run_config)
    fixed = take.configured({"months": [4]}, name="fixed")
    again = PipelineDefinition(
        [fixed], mode_defs=[ModeDefinition(resource_defs={"number": number.configured({"a": 5})})]
    )
    assert execute_pipeline(again, instance=instance).output_for_solid("fixed") == ([4], 5)


def test_a_model_as_text_as_json_schema_and_as_scaffold() -> None:
    text = schema_text({"a": Settings})
    assert "a:  # required; What the solid needs." in text or "a:  # required" in text
    assert "  months: list[" in text
    assert "# required; The months." in text
    assert "default-key" not in text + str(json_schema({"a": Settings}))
    said = json_schema({"a": Settings, "b": [Settings]})
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(said)
    validator = jsonschema.Draft202012Validator(said)
    validator.validate({"a": {"months": [1], "inner": {"x": 1}}, "b": []})
    assert not validator.is_valid({"a": {"months": [13]}, "b": []})
    assert not validator.is_valid({"a": {"months": [1], "inner": {"x": 0}}, "b": []})
    import yaml

    assert resolve_config({"a": Settings}, yaml.safe_load(scaffold({"a": Settings})), "config")["a"].months == []


def test_pydantic_is_imported_by_those_who_use_it() -> None:
    code = "import sys, core\ncore.Field({'a': [str]})\nassert 'pydantic' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_that_is_not_whole_is_refused() -> None:
    class Whole(BaseModel):
        missing: NotDefinedYet  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(
        core.DagsterInvalidConfigDefinitionError, match=r"Whole cannot be a config schema: .*NotDefinedYet"
    ):
        core.Field(Whole)


def test_a_model_of_an_older_pydantic_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        pass

    monkeypatch.setattr(pydantic, "BaseModel", Old)
    with pytest.raises(core.DagsterInvalidConfigDefinitionError, match="Old is a model of pydantic 1"):
        core.Field(Old)


@pytest.fixture
def instance(tmp_path: Any) -> Any:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as made:
        yield made
