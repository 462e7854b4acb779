"""The resources and intermediate storages that come with the engine, ready to be put into a mode."""
