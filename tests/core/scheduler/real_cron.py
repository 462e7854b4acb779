"""A minute with Debian's cron, whose crontabs and pid file are in this mount namespace alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from core.instance import DagsterInstance

_SECONDS = 130.0


def main(command: str, folder: Path) -> None:
    """Turns a schedule on that is due each minute, and waits for its first tick."""
    for place in ("/var/spool", "/run"):
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    Path("/var/spool/cron/crontabs").mkdir(parents=True)
    os.environ["DAGSTER_HOME"] = str(folder / "home")
    schedule = [command, "schedule"]
    where = ["-f", str(folder / "shop.py"), "-d", str(folder)]
    cron = subprocess.Popen(["cron", "-f"])
    try:
        subprocess.run([*schedule, "start", "every_minute", *where], check=True, stdout=sys.stderr)
        with DagsterInstance.from_config(str(folder / "home")) as instance:
            [state] = instance.all_stored_job_state()
            end = time.monotonic() + _SECONDS
            while not (ticks := instance.get_job_ticks(state.job_origin_id)) and time.monotonic() < end:
                time.sleep(0.1)
            now = time.time()
            subprocess.run([*schedule, "stop", "every_minute", *where], check=True, stdout=sys.stderr)
            log = Path(instance.logs_path_for_schedule(state.job_origin_id))
            sys.stderr.write(log.read_text() if log.exists() else "cron did not call\n")
    finally:
        cron.terminate()
        cron.wait()
    statuses = [tick.status.value for tick in ticks]
    lateness = now - ticks[0].timestamp if ticks else None
    reason = ticks[0].skip_reason if ticks else None
    print(json.dumps({"statuses": statuses, "lateness": lateness, "reason": reason}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
