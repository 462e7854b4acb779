"""The engine: solids, pipelines, modes, runs and the instance that keeps them. It knows no cloud."""

from typing import TYPE_CHECKING

from core import lazy
from core.api import execute_pipeline, execute_run, plan_pipeline, reexecute_pipeline, validate_run_config
from core.builtins import Any, Bool, Float, Int, Nothing, String
from core.config import (
    Array,
    BoolSource,
    Enum,
    EnumValue,
    Field,
    FileFingerprint,
    Fingerprint,
    IntSource,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    Shape,
    StringSource,
)
from core.definitions.dependency import DependencyDefinition, MultiDependencyDefinition, SolidInvocation
from core.definitions.direct.io_contexts import build_input_context, build_output_context
from core.definitions.direct.resources import build_init_resource_context, build_resources
from core.definitions.direct.solid_context import build_op_context, build_solid_context
from core.definitions.executor import ExecutorDefinition, ExecutorRequirement, InitExecutorContext, executor
from core.definitions.graph import CompositeSolidDefinition, ConfigMapping
from core.definitions.hook import HookDefinition, failure_hook, success_hook
from core.definitions.intermediate_storage import (
    InitIntermediateStorageContext,
    IntermediateStorageDefinition,
    intermediate_storage,
)
from core.definitions.keeping.io_manager import IOManagerDefinition, io_manager
from core.definitions.keeping.root_input_manager import RootInputManagerDefinition, root_input_manager
from core.definitions.logger import (
    InitLoggerContext,
    LoggerDefinition,
    build_init_logger_context,
    colored_console_logger,
    json_console_logger,
    logger,
)
from core.definitions.mode import ModeDefinition
from core.definitions.parts.configurable import ConfigSchema, configured
from core.definitions.parts.input_output import InputDefinition, InputMapping, OutputDefinition, OutputMapping
from core.definitions.parts.retry_policy import Backoff, Jitter, RetryPolicy
from core.definitions.pipeline import PipelineDefinition, pipeline
from core.definitions.preset import PresetDefinition
from core.definitions.resource import (
    InitResourceContext,
    ResourceDefinition,
    make_values_resource,
    resource,
)
from core.definitions.solid import SolidDefinition, lambda_solid, solid
from core.definitions.version_strategy import VersionStrategy
from core.errors import (
    DagsterConfigMappingFunctionError,
    DagsterError,
    DagsterEventLogInvalidForRun,
    DagsterExecutionStepExecutionError,
    DagsterExecutionStepNotFoundError,
    DagsterInvalidConfigDefinitionError,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvalidSubsetError,
    DagsterInvariantViolationError,
    DagsterObjectAccessError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterResourceFunctionError,
    DagsterResourceUnavailableError,
    DagsterRunConflict,
    DagsterRunNotFoundError,
    DagsterStepOutputNotFoundError,
    DagsterSubprocessError,
    DagsterTypeCheckDidNotPass,
    DagsterTypeCheckError,
    DagsterTypeMaterializationError,
    DagsterUnknownResourceError,
    DagsterUnmetExecutorRequirementsError,
    DagsterUserCodeExecutionError,
    ExperimentalWarning,
)
from core.events import (
    AssetKey,
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    EventLogEntry,
    EventMetadata,
    EventMetadataEntry,
    ExpectationResult,
    Failure,
    FloatMetadataEntryData,
    IntMetadataEntryData,
    JsonMetadataEntryData,
    MarkdownMetadataEntryData,
    Materialization,
    Output,
    PathMetadataEntryData,
    PythonArtifactMetadataEntryData,
    RetryRequested,
    StepOutputHandle,
    TextMetadataEntryData,
    TypeCheck,
    UrlMetadataEntryData,
)
from core.execution.composite_results import CompositeSolidExecutionResult
from core.execution.contexts.hook import HookContext, build_hook_context
from core.execution.contexts.solid import SolidExecutionContext
from core.execution.executor import Executor
from core.execution.memo.preview import PlannedRun
from core.execution.results import PipelineExecutionResult, SolidExecutionResult
from core.executors import (
    default_executors,
    in_process_executor,
    multiple_process_executor_requirements,
    multiprocess_executor,
)
from core.files.local import LocalFileHandle
from core.files.manager import FileHandle, FileManager
from core.files.memory import InMemoryFileHandle, InMemoryFileManager
from core.instance import DagsterInstance, InstanceRef
from core.log_manager import DagsterLogManager
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus
from core.resources.file_managers import local_file_manager, mem_file_manager
from core.resources.fs_io_manager import fs_io_manager
from core.resources.intermediate_storages import (
    build_intermediate_storage_from_object_store,
    default_intermediate_storage_defs,
    fs_intermediate_storage,
    io_manager_from_intermediate_storage,
    mem_intermediate_storage,
)
from core.resources.mem_io_manager import mem_io_manager
from core.resources.versioned_fs_io_manager import versioned_filesystem_io_manager
from core.types import (
    DagsterType,
    DagsterTypeLoader,
    DagsterTypeMaterializer,
    Dict,
    List,
    Optional,
    PickleSerializationStrategy,
    PythonObjectDagsterType,
    SerializationStrategy,
    Set,
    Tuple,
    TypeCheckContext,
    check_dagster_type,
    dagster_type_loader,
    dagster_type_materializer,
    make_python_type_usable_as_dagster_type,
    usable_as_dagster_type,
)
from core.values.codecs import Codec, ValueNotKeptError, register_codec
from core.values.intermediate_storage import IntermediateStorage, TypeStoragePlugin
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager
from core.values.root_input_manager import RootInputManager

if TYPE_CHECKING:
    from core.definitions.graphs.composed import composite_solid
    from core.definitions.op import In, MultiOut, Out, op
    from core.definitions.reconstructable import reconstructable
    from core.graphs import graph
    from core.iteration import execute_pipeline_iterator, reexecute_pipeline_iterator
    from core.launcher import DefaultRunLauncher
    from core.repositories import RepositoryDefinition, repository
    from core.resources.custom_path_fs_io_manager import custom_path_fs_io_manager
    from core.schedules import (
        AssetSensorDefinition,
        Partition,
        PartitionScheduleDefinition,
        PartitionSetDefinition,
        RunRequest,
        ScheduleDefinition,
        ScheduleEvaluationContext,
        ScheduleExecutionContext,
        SensorDefinition,
        SensorEvaluationContext,
        SensorExecutionContext,
        SkipReason,
        asset_sensor,
        build_schedule_context,
        build_sensor_context,
        create_offset_partition_selector,
        daily_schedule,
        date_partition_range,
        hourly_schedule,
        identity_partition_selector,
        monthly_schedule,
        schedule,
        sensor,
        weekly_schedule,
    )
    from core.testing import (
        execute_solid,
        execute_solid_within_pipeline,
        execute_solids_within_pipeline,
        instance_for_test,
    )
    from core.utils import file_relative_path
    from core.versions.source_hash import SourceHashVersionStrategy

__all__ = [
    # definitions
    "Backoff",
    "CompositeSolidDefinition",
    "ConfigMapping",
    "DependencyDefinition",
    "ExecutorDefinition",
    "ExecutorRequirement",
    "HookDefinition",
    "IOManagerDefinition",
    "In",
    "InputDefinition",
    "InputMapping",
    "IntermediateStorageDefinition",
    "Jitter",
    "LoggerDefinition",
    "ModeDefinition",
    "MultiDependencyDefinition",
    "MultiOut",
    "Out",
    "OutputDefinition",
    "OutputMapping",
    "PipelineDefinition",
    "PresetDefinition",
    "ResourceDefinition",
    "RetryPolicy",
    "RootInputManagerDefinition",
    "SolidDefinition",
    "SolidInvocation",
    "SourceHashVersionStrategy",
    "VersionStrategy",
    "composite_solid",
    "configured",
    "executor",
    "failure_hook",
    "file_relative_path",
    "graph",
    "intermediate_storage",
    "io_manager",
    "lambda_solid",
    "logger",
    "make_values_resource",
    "op",
    "pipeline",
    "reconstructable",
    "resource",
    "root_input_manager",
    "solid",
    "success_hook",
    # config
    "Array",
    "BoolSource",
    "ConfigSchema",
    "Enum",
    "EnumValue",
    "Field",
    "FileFingerprint",
    "Fingerprint",
    "IntSource",
    "Noneable",
    "Permissive",
    "ScalarUnion",
    "Selector",
    "Shape",
    "StringSource",
    # types
    "Any",
    "Bool",
    "DagsterType",
    "DagsterTypeLoader",
    "DagsterTypeMaterializer",
    "Dict",
    "Float",
    "Int",
    "List",
    "Nothing",
    "Optional",
    "PickleSerializationStrategy",
    "PythonObjectDagsterType",
    "SerializationStrategy",
    "Set",
    "String",
    "Tuple",
    "TypeCheckContext",
    "check_dagster_type",
    "dagster_type_loader",
    "dagster_type_materializer",
    "make_python_type_usable_as_dagster_type",
    "usable_as_dagster_type",
    # events
    "AssetKey",
    "AssetMaterialization",
    "DagsterEvent",
    "DagsterEventType",
    "EventLogEntry",
    "EventMetadata",
    "EventMetadataEntry",
    "ExpectationResult",
    "Failure",
    "FloatMetadataEntryData",
    "IntMetadataEntryData",
    "JsonMetadataEntryData",
    "MarkdownMetadataEntryData",
    "Materialization",
    "Output",
    "PathMetadataEntryData",
    "PythonArtifactMetadataEntryData",
    "RetryRequested",
    "StepOutputHandle",
    "TextMetadataEntryData",
    "TypeCheck",
    "UrlMetadataEntryData",
    # execution
    "CompositeSolidExecutionResult",
    "DagsterLogManager",
    "Executor",
    "HookContext",
    "InitExecutorContext",
    "InitIntermediateStorageContext",
    "InitLoggerContext",
    "InitResourceContext",
    "InputContext",
    "OutputContext",
    "PipelineExecutionResult",
    "PlannedRun",
    "SolidExecutionContext",
    "SolidExecutionResult",
    "build_hook_context",
    "build_init_logger_context",
    "build_init_resource_context",
    "build_input_context",
    "build_op_context",
    "build_output_context",
    "build_resources",
    "build_solid_context",
    "default_executors",
    "execute_pipeline",
    "execute_pipeline_iterator",
    "execute_run",
    "execute_solid",
    "execute_solid_within_pipeline",
    "execute_solids_within_pipeline",
    "plan_pipeline",
    "in_process_executor",
    "multiple_process_executor_requirements",
    "multiprocess_executor",
    "reexecute_pipeline",
    "reexecute_pipeline_iterator",
    "validate_run_config",
    # instance and runs
    "DagsterInstance",
    "DefaultRunLauncher",
    "InstanceRef",
    "instance_for_test",
    "PipelineRun",
    "PipelineRunStatus",
    "PipelineRunsFilter",
    # storage
    "Codec",
    "FileHandle",
    "FileManager",
    "IOManager",
    "InMemoryFileHandle",
    "InMemoryFileManager",
    "IntermediateStorage",
    "LocalFileHandle",
    "MemoizableIOManager",
    "RootInputManager",
    "TypeStoragePlugin",
    "ValueNotKeptError",
    "build_intermediate_storage_from_object_store",
    "custom_path_fs_io_manager",
    "default_intermediate_storage_defs",
    "fs_intermediate_storage",
    "fs_io_manager",
    "io_manager_from_intermediate_storage",
    "local_file_manager",
    "mem_file_manager",
    "mem_intermediate_storage",
    "mem_io_manager",
    "register_codec",
    "versioned_filesystem_io_manager",
    # schedules, sensors, partitions, repositories
    "AssetSensorDefinition",
    "Partition",
    "PartitionScheduleDefinition",
    "PartitionSetDefinition",
    "RepositoryDefinition",
    "RunRequest",
    "ScheduleDefinition",
    "ScheduleEvaluationContext",
    "ScheduleExecutionContext",
    "SensorDefinition",
    "SensorEvaluationContext",
    "SensorExecutionContext",
    "SkipReason",
    "asset_sensor",
    "build_schedule_context",
    "build_sensor_context",
    "create_offset_partition_selector",
    "daily_schedule",
    "date_partition_range",
    "hourly_schedule",
    "identity_partition_selector",
    "monthly_schedule",
    "repository",
    "schedule",
    "sensor",
    "weekly_schedule",
    # loggers
    "colored_console_logger",
    "json_console_logger",
    # errors
    "DagsterConfigMappingFunctionError",
    "DagsterError",
    "DagsterEventLogInvalidForRun",
    "DagsterExecutionStepExecutionError",
    "DagsterExecutionStepNotFoundError",
    "DagsterInvalidConfigDefinitionError",
    "DagsterInvalidConfigError",
    "DagsterInvalidDefinitionError",
    "DagsterInvalidSubsetError",
    "DagsterInvariantViolationError",
    "DagsterObjectAccessError",
    "DagsterObjectCorruptError",
    "DagsterObjectNotFoundError",
    "DagsterResourceFunctionError",
    "DagsterResourceUnavailableError",
    "DagsterRunConflict",
    "DagsterRunNotFoundError",
    "DagsterStepOutputNotFoundError",
    "DagsterSubprocessError",
    "DagsterTypeCheckDidNotPass",
    "DagsterTypeCheckError",
    "DagsterTypeMaterializationError",
    "DagsterUnknownResourceError",
    "DagsterUnmetExecutorRequirementsError",
    "DagsterUserCodeExecutionError",
    "ExperimentalWarning",
]

if not TYPE_CHECKING:  # what is in the list and is not imported above, since most pipelines ask for none of it
    __getattr__ = lazy.lazy_names(
        __name__,
        {
            **{name: "core.schedules" for name in __all__ if name not in globals()},
            **dict.fromkeys(("RepositoryDefinition", "repository"), "core.repositories"),
            "DefaultRunLauncher": "core.launcher",
            "custom_path_fs_io_manager": "core.resources.custom_path_fs_io_manager",
            **dict.fromkeys(("execute_pipeline_iterator", "reexecute_pipeline_iterator"), "core.iteration"),
            **dict.fromkeys(
                (
                    "execute_solid",
                    "execute_solid_within_pipeline",
                    "execute_solids_within_pipeline",
                    "instance_for_test",
                ),
                "core.testing",
            ),
            "SourceHashVersionStrategy": "core.versions.source_hash",
            "file_relative_path": "core.utils",
            "reconstructable": "core.definitions.reconstructable",
            "composite_solid": "core.definitions.graphs.composed",
            "graph": "core.graphs",
            **dict.fromkeys(("In", "MultiOut", "Out", "op"), "core.definitions.op"),
        },
        stands_for="dagster",
    )
