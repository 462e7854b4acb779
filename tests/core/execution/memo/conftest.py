"""A laboratory for memoized runs, on the local disk and in a bucket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cloudstore import s3_resource, versioned_s3_io_manager
from cloudstore.testing import EmbeddedS3Server
from core import Any as AnyValue
from core import (
    DagsterInstance,
    Field,
    InputDefinition,
    ModeDefinition,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    SolidDefinition,
    execute_pipeline,
    versioned_filesystem_io_manager,
)


def spelling_solid(name: str, inputs: Sequence[str] = (), version: str | None = "1", **more: Any) -> SolidDefinition:
    """A solid whose value spells out everything that it was made from, so that no two ways give one value."""

    def compute(context: Any, values: dict[str, Any]) -> str:
        return f"{name}@{version}<{context.solid_config!r}>({', '.join(f'{k}={v}' for k, v in values.items())})"

    return SolidDefinition(
        name,
        [InputDefinition(each) for each in inputs],
        compute,
        config_schema=more.pop("config_schema", Field(AnyValue, default_value=0)),
        version=version,
        **{"output_defs": [OutputDefinition()], **more},
    )


class Lab(ABC):
    """Runs pipelines memoized, and can tamper with what they store.

    Attributes:
        mode: the mode that pipelines of this lab need.
        resources: the run config of its resources.
        instance: where runs are recorded.
    """

    spelling_solid = staticmethod(spelling_solid)

    def __init__(self, mode: ModeDefinition, resources: dict[str, Any], instance: DagsterInstance) -> None:
        self.mode = mode
        self.resources = resources
        self.instance = instance

    def pipeline(
        self, solids: Sequence[SolidDefinition], dependencies: Mapping[Any, Mapping[str, Any]] | None = None
    ) -> PipelineDefinition:
        return PipelineDefinition(solids, "spelled", dependencies=dependencies, mode_defs=[self.mode])

    def run(
        self,
        pipeline: PipelineDefinition,
        memoize: bool | None = True,
        refresh: Sequence[str] = (),
        **solid_config: Any,
    ) -> PipelineExecutionResult:
        solids = {name: {"config": config} for name, config in solid_config.items()}
        config = {"solids": solids, "resources": self.resources}
        return execute_pipeline(pipeline, config, instance=self.instance, memoize=memoize, refresh=refresh)

    @abstractmethod
    def stored(self) -> list[str]:
        """Each stored value as `step/output/version`."""

    @abstractmethod
    def delete(self, step: str) -> None:
        """Deletes the only value of a step."""

    def only(self, step: str) -> str:
        [found] = [each for each in self.stored() if each.startswith(f"{step}/")]
        return found


class FilesystemLab(Lab):
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "values"
        super().__init__(
            ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager}),
            {"io_manager": {"config": {"base_dir": str(self.folder)}}},
            DagsterInstance.ephemeral(str(folder)),
        )

    def stored(self) -> list[str]:
        root = self.folder / "versioned_outputs"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def path(self, step: str) -> Path:
        return self.folder / "versioned_outputs" / self.only(step)

    def delete(self, step: str) -> None:
        self.path(step).unlink()


class S3Lab(Lab):
    def __init__(self, server: EmbeddedS3Server, bucket: str, folder: Path) -> None:
        self.client, self.bucket = server.client(), bucket
        options = {
            "endpoint_url": server.endpoint_url,
            "aws_access_key_id": server.access_key,
            "aws_secret_access_key": server.secret_key,
            "region_name": server.region,
            "addressing_style": "path",
        }
        super().__init__(
            ModeDefinition(resource_defs={"s3": s3_resource, "io_manager": versioned_s3_io_manager}),
            {"s3": {"config": options}, "io_manager": {"config": {"s3_bucket": bucket, "s3_prefix": "lab"}}},
            DagsterInstance.ephemeral(str(folder)),
        )

    def stored(self) -> list[str]:
        root = "lab/versioned_outputs/"
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=root)
        return sorted(item["Key"].removeprefix(root) for page in pages for item in page.get("Contents", []))

    def delete(self, step: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=f"lab/versioned_outputs/{self.only(step)}")


@pytest.fixture
def disk_lab(tmp_path: Path) -> FilesystemLab:
    return FilesystemLab(tmp_path)


@pytest.fixture
def s3_lab(s3_server: EmbeddedS3Server, bucket: str, tmp_path: Path) -> S3Lab:
    return S3Lab(s3_server, bucket, tmp_path)


@pytest.fixture(params=["disk_lab", "s3_lab"])
def lab(request: pytest.FixtureRequest) -> Lab:
    made: Lab = request.getfixturevalue(request.param)
    return made
