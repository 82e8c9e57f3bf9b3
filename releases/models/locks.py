"""Rows that are nobody else's until our transaction ends. Everybody locks an app before its rollouts and builds."""

from typing import TypeVar

from django.db.models import Model, QuerySet

from releases.models.app import App
from releases.models.cluster import Cluster

Row = TypeVar("Row", bound=Model)


def locked(rows: QuerySet[Row]) -> QuerySet[Row]:
    """`rows`, locked when they are read. SQLite has one writer at a time, and locks nothing more.

    Rows that refer to them can still be written: PostgreSQL sees to references with a lock of its own on what is
    referred to, which a full lock would hold up. A worker that writes its rollout twice in a transaction needs one on
    the app, and would wait for whoever has locked the app and waits for the rollout.
    """
    return rows.select_for_update(of=("self",), no_key=True)


def hosts_locked(app: App) -> None:
    """Nobody else gives or promotes a host of this app's cluster until our transaction ends, so that of two apps that
    want the same one sees the other. Asked once the app itself is locked."""
    list(locked(Cluster.objects.filter(pk=app.cluster_id).only("pk")))
