"""Whether the kernel has killed processes for want of memory, as control groups tell (cgroups(7))."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path


def kernel_kills() -> int | None:
    """How many processes of this process's control group the kernel has killed for want of memory until now.

    Those count that were killed because the group had reached its limit, and because the machine had no memory left.

    Returns:
        The number; None where nobody tells, as on macOS.
    """
    file = _counts_file()
    if file is None:
        return None
    with suppress(OSError, ValueError):
        for line in file.read_text("ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return None


@cache
def _counts_file() -> Path | None:
    """The file with the count. In the first version of control groups, memory has groups of its own."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text("utf-8", "surrogateescape").splitlines():
            _, controllers, group = line.split(":", 2)
            if "memory" in controllers.split(","):
                return _in_group("cgroup", group, "memory.oom_control")
        return _in_group("cgroup2", group, "memory.events")
    return None


def _in_group(filesystem: str, group: str, name: str) -> Path | None:
    """A file of a control group. In a container, only a part of all groups may be there."""
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        mount, _, about = line.partition(" - ")
        root, point = mount.split(" ")[3:5]
        kind, _, options = about.split(" ", 2)
        if kind == filesystem and (kind == "cgroup2" or "memory" in options.split(",")):
            inside = group.removeprefix(root) if root != "/" else group
            file = Path(point, inside.lstrip("/"), name)
            return file if file.is_file() else None
    return None
