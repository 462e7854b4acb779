"""What of a resolved config counts for versions: no secrets, and what fields with a fingerprint point at."""

from __future__ import annotations

from typing import Any

import pytest

from core.config import (
    Array,
    Field,
    FileFingerprint,
    Noneable,
    Permissive,
    ScalarUnion,
    Selector,
    as_field,
    fingerprinted_fields,
    without_secret_fields,
)

FILE = FileFingerprint()
INNER = {"key": Field(str, is_secret=True), "path": Field(str, fingerprint=FILE), "n": int}
GIVEN = {"key": "k", "path": "p", "n": 1}
REST = {"path": "p", "n": 1}


@pytest.mark.parametrize(
    ("schema", "value", "rest", "paths"),
    [
        (INNER, GIVEN, REST, ["path"]),
        ({"a": INNER}, {"a": GIVEN}, {"a": REST}, ["a.path"]),
        ([INNER], [GIVEN, GIVEN], [REST, REST], ["[0].path", "[1].path"]),
        ([[INNER]], [[GIVEN]], [[REST]], ["[0][0].path"]),
        (Noneable(INNER), GIVEN, REST, ["path"]),
        (Noneable(INNER), None, None, []),
        (Noneable([INNER]), [GIVEN], [REST], ["[0].path"]),
        (Array(Noneable([INNER])), [[GIVEN], None], [[REST], None], ["[0][0].path"]),
        (Permissive({"a": INNER}), {"a": GIVEN, "b": 1}, {"a": REST, "b": 1}, ["a.path"]),
        (Selector({"a": INNER, "b": int}), {"a": GIVEN}, {"a": REST}, ["a.path"]),
        (ScalarUnion(str, INNER), GIVEN, REST, ["path"]),
        (ScalarUnion(str, INNER), "s", "s", []),
        ([ScalarUnion(int, [INNER])], [1, [GIVEN]], [1, [REST]], ["[1][0].path"]),
        (Field(INNER, is_secret=True), GIVEN, None, ["path"]),
        (Field(str, fingerprint=FILE), "p", "p", [""]),
    ],
)
def test_secrets_are_left_out_and_pointers_found_however_deep(
    schema: Any, value: Any, rest: Any, paths: list[str]
) -> None:
    field = as_field(schema)
    assert without_secret_fields(field, value) == rest
    assert [path for path, *_ in fingerprinted_fields(field, value)] == paths
