"""The tables, one module per aggregate."""

from releases.models.app import App
from releases.models.audit_entry import AuditEntry
from releases.models.build import Build
from releases.models.cluster import Cluster
from releases.models.delivery import Delivery
from releases.models.domain import Domain
from releases.models.idempotency_key import IdempotencyKey
from releases.models.image import Image
from releases.models.log_line import LogLine
from releases.models.membership import Membership
from releases.models.person import Person
from releases.models.registry import Registry
from releases.models.release import Release
from releases.models.rollout import Rollout
from releases.models.source import Source
from releases.models.token import Token

__all__ = [
    "App",
    "AuditEntry",
    "Build",
    "Cluster",
    "Delivery",
    "Domain",
    "IdempotencyKey",
    "Image",
    "LogLine",
    "Membership",
    "Person",
    "Registry",
    "Release",
    "Rollout",
    "Source",
    "Token",
]
