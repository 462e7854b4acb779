"""The records that storages keep and the command line shows: runs, tags, heartbeats, schedules, removals."""
