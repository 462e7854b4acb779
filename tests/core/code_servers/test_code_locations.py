"""Every kind of code location answers the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import DagsterInstance, RunRequest
from core.code_calls.servers import OwnServers
from core.code_servers import CodeLocation, GrpcCodeLocation, InProcessCodeLocation
from core.errors import CodeServerError, DagsterInvariantViolationError, DagsterUserCodeProcessError
from core.records.origin import (
    ExternalPipelineOrigin,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvRepositoryLocationOrigin,
)
from core.records.snapshots import PartitionSetSnapshot, PipelineSnapshot, RepositorySnapshot

KINDS = ["in_process", "grpc"]
SHOP = LoadableTargetOrigin(python_file=str(Path(__file__).with_name("shop.py")))


@pytest.fixture(scope="module", params=KINDS)
def location(request: pytest.FixtureRequest) -> Iterator[CodeLocation]:
    """A location with the repository `shop`."""
    if request.param == "in_process":
        yield InProcessCodeLocation(SHOP)
        return
    servers = OwnServers()
    yield GrpcCodeLocation(ManagedGrpcPythonEnvRepositoryLocationOrigin(SHOP, "shop"), servers)
    servers.close()


@pytest.fixture(scope="module")
def shop(location: CodeLocation) -> RepositorySnapshot:
    """The repository."""
    [snapshot] = location.repositories()
    return snapshot


def test_a_repository_is_told_with_all_that_is_in_it(shop: RepositorySnapshot, location: CodeLocation) -> None:
    assert (shop.name, shop.origin.repository_name) == ("shop", "shop")
    assert shop.origin.repository_location_origin == location.origin
    assert shop.pipelines == (
        PipelineSnapshot("orders", ("default", "dry"), ("oslo",), ("load",), {"team": "a"}, "Orders of a city."),
    )
    mornings = shop.schedule("mornings")
    assert (mornings.cron_schedule, mornings.pipeline_name, mornings.mode) == ("0 6 * * *", "orders", "default")
    assert (mornings.execution_timezone, mornings.environment_vars) == ("Europe/Berlin", {"CITY": "Rome"})
    assert (mornings.solid_selection, mornings.partition_set, mornings.description) == (None, None, "Every morning.")
    assert shop.schedule("plain").solid_selection == ("load",)
    assert shop.schedule("days").partition_set == "days_partitions"
    new_files = shop.sensor("new_files")
    assert (new_files.targets, new_files.minimum_interval_seconds, new_files.mode) == (("orders",), 5, "default")
    assert shop.partition_sets == (
        PartitionSetSnapshot("cities", "orders"),
        PartitionSetSnapshot("days_partitions", "orders"),
    )


def test_a_pipeline_of_a_repository_has_an_address(shop: RepositorySnapshot) -> None:
    located = shop.external_pipeline("orders")
    assert (located.name, located.get_external_origin()) == ("orders", ExternalPipelineOrigin(shop.origin, "orders"))


@pytest.mark.parametrize("what", ["pipeline", "schedule", "sensor", "partition_set", "external_pipeline"])
def test_what_a_repository_does_not_have_is_told_with_what_it_has(shop: RepositorySnapshot, what: str) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=r"Repository 'shop' has no .* 'nothing'\. Known: \w"):
        getattr(shop, what)("nothing")


def test_a_schedule_is_evaluated_on_the_clocks_of_its_timezone(location: CodeLocation) -> None:
    evaluation = location.evaluate_schedule("shop", "mornings", datetime(2021, 5, 1, 4, tzinfo=UTC), 30)
    tags = {"at": "06:00", "dagster/schedule_name": "mornings"}
    config = {"solids": {"load": {"config": {"city": "Rome"}}}}
    assert evaluation.run_requests == (RunRequest("06:00", config, tags),)


def test_a_schedule_of_partitions_names_the_one_it_runs_for(location: CodeLocation) -> None:
    [request] = location.evaluate_schedule("shop", "days", datetime(2021, 5, 3, tzinfo=UTC), 30).run_requests
    assert request.run_config["solids"]["load"]["config"] == {"city": "2021-05-02"}
    assert request.tags["dagster/partition"] == request.run_key == "2021-05-02"


def test_a_sensor_is_told_how_far_it_has_looked_and_says_how_far_it_has_now(location: CodeLocation) -> None:
    evaluation = location.evaluate_sensor("shop", "new_files", "b", "x", 1.5, 30)
    assert [each.run_key for each in evaluation.run_requests] == ["c after x", "1.5"]
    assert evaluation.cursor == "c"
    skipped = location.evaluate_sensor("shop", "new_files", "c", None, None, 30)
    assert (skipped.run_requests, skipped.skip_message) == ((), "There is no new file.")


def test_a_sensor_asks_the_instance(location: CodeLocation) -> None:
    with DagsterInstance.local_temp() as instance:
        instance.create_run("orders")
        evaluation = location.evaluate_sensor("shop", "counts", None, None, None, 30, instance.get_ref())
    assert evaluation.skip_message == "1 runs"


def test_a_set_tells_its_partitions_and_the_run_for_each(location: CodeLocation) -> None:
    assert location.partition_names("shop", "cities", 30) == ["Oslo", "Rome"]
    request = location.partition_run("shop", "cities", "Rome", 30)
    assert request.run_config == {"solids": {"load": {"config": {"city": "Rome"}}}}
    assert request.tags == {"city": "Rome", "dagster/partition": "Rome", "dagster/partition_set": "cities"}


def test_code_that_raises_is_told_with_its_traceback(location: CodeLocation) -> None:
    with pytest.raises(DagsterUserCodeProcessError, match=r"sensor 'raises', raised: .*no such bucket") as caught:
        location.evaluate_sensor("shop", "raises", None, None, None, 30)
    info = caught.value.serializable_error_info
    assert info.cause.message == "LookupError: no such bucket"
    assert "shop.py" in info.to_string()


@pytest.mark.parametrize(
    ("sensor", "repository", "said"),
    [
        ("not_json", "shop", "cannot be stored as JSON"),
        ("leaves", "shop", "SystemExit: 4"),
        ("nothing", "shop", "unknown sensor 'nothing'"),
        ("raises", "store", "unknown repository 'store'"),
    ],
)
def test_what_has_no_answer_is_told(location: CodeLocation, sensor: str, repository: str, said: str) -> None:
    with pytest.raises(CodeServerError, match=said):
        location.evaluate_sensor(repository, sensor, None, None, None, 30)
