"""An app's diagnosis for those who watch it: the cluster is asked once for all of them, and not too often."""

from collections.abc import Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

from releases import actions
from releases.errors import ClusterUnavailable, DeployerError
from releases.models import App
from releases.models.storable import cleaned
from releases.pages.looks import PATIENCE_SECONDS, last_answer, look
from releases.pipeline.diagnosis import Options
from releases.policy import Actor

FRESH_SECONDS = 3.0
TOGETHER_SECONDS = 3.0
WHOLE_SECONDS = 30.0  # whoever downloads it waits for it
Report = dict[str, Any]


@dataclass(frozen=True)
class Looked:
    """`report`: as JSON, the last one there was; None before there is any. `trouble`: why there is no newer one;
    `waiting`: it is on its way. Then the report is that of `as_of`."""

    report: Report | None
    trouble: str = ""
    waiting: bool = False
    as_of: datetime | None = None


def looked(app: App, *, by: Actor, everything: bool = False) -> Looked:
    """`everything`: healthy processes, too. Never raises, never waits long."""
    return _looked(app, asked(app, by=by, everything=everything), PATIENCE_SECONDS, everything)


def looked_together(apps: Sequence[App], *, by: Actor) -> list[Looked]:
    """At all of them at once, and not much longer than at one."""
    answers = [asked(app, by=by) for app in apps]
    wait(answers, TOGETHER_SECONDS)
    return [_looked(app, answer, 0, everything=False) for app, answer in zip(apps, answers, strict=True)]


def _looked(app: App, answer: Future, patience: float, everything: bool) -> Looked:
    try:
        return Looked(answer.result(patience))
    except NotYet:
        return _last(app, everything, waiting=True)
    except DeployerError as error:
        return _last(app, everything, trouble=error.message)
    except ObjectDoesNotExist:
        return Looked(None, trouble=f"{app.name} was deleted in this moment.")


def whole(app: App, *, by: Actor, everything: bool = False) -> Report:
    """Waits for it. Raises ClusterUnavailable where it does not come, and what `actions.diagnose` raises."""
    try:
        return asked(app, by=by, everything=everything).result(WHOLE_SECONDS)
    except NotYet as error:
        raise ClusterUnavailable(f"The cluster of {app.name} takes too long to answer.") from error


def asked(app: App, *, by: Actor, everything: bool = False) -> Future:
    """Its report as JSON, sooner or later."""
    ask = partial(_report, app, by, everything)
    return look(_what(everything), app, ask, fresh_seconds=FRESH_SECONDS)


def _report(app: App, by: Actor, everything: bool) -> Report:
    return cleaned(actions.diagnose(app, Options(everything=everything), by=by).as_json())


def _what(everything: bool) -> str:
    return "diagnosis of everything" if everything else "diagnosis"


def _last(app: App, everything: bool, *, trouble: str = "", waiting: bool = False) -> Looked:
    as_of, report = last_answer(_what(everything), app) or (None, None)
    return Looked(report, trouble, waiting, as_of)
