"""What became of the app's newest rollout, as Deployer itself knows it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from releases.pipeline import meaning, processes
from releases.pipeline.diagnosis.finding import Finding, Subject
from releases.pipeline.diagnosis.reading import Reading
from releases.pipeline.diagnosis.reported import Known, RolloutKnown


def found(reading: Reading, known: Known) -> Iterator[Finding]:
    rollout = known.rollout
    if rollout is not None and rollout.status in ("failed", "rolled_back"):
        lost = rollout.status == "failed" and rollout.restored is False
        yield _not_restored(rollout, reading, known) if lost else _failed(rollout, known)
    elif rollout is not None and rollout.status == "queued" and rollout.queued_for:
        yield _waits(rollout, known)
    there = any(service.deployment for service in reading.services)
    if known.app and not known.active and not there and (rollout is None or rollout.is_over):
        yield _nothing_runs(known)


def _failed(rollout: RolloutKnown, known: Known) -> Finding:
    first = _first(rollout)
    how = "was rolled back" if rollout.status == "rolled_back" else "failed"
    step = f" in its step “{rollout.step}”" if rollout.step else ""
    why = first.get("observed") or rollout.reason
    words = [
        f"Rollout {rollout.number} of {rollout.release} {how}{step}{f': {why}' if why else ''}",
        _what_runs(rollout),
    ]
    hint = first.get("hint") or rollout.hint or "Read the rollout's log: it says what failed and why."
    return Finding(
        "rollout_failed",
        Subject("rollout", str(rollout.number), first.get("service", "")),
        " ".join(meaning.sentence(part) for part in words if part),
        hint,
        severity="warning",
        values=_values(rollout, first),
        likely=first.get("likely", ""),
        command=_info(rollout, known),
        page=_page(known),
        since=rollout.finished_at.isoformat() if rollout.finished_at else "",
    )


def _what_runs(rollout: RolloutKnown) -> str:
    if rollout.restored and rollout.previous:
        return f"{rollout.previous} is completely back."
    if rollout.restored:
        return "It was taken down: nothing ran before."
    if rollout.status == "rolled_back":  # by the rules of a rollout that is the same
        return f"{rollout.previous} is back." if rollout.previous else "It was taken down: nothing ran before."
    return f"Nothing was changed: {rollout.previous} runs on." if rollout.previous else "Nothing was changed."


def _not_restored(rollout: RolloutKnown, reading: Reading, known: Known) -> Finding:
    running = _running(reading)
    first = _first(rollout)
    state = "; ".join(f"{service} runs {' and '.join(releases)}" for service, releases in running.items())
    back = f"{rollout.previous} is not completely back" if rollout.previous else "it was not taken down completely"
    unread = {"Pod", "Deployment"} & set(reading.reported.unread)
    now = "what runs is not known" if unread else state or "nothing runs"
    wanted = rollout.previous or rollout.release
    return Finding(
        "not_restored",
        Subject("rollout", str(rollout.number)),
        f"Rollout {rollout.number} of {rollout.release} failed, and {back}. Now: {now}.",
        f"Remove what kept the restore from ending, then promote {wanted}.",
        values=_values(rollout, first) | {"running": running},
        command=f"deployer releases promote {wanted} -a {known.app}" if known.app else "",
        page=_page(known),
        since=rollout.finished_at.isoformat() if rollout.finished_at else "",
    )


def _running(reading: Reading) -> dict[str, list[str]]:
    """Service → the releases that its processes run."""
    running = {}
    for service in reading.services:
        pods = [pod for pod in service.pods if not (processes.is_going(pod) or processes.is_over(pod))]
        if releases := sorted({processes.release(pod) or "an unknown release" for pod in pods}):
            running[service.name] = releases
    return running


def _waits(rollout: RolloutKnown, known: Known) -> Finding:
    return Finding(
        "rollout_waits",
        Subject("rollout", str(rollout.number)),
        f"Rollout {rollout.number} of {rollout.release} is queued: {meaning.sentence(rollout.queued_for)}",
        "Wait: it begins by itself; or abort it.",
        severity="info",
        values={"rollout": rollout.number, "release": rollout.release, "waits_for": rollout.queued_for},
        command=f"deployer rollouts abort {rollout.number} -a {known.app}" if known.app else "",
        page=_page(known),
    )


def _nothing_runs(known: Known) -> Finding:
    if known.release:
        observed = f"{known.app} has the release {known.release}, but none is active."
        hint = f"Promote {known.release}, or deploy something newer."
        command = f"deployer releases promote {known.release} -a {known.app}"
        if known.rollout is not None and known.rollout.release == known.release:  # which has just failed
            hint, command = "Mend what made it fail, then deploy it again.", f"deployer deploy -a {known.app}"
    else:
        observed, hint = f"{known.app} has no release yet: nothing runs.", "Deploy it, or push to its repository."
        command = f"deployer deploy -a {known.app}"
    return Finding(
        "nothing_runs",
        Subject("app", known.app),
        observed,
        hint,
        severity="info",
        command=command,
        page=known.paths.get("app", ""),
    )


def _first(rollout: RolloutKnown) -> dict[str, Any]:
    """Of the finding that was stored at its verdict what is told again, as text."""
    stored = rollout.first if isinstance(rollout.first, Mapping) else {}
    subject = stored.get("subject")
    told = {key: stored.get(key) for key in ("code", "observed", "hint", "likely")}
    told["service"] = subject.get("service") if isinstance(subject, Mapping) else ""
    return {key: text for key, text in told.items() if isinstance(text, str) and text}


def _values(rollout: RolloutKnown, first: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {"rollout": rollout.number, "status": rollout.status, "release": rollout.release}
    values |= {"previous": rollout.previous, "cause": rollout.cause, "step": rollout.step, "restored": rollout.restored}
    return values | {"first": first.get("code", "")}


def _info(rollout: RolloutKnown, known: Known) -> str:
    shown = "diagnosis" if rollout.first else "logs"
    return f"deployer rollouts {shown} {rollout.number} -a {known.app}" if known.app else ""


def _page(known: Known) -> str:
    return known.paths.get("rollout", "")
