"""Plays recordings of a real cluster to the code that judges, in the recorder's own time.

What a worker would do is done by the worker's own code (`following`, `health`): remember, look again, judge. What our
promote would have written is read from the recorder's actions. Names are rewritten to ours: the recorded container
→ `main`, pods of the recorded selector get the labels of a release.
"""

if __name__ == "__main__":  # no test, and no server: nothing is stored
    from tests.databases import for_nothing

    for_nothing()

import json
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from releases.clients.mirror import FIELDS, View
from releases.models import Release, Rollout
from releases.pipeline import deployer_yml, following, health, job_health, manifests, service_state
from releases.pipeline.health import Verdict
from releases.pipeline.service_state import Rules

RECORDINGS = Path(__file__).parent / "recordings"
BEGIN = datetime(2026, 11, 21, tzinfo=UTC)
LOOK_SECONDS = 0.25
SERVICE = "web"
Object = dict[str, Any]


@dataclass(frozen=True)
class Fall:
    """A verdict and the second of the recording at which it fell."""

    at: float
    verdict: Verdict


@dataclass(frozen=True)
class Write:
    """A write of the Deployment: the second of its answer, and what the answer said. `uid`, `template`: if known."""

    at: float
    generation: int
    desired: int
    uid: str = ""
    template: str = ""
    ours: frozenset[str] = frozenset({manifests.CONTAINER})


@dataclass(frozen=True)
class Told:
    """What the replay is told of a recording: the container that counts and the label that its pods carry."""

    container: str = "web"
    label: tuple[str, str] = ("app", "web")


@dataclass
class World:
    """The objects as the watches have shown them so far. `told`: None to leave their names as they are."""

    told: Told | None = Told()
    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: {kind: {} for kind in FIELDS})

    def see(self, line: Object) -> None:
        if line["kind"] not in self.objects or line["type"] == "BOOKMARK":
            return
        known, uid = self.objects[line["kind"]], line["object"]["metadata"]["uid"]
        if line["type"] == "DELETED":
            known.pop(uid, None)
        else:
            known[uid] = ours(line["object"], self.told) if self.told else line["object"]

    def view(self) -> View:
        return View(**{name: list(self.objects[kind].values()) for kind, name in FIELDS.items()})


def recorded(scenario: str) -> list[Object]:
    """The lines of a recording, in order of arrival."""
    return json_lines(RECORDINGS / f"{scenario}.jsonl")


def actions(scenario: str) -> list[Object]:
    """What the recorder asked for, with the answers."""
    return json_lines(RECORDINGS / f"{scenario}.actions.jsonl")


def writes(scenario: str, told: Told = Told(), *, asked: Iterable[Object] | None = None) -> list[Write]:
    """The recorder's successful writes of the Deployment itself, in order. `asked`: in place of its actions."""
    found = []
    for action in actions(scenario) if asked is None else asked:
        answer = action.get("response") or {}
        if action.get("method") not in ("PATCH", "PUT", "POST") or action["status"] >= 300:
            continue
        if answer.get("kind") == "Deployment":
            spec = answer["spec"]["template"]["spec"]
            names = [item["name"] for item in spec.get("initContainers", []) + spec["containers"]]
            kept = following.applied({}, ours(answer, told))
            found.append(
                Write(
                    at=action["t_done"],
                    generation=kept["generation"],
                    desired=kept["desired"],
                    uid=kept["uid"],
                    template=kept["template"],
                    ours=frozenset(manifests.CONTAINER if name == told.container else name for name in names),
                )
            )
    return found


def ours(obj: Object, told: Told) -> Object:
    """A copy of `obj` as it would be if we had applied it."""
    made = deepcopy(obj)
    labels = made["metadata"].setdefault("labels", {})
    key, value = told.label
    if labels.get(key) == value:
        labels |= {
            manifests.MANAGED_BY: manifests.MANAGER,
            manifests.SERVICE: SERVICE,
            manifests.RELEASE: "RAAAAAAAAAA",
        }
    if obj.get("kind") == "Event":
        about = made["involvedObject"]
        about["fieldPath"] = (about.get("fieldPath") or "").replace(
            f"{{{told.container}}}", f"{{{manifests.CONTAINER}}}"
        )
    spec = made.get("spec") or {}
    written = ((spec.get("template") or {}).get("spec") or spec).get("containers") or []
    for container in [*((made.get("status") or {}).get("containerStatuses") or []), *written]:
        if container["name"] == told.container:
            container["name"] = manifests.CONTAINER
    return made


def instants(lines: Iterable[Object], told: Told | None = Told()) -> Iterator[tuple[float, View]]:
    """What is known after each line, and four times a second in between: judging also happens when nothing does."""
    world, clock = World(told), 0.0
    for line in lines:
        while clock + LOOK_SECONDS < line["t"]:
            clock += LOOK_SECONDS
            yield clock, world.view()
        clock = max(clock, line["t"])
        world.see(line)
        yield clock, world.view()


def judge(
    scenario: str,
    write: Write | int = 0,
    *,
    rules: Rules | None = None,
    first: bool = False,
    liveness: float = 0,
    until: float | None = None,
    told: Told = Told(),
    lines: Iterable[Object] | None = None,
    look: Callable[[float, View], None] = lambda at, view: None,
) -> Fall:
    """The first verdict after `write` that is not `progressing`; `progressing` if none falls until the end.

    `write`: which of the recorder's, or one. `rules`: else the manifest's defaults. `liveness`: seconds for which the
    liveness check is watched after completion. `lines`: in place of those recorded.
    """
    known = writes(scenario, told)[write] if isinstance(write, int) else write
    rollout = _rollout(known, rules)
    at, began = 0.0, False
    for at, view in instants(recorded(scenario) if lines is None else lines, told):
        if at < known.at:
            continue
        if until is not None and at > until:
            break
        now = BEGIN + timedelta(seconds=at)
        if not began:
            began, rollout.baseline = True, _baseline(view, known)
        look(at, view)
        progress = following.progressed(rollout.progress, following.service_states(rollout, view, first=first), now)
        rollout.progress = progress
        states = following.service_states(rollout, view, first=first)
        verdict = health.assess(states, now=now, verifying="verify_until" in progress)
        if verdict.status == "complete" and liveness:
            window = following.later(now.isoformat(), liveness)
            rollout.progress = progress = {"verify_until": window, **progress}
            if now < following.time(progress["verify_until"]):
                continue
        if verdict.status != "progressing":
            return Fall(at, verdict)
    return Fall(at, health.PROGRESSING)


def judge_job(
    scenario: str,
    *,
    rules: Rules = Rules(deadline=0, exits=1),  # noqa: B008
    told: Told = Told("migrate", ("job", "migrate")),
    lines: Iterable[Object] | None = None,
) -> Fall:
    """The first verdict on a release command that is not `progressing`."""
    at, first_seen = 0.0, dict[str, datetime]()
    for at, view in instants(recorded(scenario) if lines is None else lines, told):
        for job in view.jobs:
            now = BEGIN + timedelta(seconds=at)
            pods = [pod for pod in view.pods if service_state.owner(pod) == job["metadata"]["uid"]]
            first_seen = job_health.sightings(first_seen, pods, now)
            verdict = job_health.assess_job(job, pods, rules=rules, first_seen=first_seen, now=now)
            if verdict.status != "progressing":
                return Fall(at, verdict)
    return Fall(at, health.PROGRESSING)


def _rollout(write: Write, rules: Rules | None) -> Rollout:
    """As it stands right after its write; never saved."""
    manifest = deployer_yml.parse(f"services:\n  {SERVICE}: {{command: run, port: 8080, health: /health}}\n")
    if rules:
        limits = {"deadline": rules.deadline, "exits": rules.exits, "pull": rules.pull, "start": rules.start}
        manifest["services"][SERVICE]["deployment"] |= limits
    containers = [{"name": name} for name in sorted(write.ours)]
    applied = {"kind": "Deployment", "metadata": {"name": SERVICE}, "spec": {"template": {"spec": {}}}}
    applied["spec"]["template"]["spec"]["containers"] = containers
    progress = {
        "generation": write.generation,
        "desired": write.desired,
        "highest": 0,
        "ready": 0,
        "risen_at": (BEGIN + timedelta(seconds=write.at)).isoformat(),
    }
    progress |= {key: value for key, value in (("uid", write.uid), ("template", write.template)) if value}
    return Rollout(
        release=Release(manifest=manifest),
        objects_applied=[applied],
        progress={"services": {SERVICE: progress}},
    )


def _baseline(view: View, write: Write) -> Object:
    deployment = next(iter(view.deployments), None)
    return following.baseline({SERVICE: (deployment, view.pods)}, view.events, ours=write.ours)


def json_lines(path: Path) -> list[Object]:
    return [json.loads(text) for text in path.read_text().splitlines()]


if __name__ == "__main__":
    from tests.diagnosed import main

    main()
