"""What keeps values, as definitions: IO managers and root input managers."""
