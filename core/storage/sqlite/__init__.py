"""What the storages on SQLite have in common."""
