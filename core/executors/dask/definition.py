"""The executor that runs steps on a cluster of Dask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.config import Field, Permissive, Selector, StringSource
from core.definitions.executor import ExecutorRequirement, InitExecutorContext, executor
from core.errors import DagsterUnmetExecutorRequirementsError
from core.execution.contexts.pipeline import PipelineContext
from core.executors.multiprocess import multiple_process_executor_requirements
from core.executors.several import SideBySideExecutor, side_by_side_arguments, side_by_side_fields

if TYPE_CHECKING:
    from core.executors.backend import Processes
    from core.executors.processes.run_jobs import RunJobs

_ALL = 1 << 30

_OF_CLASSES = {
    "yarn": "YarnCluster of dask-yarn",
    "ssh": "SSHCluster of Dask",
    "pbs": "PBSCluster of dask-jobqueue",
    "moab": "MoabCluster of dask-jobqueue",
    "sge": "SGECluster of dask-jobqueue",
    "lsf": "LSFCluster of dask-jobqueue",
    "slurm": "SLURMCluster of dask-jobqueue",
    "oar": "OARCluster of dask-jobqueue",
    "kube": "KubeCluster of dask-kubernetes",
}
_CLUSTER = {
    "existing": Field({"address": StringSource}, description="A cluster that is there: the address of its scheduler."),
    "local": Field(Permissive(), description="A cluster on this machine, for the run; arguments of LocalCluster."),
    **{
        kind: Field(Permissive(), description=f"A cluster for the run; arguments of {what}.")
        for kind, what in _OF_CLASSES.items()
    },
}


class DaskExecutor(SideBySideExecutor):
    """Runs each step in a child of a worker of a cluster.

    Args:
        kind: of the cluster, as the run config names it.
        config: of the cluster.
        of_steps: as of `SideBySideExecutor`.
    """

    def __init__(self, kind: str, config: Mapping[str, Any], **of_steps: Any) -> None:
        super().__init__(**of_steps)
        self._kind, self._config = kind, config

    def _processes(self, pipeline_context: PipelineContext, jobs: RunJobs) -> Processes:
        try:
            from core.executors.dask.cluster_steps import ClusterSteps  # heavy: Dask takes 0.7 s
        except ImportError as error:
            raise DagsterUnmetExecutorRequirementsError(
                f"Executor 'dask' needs Dask, which cannot be imported ({error}): pip install 'cloudstore[dask]'"
            ) from None
        logs = pipeline_context.instance.compute_log_manager
        return ClusterSteps(self._kind, self._config, jobs, pipeline_context.run_id, logs)


@executor(
    name="dask",
    config_schema={
        "cluster": Field(
            Selector(_CLUSTER),
            default_value={"local": {}},
            description="Where the steps are executed.",
        ),
        **side_by_side_fields("How many steps the cluster has at the same time at most; 0 for all that may begin."),
    },
    requirements=[*multiple_process_executor_requirements(), ExecutorRequirement.SHARED_INSTANCE],
)
def dask_executor(init_context: InitExecutorContext) -> DaskExecutor:
    """Runs steps on a cluster of Dask, each in a child of a worker; docs/execution.md says when to choose it.

    It needs the extra `dask`, a pipeline that other machines can load, an instance on PostgreSQL, and values that IO
    managers keep where other machines find them; a run without one of these is refused before anything is recorded.

    Example:
        >>> from core import ModeDefinition, default_executors, lambda_solid, pipeline
        >>> from core.executors.dask import dask_executor
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> mode = ModeDefinition(executor_defs=[*default_executors, dask_executor])
        >>> count = pipeline(name="count", mode_defs=[mode])(lambda: one())
        >>> sorted(count.get_mode_definition().executor_defs)
        ['dask', 'in_process', 'multiprocess']
    """
    config: dict[str, Any] = init_context.executor_config
    ((kind, of_cluster),) = config["cluster"].items()
    return DaskExecutor(kind, of_cluster, **side_by_side_arguments(config, _ALL))
