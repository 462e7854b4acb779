"""What a person is shown of runs, for the command line and for pages: read from an instance, drawn by nobody here."""
