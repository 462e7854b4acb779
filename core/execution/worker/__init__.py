"""Steps that are executed in another process than that of their run: what it is told, and what it tells."""
