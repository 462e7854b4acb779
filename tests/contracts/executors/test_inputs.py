"""Values that come from run configs, loaders and managers, and what a solid's context has: the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import reconstructable
from core.definitions.reconstructable import build_reconstructable_pipeline
from tests.contracts.executors import inputs
from tests.contracts.executors.conftest import OF_THE_SUITE, Runs
from tests.contracts.executors.inputs import Place

EVERYWHERE = reconstructable(inputs.everywhere)


def config(folder: Path, mode: str) -> dict[str, Any]:
    storage = {"intermediate_storage": {"filesystem": {"config": {"base_dir": str(folder / "values")}}}}
    return {
        "resources": {
            "scale": {"config": {"scale": 2}},
            "shelf": {"config": {"folder": str(folder / "shelf")}},
            "file_manager": {"config": {"base_dir": str(folder / "files")}},
        },
        "solids": {
            "words": {
                "inputs": {"words": {"words": "a b"}},
                "outputs": [{"result": {"path": str(folder / "words")}}],
            },
            "counts": {"inputs": {"rows": {"limit": 30}}, "outputs": {"result": {"times": 2}}},
            "reads": {"inputs": {"text": {"reads": 3}}},
            "place": {"inputs": {"x": 1, "y": {"value": 2}}},
            "moved": {"inputs": {"by": {"x": 10}}},
            "looks": {"config": {"a": 1, "token": "kept to itself"}},
        },
        **(storage if mode == "storage" else {}),
    }


@pytest.mark.parametrize("mode", ["manager", "storage"])
def test_values_come_from_everywhere(
    runs: Runs, as_in_process: Runs, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SUITE", OF_THE_SUITE)
    monkeypatch.chdir(tmp_path)
    seen, looked = [], []
    for each, name in ((runs, "of_these"), (as_in_process, "of_the_model")):
        folder = tmp_path / name
        folder.mkdir()
        result = each.run(EVERYWHERE, config(folder, mode), mode, tags={"of": "the run"})
        assert result.success
        assert result.output_for_solid("words") == ["A", "B"] * 4
        assert (folder / "words").read_text() == "A B A B A B A B"
        assert result.output_for_solid("counts") == "35.35."
        assert result.output_for_solid("reads") == "35." * 6
        assert result.output_for_solid("moved") == Place(11, 2)
        assert result.output_for_solid("reads_file") == b"content"
        looked.append(repr(result.output_for_solid("looks")).replace(str(folder), "FOLDER"))
        seen.append({key: repr(told).replace(str(folder), "FOLDER") for key, told in each.told(result).items()})
        assert "kept to itself" not in repr(each.instance.all_logs(result.run_id))
    assert looked[0] == looked[1]
    for key, told in seen[1].items():
        assert seen[0][key] == told


def test_jobs_of_graphs(runs: Runs) -> None:
    job = build_reconstructable_pipeline("tests.contracts.executors.inputs", "job", [runs.kind])
    result = runs.run(job, {"solids": {"plus": {"config": {"by": 4}}}})
    assert result.output_for_solid("plus") == 5
