"""A rollout from queued to its end, as prose. Each step can be begun again by another worker at any point."""

import logging

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from releases import logs
from releases.errors import ClusterError, ClusterUnavailable, IllegalTransition, Refused, RolloutFailed, Stale
from releases.models import Rollout
from releases.pipeline import command_job, manifests, meaning, release_command, restore
from releases.pipeline.examination import at_verdict
from releases.pipeline.ground import Aborted, Ground, HandOver
from releases.pipeline.health import Verdict
from releases.pipeline.preparing import prepare, resting
from releases.pipeline.rolling import roll
from releases.pipeline.silent_webhook import Silence

logger = logging.getLogger(__name__)


def carry(ground: Ground) -> None:
    """Until the rollout is over. Raises HandOver when this worker must stop, Stale when another has taken over."""
    steps = {
        "queued": prepare,
        "releasing": release_command.run,
        "rolling": roll,
        "paused": hold,
        "rolling_back": restore.run,
    }
    rollout, silence = ground.rollout, Silence()
    while not rollout.is_finished:
        try:
            try:
                ground.database_is_back()
                steps[rollout.status](ground)
            except ClusterUnavailable as error:
                ground.check(abortable=False)
                if silence.is_refusal(error.message, timezone.now()):
                    raise Refused(error.message) from error
                ground.cluster_is_away(error)
        except (HandOver, IllegalTransition):
            raise
        except Stale as error:
            rollout.beat()  # raises Stale itself if the pen is lost: else it is the cluster that knows a newer stamp
            words = f"{error.message} It is from another Deployer of the same name, or this database is an older one."
            _give_up(ground, Verdict("failed", "stale", words))
        except (OperationalError, InterfaceError) as error:
            ground.database_is_away(error)
        except Aborted:
            _give_up(ground, Verdict("failed", "aborted", f"Aborted by {rollout.abort_by}."))
        except RolloutFailed as error:
            _give_up(ground, Verdict("failed", error.cause, error.message, error.hint), error.evidence)
        except ClusterError as error:
            words = meaning.sentence(error.message)
            if rollout.status == "rolling_back":
                restore.try_again(ground, words)
            else:
                _give_up(ground, Verdict("failed", "refused", words, meaning.denied_hint(words)))
        except Exception as error:
            logger.exception("%s failed by our own fault", rollout)
            words = f"Deployer itself failed ({type(error).__name__}); its log says more."
            _give_up(ground, Verdict("failed", "internal", words))
    logs.pages_changed(rollout.app_id)


def hold(ground: Ground) -> None:
    """A paused rollout has no worker: only an abort brings it here."""
    ground.check()
    raise Stale(f"{ground.rollout} is paused and needs no worker.")


# --- When it can't go on --------------------------------------------------------------------------------------------


def _give_up(ground: Ground, verdict: Verdict, evidence: list[str] | None = None) -> None:
    """Nothing changed yet: that is the end. Else the previous release comes back."""
    rollout = ground.rollout
    if rollout.status == "rolling":
        restore.begin(ground, verdict)
    elif rollout.status == "rolling_back":
        restore.fail(ground, verdict.reason)
    elif rollout.status == "paused" or rollout.inherits_change:
        restore.begin(ground, verdict, evidence)
    else:
        _end_unchanged(ground, verdict, evidence or [])


def _end_unchanged(ground: Ground, verdict: Verdict, evidence: list[str]) -> None:
    rollout = ground.rollout
    cancelled = verdict.cause == "aborted"
    rollout.beat()  # raises Stale: then the Secret is another's
    partly = " The release command may have run in part." if cancelled and rollout.status == "releasing" else ""
    reason = f"{verdict.reason} Nothing that runs was changed.{partly}"
    found = rollout.diagnosis or (None if cancelled else at_verdict.diagnosed(ground, verdict, evidence))
    _remove_secret(ground)
    with transaction.atomic():
        lines = [logs.Line("system/deployer", reason), ground.status_line("Pending", resting(rollout))]
        ground.say_all(lines)
        rollout.transition(
            "cancelled" if cancelled else "failed",
            reason=ground.clean(reason),
            cause=verdict.cause,
            hint=ground.clean(verdict.hint),
            evidence=[ground.clean(text) for text in evidence],
            diagnosis=found,
        )
    command_job.remove(ground)


def _remove_secret(ground: Ground) -> None:
    """The new release's, which nothing uses yet. If that fails, the next prune does it."""
    rollout = ground.rollout
    earlier = Rollout.objects.filter(app=rollout.app, release=rollout.release, objects_applied__isnull=False)
    if earlier.exclude(pk=rollout.pk).exists():
        return
    try:
        secret = ground.cluster.find("Secret", ground.namespace, manifests.secret_name(rollout.release_id))
        if secret and ground.own.is_ours(secret):
            ground.writer.delete({**secret, "kind": "Secret"})
    except Stale:
        rollout.beat()  # raises Stale itself when it is a later rollout of ours that has begun with it
    except ClusterError as error:
        logger.info("the Secret of %s stays for the next prune: %s", rollout.release_id, error.message)
