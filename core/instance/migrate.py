"""Bringing the databases of an instance to the form that this release needs."""

from __future__ import annotations

from core.instance.ref import InstanceRef
from core.records.schema_migration import Migration


def migrate_instance(instance_ref: InstanceRef) -> list[Migration]:
    """Migrates every storage of an instance; no other process may use it meanwhile.

    Args:
        instance_ref: the instance, which cannot be opened before.

    Returns:
        What was done; nothing where all is up to date.

    Raises:
        DagsterInvalidConfigError: as `DagsterInstance.from_ref`.
        DagsterStorageError: a database cannot be used, or its migration failed and it was not changed; those migrated
            before stay migrated.
    """
    done: list[Migration] = []
    for data in (instance_ref.run_storage_data, instance_ref.event_storage_data, instance_ref.schedule_storage_data):
        if data is not None:
            storage = data.rehydrate()
            try:
                done += storage.migrate()
            finally:
                storage.dispose()
    return done
