"""What commands print: tables, progress, lines for other programs."""
