"""The executor that runs steps on a cluster of Dask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.config import Array, Checked, Field, IntSource, Permissive, Selector, StringSource
from core.definitions.executor import ExecutorRequirement, InitExecutorContext, executor
from core.errors import DagsterUnmetExecutorRequirementsError
from core.events.records import DagsterEvent
from core.execution.contexts.pipeline import PipelineContext
from core.execution.executor import Executor, RetryMode
from core.executors.in_process import RETRIES_FIELD
from core.executors.limits import Slots, TagLimit
from core.executors.multiprocess import (
    KILL_AFTER_FIELD,
    KILL_AFTER_SECONDS,
    TAG_LIMIT,
    multiple_process_executor_requirements,
)
from core.plan import ExecutionPlan

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


class DaskExecutor(Executor):
    """Runs each step in a child of a worker of a cluster.

    Args:
        kind: of the cluster, as the run config names it.
        config: of the cluster.
        max_concurrent: how many steps the cluster has at the same time at most; 0 for all that may begin.
        retries: whether requests to run a step again are heeded.
        tag_limits: limits for steps with a tag.
        kill_after_seconds: how long a step that is told to end may go on, until its process is killed.
    """

    def __init__(
        self,
        kind: str,
        config: Mapping[str, Any],
        max_concurrent: int = 0,
        retries: RetryMode = RetryMode.ENABLED,
        tag_limits: Sequence[TagLimit] = (),
        kill_after_seconds: float = KILL_AFTER_SECONDS,
    ) -> None:
        self._kind, self._config = kind, config
        self._max_concurrent = max_concurrent or _ALL
        self._retries, self._tag_limits = retries, tuple(tag_limits)
        self._kill_after_seconds = kill_after_seconds

    @property
    def retries(self) -> RetryMode:
        return self._retries

    def execute(self, pipeline_context: PipelineContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        try:
            from core.executors.dask.cluster_steps import ClusterSteps  # heavy: Dask takes 0.7 s
        except ImportError as error:
            raise DagsterUnmetExecutorRequirementsError(
                f"Executor 'dask' needs Dask, which cannot be imported ({error}): pip install 'cloudstore[dask]'"
            ) from None
        from core.executors.processes.run_jobs import RunJobs
        from core.executors.side_by_side import SideBySide

        may_retry = self._retries is RetryMode.ENABLED
        jobs = RunJobs(pipeline_context, execution_plan, may_retry)
        logs = pipeline_context.instance.compute_log_manager
        steps = ClusterSteps(self._kind, self._config, jobs, pipeline_context.run_id, logs)
        slots = Slots(self._max_concurrent, self._tag_limits)
        return SideBySide(pipeline_context, jobs, steps, slots, may_retry, self._kill_after_seconds).execute()


@executor(
    name="dask",
    config_schema={
        "cluster": Field(
            Selector(_CLUSTER),
            default_value={"local": {}},
            description="Where the steps are executed.",
        ),
        "max_concurrent": Field(
            Checked(IntSource, "a whole number, 0 or above", lambda count: count >= 0),
            default_value=0,
            description="How many steps the cluster has at the same time at most; 0 for all that may begin.",
        ),
        "tag_concurrency_limits": Field(
            Array(TAG_LIMIT),
            default_value=[],
            description="How many steps with a tag, or with one value of it, run at the same time at most.",
        ),
        "retries": RETRIES_FIELD,
        "kill_after_seconds": KILL_AFTER_FIELD,
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
    (retries,) = config["retries"]
    limits = [TagLimit(each["key"], each["limit"], each.get("value")) for each in config["tag_concurrency_limits"]]
    return DaskExecutor(
        kind, of_cluster, config["max_concurrent"], RetryMode(retries), limits, config["kill_after_seconds"]
    )
