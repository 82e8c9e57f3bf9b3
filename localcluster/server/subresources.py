"""What hangs on pods, services, nodes and service accounts beside their own state: done here, or refused with a word
on what to do instead."""

from localcluster.errors import BadRequest, MethodNotAllowed, StatusError
from localcluster.server.bodies import parse_body
from localcluster.server.messages import Object, Request, Response, json_response
from localcluster.server.routes import Target
from localcluster.store.selectors import Selector
from localcluster.store.store import Store

_PROCESSES = "pods are plain processes of this machine"
_REFUSED = {
    ("Pod", "attach"): f'attach is not served: {_PROCESSES}; their output is in "kubectl logs --follow"',
    ("Pod", "binding"): "binding is not served: pods are bound by the cluster's own scheduler",
    ("Pod", "ephemeralcontainers"): f"ephemeral containers are not served: {_PROCESSES}, which any debugger can reach",
    ("Pod", "exec"): f'exec is not served: {_PROCESSES}; read "kubectl logs", or run the command in a Job of its image',
    ("Pod", "portforward"): f"port-forward is not served: {_PROCESSES}; reach them through their Service's Ingress",
    ("Pod", "proxy"): f"proxy is not served: {_PROCESSES}; reach them through their Service's Ingress",
    ("Service", "proxy"): "proxy is not served: reach the Service through its Ingress",
    ("Node", "proxy"): "proxy is not served: the node has no API of its own",
    ("ServiceAccount", "token"): (
        "tokens of service accounts are not made here: there is one user, whose token is in the kubeconfig"
    ),
}


def answer(store: Store, request: Request, at: Target) -> Response:
    """Raises NotFound where there is no such object, and BadRequest with the reason for what is not done."""
    obj = store.get(at.kind.kind, at.namespace, at.name)
    if at.subresource == "eviction":
        return _evict(store, request, at, obj)
    raise BadRequest(_REFUSED[at.kind.kind, at.subresource])


def _evict(store: Store, request: Request, at: Target, pod: Object) -> Response:
    """Deletes a pod unless a disruption budget forbids it (Kubernetes documentation, "API-initiated Eviction")."""
    if request.method != "POST":
        raise MethodNotAllowed
    body = parse_body(request)
    options = body.get("deleteOptions") or {} if isinstance(body, dict) else None
    if not isinstance(options, dict) or not isinstance(options.get("preconditions") or {}, dict):
        raise BadRequest("the body must be an Eviction of policy/v1")
    grace = options.get("gracePeriodSeconds")
    if grace is not None and (not isinstance(grace, int) or isinstance(grace, bool)):
        raise BadRequest("gracePeriodSeconds must be a whole number")
    if pod.get("status", {}).get("phase") not in ("Pending", "Succeeded", "Failed"):
        _check_budgets(store, pod)
    dry_run = request.dry_run or options.get("dryRun") == ["All"]
    uid = (options.get("preconditions") or {}).get("uid")
    store.delete("Pod", at.namespace, at.name, uid=uid, grace=grace, dry_run=dry_run)
    return json_response(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})


def _check_budgets(store: Store, pod: Object) -> None:
    for budget in store.list("PodDisruptionBudget", pod["metadata"]["namespace"]):
        selector = budget["spec"].get("selector")
        if selector is None or not Selector.of(selector).matches(pod["metadata"].get("labels")):
            continue
        status = budget.get("status", {})
        if status.get("disruptionsAllowed", 0) < 1:
            name, wanted, present = (
                budget["metadata"]["name"], status.get("desiredHealthy", 0), status.get("currentHealthy", 0),
            )  # fmt: skip
            why = f"The disruption budget {name} needs {wanted} healthy pods and has {present} currently"
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            details = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
            raise StatusError(429, "TooManyRequests", message, details)
