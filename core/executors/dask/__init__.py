"""Steps on a cluster of Dask. It needs the extra `dask`, which is imported when a run uses it.

- `definition`: the executor, and what it is configured with.
- `clusters`, `local_cluster`: which cluster that is.
- `cluster_steps`, `session`: the run's end, in its thread and in another one that talks to the cluster.
- `on_scheduler`, `on_worker`, `step_host`: what is done there.
"""

from core.executors.dask.definition import DaskExecutor, dask_executor

__all__ = ["DaskExecutor", "dask_executor"]
