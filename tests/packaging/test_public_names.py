"""The public names are a contract, and importing them is cheap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cloudstore
import core

CORE = [
    "Any",
    "Array",
    "AssetKey",
    "AssetMaterialization",
    "AssetSensorDefinition",
    "Backoff",
    "Bool",
    "BoolSource",
    "Codec",
    "CompositeSolidDefinition",
    "CompositeSolidExecutionResult",
    "ConfigMapping",
    "ConfigSchema",
    "DagsterConfigMappingFunctionError",
    "DagsterError",
    "DagsterEvent",
    "DagsterEventLogInvalidForRun",
    "DagsterEventType",
    "DagsterExecutionStepExecutionError",
    "DagsterExecutionStepNotFoundError",
    "DagsterInstance",
    "DagsterInvalidConfigDefinitionError",
    "DagsterInvalidConfigError",
    "DagsterInvalidDefinitionError",
    "DagsterInvalidSubsetError",
    "DagsterInvariantViolationError",
    "DagsterLogManager",
    "DagsterObjectAccessError",
    "DagsterObjectCorruptError",
    "DagsterObjectNotFoundError",
    "DagsterResourceFunctionError",
    "DagsterResourceUnavailableError",
    "DagsterRunConflict",
    "DagsterRunNotFoundError",
    "DagsterStepOutputNotFoundError",
    "DagsterSubprocessError",
    "DagsterType",
    "DagsterTypeCheckDidNotPass",
    "DagsterTypeCheckError",
    "DagsterTypeLoader",
    "DagsterTypeMaterializationError",
    "DagsterTypeMaterializer",
    "DagsterUnknownResourceError",
    "DagsterUnmetExecutorRequirementsError",
    "DagsterUserCodeExecutionError",
    "DefaultRunLauncher",
    "DependencyDefinition",
    "Dict",
    "Enum",
    "EnumValue",
    "EventLogEntry",
    "EventMetadata",
    "EventMetadataEntry",
    "Executor",
    "ExecutorDefinition",
    "ExecutorRequirement",
    "ExpectationResult",
    "ExperimentalWarning",
    "Failure",
    "Field",
    "FileFingerprint",
    "FileHandle",
    "FileManager",
    "Fingerprint",
    "Float",
    "FloatMetadataEntryData",
    "HookContext",
    "HookDefinition",
    "IOManager",
    "IOManagerDefinition",
    "In",
    "InMemoryFileHandle",
    "InMemoryFileManager",
    "InitExecutorContext",
    "InitIntermediateStorageContext",
    "InitLoggerContext",
    "InitResourceContext",
    "InputContext",
    "InputDefinition",
    "InputMapping",
    "InstanceRef",
    "Int",
    "IntMetadataEntryData",
    "IntSource",
    "IntermediateStorage",
    "IntermediateStorageDefinition",
    "Jitter",
    "JsonMetadataEntryData",
    "List",
    "LocalFileHandle",
    "LoggerDefinition",
    "MarkdownMetadataEntryData",
    "Materialization",
    "MemoizableIOManager",
    "ModeDefinition",
    "MultiDependencyDefinition",
    "MultiOut",
    "Noneable",
    "Nothing",
    "Optional",
    "Out",
    "Output",
    "OutputContext",
    "OutputDefinition",
    "OutputMapping",
    "Partition",
    "PartitionScheduleDefinition",
    "PartitionSetDefinition",
    "PathMetadataEntryData",
    "Permissive",
    "PickleSerializationStrategy",
    "PipelineDefinition",
    "PipelineExecutionResult",
    "PipelineRun",
    "PipelineRunStatus",
    "PipelineRunsFilter",
    "PlannedRun",
    "PresetDefinition",
    "PythonArtifactMetadataEntryData",
    "PythonObjectDagsterType",
    "RepositoryDefinition",
    "ResourceDefinition",
    "RetryPolicy",
    "RetryRequested",
    "RootInputManager",
    "RootInputManagerDefinition",
    "RunRequest",
    "ScalarUnion",
    "ScheduleDefinition",
    "ScheduleEvaluationContext",
    "ScheduleExecutionContext",
    "Selector",
    "SensorDefinition",
    "SensorEvaluationContext",
    "SensorExecutionContext",
    "SerializationStrategy",
    "Set",
    "Shape",
    "SkipReason",
    "SolidDefinition",
    "SolidExecutionContext",
    "SolidExecutionResult",
    "SolidInvocation",
    "SourceHashVersionStrategy",
    "StepOutputHandle",
    "String",
    "StringSource",
    "TextMetadataEntryData",
    "Tuple",
    "TypeCheck",
    "TypeCheckContext",
    "TypeStoragePlugin",
    "UrlMetadataEntryData",
    "ValueNotKeptError",
    "VersionStrategy",
    "asset_sensor",
    "build_hook_context",
    "build_init_logger_context",
    "build_init_resource_context",
    "build_input_context",
    "build_intermediate_storage_from_object_store",
    "build_op_context",
    "build_output_context",
    "build_resources",
    "build_schedule_context",
    "build_sensor_context",
    "build_solid_context",
    "check_dagster_type",
    "colored_console_logger",
    "composite_solid",
    "configured",
    "create_offset_partition_selector",
    "custom_path_fs_io_manager",
    "dagster_type_loader",
    "dagster_type_materializer",
    "daily_schedule",
    "date_partition_range",
    "default_executors",
    "default_intermediate_storage_defs",
    "execute_pipeline",
    "execute_pipeline_iterator",
    "execute_run",
    "execute_solid",
    "execute_solid_within_pipeline",
    "execute_solids_within_pipeline",
    "executor",
    "failure_hook",
    "file_relative_path",
    "fs_intermediate_storage",
    "fs_io_manager",
    "graph",
    "hourly_schedule",
    "identity_partition_selector",
    "in_process_executor",
    "instance_for_test",
    "intermediate_storage",
    "io_manager",
    "io_manager_from_intermediate_storage",
    "json_console_logger",
    "lambda_solid",
    "local_file_manager",
    "logger",
    "make_python_type_usable_as_dagster_type",
    "make_values_resource",
    "mem_file_manager",
    "mem_intermediate_storage",
    "mem_io_manager",
    "monthly_schedule",
    "multiple_process_executor_requirements",
    "multiprocess_executor",
    "op",
    "pipeline",
    "plan_pipeline",
    "reconstructable",
    "reexecute_pipeline",
    "reexecute_pipeline_iterator",
    "register_codec",
    "repository",
    "resource",
    "root_input_manager",
    "schedule",
    "sensor",
    "solid",
    "success_hook",
    "usable_as_dagster_type",
    "validate_run_config",
    "versioned_filesystem_io_manager",
    "weekly_schedule",
]

CLOUDSTORE = [
    "PickledObjectS3IOManager",
    "S3ComputeLogManager",
    "S3Coordinate",
    "S3FileCache",
    "S3FileHandle",
    "S3FileManager",
    "S3IntermediateStorage",
    "S3ObjectFingerprint",
    "S3ObjectStore",
    "S3UntrustedValueError",
    "VersionedPickledObjectS3IOManager",
    "file_handle_to_s3",
    "new_s3_keys",
    "s3_file_cache",
    "s3_file_manager",
    "s3_intermediate_storage",
    "s3_keys_sensor",
    "s3_pickle_io_manager",
    "s3_plus_default_intermediate_storage_defs",
    "s3_resource",
    "versioned_s3_io_manager",
]

HEAVY = ["sqlalchemy", "boto3", "botocore", "smart_open", "rich", "yaml", "click", "pandas", "polars", "pydantic"]


@pytest.mark.parametrize(("package", "names"), [(core, CORE), (cloudstore, CLOUDSTORE)], ids=["core", "cloudstore"])
def test_the_public_names_are_these(package: object, names: list[str]) -> None:
    exported = package.__all__  # type: ignore[attr-defined]
    assert sorted(exported) == sorted(names)
    assert [name for name in names if not hasattr(package, name)] == []
    assert [name for name in vars(package) if not name.startswith("_") and _is_ours(package, name)] == []


def _is_ours(package: object, name: str) -> bool:
    """Whether a name is one that users would take for public: in the package, no submodule, and not in the list."""
    value = getattr(package, name)
    own = str(getattr(value, "__module__", "")).split(".")[0] in ("core", "cloudstore")
    return own and name not in package.__all__  # type: ignore[attr-defined]


def run_python(code: str, python_path: Path | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "statement", ["import core", "from core import *", "import cloudstore", "from cloudstore import *"]
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    done = run_python(f"import sys\n{statement}\nprint(sorted(set({HEAVY}) & set(sys.modules)))")
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_importing_core_alone_loads_nothing_that_starts_processes() -> None:
    done = run_python("import sys, core\nprint({'subprocess', 'shutil', 'selectors'} & set(sys.modules))")
    assert (done.stdout, done.stderr) == ("set()\n", "")


@pytest.mark.parametrize("place", ["core/__init__.py", "core.py"])
@pytest.mark.parametrize(
    "statement", ["import cloudstore", "import cloudstore.cli", "from cloudstore import s3_resource"]
)
def test_a_foreign_core_is_named(tmp_path: Path, place: str, statement: str) -> None:
    foreign = tmp_path / place
    foreign.parent.mkdir(exist_ok=True)
    foreign.write_text("x = 1\n", "utf-8")
    done = run_python(statement, python_path=tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        f"ImportError: cloudstore needs its own package 'core', and {foreign} was found in its place"
    )
    assert "Rename that one" in last
    assert "PYTHONPATH" in last


def test_a_folder_called_core_that_is_no_package_is_no_harm(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    done = run_python("import cloudstore, core\nprint(len(core.__all__))", python_path=tmp_path, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (f"{len(CORE)}\n", "")
