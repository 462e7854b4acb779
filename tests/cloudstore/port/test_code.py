"""Python code of Dagster 0.11, rewritten: what changes, what stays, and what is told."""

from __future__ import annotations

import ast
import re

import libcst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cloudstore
import core
from cloudstore.port.code import port_code

CASES = {
    "one name": ("from dagster import solid\n", "from core import solid\n"),
    "another name for it": ("from dagster import solid as s\n", "from core import solid as s\n"),
    "all names": ("from dagster import *\n", "from core import *\n"),
    "relative": ("from . import dagster\nfrom .dagster import solid\n",) * 2,
    "a word": ('dagster = "dagster"\ndef f(dagster):\n    return dagster.solid, dagster_aws.s3\n',) * 2,
    "a module": ("import dagster\n@dagster.solid\ndef f(_): pass\n", "import core\n@core.solid\ndef f(_): pass\n"),
    "a module by another name": ("import dagster as d\nd.Field(d.Int)\n", "import core as d\nd.Field(d.Int)\n"),
    "a name that is another here, of a module by another name": (
        "import dagster_pandas as pd_types\npd_types.DataFrame.key, pd_types.DataFrame\n",
        "import core.tables as pd_types\npd_types.PandasDataFrame.key, pd_types.PandasDataFrame\n",
    ),
    "what follows a name": ("import dagster\ndagster.AssetKey.path.x()\n", "import core\ncore.AssetKey.path.x()\n"),
    "a call's attribute": ("import dagster\ndagster.Field(int).x.y\n", "import core\ncore.Field(int).x.y\n"),
    "a module inside": (
        "import dagster.core.storage.runs\ndagster.core.storage.runs.SqliteRunStorage(1)\n",
        "import core.storage.runs\ncore.storage.runs.SqliteRunStorage(1)\n",
    ),
    "a module that has the name of something public": (
        "import dagster\ndagster.core.definitions.pipeline.PipelineDefinition\n",
        "import core\ncore.PipelineDefinition\n",
    ),
    "a public name from where it was defined": (
        "from dagster.core.definitions.decorators.solid import solid\n", "from core import solid\n",
    ),
    "a name that is not public": (
        "from dagster.core.storage.file_manager import LocalFileManager\n",
        "from core.storage.file_manager import LocalFileManager\n",
    ),
    "S3": ("from dagster_aws.s3 import s3_resource\n", "from cloudstore import s3_resource\n"),
    "S3 from where it was defined": (
        "from dagster_aws.s3.io_manager import s3_pickle_io_manager\n", "from cloudstore import s3_pickle_io_manager\n",
    ),
    "S3 as a module": (
        "from dagster_aws import s3\nimport dagster_aws.s3\ns3.s3_resource, dagster_aws.s3.s3_resource\n",
        "import cloudstore as s3\nimport cloudstore\ns3.s3_resource, cloudstore.s3_resource\n",
    ),
    "PostgreSQL": (
        "from dagster_postgres import PostgresRunStorage\n", "from core.storage.postgres import PostgresRunStorage\n",
    ),
    "Dask": ("from dagster_dask import dask_executor\n", "from core.executors.dask import dask_executor\n"),
    "in a function, with a semicolon": (
        "def f():\n    from dagster import solid; import dagster as d\n",
        "def f():\n    from core import solid; import core as d\n",
    ),
    "a name core of one's own": (
        "import dagster\ncore = 1\ndagster.solid, dagster.core.storage.runs\n",
        "import core as dagster\ncore = 1\ndagster.solid, dagster.storage.runs\n",
    ),
    "layout and comments": (
        "#!x\n\n\nfrom dagster import (  # a\n    solid,  # b\n\n    # c\n    Field  as   F,\n)   # d\n\n\nx = ( 1 )\n",
        "#!x\n\n\nfrom core import (  # a\n    solid,  # b\n\n    # c\n    Field  as   F,\n)   # d\n\n\nx = ( 1 )\n",
    ),
    "windows": ("from dagster import solid\r\nx = 1\r\n", "from core import solid\r\nx = 1\r\n"),
    "tabs and no end of line": ("if 1:\n\tfrom dagster import solid", "if 1:\n\tfrom core import solid"),
    "type checking": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import dagster\ndef f(x: 'dagster.Field'): ...\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import core\ndef f(x: 'dagster.Field'): ...\n",
    ),
}  # fmt: skip


BELOW = {
    "dagster": ("Field.x", "core.definitions.solid.SolidDefinition", "core.storage.runs.SqliteRunStorage"),
    "dagster.core": ("definitions.pipeline.PipelineDefinition", "storage.runs.SqliteRunStorage", "errors.DagsterError"),
    "dagster.core.definitions": ("solid.SolidDefinition",),
    "dagster.utils": ("merge_dicts", "file_relative_path"),
    "dagster.experimental": ("DynamicOutput.x",),
    "dagster_aws.s3": ("s3_resource", "S3FileManager"),
    "dagster_pandas": ("DataFrame", "DataFrame.key"),
    "dagster_postgres": ("PostgresRunStorage",),
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module, names in BELOW.items() for name in names])
def test_a_module_by_another_name_has_what_it_has_by_its_own(module: str, name: str) -> None:
    got = []
    for text in (f"import {module}\ngot = {module}.{name}\n", f"import {module} as other\ngot = other.{name}\n"):
        names: dict[str, object] = {}
        exec(port_code(text.encode()).content.removesuffix(b".x\n"), names)
        got.append(names["got"])
    assert got[0] is got[1]


MODULES = (
    *("dagster", "dagster.core", "dagster.core.definitions", "dagster.core.definitions.pipeline", "dagster.core.types"),
    *("dagster.core.execution.api", "dagster.core.storage.runs", "dagster.experimental", "dagster.utils"),
    *("dagster_aws.s3", "dagster_pandas"),
)


@settings(max_examples=60)
@given(
    st.sampled_from(MODULES),
    st.sampled_from([*sorted({*core.__all__, *cloudstore.__all__}), "mkdir_p", "utils.mkdir_p", "DataFrame", "nope"]),
)
def test_what_is_asked_of_a_module_by_another_name_is_there_or_is_told(module: str, name: str) -> None:
    package, _, last = module.rpartition(".")
    is_module = package and last not in core.__all__  # `from dagster.core.definitions import pipeline` is the decorator
    for line in [f"import {module} as other", *([f"from {package} import {last} as other"] if is_module else [])]:
        ported = port_code(f"{line}\ngot = other.{name}\n".encode())
        if not ported.notes:
            names: dict[str, object] = {}
            exec(ported.content, names)
            assert "got" in names


OF_WHAT_IS_NOT_HERE = {
    "dagster.QueuedRunCoordinator.configured({})": "core.QueuedRunCoordinator.configured({})",
    "dagster.check.resource.x": "core.check.resource.x",
    "dagster.check.solid(1)": "core.check.solid(1)",
    "dagster.asset_of_later.configured": None,
    "dagster.core.definitions.executor.QueuedRunCoordinator.configured": None,
    "dagster.core.definitions.Unknown.pipeline": None,
    "d.QueuedRunCoordinator.configured": None,
}


@pytest.mark.parametrize(("before", "after"), OF_WHAT_IS_NOT_HERE.items())
def test_what_is_asked_of_something_that_is_not_here_is_nothing_else(before: str, after: str | None) -> None:
    """`configured`, say, is a public name as well, and no less a method of what has no counterpart."""
    ported = port_code(f"import dagster, dagster as d\n{before}\n".encode())
    assert ported.content.decode().splitlines()[1] == (after or before)
    assert [note.line for note in ported.notes] == [2]


@pytest.mark.parametrize("case", CASES)
def test_what_changes_and_what_stays(case: str) -> None:
    before, after = CASES[case]
    ported = port_code(before.encode())
    assert ported.content.decode() == after
    if case != "type checking":
        assert ported.notes == []
    assert port_code(ported.content) == ported._replace(notes=port_code(ported.content).notes), "once is enough"


def test_names_of_one_import_go_where_they_are() -> None:
    names = "(  # from both\n    s3_resource,  # stays\n    S3Callback,  # is not here\n    s3_file_manager,\n)\n"
    before = f"from dagster_aws.s3 import {names}from dagster.core.storage.runs import RunStorage, solid\n"
    ported = port_code(before.encode())
    assert ported.content.decode() == (
        f"from cloudstore import {names}from core.storage.runs import RunStorage\nfrom core import solid\n"
    )
    assert [note.line for note in ported.notes] == [1]
    for comma in (",", ""):
        apart = f"from dagster.core.storage.runs import (\n    RunStorage,  # one\n    solid{comma}  # two\n)\n"
        assert port_code(apart.encode()).content.decode() == (
            f"from core.storage.runs import (\n    RunStorage{comma}  # one\n)\n# two\nfrom core import solid\n"
        )
    between = b"from dagster.core.storage.runs import (\n    solid,  # one\n    # two\n    RunStorage, SqlRunStorage)\n"
    assert port_code(between).content.decode() == (
        "from core.storage.runs import (\n    RunStorage, SqlRunStorage)\n# one\n# two\nfrom core import solid\n"
    )


NOTES = {
    "from dagster import solid, QueuedRunCoordinator\n": ["1: dagster.QueuedRunCoordinator has no counterpart. Import"],
    "import dagster\n\nx = dagster.QueuedRunCoordinator\n": ["3: dagster.QueuedRunCoordinator has no"],
    "import dagster as d\nd.check\n": ["2: dagster.check has no"],
    "from dagster_slack import slack_resource\n": [
        "1: dagster_slack.slack_resource has no counterpart. Call slack_sdk"
    ],
    "import dagster_k8s.launcher\n": ["1: dagster_k8s.launcher has no counterpart. Runs are"],
    "from dagster_aws.emr import EmrJobRunner\n": [
        "1: dagster_aws.emr.EmrJobRunner has no counterpart. Only S3 is here"
    ],
    "from dagster_gcp.gcs import *\n": ["1: dagster_gcp.gcs has no counterpart. Write an @io_manager"],
    "from dagster.core.nowhere import unheard_of\n": [
        "1: dagster.core.nowhere.unheard_of has no counterpart. It was no public"
    ],
    "patch('dagster_aws.s3.s3_resource')\n": ["1: The text 'dagster_aws.s3.s3_resource' was left as it is"],
    "from dagster import NoSuch\nNoSuch.a(NoSuch.b)\n": ["1: dagster.NoSuch has no counterpart. Dagster 0.11 had no"],
    "import dagster_shell\ndagster_shell.a, dagster_shell.b\n": ["1: dagster_shell has no counterpart."],
    "from dagster_aws import s3\ns3.S3FakeSession()\n": ["2: dagster_aws.s3.S3FakeSession has no counterpart."],
    "x = 'dagster.core.storage.runs'\n": ["import: that is core.storage.runs now."],
    "x = 'dagster/priority', 'dagster', 'a dagster.yaml', 'dagster.yaml'\n": [],
}


@pytest.mark.parametrize("source", NOTES)
def test_what_has_no_counterpart_is_told_with_its_line(source: str) -> None:
    told = [f"{note.line}: {note.text}" for note in port_code(source.encode()).notes]
    assert len(told) == len(NOTES[source]), told
    for said, expected in zip(told, NOTES[source], strict=True):
        assert expected in said


def test_a_name_that_is_missing_is_asked_of_the_package_that_tells_what_to_use() -> None:
    source = b"import dagster\nfrom dagster import QueuedRunCoordinator\nfrom dagster_aws.s3 import S3FakeSession\n"
    ported = port_code(source + b"dagster.QueuedRunCoordinator\n").content.decode()
    assert ported == (
        "import core\nfrom core import QueuedRunCoordinator\nfrom cloudstore import S3FakeSession\n"
        "core.QueuedRunCoordinator\n"
    )


HERE = st.sampled_from(sorted(core.__all__))
HERE_OF_S3 = st.sampled_from(sorted(cloudstore.__all__))


@given(
    st.lists(HERE, min_size=1, max_size=6, unique=True),
    st.lists(HERE_OF_S3, max_size=4, unique=True),
    st.lists(st.sampled_from(["QueuedRunCoordinator", "op_of_nobody"]), max_size=2, unique=True),
    st.booleans(),
    st.sampled_from(["dagster", "dagster.core.definitions", "dagster.core.execution.api"]),
)
def test_whatever_is_imported_is_imported_from_where_it_is(
    names: list[str], of_s3: list[str], missing: list[str], in_lines: bool, module: str
) -> None:
    def imported(names: list[str], module: str) -> str:
        listed = ",  # why\n    ".join(names) if in_lines else ", ".join(names)
        return f"from {module} import (\n    {listed},  # last\n)\n" if in_lines else f"from {module} import {listed}\n"

    source = imported(names + missing, module) + (imported(of_s3, "dagster_aws.s3") if of_s3 else "") + "x = 1  # end\n"
    ported = port_code(source.encode())
    found = {
        alias.name: node.module
        for node in ast.walk(ast.parse(ported.content))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name: found[name] for name in names} == dict.fromkeys(names, "core")
    assert {name: found[name] for name in of_s3} == dict.fromkeys(of_s3, "cloudstore")
    told = {re.match(r"\S+\.(\w+) has", note.text)[1] for note in ported.notes}  # type: ignore[index]
    assert told == {name for name in missing if name not in core.__all__}
    assert ported.content.decode().count("# why") + ported.content.decode().count("# last") == source.count("# why") + (
        source.count("# last")
    )
    libcst.parse_module(ported.content)


@pytest.mark.parametrize("content", [b"from dagster import (\n", b"print 'dagster'\n", "x = 'é'\n".encode("latin-1")])
def test_what_is_no_python_is_refused(content: bytes) -> None:
    with pytest.raises((libcst.ParserSyntaxError, SyntaxError)):
        port_code(content)


def test_a_file_keeps_its_encoding() -> None:
    source = "# -*- coding: latin-1 -*-\nfrom dagster import solid  # é\n".encode("latin-1")
    assert port_code(source).content == source.replace(b"dagster", b"core")
