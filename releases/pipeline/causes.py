"""What goes wrong while a rollout still runs: each broken or stuck process, and what would doom the rollout. Pure.

A verdict is the end; these are told before it. They say the same as the rules of `health` and are bounded in number and
size, since a page draws them at each change. They hold no time that passes by itself: a page counts from `since`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from django.utils.dateparse import parse_datetime

from releases.pipeline import meaning, processes, service_state
from releases.pipeline.processes import Ailment
from releases.pipeline.service_state import Object, Rules, ServiceState

SHOWN = 6
WORDS_MAX, LINE_MAX = 400, 300
# A process that is on its way is no trouble.
UNPLACED_SECONDS, UNREADY_SECONDS = 5, 20


@dataclass(frozen=True)
class Cause:
    """`process` `what`: `words`. Of several processes of a service with the same trouble it is one; `others`: how many
    more there are.

    `kind`: as a verdict's cause. `line`: the last that it wrote. `exits_left`: so many more exits of it doom the
    rollout, 0 where exits don't. `since`, `until`: times in ISO format, `until` when it dooms if it lasts; "" if none.
    """

    kind: str
    service: str
    process: str
    what: str
    words: str = ""
    line: str = ""
    hint: str = ""
    since: str = ""
    until: str = ""
    exits_left: int = 0
    others: int = 0

    def as_json(self) -> Object:
        """As it is stored with the rollout."""
        return {key: value for key, value in asdict(self).items() if value}


def found(services: Collection[ServiceState], *, now: datetime, variables: Collection[str] = ()) -> list[Cause]:
    """At most SHOWN, the gravest first. `variables`: the names of all that processes are given."""
    seekers: list[Callable[[ServiceState, datetime], Iterator[Cause]]] = [_exits, _ailments, _refusal, _stuck]
    causes: dict[tuple[str, str], Cause] = {}
    for seek in seekers:
        for service in services:
            for cause in seek(service, now):
                key = (service.name, cause.kind)
                known = causes.get(key)
                causes[key] = replace(known, others=known.others + 1) if known else cause
    return [_bounded(cause, variables) for cause in list(causes.values())[:SHOWN]]


def of_command(
    pods: Collection[Object], *, rules: Rules, first_seen: Mapping[str, datetime], now: datetime
) -> list[Cause]:
    """What keeps the release command from running."""
    ailments = [(pod, processes.ailment(pod)) for pod in pods if not processes.is_going(pod)]
    causes = []
    for pod, ailment in ailments:
        if ailment:
            since = first_seen.get(service_state.ailment_key(pod, ailment), now)
            patience = meaning.patience(ailment, pull=rules.pull, start=rules.start)
            hint = meaning.hint(ailment, "the release command", command="the release command")
            causes.append(_ailing("", "The release command", ailment, since, patience, hint))
    return [_bounded(cause, ()) for cause in causes[:1]]


# --- What its processes do ------------------------------------------------------------------------------------------


def _exits(service: ServiceState, now: datetime) -> Iterator[Cause]:
    """That with the most exits first: it decides."""
    counted = [(service_state.ended(service, pod), pod) for pod in service_state.new_processes(service)]
    ended = [(count, pod) for count, pod in counted if 0 < count < service.rules.exits]  # else the verdict says it
    for count, pod in sorted(ended, key=lambda found: (-found[0], processes.name(found[1]))):
        last = processes.last_exit(pod, ours=service.ours)
        times = {1: "once", 2: "twice"}.get(count, f"{count} times")
        killed = service.kills.get(processes.uid(pod), 0) >= count
        if killed or not last:
            kind, words = "liveness", f"its liveness check failed, and it was killed, {times}"
            hint = f"Check what {service.name} answers at its liveness path, or give it more time."
        else:
            kind = "out_of_memory" if last.get("reason") == "OOMKilled" else "exits"
            words = f"it {processes.exit_words(last)}{_lived(last)}, {times}"
            hint = meaning.exit_hint(last.get("reason") or "", last.get("exitCode") or 0, service.name)
        yield Cause(
            kind,
            service.name,
            processes.name(pod),
            "has crashed" if processes.is_ready(pod) else "is crashing",
            words=words,
            line=_last_line(last.get("message") or ""),
            hint=hint,
            exits_left=service.rules.exits - count,
        )


def _lived(ended: Object) -> str:
    """` after 2 s`: both times are of the same clock, the node's."""
    began, finished = (parse_datetime(ended.get(key) or "") for key in ("startedAt", "finishedAt"))
    return f" after {max(0, (finished - began).total_seconds()):.0f} s" if began and finished else ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _ailments(service: ServiceState, now: datetime) -> Iterator[Cause]:
    if service_state.is_complete(service):
        return
    for pod, ailment in service_state.ailing(service):
        since = service.first_seen.get(service_state.ailment_key(pod, ailment), now)
        patience = service_state.patience(service, ailment)
        hint = meaning.hint(ailment, service.name)
        yield _ailing(service.name, processes.name(pod), ailment, since, patience, hint)


def _ailing(service: str, who: str, ailment: Ailment, since: datetime, patience: float, hint: str) -> Cause:
    words = ailment.message or ailment.reason
    until = since + timedelta(seconds=patience)
    return Cause(
        ailment.family,
        service,
        who,
        f"can't {meaning.TASK[ailment.family]}",
        words=words,
        hint=hint,
        since=since.isoformat(),
        until=until.isoformat() if patience else "",
    )


# --- What it waits for ----------------------------------------------------------------------------------------------


def _refusal(service: ServiceState, now: datetime) -> Iterator[Cause]:
    words = service_state.refusal(service)
    if not words or service_state.is_complete(service):
        return
    refused = meaning.refusal(words, hopeless=service_state.is_hopeless(service))
    since = service.first_seen.get(service_state.refusal_key(service.name), now)
    yield Cause(
        refused.cause,
        service.name,
        "",
        "gets no new process",
        words=words,
        hint=refused.hint,
        since=since.isoformat(),
        until=(since + timedelta(seconds=refused.seconds)).isoformat() if refused.seconds else "",
    )


def _stuck(service: ServiceState, now: datetime) -> Iterator[Cause]:
    """Neither broken nor ready: it may come yet, until the deadline."""
    waited = (now - service.risen_at).total_seconds()
    if service_state.is_complete(service) or waited < UNPLACED_SECONDS:
        return
    ailing = {processes.uid(pod) for pod, _ in service_state.ailing(service)}
    since = service.risen_at.isoformat()
    until = (service.risen_at + timedelta(seconds=service.rules.deadline)).isoformat()
    for pod in service_state.new_processes(service):
        if processes.is_ready(pod) or processes.uid(pod) in ailing or service_state.ended(service, pod):
            continue
        who, scheduled = processes.name(pod), processes.condition(pod, "PodScheduled")
        if scheduled.get("status") == "False":
            words = scheduled.get("message") or scheduled.get("reason") or ""
            hint = meaning.place_hint(words, service.name)
            what = "finds no place in the cluster"
            yield Cause("unschedulable", service.name, who, what, words, hint=hint, since=since, until=until)
        elif waited >= UNREADY_SECONDS:
            words, hint = _unready(service, pod)
            yield Cause("never_ready", service.name, who, "is not ready", words, hint=hint, since=since, until=until)


def _unready(service: ServiceState, pod: Object) -> tuple[str, str]:
    """Words and hint."""
    if preparing := processes.preparing(pod, ours=service.ours):
        return f"its {preparing} container runs still", ""
    words = service.said.get(processes.uid(pod), "") or processes.waiting_words(pod, ours=service.ours)
    if not processes.runs(pod, ours=service.ours):
        return words, ""
    return words, f"Check the health check of {service.name}, and what the process answers."


def _bounded(cause: Cause, variables: Collection[str]) -> Cause:
    unset = meaning.unset_hint(cause.line, variables) if variables else ""
    return replace(
        cause,
        words=meaning.cut(cause.words, WORDS_MAX),
        line=meaning.cut(cause.line, LINE_MAX),
        hint=unset or meaning.cut(cause.hint, WORDS_MAX),
    )
