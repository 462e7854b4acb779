"""What Dask's library offers, imported so that this process goes on pickling errors as Python does.

When they are imported, `dask` and `distributed` register another way of pickling for every class of errors that there
is, for the whole process (by tblib). Whether a value can be stored must not depend on which executor its run has, so
that is taken back. For what it sends itself, `distributed` registers the class of an error when there is one.
"""

from __future__ import annotations

import copyreg
from types import TracebackType

_before = dict(copyreg.dispatch_table)

import dask  # noqa: E402  what it registers is to be known
from distributed import Client, Future, get_worker, wait  # noqa: E402  likewise
from distributed.scheduler import KilledWorker  # noqa: E402  likewise

__all__ = ["Client", "Future", "KilledWorker", "dask", "get_worker", "wait"]

for _registered in set(copyreg.dispatch_table) - _before.keys():
    if isinstance(_registered, type) and issubclass(_registered, (BaseException, TracebackType)):
        del copyreg.dispatch_table[_registered]
