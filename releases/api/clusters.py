"""Clusters. What somebody gave as a kubeconfig is in no answer."""

from datetime import datetime
from typing import Annotated, Any

from django.db.models import Count
from ninja import Router, Status
from pydantic import BaseModel, StringConstraints

from releases import actions, policy
from releases.api.authentication import Request
from releases.api.errors import documented
from releases.api.fields import Body, Text
from releases.api.lookups import find_cluster
from releases.models import Cluster

router = Router()
Name = Annotated[Text, StringConstraints(max_length=300)]
# Larger ones are refused in words; this bounds what is looked at.
Kubeconfig = Annotated[Text, StringConstraints(max_length=1024**2)]


class NewCluster(Body):
    name: Name
    # embedded, in_cluster or kubeconfig.
    kind: Name = "kubeconfig"
    kubeconfig: Kubeconfig = ""
    # Which context of the kubeconfig, when it has several.
    context: Name = ""
    is_default: bool = False
    ingress_class: Name = ""
    certificate_issuer: Name = ""
    storage_class: Name = ""


class ClusterChange(Body):
    """What is left out stays."""

    kubeconfig: Kubeconfig | None = None
    context: Name = ""
    is_default: bool | None = None
    ingress_class: Name | None = None
    certificate_issuer: Name | None = None
    storage_class: Name | None = None


class ClusterInfo(BaseModel):
    """`state`: unchecked, reachable or unreachable; `problem`, `hint` and `version` as last seen."""

    name: str
    kind: str
    state: str
    version: str
    problem: str
    hint: str
    problem_since: datetime | None
    checked: datetime | None
    is_default: bool
    ingress_class: str
    certificate_issuer: str
    storage_class: str
    apps: int
    created: datetime
    by: str


class TestLine(BaseModel):
    """`state`: ok, warning or missing."""

    state: str
    words: str
    hint: str


class TestResult(BaseModel):
    """`ok`: nothing is missing."""

    ok: bool
    version: str
    problem: str
    hint: str
    lines: list[TestLine]


@router.get("", response={200: list[ClusterInfo], **documented()})
def list_clusters(request: Request) -> list[ClusterInfo]:
    """All clusters, by name."""
    policy.require("view", by=request.actor)
    rows = Cluster.objects.annotate(app_count=Count("apps")).defer("kubeconfig").order_by("name")
    return [_info(row) for row in rows]


@router.post("", response={201: ClusterInfo, **documented(409)})
def create_cluster(request: Request, payload: NewCluster) -> Status:
    """Whether it answers is no condition: its state says so from then on."""
    row = actions.create_cluster(**payload.model_dump(), by=request.actor)
    return Status(201, _info(row))


@router.get("/{cluster_name}", response={200: ClusterInfo, **documented(404)})
def cluster_info(request: Request, cluster_name: str) -> ClusterInfo:
    """What it is, and how it was when it was last asked."""
    policy.require("view", by=request.actor)
    return _info(find_cluster(cluster_name))


@router.patch("/{cluster_name}", response={200: ClusterInfo, **documented(404, 409)})
def change_cluster(request: Request, cluster_name: str, payload: ClusterChange) -> ClusterInfo:
    """Change how it is reached or used. What is left out stays."""
    changes: dict[str, Any] = payload.model_dump(exclude_none=True)
    return _info(actions.change_cluster(find_cluster(cluster_name), **changes, by=request.actor))


@router.delete("/{cluster_name}", response={204: None, **documented(404, 409)})
def remove_cluster(request: Request, cluster_name: str) -> Status:
    """Deployer forgets it; nothing in it is touched. Refused while apps live in it."""
    actions.remove_cluster(find_cluster(cluster_name), by=request.actor)
    return Status(204, None)


@router.post("/{cluster_name}/test", response={200: TestResult, **documented(404)})
def test_cluster(request: Request, cluster_name: str) -> TestResult:
    """Ask it now, and for each right that Deployer needs there. One that does not answer is a result, too."""
    seen, findings = actions.test_cluster(find_cluster(cluster_name), by=request.actor)
    return TestResult(
        ok=not any(finding.state == "missing" for finding in findings),
        version=seen.version,
        problem=seen.problem,
        hint=seen.hint,
        lines=[TestLine(state=finding.state, words=finding.words, hint=finding.hint) for finding in findings],
    )


def _info(row: Cluster) -> ClusterInfo:
    app_count = getattr(row, "app_count", None)
    return ClusterInfo(
        name=row.name,
        kind=row.kind,
        state=row.state,
        version=row.version,
        problem=row.problem,
        hint=row.hint,
        problem_since=row.problem_since,
        checked=row.checked_at,
        is_default=row.is_default,
        ingress_class=row.ingress_class,
        certificate_issuer=row.certificate_issuer,
        storage_class=row.storage_class,
        apps=row.apps.count() if app_count is None else app_count,
        created=row.created_at,
        by=row.by_label,
    )
