"""Sources from Git: any URL that the policy allows, at an exact commit. Git itself is run, as a child."""

from releases.clients.git.address import PRIVATE, Policy
from releases.clients.git.credentials import Credentials, DeployKey, Token
from releases.clients.git.references import Point
from releases.clients.git.repository import Commit, Limits, Repository

__all__ = ["PRIVATE", "Commit", "Credentials", "DeployKey", "Limits", "Point", "Policy", "Repository", "Token"]
