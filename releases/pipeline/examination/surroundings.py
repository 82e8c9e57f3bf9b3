"""Troubles around an app, none of which its processes show: of Deployer's own programs, credentials and GitHub."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from releases import queues
from releases.models import App, Source
from releases.models.build import RECONCILER
from releases.models.delivery import FAILED
from releases.pipeline import cluster_state
from releases.pipeline.diagnosis import Trouble

logger = logging.getLogger(__name__)
REDIS_SECONDS = 2.0
EXPIRES_SOON = timedelta(days=14)
WORDS_MAX = 400


def troubles_around(app: App) -> tuple[Trouble, ...]:
    """A constant number of queries, and one look at Redis of REDIS_SECONDS at most. Asks no cluster."""
    return tuple(trouble for seek in (_programs, _certificate, _webhook, _source) for trouble in seek(app))


# --- Our own programs -----------------------------------------------------------------------------------------------


def _programs(app: App) -> Iterator[Trouble]:
    pool = ThreadPoolExecutor(1, thread_name_prefix="examine-redis")
    try:
        missing = pool.submit(queues.missing_workers).result(REDIS_SECONDS)
    except Exception as error:
        logger.info("who works is not known: %s", error)
        words = str(error) or f"it does not answer within {REDIS_SECONDS:.0f} s"
        yield Trouble("redis_unreachable", "redis", f"Redis does not answer: {words}"[:WORDS_MAX])
        return
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if missing:
        yield Trouble(
            "workers_missing",
            "workers",
            f"{missing[:1].upper()}{missing[1:]}: what needs one waits.",
            "Start what is missing, and look at what it wrote last.",
            values={"missing": missing.split(", ")},
        )


# --- Credentials ----------------------------------------------------------------------------------------------------


def _certificate(app: App) -> Iterator[Trouble]:
    ends, now = cluster_state.certificate_ends(app.cluster), datetime.now(UTC)
    if ends is None or ends > now + EXPIRES_SOON:
        return
    over = ends <= now
    when = f"has expired on {ends:%Y-%m-%d}" if over else f"expires on {ends:%Y-%m-%d}"
    yield Trouble(
        "certificate_expired" if over else "certificate_expiring",
        app.cluster.name,
        f"The client certificate with which Deployer reaches the cluster {app.cluster.name} {when}.",
        "Give the cluster a new kubeconfig.",
        page=app.cluster.get_absolute_url(),
        values={"ends": ends.isoformat()},
    )


# --- GitHub ---------------------------------------------------------------------------------------------------------


def _webhook(app: App) -> Iterator[Trouble]:
    """The newest delivery could not be handled; or the last push was found by looking, though deliveries came once."""
    last = app.deliveries.order_by("-pk").values("status", "decision", "received_at", "event").first()
    if last is None:
        return
    page = f"{app.get_absolute_url()}/deliveries"
    if last["status"] == FAILED:
        yield Trouble(
            "webhook_failing",
            last["event"],
            f"GitHub's last delivery could not be handled: {last['decision'].removeprefix('failed: ')}"[:WORDS_MAX],
            "Have it handled again on the page of deliveries; Deployer's log says more.",
            page=page,
            values={"received_at": last["received_at"].isoformat(), "decision": last["decision"][:WORDS_MAX]},
        )
        return
    builds = app.builds.exclude(commit="").order_by("-created_at", "-id")
    pushed = builds.values("origin", "created_at", "commit").first()
    if pushed and pushed["origin"] == RECONCILER and pushed["created_at"] > last["received_at"]:
        yield Trouble(
            "webhook_failing",
            "push",
            f"GitHub did not tell of the last push ({pushed['commit'][:10]}): Deployer found it by looking.",
            "Look at the webhook's recent deliveries on GitHub: is the address right, and the secret the present one?",
            page=page,
            values={"last_delivery": last["received_at"].isoformat(), "commit": pushed["commit"]},
        )


def _source(app: App) -> Iterator[Trouble]:
    columns = ("url", "branch", "problem", "hint", "problem_since", "failures")
    known = Source.objects.filter(app=app).exclude(problem="").values(*columns).first()
    if known is None:
        return
    since = known["problem_since"]
    yield Trouble(
        "source_failing",
        known["url"],
        f"The repository can't be read: {known['problem']}"[:WORDS_MAX],
        known["hint"][:WORDS_MAX],
        page=f"{app.get_absolute_url()}/source",
        values={
            "branch": known["branch"],
            "failures": known["failures"],
            "since": since.isoformat() if since else "",
        },
    )
