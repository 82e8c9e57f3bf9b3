"""What is wrong with how a rollout ended; nothing, if all is well."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.faults.subject import Run
from tests.journeys.doors import is_gap_free
from tests.journeys.waiting import until

Object = dict[str, Any]
OURS = ("system/deployer", "system/k8s/atom/app")
OF_WAITING = ("Waiting for", "The cluster answers again")
# What the cluster says of an object once in its life.
ONCE = ("Created pod: ", "Deleted pod: ", "Successfully assigned ")
NAMES = [(re.compile(r"\bR[A-Z]{10}\b"), "RELEASE"), (re.compile(r"\bweb-[0-9a-f]{6,10}-[0-9a-z]{5}\b"), "PROCESS")]
SETTLE_SECONDS = 8


def expect_right(run: Run, reference: list[Object]) -> None:
    """Raises AssertionError, with all that is wrong, and the rollout's log."""
    found = wrongs(run, reference)
    if found:
        raise AssertionError("\n".join([*found, run.story()]))


def wrongs(run: Run, reference: list[Object]) -> list[str]:
    """`reference`: the log of an undisturbed rollout of the same kind.

    A release command that was cut may end the rollout, but then as failed, and with nothing changed.
    """
    rollout, app = run.app.rollout(run.number), run.app
    cut = run.kind.has_command and rollout["status"] == "failed" and "release command" in rollout["reason"].lower()
    found = []
    if rollout["status"] != run.kind.status and not cut:
        found.append(f"it ended as {rollout['status']}: {rollout['reason']}")
    active = run.release if rollout["status"] == "succeeded" else run.before
    if app.release != active:
        found.append(f"{app.release} is active, not {active}")
    found += _log_wrongs(run, rollout, [] if cut else reference)
    found += _command_wrongs(run, rollout)
    found += _settled(lambda: _process_wrongs(run, active))
    found += _settled(lambda: _left_over(run, active))
    return found


def _settled(look: Any) -> list[str]:
    """What is still wrong once the cluster has had the time to settle."""
    found: list[str] = ["nobody looked"]

    def is_well() -> bool:
        found[:] = look()
        return not found

    try:
        until(is_well, "", seconds=SETTLE_SECONDS)
    except AssertionError:
        return found
    return []


# --- The log --------------------------------------------------------------------------------------------------------


def _log_wrongs(run: Run, rollout: Object, reference: list[Object]) -> list[str]:
    log = run.log()
    found = [] if is_gap_free(log) else [f"its numbers are {[line['number'] for line in log]}"]
    ours, theirs = own_steps(log), own_steps(reference)
    said, expected = Counter(ours), Counter(theirs)
    found += [f"it does not say {line!r}" for line in (expected - said)]
    found += [f"it says {count} times {line!r}" for line, count in said.items() if count > max(1, expected[line])]
    if reference and [line for line in ours if line in expected] != theirs:
        found.append("it tells its own steps in another order")
    words = Counter(f"{line['stream']} {line['message']}" for line in log)
    found += [f"{count} times: {line}" for line, count in words.items() if count > 1 and any(w in line for w in ONCE)]
    output = [line["message"] for line in log if line["stream"] == "release-command"]
    if len(output) != len(set(output)):
        found.append(f"output of the release command twice: {output}")
    return found + [f"the cluster reported, and the log lacks: {line}" for line in _untold(run, rollout, words)]


def own_steps(log: list[Object]) -> list[str]:
    """Our own lines, without the names that differ from rollout to rollout, and without the waiting in between."""
    ours = [_plain(line["message"]) for line in log if line["stream"] in OURS]
    return [line for line in ours if not line.startswith(OF_WAITING)]


def _plain(text: str) -> str:
    for pattern, name in NAMES:
        text = pattern.sub(name, text)
    return text


def _untold(run: Run, rollout: Object, words: Iterable[str]) -> list[str]:
    """First events about what is still there, from a second after the rollout began to two before it ended."""
    kinds = ("pods", "replicasets", "deployments")
    uids = {obj["metadata"]["uid"] for kind in kinds for obj in run.app.objects(kind)}
    end = datetime.fromisoformat(rollout["finished"]).timestamp()
    lines = []
    for event in run.app.objects("events"):
        first = event.get("firstTimestamp")
        if not first or event["involvedObject"].get("uid") not in uids:
            continue
        if run.begun + 1 < datetime.fromisoformat(first).timestamp() < end - 2 and event.get("count", 1) == 1:
            message = " ".join(event["message"].split())
            lines.append(f"system/k8s/{event['involvedObject']['name']} {message}")
    return [line for line in lines if line not in words]


# --- What runs ------------------------------------------------------------------------------------------------------


def _process_wrongs(run: Run, active: str) -> list[str]:
    running = run.subject.running()
    releases = Counter(pod["metadata"]["labels"]["deployer/release"] for pod in running.values())
    found = [] if releases == {active: run.kind.count} else [f"{dict(releases)} run, not {run.kind.count} of {active}"]
    found += [f"{pod['metadata']['name']} is not ready" for pod in running.values() if not _is_ready(pod)]
    if active == run.before:
        gone = run.pods.keys() - running.keys()
        found += [f"{run.pods[uid]['metadata']['name']} of before is gone" for uid in gone]
        harmed = [
            running[uid] for uid in run.pods.keys() & running if _restarts(running[uid]) > _restarts(run.pods[uid])
        ]
        found += [f"{pod['metadata']['name']} of before was restarted" for pod in harmed]
    elif f"colour {run.colour}" not in (answer := run.app.ask()[1]):
        found.append(f"the app answers {answer[:80]!r}")
    return found


def _is_ready(pod: Object) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"].get("conditions", []))


def _restarts(pod: Object) -> int:
    return sum(status["restartCount"] for status in pod["status"].get("containerStatuses", []))


def _command_wrongs(run: Run, rollout: Object) -> list[str]:
    ran = run.subject.ran()[len(run.ran) :]
    wanted = [run.release] if run.kind.has_command else []
    if ran == wanted or (not ran and rollout["status"] != "succeeded"):
        return []
    return [f"the release command ran {len(ran)} times: {ran}"]


def _left_over(run: Run, active: str) -> list[str]:
    """Secrets: those of what runs, of what may come back, and of what was just ending when the rollout ended."""
    app = run.app
    found = [f"Job {name} is left" for name in app.names("jobs")]
    kept = {name.lower() for name in (active, run.before, run.release)}
    found += [f"Secret {name} is left" for name in app.names("secrets") - kept]
    sets = app.objects("replicasets")
    found += [f"{len(sets)} ReplicaSets are left"] if len(sets) > 4 else []
    for replica_set in sets:
        name, release = replica_set["metadata"]["name"], replica_set["metadata"]["labels"].get("deployer/release")
        if replica_set["spec"]["replicas"] and release != active:
            found.append(f"ReplicaSet {name} of {release} keeps {replica_set['spec']['replicas']} processes")
    ending = len(app.objects("pods")) - len(run.subject.running())
    return found + ([f"{ending} pods that should have ended are left"] if ending else [])
