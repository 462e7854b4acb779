"""Calling solids and resources outside a run, as tests do: what their contexts hold, and what is checked."""
