"""What threads of the daemon do, a file each."""
