"""Forked children and their parent use one client, manager or store at the same time: each gets its own bytes."""

from __future__ import annotations

import io
import multiprocessing
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from cloudstore import S3FileManager, S3ObjectStore, transfer
from cloudstore.client import make_client
from cloudstore.files.cache import S3FileCache
from cloudstore.values import finding

if TYPE_CHECKING:
    from conftest import Store
    from types_boto3_s3 import S3Client

CHILDREN, FILES, ROUNDS = 4, 8, 12


def content_of(number: int) -> bytes:
    return b"%d;" % number * 3000


def ends_well(work: Callable[[], None]) -> int:
    """Forks a child that does this; returns its id. Its exit code is 0 if all went well."""
    child = os.fork()
    if child == 0:
        code = 1
        watcher = threading.Timer(60, os._exit, [2])  # or one that waits for ever would hang the test
        watcher.daemon = True
        watcher.start()
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def plain_client(store: Store) -> S3Client:
    """A client that boto3 made, as users bring one."""
    options = store.options
    return boto3.client(
        "s3",
        endpoint_url=options["endpoint_url"],
        aws_access_key_id=options["aws_access_key_id"],
        aws_secret_access_key=options["aws_secret_access_key"],
        region_name=options["region_name"],
        config=Config(s3={"addressing_style": "path"}, read_timeout=10),
    )


def readers_of(kind: str, store: Store) -> Callable[[int], bytes]:
    """Stores the files, and gives a function that reads one of them, of which many processes have the same copy."""
    if kind == "raw client":
        client = store.client_with(read_timeout_seconds=10)
        for number in range(FILES):
            client.put_object(Bucket=store.bucket, Key=str(number), Body=content_of(number))
        return lambda number: client.get_object(Bucket=store.bucket, Key=str(number))["Body"].read()
    if kind == "raw client's transfer":
        client = store.client_with(read_timeout_seconds=10)
        for number in range(FILES):
            client.put_object(Bucket=store.bucket, Key=str(number), Body=content_of(number))

        def download(number: int) -> bytes:
            content = io.BytesIO()
            client.download_fileobj(store.bucket, str(number), content)
            return content.getvalue()

        return download
    given = (
        plain_client(store) if kind.endswith("with a client of boto3") else store.client_with(read_timeout_seconds=10)
    )
    if kind.startswith("file manager"):
        manager = S3FileManager(given, store.bucket, "files")
        handles = [manager.write_data(content_of(number)) for number in range(FILES)]
        return lambda number: manager.read(handles[number]).read()
    if kind.startswith("file cache"):
        cache = S3FileCache(store.bucket, "cache", given)
        for number in range(FILES):
            cache.write_binary_data(str(number), content_of(number))
        return lambda number: transfer.get_bytes(cache.s3, store.bucket, cache.get_full_key(str(number)))
    objects = S3ObjectStore(store.bucket, given)
    for number in range(FILES):
        objects.set_object(str(number), content_of(number))
    return lambda number: objects.get_object(str(number))[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "kind",
    [
        "raw client",
        "raw client's transfer",
        "file manager",
        "file manager with a client of boto3",
        "file cache with a client of boto3",
        "object store",
        "object store with a client of boto3",
    ],
)
def test_many_processes_read_through_one_manager_and_each_gets_its_own_bytes(kind: str, embedded: Store) -> None:
    read = readers_of(kind, embedded)
    assert read(0) == content_of(0)  # so that there are connections to inherit

    def read_many(first: int) -> None:
        for number in range(first, first + ROUNDS):
            assert read(number % FILES) == content_of(number % FILES), f"file {number % FILES} was another one's"

    children = [ends_well(lambda first=first: read_many(first)) for first in range(CHILDREN)]  # type: ignore[misc]
    read_many(CHILDREN)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * CHILDREN


_pool: dict[str, Callable[[int], bytes]] = {}


def _is_right(number: int) -> bool:
    return _pool["read"](number) == content_of(number)


def test_workers_of_a_pool_read_their_own_bytes(embedded: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_pool, "read", readers_of("file manager", embedded))
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(_is_right, list(range(FILES)) * 6, chunksize=1) == [True] * (FILES * 6)


def test_a_stream_that_was_opened_before_the_fork_goes_on_in_both(embedded: Store) -> None:
    manager = S3FileManager(embedded.client_with(), embedded.bucket, "files")
    content = os.urandom(3 << 20)
    stream = manager.read(manager.write_data(content))
    assert stream.read(1000) == content[:1000]

    def read_on() -> None:
        assert stream.read() == content[1000:]

    children = [ends_well(read_on) for _ in range(3)]
    read_on()
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]


@contextmanager
def held_by_a_thread(*locks: Any) -> Iterator[None]:
    """Locks that another thread has while the block runs."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            is_held.set()
            is_over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_child_forked_while_other_threads_use_the_client_does_not_wait_for_them(
    embedded: Store, moto_options: dict[str, Any], new_store: Any
) -> None:
    client = embedded.client_with()
    manager = S3FileManager(client, embedded.bucket, "files")
    handle = manager.write_data(b"content")
    moto = new_store(moto_options)
    moto.client.put_object(Bucket=moto.bucket, Key="key", Body=b"of a role")
    role = {"role_arn": "arn:aws:iam::123456789012:role/reader", "sts_endpoint_url": moto_options["endpoint_url"]}
    as_role = make_client({**moto_options, **role})
    internals: Any = client
    signer: Any = as_role._request_signer  # type: ignore[attr-defined]
    locks = [
        embedded.usage._lock,
        manager._copies._lock,
        finding._large_reads,
        signer._credentials._refresh_lock,
        internals._endpoint.http_session._manager.pools.lock,
    ]

    def use_all() -> None:
        assert manager.read(handle).read() == b"content"
        assert Path(manager.copy_handle_to_local_temp(handle)).read_bytes() == b"content"
        assert embedded.usage.read().requests
        assert finding._large_reads.acquire(timeout=0)
        assert as_role.get_object(Bucket=moto.bucket, Key="key")["Body"].read() == b"of a role"

    with held_by_a_thread(*locks):
        child = ends_well(use_all)
        assert os.waitpid(child, 0)[1] == 0
