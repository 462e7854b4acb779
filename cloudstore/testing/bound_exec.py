"""Becomes another program whose life is bound to the process that started this one (Linux).

Run as a script: `python -I -S bound_exec.py PARENT_PID PROGRAM ARGUMENT...`. It asks the kernel for SIGKILL at
its parent's death, then turns into PROGRAM by exec, under the same process id. The request survives exec
(prctl(2), PR_SET_PDEATHSIG), so no second process stays behind. Asking here, after exec, and not in
`preexec_fn` between fork and exec, is what keeps it safe in a parent that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent_pid: int, command: list[str]) -> None:
    """Asks for the signal, then executes `command`.

    Raises:
        OSError: the kernel refuses either.
        SystemExit: the parent has ended already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:  # the parent died before the request: no signal will ever come
        raise SystemExit(f"process {parent_pid}, which wanted {command[0]}, has ended")
    os.execv(command[0], command)  # noqa: S606  the point of this file: no shell between


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
