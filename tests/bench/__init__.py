"""Figures of a whole Deployer in a fresh home: `make bench`, or `python -m tests.bench PART…`. Asserts nothing."""
