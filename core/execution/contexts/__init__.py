"""What code is told: about its run, its step, a value that is to be stored or loaded."""
