"""What users define: one noun with its decorator a file."""
