"""The tables, one module per aggregate."""

from releases.models.app import App
from releases.models.audit_entry import AuditEntry
from releases.models.build import Build
from releases.models.log_line import LogLine
from releases.models.person import Person
from releases.models.release import Release
from releases.models.rollout import Rollout
from releases.models.token import Token

__all__ = ["App", "AuditEntry", "Build", "LogLine", "Person", "Release", "Rollout", "Token"]
