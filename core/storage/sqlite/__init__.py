"""SQLite database files, and the part that the storages on them have in common."""
