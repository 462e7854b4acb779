"""Messages and events, to Python loggers and to the event log."""

import logging
import uuid
from typing import Any

import pytest

from core.events import DagsterEvent, EventLogEntry
from core.log_manager import DAGSTER_META_KEY, DagsterLogManager
from core.serdes import SerializableErrorInfo

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "fatal": logging.CRITICAL,
}
TAGS = {"pipeline": "flights", "step_key": "clean", "solid": "clean"}


class Collector(logging.Handler):
    """Keeps the records that reach it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def metas(self) -> list[dict[str, Any]]:
        return [getattr(record, DAGSTER_META_KEY) for record in self.records]


def make_logger(level: int) -> tuple[logging.Logger, Collector]:
    logger, collector = logging.Logger(f"test-{uuid.uuid4()}", level), Collector()
    logger.addHandler(collector)
    return logger, collector


@pytest.fixture
def collected() -> tuple[DagsterLogManager, Collector, list[EventLogEntry]]:
    logger, collector = make_logger(1)
    stored: list[EventLogEntry] = []
    return DagsterLogManager("run", TAGS, [logger], stored.append), collector, stored


Collected = tuple[DagsterLogManager, Collector, list[EventLogEntry]]


@pytest.mark.parametrize(("method", "level"), LEVELS.items())
def test_each_level(method: str, level: int, collected: Collected) -> None:
    log, collector, stored = collected
    getattr(log, method)("rows dropped")
    (record,), (entry,) = collector.records, stored
    assert record.levelno == entry.level == level
    assert record.getMessage() == entry.message == "flights - run - clean - rows dropped"
    assert (entry.user_message, entry.run_id, entry.step_key, entry.pipeline_name) == (
        "rows dropped",
        "run",
        "clean",
        "flights",
    )
    assert entry.dagster_event is None
    assert entry.error_info is None


def test_key_value_pairs_are_in_extra(collected: Collected) -> None:
    log, collector, stored = collected
    log.info("rows dropped", rows=3, run_id="not the run's")
    (meta,) = collector.metas
    assert meta == {
        **TAGS,
        "rows": 3,
        "run_id": "run",
        "orig_message": "rows dropped",
        "log_timestamp": stored[0].timestamp,
        "dagster_event": None,
    }


@pytest.mark.parametrize("message", ["100%", "%s %d", "{a}", "", "two\nlines", "\x1b[31m\u202e", 3, None, {"a": 1}])
def test_messages_are_taken_as_they_are(message: object, collected: Collected) -> None:
    log, collector, stored = collected
    log.info(message)
    assert stored[0].user_message == str(message)
    assert collector.records[0].getMessage().endswith(str(message))
    assert collector.records[0].msg == collector.records[0].getMessage()  # what handlers of users look at


def test_with_tags_makes_another_log_manager(collected: Collected) -> None:
    log, collector, _ = collected
    other = log.with_tags(step_key="plot", shape="round")
    other.info("x")
    log.info("y")
    assert collector.metas[0]["step_key"] == "plot"
    assert collector.metas[0]["shape"] == "round"
    assert collector.metas[0]["solid"] == "clean"
    assert collector.metas[1]["step_key"] == "clean"
    assert "shape" not in collector.metas[1]
    assert other.run_id == log.run_id
    assert other.loggers == log.loggers


def test_each_logger_has_its_own_level_and_the_event_log_has_all() -> None:
    loud, loud_collector = make_logger(logging.DEBUG)
    quiet, quiet_collector = make_logger(logging.ERROR)
    stored: list[EventLogEntry] = []
    log = DagsterLogManager("run", {}, [loud, quiet], stored.append)
    for method in ("debug", "info", "error", "critical"):
        getattr(log, method)(method)
    assert [record.levelname for record in loud_collector.records] == ["DEBUG", "INFO", "ERROR", "CRITICAL"]
    assert [record.levelname for record in quiet_collector.records] == ["ERROR", "CRITICAL"]
    assert [entry.user_message for entry in stored] == ["debug", "info", "error", "critical"]


def test_levels_of_the_users_own_by_integer(collected: Collected) -> None:
    log, collector, stored = collected
    log.log(5, "finer", depth=2)
    log.log(25, "notice")
    assert [(record.levelno, record.levelname) for record in collector.records] == [(5, "Level 5"), (25, "Level 25")]
    assert [entry.level for entry in stored] == [5, 25]
    assert collector.metas[0]["depth"] == 2


@pytest.mark.parametrize("name", ["trace", "notice", "setLevel"])
def test_there_are_no_other_levels(name: str, collected: Collected) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(collected[0], name)


def test_an_event_is_recorded_and_shown(collected: Collected) -> None:
    log, collector, stored = collected
    error = SerializableErrorInfo("ValueError: no", ("  frame\n",), "ValueError")
    event = DagsterEvent("STEP_FAILURE", "other", "it failed", "plot")
    log.log_dagster_event(event, error)
    (entry,), (record,) = stored, collector.records
    assert entry.dagster_event is event
    assert (entry.error_info, entry.level, entry.step_key, entry.pipeline_name) == (
        error,
        logging.ERROR,
        "plot",
        "other",
    )
    assert entry.message == "flights - run - plot - STEP_FAILURE - it failed"
    assert record.getMessage() == f"{entry.message}\n\n{error.to_string()}"
    assert collector.metas[0]["dagster_event"] is event


def test_an_event_may_have_another_level(collected: Collected) -> None:
    log, collector, stored = collected
    log.log_dagster_event(DagsterEvent("STEP_START", "p"))
    log.log_dagster_event(DagsterEvent("ENGINE_EVENT", "p", "m"), level=logging.WARNING)
    assert [entry.level for entry in stored] == [logging.DEBUG, logging.WARNING]
    assert [record.levelno for record in collector.records] == [logging.DEBUG, logging.WARNING]
    assert stored[0].user_message == ""


def test_without_a_run_nothing_is_stored() -> None:
    logger, collector = make_logger(1)
    stored: list[EventLogEntry] = []
    DagsterLogManager(None, {}, [logger], stored.append).info("starting")
    assert stored == []
    assert collector.records[0].getMessage() == "system - no run - starting"


def test_without_loggers_or_sink_nothing_happens() -> None:
    DagsterLogManager("run").error("unheard")


def test_what_the_event_log_raises_reaches_the_caller() -> None:
    def refuse(entry: EventLogEntry) -> None:
        raise OSError(f"disk full at {entry.user_message}")

    with pytest.raises(OSError, match="disk full at x"):
        DagsterLogManager("run", event_sink=refuse).info("x")
