"""Where runs, events, logs, files and values are kept: interfaces, and what they are on the local disk."""
