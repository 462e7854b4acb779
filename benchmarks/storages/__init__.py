"""What the instance's storages cost, side by side with bare SQLite and, where `.venv-peers` is, with Dagster."""
