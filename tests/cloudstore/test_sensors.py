"""Sensors that look for new objects in a bucket."""

from __future__ import annotations

from typing import Any

import pytest

from cloudstore import new_s3_keys, s3_keys_sensor
from cloudstore.testing import EmbeddedS3Server
from core import RunRequest, SkipReason, build_sensor_context
from core.errors import DagsterObjectStoreError


def put(server: EmbeddedS3Server, bucket: str, *keys: str) -> None:
    for key in keys:
        server.client().put_object(Bucket=bucket, Key=key, Body=b"")


def options(server: EmbeddedS3Server) -> dict[str, Any]:
    return {
        "endpoint_url": server.endpoint_url,
        "aws_access_key_id": server.access_key,
        "aws_secret_access_key": server.secret_key,
    }


def test_each_key_is_found_once_in_order(s3_server: EmbeddedS3Server, bucket: str) -> None:
    client = s3_server.client()
    assert new_s3_keys(client, bucket, "in/") == []
    put(s3_server, bucket, "in/2021-05-02 \u00e9.csv", "in/2021-05-01.csv", "other/2021-05-03.csv")
    assert new_s3_keys(client, bucket, "in/") == ["in/2021-05-01.csv", "in/2021-05-02 \u00e9.csv"]
    assert new_s3_keys(client, bucket, "in/", limit=1) == ["in/2021-05-01.csv"]
    assert new_s3_keys(client, bucket, "in/", "in/2021-05-01.csv") == ["in/2021-05-02 \u00e9.csv"]
    assert new_s3_keys(client, bucket, "in/", "in/2021-05-02 \u00e9.csv") == []
    client.delete_object(Bucket=bucket, Key="in/2021-05-01.csv")
    put(s3_server, bucket, "in/2021-05-03.csv")
    assert new_s3_keys(client, bucket, "in/", "in/2021-05-01.csv") == ["in/2021-05-02 \u00e9.csv", "in/2021-05-03.csv"]


def test_more_keys_than_a_page_has_are_all_found(s3_server: EmbeddedS3Server, bucket: str) -> None:
    keys = [f"n/{number:05}" for number in range(60)]
    put(s3_server, bucket, *keys)
    client, found, since = s3_server.client(), [], None
    while page := new_s3_keys(client, bucket, "n/", since, limit=25):
        found, since = found + page, page[-1]
    assert found == keys


def test_a_sensor_asks_about_each_new_key(s3_server: EmbeddedS3Server, bucket: str) -> None:
    asked = []

    @s3_keys_sensor(bucket, pipeline_name="orders", prefix="in/", s3=options(s3_server), keys_at_once=2)
    def orders(context: Any, key: str) -> Any:
        """New orders."""
        asked.append(key)
        if key.endswith(".tmp"):
            return SkipReason(f"{key} is not complete.")
        return RunRequest(key) if key.endswith(".csv") else None

    put(s3_server, bucket, "in/1.csv", "in/2.tmp", "in/3.csv", "in/4", "in/5.tmp")
    said, cursor = [], None
    for _ in range(4):
        evaluation = orders.evaluate_tick(build_sensor_context(cursor=cursor))
        said.append(([each.run_key for each in evaluation.run_requests], evaluation.skip_message))
        cursor = evaluation.cursor
    assert said == [
        (["in/1.csv"], None),
        (["in/3.csv"], None),
        ([], "in/5.tmp is not complete."),
        ([], f"There is no new key in s3://{bucket}/in/."),
    ]
    assert asked == ["in/1.csv", "in/2.tmp", "in/3.csv", "in/4", "in/5.tmp"]
    assert (orders.name, orders.description, orders.pipeline_name) == ("orders", "New orders.", "orders")


def test_a_bucket_that_is_not_there_is_told(s3_server: EmbeddedS3Server) -> None:
    with pytest.raises(DagsterObjectStoreError, match="no-such-bucket"):
        new_s3_keys(s3_server.client(), "no-such-bucket")
    ask = s3_keys_sensor("no-such-bucket", pipeline_name="p", s3=options(s3_server), name="ask")(
        lambda context, key: None
    )
    with pytest.raises(DagsterObjectStoreError, match="no-such-bucket"):
        ask.evaluate_tick(build_sensor_context())
