"""Code that this process loads; what all kinds of code locations have in common is in `test_code_locations.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import DagsterInstance, PipelineRunStatus
from core.code_servers import InProcessCodeLocation, Workspace
from core.errors import CodeServerError, DagsterInvariantViolationError, DagsterUserCodeProcessError
from core.records.origin import LoadableTargetOrigin, ManagedGrpcPythonEnvRepositoryLocationOrigin

SHOP = LoadableTargetOrigin(python_file=str(Path(__file__).with_name("shop.py")))


def test_a_run_is_executed_where_its_code_is() -> None:
    location = InProcessCodeLocation(SHOP)
    with DagsterInstance.local_temp() as instance:
        origin = location.repositories()[0].external_pipeline("orders").get_external_origin()
        config = {"solids": {"load": {"config": {"city": "Oslo"}}}}
        run = instance.create_run("orders", run_config=config, external_pipeline_origin=origin)
        location.start_run(run.run_id, instance.get_ref())
        assert instance.get_existing_run(run.run_id).status is PipelineRunStatus.SUCCESS


def test_a_run_that_another_has_taken_over_is_refused() -> None:
    with DagsterInstance.local_temp() as instance:
        run = instance.create_run("orders")
        instance.run_storage.claim_run(run.run_id, "another", 60, {run.status}, PipelineRunStatus.STARTING)
        with pytest.raises(CodeServerError, match=r"refuses it: .* another process is about to execute it"):
            InProcessCodeLocation(SHOP).start_run(run.run_id, instance.get_ref())


def test_a_run_of_no_pipeline_of_the_location_is_refused() -> None:
    with DagsterInstance.local_temp() as instance:
        run = instance.create_run("returns")
        with pytest.raises(DagsterUserCodeProcessError, match="Pipeline 'returns' of run"):
            InProcessCodeLocation(SHOP).start_run(run.run_id, instance.get_ref())
        assert instance.get_existing_run(run.run_id) == run


def test_a_workspace_finds_locations_by_their_origins() -> None:
    shop, other = InProcessCodeLocation(SHOP, "shop"), LoadableTargetOrigin(python_file="nowhere.py")
    workspace = Workspace([shop])
    assert (workspace.locations(), workspace.location_of(shop.origin)) == ([shop], shop)
    elsewhere = ManagedGrpcPythonEnvRepositoryLocationOrigin(other)
    assert workspace.location_of(elsewhere).origin == elsewhere  # of a run, say, whose code is in no workspace
    with pytest.raises(DagsterInvariantViolationError, match="Two code locations are called 'shop'"):
        Workspace([shop, InProcessCodeLocation(other, "shop")])


def _written(folder: Path, text: str) -> LoadableTargetOrigin:
    folder.joinpath("code.py").write_text(f"from core import pipeline, repository\n{text}")
    return LoadableTargetOrigin(python_file=str(folder / "code.py"), working_directory=str(folder))


ONE = "@pipeline\ndef one(): pass\n"
TWO = ONE + "@pipeline\ndef two(): pass\n"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (ONE, ["__repository__one"]),
        (TWO + "@repository\ndef both(): return [one, two]\n", ["both"]),
        (TWO + "@repository\ndef a(): return [one]\n@repository(name='c')\ndef b(): return [two]\nd = a\n", ["a", "c"]),
    ],
)
def test_all_repositories_of_a_file_are_loaded(tmp_path: Path, text: str, names: list[str]) -> None:
    location = InProcessCodeLocation(_written(tmp_path, text))
    assert [each.name for each in location.repositories()] == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no repository and no pipeline"),
        (TWO, "2 pipelines and no repository"),
        (ONE + "@repository\ndef a(): return [one]\n@repository(name='a')\ndef b(): return []\n", "two repositories"),
        ("raise LookupError('no settings')", "LookupError: no settings"),
        ("import sys; sys.exit(3)", "could not be loaded: SystemExit: 3"),
    ],
)
def test_what_cannot_be_loaded_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DagsterUserCodeProcessError, match=said):
        InProcessCodeLocation(_written(tmp_path, text)).repositories()
