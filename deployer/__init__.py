"""Deployer: the Django project, its start, and the `deployer` command."""

__version__ = "0.1.0"
