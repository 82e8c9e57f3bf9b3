"""What was done and released: as pages, and as files to take along."""
