"""A cluster's role-based access control, in front of the local cluster, which has none: `deploy/rbac.yaml` decides.

It stands in the proxy between Deployer and its cluster, and remembers which rights were used.
"""

import json
import ssl
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import yaml

from localcluster.server.authorization import Attributes, attributes, refusal
from tests.faults.exchange import Answer, Request
from tests.faults.troubles import Trouble
from tests.web_server import ROOT

RBAC = ROOT / "deploy" / "rbac.yaml"
USER = "system:serviceaccount:deployer:deployer"
REVIEWS = "selfsubjectaccessreviews"
APPLY = "application/apply-patch+yaml"

Right = tuple[str, str, str]
"""API group, resource (`pods/log`), verb."""
# What every account may: Kubernetes' own role system:basic-user.
BASIC: frozenset[Right] = frozenset({("authorization.k8s.io", REVIEWS, "create")})


def granted(path: Path = RBAC) -> frozenset[Right]:
    """What the cluster roles in the file grant to Deployer's account."""
    documents = list(yaml.safe_load_all(path.read_text()))
    (binding,) = (one for one in documents if one["kind"] == "ClusterRoleBinding")
    assert [f"system:serviceaccount:{one['namespace']}:{one['name']}" for one in binding["subjects"]] == [USER]
    (role,) = (one for one in documents if one["kind"] == "ClusterRole")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    return frozenset(
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def asked_by(request: Request) -> Attributes | None:
    """None for what is no resource: /version."""
    path = urlsplit(request.target).path
    parts = [unquote(part) for part in path.strip("/").split("/")]
    found = attributes(request.method, parts, watch=request.is_watch)
    return found if found and found.resource else None


def right_of(asked: Attributes) -> Right:
    return asked.group, asked.full_resource, asked.verb


class Authorizer(Trouble):
    """Lets through what `rights` allow, and answers everything else as Kubernetes does. `used`: how often each right
    was; `refused`: in words."""

    def __init__(self, rights: frozenset[Right], *, upstream: str, trust: ssl.SSLContext) -> None:
        super().__init__()
        self.rights, self.upstream, self.trust = rights | BASIC, upstream, trust
        self.used: Counter[Right] = Counter()
        self.refused: list[str] = []

    async def instead(self, request: Request) -> Answer | None:
        asked = asked_by(request)
        if asked is None:
            return None
        wanted = [asked, *await self._created(request, asked)]
        for one in wanted:
            if right_of(one) not in self.rights:
                return self._refusal(one)
        self.used.update(map(right_of, wanted))
        return self._review(request) if asked.resource == REVIEWS else None

    async def _created(self, request: Request, asked: Attributes) -> list[Attributes]:
        """An apply of what isn't there creates it, for which one needs that right, too."""
        if asked.verb != "patch" or not request.headers.get("content-type", "").startswith(APPLY):
            return []
        headers = {"authorization": request.headers["authorization"]}
        address = self.upstream + urlsplit(request.target).path
        async with httpx.AsyncClient(verify=self.trust, trust_env=False) as client:
            missing = (await client.get(address, headers=headers)).status_code == 404
        return [replace(asked, verb="create")] if missing else []

    def _refusal(self, asked: Attributes) -> Answer:
        error = refusal(USER, asked)
        self.struck += 1
        self.refused.append(error.message)
        return Answer(403, json.dumps(error.body()).encode())

    def _review(self, request: Request) -> Answer:
        body: dict[str, Any] = json.loads(request.body)
        given = body["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (given["resource"], given.get("subresource"))))
        allowed = (given.get("group", ""), resource, given["verb"]) in self.rights
        return Answer(201, json.dumps({**body, "metadata": {}, "status": {"allowed": allowed}}).encode())
