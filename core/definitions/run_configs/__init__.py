"""What a run config may say of a pipeline in a mode, and what it comes to."""
