"""Names, times and addresses in texts, made the same for every cluster."""

import re

from tests.localcluster.conformance.recording import Object

_RANDOM = "[bcdfghjklmnpqrstvwxz2456789]{5}"
_UNIVERSAL = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "<time>"),
    (re.compile(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d+"), "<address>"),
    (re.compile(r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"), "<ip>"),
    (re.compile(r"\b\w+://[0-9a-f]{64}"), "<runtime>://<id>"),
    (re.compile(rf"<rs \d+>-{_RANDOM}\b"), "<pod>"),  # of a pod that was refused
    (re.compile(rf"kube-api-access-{_RANDOM}"), "kube-api-access-<random>"),
    (re.compile(r" to (node1|localcluster)$"), " to <node>"),
]


_IN_MESSAGES = [
    (re.compile(r"\b(\d+(\.\d+)?(ms|s|m|h))+\b"), "<dur>"),
    (re.compile(r"\b\d+ bytes"), "<n> bytes"),
]


class Words:
    """Knows the names that a scenario's objects happened to get.

    ReplicaSets are numbered in order of appearance, which is the order of their templates in every cluster.
    """

    def __init__(self) -> None:
        self._replica_sets = 0
        self._names: dict[str, str] = {}
        self._known: re.Pattern[str] | None = None
        self._plain: dict[str, str] = {}

    def learn(self, kind: str, obj: Object) -> None:
        """The names that an object brings."""
        meta = obj["metadata"]
        if meta["name"] in self._names:
            return
        names = {}
        if kind == "ReplicaSet":
            self._replica_sets += 1
            number = self._replica_sets
            names = {meta["name"]: f"<rs {number}>", meta["labels"]["pod-template-hash"]: f"<hash {number}>"}
        elif kind == "Pod":
            name, namespace = meta["name"], meta["namespace"]
            names = {name: "<pod>", f"{namespace}/{name}": "<ns>/<pod>", f"{name}_{namespace}": "<pod>_<ns>"}
        elif kind == "EndpointSlice":
            names = {meta["name"]: "<slice>"}
        if names:
            self._names.update(names)
            # A pod's name starts with its ReplicaSet's.
            longest = sorted(self._names, key=len, reverse=True)
            self._known = re.compile("|".join(re.escape(known) for known in longest))
            self._plain.clear()

    def plain(self, text: str) -> str:
        """A text without what is peculiar to one run."""
        if text not in self._plain:
            self._plain[text] = self._free(text)
        return self._plain[text]

    def _free(self, text: str) -> str:
        if self._known:
            text = self._known.sub(lambda match: self._names[match[0]], text)
        for pattern, name in _UNIVERSAL:
            text = pattern.sub(name, text)
        return text

    def message(self, text: str) -> str:
        """As `plain`, without durations and sizes too; in other places, `10m` is a part of a CPU."""
        text = self.plain(text)
        for pattern, name in _IN_MESSAGES:
            text = pattern.sub(name, text)
        return text
