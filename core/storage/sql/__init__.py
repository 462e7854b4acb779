"""The part that storages on any SQL database share: opening it, the revision of its schema, its errors."""
