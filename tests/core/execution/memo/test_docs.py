"""The examples of docs/memoization.md, as they are written there, in a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENT = (Path(__file__).parents[4] / "docs" / "memoization.md").read_text("utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
(CONFIG,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)
CONSOLE = re.findall(r"```console\n(.*?)```", DOCUMENT, re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Each command with the lines that it prints, among others."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(CONSOLE).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.skipif(sys.platform != "linux", reason="sed -i is another command elsewhere")
def test_every_command_prints_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "orders.py").write_text(PYTHON[0])
    (tmp_path / "prices.py").write_text(PYTHON[1])
    (tmp_path / "orders.yaml").write_text(CONFIG)
    scripts = Path(sys.executable).parent
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(tmp_path / "home"),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    (tmp_path / "home").mkdir()
    shown = commands()
    assert len(shown) == 15
    for command, lines in shown:
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        printed = [plain(line) for line in (done.stdout + done.stderr).splitlines()]
        for line in lines:
            assert any(plain(line) in each for each in printed), (command, line, printed)


def test_the_example_of_a_fingerprint() -> None:
    namespace: dict[str, object] = {}
    exec(compile(PYTHON[2], "documentation", "exec"), namespace)

    class Warehouse:
        def last_change(self, table: str) -> int:
            return len(table)

    class Resources:
        warehouse = Warehouse()

    fingerprint = namespace["TableFingerprint"]()  # type: ignore[operator]
    assert fingerprint.of({"table": "orders"}, Resources()) == "6"
    assert namespace["read_table"].fingerprint is not None  # type: ignore[attr-defined]
