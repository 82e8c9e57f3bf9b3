"""The horizontal pod autoscaler: sizes a target by the CPU that its pods use (pkg/controller/podautoscaler).

Only CPU is measured here; for any other metric its conditions say so, as where no metrics server is installed.
"""

import time
from collections.abc import Iterable
from typing import Any

from localcluster import clock, quantity
from localcluster.controllers import autoscaling
from localcluster.controllers.autoscaling import Memory
from localcluster.controllers.cpu_usage import CpuUsage, NoMetric
from localcluster.controllers.loop import Controller, Key, key_of
from localcluster.controllers.surroundings import Surroundings
from localcluster.kubelet import pods
from localcluster.store import events, ownership
from localcluster.store.resources import KINDS
from localcluster.store.store import Store, copied

Object = dict[str, Any]

COMPONENT = "horizontal-pod-autoscaler"
MANAGER = "kube-controller-manager"
INTERVAL, WARM_UP = 15.0, 2.0
"""Seconds between two looks; and after the first look at a pod, which only starts the measurement."""
SCALABLE = ("Deployment", "ReplicaSet")


class AutoscalerController(Controller):
    """One HorizontalPodAutoscaler per key; each is looked at every 15 seconds."""

    def __init__(self, store: Store, surroundings: Surroundings) -> None:
        super().__init__(store)
        self._usage = CpuUsage(store, surroundings.cpu_seconds)
        self._memories: dict[str, Memory] = {}
        self._due_at: dict[str, tuple[float, Object]] = {}
        """When to look at each autoscaler again, and its last specification: its own writes are no reason to look."""

    def initial(self) -> Iterable[Key]:
        return [key_of(found) for found in self.store.list("HorizontalPodAutoscaler")]

    def concerns(self, kind: str, obj: Object) -> Iterable[Key]:
        return [key_of(obj)] if kind == "HorizontalPodAutoscaler" else []

    def observe(self, type_: str, kind: str, obj: Object) -> None:
        super().observe(type_, kind, obj)
        if type_ == "DELETED":
            uid = obj["metadata"]["uid"]
            self._usage.forget(uid)
            self._memories.pop(uid, None)
            self._due_at.pop(uid, None)

    def reconcile(self, namespace: str, name: str) -> float | None:
        found = self.store.find("HorizontalPodAutoscaler", namespace, name)
        if found is None or pods.is_terminating(found):
            return None
        uid, now = found["metadata"]["uid"], time.monotonic()
        due, spec = self._due_at.get(uid, (now, {}))
        if spec == found["spec"] and now < due:
            return due - now
        scaler = copied(found)
        status = scaler["status"] = _blank_status(found)
        target = self._target(scaler)
        if target is not None:
            current = target["spec"].get("replicas", 1)
            status["currentReplicas"] = (target.get("status") or {}).get("replicas", 0)
            desired = self._desired(scaler, target, current)
            if desired is not None:
                status["desiredReplicas"] = desired[0]
                if desired[0] != current:
                    self._rescale(scaler, target, *desired)
        pause = WARM_UP if target and self._usage.lacks_rates(target) else INTERVAL
        self._due_at[uid] = now + pause, found["spec"]
        self.store.patch_status("HorizontalPodAutoscaler", namespace, name, lambda copy: copy.update(status=status))
        return pause

    def _target(self, scaler: Object) -> Object | None:
        reference = scaler["spec"].get("scaleTargetRef") or {}
        kind, name = reference.get("kind", ""), reference.get("name", "")
        found = self.store.find(kind, scaler["metadata"]["namespace"], name) if kind in SCALABLE else None
        if found is None:
            plural = f"{KINDS[kind].plural}.{KINDS[kind].group}" if kind in SCALABLE else f"{kind.lower()}s"
            why = f'{plural} "{name}" not found'
            _put(scaler, "AbleToScale", "False", "FailedGetScale", _unable("get the target's current scale", why))
            self._tell(scaler, "Warning", "FailedGetScale", why)
            return None
        words = "the HPA controller was able to get the target's current scale"
        _put(scaler, "AbleToScale", "True", "SucceededGetScale", words)
        return found

    def _desired(self, scaler: Object, target: Object, current: int) -> tuple[int, str] | None:
        """The size to have and why, or None when that cannot be said."""
        least, most = _bounds(scaler)
        if current == 0 and least:
            words = "scaling is disabled since the replica count of the target is zero"
            _put(scaler, "ScalingActive", "False", "ScalingDisabled", words)
            return 0, ""
        if current > most:
            return most, "Current number of replicas above Spec.MaxReplicas"
        if current < least:
            return least, "Current number of replicas below Spec.MinReplicas"
        measured = self._recommendation(scaler, target, current)
        if measured is None:
            return None
        size, why = measured
        return self._settle(scaler, size, current), why if size > current else "All metrics below target"

    def _settle(self, scaler: Object, size: int, current: int) -> int:
        """What the bounds and the recommendations of the last minutes make of a size."""
        rules = (scaler["spec"].get("behavior") or {}).get("scaleDown") or {}
        window = rules.get("stabilizationWindowSeconds", autoscaling.STABILIZATION)
        memory = self._memories.setdefault(scaler["metadata"]["uid"], Memory([(time.monotonic(), current)]))
        stable = memory.stabilized(size, time.monotonic(), window)
        if stable > size:
            words = "recent recommendations were higher than current one, applying the highest recent recommendation"
            _put(scaler, "AbleToScale", "True", "ScaleDownStabilized", words)
        else:
            words = "recommended size matches current size"
            _put(scaler, "AbleToScale", "True", "ReadyForNewScale", words)
        least, most = _bounds(scaler)
        final, limit = autoscaling.bounded(stable, current, least, most)
        if limit:
            _put(scaler, "ScalingLimited", "True", *autoscaling.LIMITS[limit])
        else:
            words = "the desired count is within the acceptable range"
            _put(scaler, "ScalingLimited", "False", "DesiredWithinRange", words)
        return final

    def _recommendation(self, scaler: Object, target: Object, current: int) -> tuple[int, str] | None:
        """The largest size that any metric asks for, and its name; notes what was measured in the status."""
        metrics = scaler["spec"].get("metrics") or [_default_metric()]
        sizes, failures = [], []
        for metric in metrics:
            try:
                sizes.append(self._by_metric(scaler, target, metric, current))
            except NoMetric as error:
                failures.append((f"FailedGet{metric.get('type', '')}Metric", str(error)))
        for reason, words in failures:
            self._tell(scaler, "Warning", reason, words)
        if failures and (not sizes or max(sizes)[0] < current):
            reason, first = failures[0]
            counts = f"invalid metrics ({len(failures)} invalid out of {len(metrics)}), first error is: "
            what = "failed to get cpu resource metric value: " if "Resource" in reason else ""
            self._tell(scaler, "Warning", "FailedComputeMetricsReplicas", counts + what + first)
            _put(scaler, "ScalingActive", "False", reason, f"the HPA was unable to compute the replica count: {first}")
            return None
        size, name = max(sizes)
        words = f"the HPA was able to successfully calculate a replica count from {name}"
        _put(scaler, "ScalingActive", "True", "ValidMetricFound", words)
        return size, f"{name} above target"

    def _by_metric(self, scaler: Object, target: Object, metric: Object, current: int) -> tuple[int, str]:
        resource = metric.get("resource") or {}
        name = resource.get("name") or metric.get("type", "")
        aim = dict(resource.get("target") or {})
        by_request = aim.get("type") == "Utilization"
        if name != "cpu" or (by_request and not aim.get("averageUtilization")):
            raise NoMetric(f"failed to get {name} utilization: unable to get metrics for resource {name}: no metrics")
        usage = self._usage.of(target, needs_request=by_request)
        now: Object = {"averageValue": f"{usage.average}m"}
        label = "cpu resource"
        if by_request:
            now = {"averageUtilization": usage.utilization} | now
            label = "cpu resource utilization (percentage of request)"
        else:
            aim["thousandths"] = max(1, int(quantity.parse(str(aim.get("averageValue") or 1)) * 1000))
        scaler["status"].setdefault("currentMetrics", []).append(
            {"type": "Resource", "resource": {"name": "cpu", "current": now}}
        )
        return autoscaling.wanted(usage, aim, current), label

    def _rescale(self, scaler: Object, target: Object, size: int, why: str) -> None:
        scaled = copied(target)
        scaled["spec"]["replicas"] = size
        kind = target["kind"]

        def claim(new: Object, old: Object | None) -> None:
            ownership.write_claims(new, ownership.after_update(kind, old, new, MANAGER, "scale"))

        self.store.update(kind, scaled, admit=claim)
        words = f"the HPA controller was able to update the target scale to {size}"
        _put(scaler, "AbleToScale", "True", "SucceededRescale", words)
        scaler["status"]["lastScaleTime"] = clock.now()
        self._tell(scaler, "Normal", "SuccessfulRescale", f"New size: {size}; reason: {why}")

    def _tell(self, scaler: Object, type_: str, reason: str, message: str) -> None:
        events.record(self.store, scaler, type_, reason, message, COMPONENT)


def _bounds(scaler: Object) -> tuple[int, int]:
    spec = scaler["spec"]
    return spec.get("minReplicas", 1), max(1, spec.get("maxReplicas", 1))


def _default_metric() -> Object:
    return {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }


def _blank_status(scaler: Object) -> Object:
    """What is measured anew each time is left out."""
    old = scaler.get("status") or {}
    kept = {key: old[key] for key in ("lastScaleTime", "desiredReplicas", "conditions") if key in old}
    # Kept in copies: conditions are replaced in place below.
    conditions = [dict(found) for found in kept.pop("conditions", [])]
    return {"currentReplicas": 0, "desiredReplicas": 0, **kept, "conditions": conditions, "currentMetrics": []}


def _unable(what: str, why: str) -> str:
    return f"the HPA controller was unable to {what}: {why}"


def _put(scaler: Object, type_: str, status: str, reason: str, message: str) -> None:
    """Sets a condition where it stands in the list."""
    conditions = scaler["status"]["conditions"]
    wanted = {"type": type_, "status": status, "lastTransitionTime": clock.now(), "reason": reason, "message": message}
    for index, old in enumerate(conditions):
        if old["type"] == type_:
            if old["status"] == status:
                wanted["lastTransitionTime"] = old["lastTransitionTime"]
            conditions[index] = wanted
            return
    conditions.append(wanted)
