"""What commands print: tables and progress for people, lines of JSON or tabs for other programs."""
