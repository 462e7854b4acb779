"""The cost of the instance's storages, next to bare SQLite and, if `.venv-peers` exists, to Dagster."""
