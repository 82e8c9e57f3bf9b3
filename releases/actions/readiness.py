"""Is everything there that Deployer itself needs?"""

from collections.abc import Callable

import django_rq
from django.conf import settings
from django.db import connection

from releases import queues
from releases.pipeline import inspect


def readiness() -> dict[str, str]:
    """Part → what is wrong with it, in words; "" for a part that answers."""
    checks = {"database": _database, "redis": _redis, "workers": queues.missing_workers, "cluster": _local_cluster}
    return {part: _problem(check) for part, check in checks.items()}


def _problem(check: Callable[[], str | None]) -> str:
    try:
        return check() or ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM releases_app LIMIT 1")


def _redis() -> None:
    django_rq.get_connection("rollouts").ping()


def _local_cluster() -> None:
    """A remote cluster that is down is shown on its page; it does not unplug the dashboard."""
    if settings.DEPLOYER_APP_URL:
        inspect.embedded_version()
