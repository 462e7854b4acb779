"""What is told of the versions of a run: everything but the secrets of its config, however they were given."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from core import (
    DagsterInstance,
    DagsterType,
    Field,
    Fingerprint,
    InputDefinition,
    ModeDefinition,
    StringSource,
    composite_solid,
    configured,
    dagster_type_loader,
    execute_pipeline,
    pipeline,
    plan_pipeline,
    resource,
    root_input_manager,
    solid,
    versioned_filesystem_io_manager,
)
from core.errors import NoFingerprintError
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.serdes import to_json

PASSWORD = {"password": StringSource}
SECRET = "hunter2-of-somebody"


class Inner(pydantic.BaseModel):
    password: str


class Settings(pydantic.BaseModel):
    inners: list[Inner]
    key: str = pydantic.Field(exclude=True, alias="api_key")


@solid(config_schema=PASSWORD, version="1")
def named(_) -> None: ...  # type: ignore[no-untyped-def]


@solid(config_schema={"url": str}, version="1")
def connect(_) -> None: ...  # type: ignore[no-untyped-def]


@composite_solid(config_schema=PASSWORD, config_fn=lambda given: {"connect": {"config": {"url": given["password"]}}})
def mapped() -> Any:
    return connect()


@configured(connect, config_schema={"a": Field(StringSource, is_secret=True)})
def set_up(given: Any) -> Any:
    return {"url": f"{'x' * 190}{given['a']}"}  # a long text is told to its 200th character


class Absent(Fingerprint):
    def of(self, value: Any, resources: Any) -> str:
        raise NoFingerprintError(f"there is nothing at {value}")


@solid(config_schema={"path": Field(str, fingerprint=Absent())}, version="1")
def read(_) -> None: ...  # type: ignore[no-untyped-def]


@configured(read, config_schema=PASSWORD)
def read_nothing(given: Any) -> Any:
    return {"path": f"/no/such/{given['password']}"}


@solid(config_schema=Settings, version="1")
def modelled(_) -> None: ...  # type: ignore[no-untyped-def]


@dagster_type_loader({"deep": [PASSWORD]}, loader_version="1")
def load(_context: Any, config: Any) -> Any:
    return len(config)


Loaded = DagsterType(lambda _context, _value: True, name="Loaded", loader=load)


@root_input_manager(input_config_schema=PASSWORD, version="1")
def table(_: Any) -> int:
    return 1


@resource(config_schema=PASSWORD, version="1")
def client(_: Any) -> int:
    return 1


@solid(
    input_defs=[InputDefinition("loaded", Loaded), InputDefinition("read", root_manager_key="table")],
    required_resource_keys={"client"},
    version="1",
)
def take(_, loaded, read) -> None: ...  # type: ignore[no-untyped-def]


@solid(output_defs=[DynamicOutputDefinition(int)], version="1")
def keys() -> Any:
    yield DynamicOutput(1, "a")


@solid(config_schema=PASSWORD, version="1")
def each(_, number) -> None: ...  # type: ignore[no-untyped-def]


RESOURCES = {"io_manager": versioned_filesystem_io_manager, "table": table, "client": client}


@pipeline(mode_defs=[ModeDefinition(resource_defs=RESOURCES)])
def telling() -> None:
    named()
    mapped()
    set_up()
    read_nothing()
    modelled()
    take()
    keys().map(each)


@pytest.mark.parametrize("secret", [SECRET, {"env": "A_SECRET"}], ids=["written out", "of the environment"])
def test_no_secret_is_told(secret: Any, instance: DagsterInstance, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("A_SECRET", SECRET)
    password = {"password": secret}
    run_config = {
        "solids": {
            "named": {"config": password},
            "mapped": {"config": password},
            "set_up": {"config": {"a": secret}},
            "read_nothing": {"config": password},
            "modelled": {"config": {"inners": [password], "api_key": secret}},
            "take": {"inputs": {"loaded": {"deep": [password]}, "read": password}},
            "each": {"config": password},
        },
        "resources": {"client": {"config": password}, "io_manager": {"config": {"base_dir": str(tmp_path)}}},
    }
    planned = to_json(plan_pipeline(telling, run_config, instance=instance).versioned)
    result = execute_pipeline(telling, run_config, instance=instance, memoize=True)
    recorded = "".join(to_json(entry) for entry in instance.all_logs(result.run_id))
    for told in (planned, recorded):
        assert "config password" in told
        assert "config url" in told
        assert "there is nothing at /no/such/" in told
        assert SECRET[:6] not in told
