"""Whether the previous release is back, and what is to be said of it then."""

from releases.clients.cluster import Object
from releases.clients.mirror import View
from releases.models import Rollout
from releases.pipeline import processes, remains
from releases.pipeline.ground import Ground


def was_taken_away(ground: Ground, view: View, written: dict[str, Object]) -> bool:
    """Somebody has deleted what was applied: the mirror misses it, and so does the cluster itself."""
    seen = {_uid(deployment) for deployment in view.deployments if not processes.is_ending(deployment)}
    for name, answer in written.items():
        if _uid(answer) not in seen:
            live = ground.cluster.find("Deployment", ground.namespace, name)
            if live is None or _uid(live) != _uid(answer) or processes.is_ending(live):
                return True
    return False


def words(ground: Ground, target: Rollout) -> str:
    """That it is back; what others left in it all the same; and what was not well before either."""
    said = [f"{target.release_id} is back on every process."]
    for name, template in ground.rollout.templates_before.items():
        live = ground.cluster.find("Deployment", ground.namespace, name)
        if left := remains.of(template, live) if live else []:
            said.append(f"Not as before in {name}, left by somebody else: {', '.join(left)}.")
    for name, known in known_before(ground).items():
        if known["available"] < known["desired"]:
            said.append(f"{name} was unhealthy before, too: {known['available']} of {known['desired']} available.")
    return " ".join(said)


def is_back(ground: Ground, target: Rollout, view: View, written: dict[str, Object]) -> bool:
    """Every process that is not ending runs the previous release, and as many are available as before."""
    before = known_before(ground)
    by_name = {deployment["metadata"]["name"]: deployment for deployment in view.deployments}
    if set(by_name) != set(written):
        return False
    for name, answer in written.items():
        status, desired = by_name[name].get("status", {}), by_name[name]["spec"].get("replicas", 1)
        needed = min(before.get(name, {}).get("available", desired), desired)
        generation = answer["metadata"]["generation"]
        if _uid(by_name[name]) != _uid(answer) or status.get("observedGeneration", 0) < generation:
            return False
        if status.get("availableReplicas", 0) < needed:
            return False
        if status.get("replicas", 0) != status.get("updatedReplicas", 0):
            return False
    staying = [pod for pod in view.pods if processes.service(pod) and not processes.is_going(pod)]
    return all(processes.release(pod) == target.release_id for pod in staying)


def begun_by_timers(ground: Ground) -> set[str]:
    """The uids of pods of timers: once their Job is gone, nothing tells any more whose they were."""
    return {processes.uid(pod) for pod in ground.own.timer_pods(ground.mirror.view(ground.namespace))}


def runs(ground: Ground, view: View, by_timers: set[str]) -> bool:
    """Whether anything of ours is left that is not on its way out."""
    timed = [pod for pod in ground.mirror.view(ground.namespace).pods if processes.uid(pod) in by_timers]
    return bool(view.deployments) or not all(processes.is_going(pod) for pod in view.pods + timed)


def known_before(ground: Ground) -> dict[str, Object]:
    """Service → what the baseline knows of it."""
    return (ground.rollout.baseline or {}).get("services", {})


def _uid(obj: Object) -> str:
    return obj["metadata"]["uid"]
