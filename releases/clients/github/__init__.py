"""GitHub's REST API, as far as a deployer needs it: who we are, what a commit's checks say, and what came of it."""

from releases.clients.github.app import FETCHING, REPORTING, App
from releases.clients.github.checks import Checks
from releases.clients.github.door import API, Door
from releases.clients.github.repository import Repository

__all__ = ["API", "FETCHING", "REPORTING", "App", "Checks", "Door", "Repository"]
