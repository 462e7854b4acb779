"""The daemon: a process that launches runs, finds dead ones, and does what else is due without being asked for."""
