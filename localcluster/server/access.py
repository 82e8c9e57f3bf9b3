"""Questions about the cluster that are no objects of it: who one is, what one may do, which kinds were added.

Who has the token is the administrator and may do everything. No kinds can be added; kubectl asks before it says that it
does not know one.
"""

from typing import Any

from localcluster.errors import BadRequest, MethodNotAllowed, StatusError
from localcluster.server import protobuf
from localcluster.server.messages import Request, Response, json_response, parse_yaml

Object = dict[str, Any]

REVIEWS: dict[tuple[str, str], dict[str, str]] = {
    ("authentication.k8s.io", "v1"): {"selfsubjectreviews": "SelfSubjectReview"},
    ("authorization.k8s.io", "v1"): {
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
        "selfsubjectrulesreviews": "SelfSubjectRulesReview",
    },
}
"""The kinds of question, by group and version and by plural."""

_ABOUT = ("resourceAttributes", "nonResourceAttributes")
_ADDED = ["apis", "apiextensions.k8s.io", "v1", "customresourcedefinitions"]
_USER = {"username": "localcluster", "groups": ["system:masters", "system:authenticated"]}
_RULES = {
    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    "incomplete": False,
}


def serves(parts: list[str]) -> bool:
    """Whether an address is that of a question."""
    return parts == _ADDED or _is_review(parts)


def _is_review(parts: list[str]) -> bool:
    return len(parts) == 4 and parts[0] == "apis" and parts[3] in REVIEWS.get((parts[1], parts[2]), {})


def review(request: Request, parts: list[str]) -> Response:
    """The answer to a question. Raises MethodNotAllowed, BadRequest, and 422 for a question about nothing."""
    if parts == _ADDED and request.method == "GET":
        listed = {"kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1"}
        return json_response(200, {**listed, "metadata": {"resourceVersion": "1"}, "items": []})
    if request.method != "POST" or not _is_review(parts):
        raise MethodNotAllowed
    kind = REVIEWS[parts[1], parts[2]][parts[3]]
    asked = _read(request, kind)
    answer: Object = {"kind": kind, "apiVersion": f"{parts[1]}/{parts[2]}", "metadata": {}}
    if kind == "SelfSubjectReview":
        answer["status"] = {"userInfo": _USER}
    elif kind == "SelfSubjectRulesReview":
        answer |= {"spec": {}, "status": _RULES}
    else:
        answer |= {"spec": _one_thing(asked.get("spec")), "status": {"allowed": True}}
    return json_response(201, answer, as_yaml=request.accept.is_yaml)


def _one_thing(spec: Any) -> Object:
    """What is asked about: one resource or one address (Kubernetes' `ValidateSelfSubjectAccessReviewSpec`)."""
    given = [key for key in _ABOUT if isinstance(spec, dict) and spec.get(key) is not None]
    if len(given) == 1:
        return spec
    field, fault = (
        ("nonResourceAttributes", "cannot be specified in combination with resourceAttributes")
        if given
        else ("resourceAttributes", "exactly one of nonResourceAttributes or resourceAttributes must be specified")
    )
    name = 'SelfSubjectAccessReview.authorization.k8s.io ""'
    raise StatusError(422, "Invalid", f"{name} is invalid: spec.{field}: Invalid value: {fault}")


def _read(request: Request, kind: str) -> Object:
    try:
        if request.media_type == "application/vnd.kubernetes.protobuf":
            body: Any = protobuf.decode(request.body)
        else:
            body = parse_yaml(request.body)
    except (ValueError, protobuf.Unreadable) as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None
    if not isinstance(body, dict) or body.get("kind", kind) != kind:
        raise BadRequest(f"the body must be a {kind}")
    return body
