"""Create, replace, patch, apply and delete, as requests."""

from dataclasses import replace

from localcluster.errors import (
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotFound,
)
from localcluster.server import scale
from localcluster.server.bodies import (
    Decoded,
    check_type,
    decode_checked,
    read_applied,
    read_object,
    read_options,
    read_patch,
)
from localcluster.server.messages import Object, Request, Response, json_response, unsupported_media_type
from localcluster.server.options import check_apply, check_patch, check_write
from localcluster.store import apply, decode, defaults, ownership, patches, pod_security, validation
from localcluster.store.json_patches import json_patch
from localcluster.store.resources import Kind, pod_spec_of
from localcluster.store.schema import of_kind
from localcluster.store.selectors import Selector, parse_fields
from localcluster.store.store import Admission, Store, copied

_APPLY = "application/apply-patch+yaml"
_PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    _APPLY,
    "application/apply-patch+cbor",
)
_KEPT_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_PROPAGATIONS = ("Background", "Foreground", "Orphan")
_JOB_WARNING = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)


class Writes:
    """The requests that change one kind's objects. namespace is None for kinds without; subresource may be empty."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, request: Request, kind: Kind, namespace: str | None) -> Response:
        check_write(request, "CreateOptions")
        decoded = read_object(request, kind)
        if decoded.object["metadata"].get("resourceVersion", "0") not in ("", "0"):
            raise InternalError("resourceVersion should not be set on objects to be created")
        _place(decoded.object, namespace, "")
        created = self.store.create(
            kind.kind, decoded.object, dry_run=request.dry_run, admit=self._admission(kind, request.manager, "")
        )
        return _written(request, 201, created, self._warned(decoded, kind))

    def replace(self, request: Request, kind: Kind, namespace: str | None, name: str, subresource: str) -> Response:
        check_write(request, "UpdateOptions")
        if subresource == "scale":
            current = self.store.get(kind.kind, namespace, name)
            return self._rescale(request, kind, current, scale.read(request, current))
        decoded = read_object(request, kind)
        _place(decoded.object, namespace, name)
        return self._update(request, kind, decoded, subresource)

    def patch(self, request: Request, kind: Kind, namespace: str | None, name: str, subresource: str) -> Response:
        if request.media_type == _APPLY:
            return self._apply(request, kind, namespace, name, subresource)
        if request.media_type not in _PATCHES[:3]:
            raise unsupported_media_type(*_PATCHES)
        check_patch(request)
        current = self.store.get(kind.kind, namespace, name)
        patch = read_patch(request)
        if subresource == "scale":
            return self._rescale(request, kind, current, _patched(request, kind, scale.of(current), patch))
        patched = _patched(request, kind, current, patch)
        if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
            raise BadRequest("the patch leaves no object")
        _check_uid(kind, current, patched)
        check_type(patched, kind)
        decoded = decode_checked(patched, kind, request)
        _place(decoded.object, namespace, name)
        return self._update(request, kind, decoded, subresource)

    def delete(self, request: Request, kind: Kind, namespace: str | None, name: str) -> Response:
        options = read_options(request)
        warnings = _choose_propagation(kind, options)
        if kind.kind == "Namespace" and name in _KEPT_NAMESPACES:
            raise Forbidden(kind.kind, name, "this namespace may not be deleted")
        before = self.store.get(kind.kind, namespace, name)
        deleted = self.store.delete(kind.kind, namespace, name, **options)
        headers = Decoded({}, warnings).headers
        waits = self.store.find(kind.kind, namespace, name) is not None and not options["dry_run"]
        if kind.kind in ("Pod", "Namespace") or waits:
            return json_response(200, deleted, headers)
        details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": before["metadata"]["uid"]}
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        status["details"] = {key: value for key, value in details.items() if value}
        return json_response(200, status, headers)

    def delete_all(self, request: Request, kind: Kind, namespace: str | None) -> Response:
        if kind.kind == "Namespace":
            raise MethodNotAllowed
        options = read_options(request)
        warnings = _choose_propagation(kind, options)
        wanted = parse_fields(kind.kind, request.query.get("fieldSelector", ""))
        labels = Selector.parse(request.query.get("labelSelector", ""))
        deleted = []
        for obj in self.store.list(kind.kind, namespace, labels):
            if wanted(obj):
                meta = obj["metadata"]
                deleted.append(self.store.delete(kind.kind, meta.get("namespace"), meta["name"], **options))
        listed: Object = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "items": deleted}
        listed["metadata"] = {"resourceVersion": str(self.store.revision)}
        return json_response(200, listed, Decoded({}, warnings).headers)

    def _apply(self, request: Request, kind: Kind, namespace: str | None, name: str, subresource: str) -> Response:
        check_apply(request)
        manager = request.query["fieldManager"]
        body = read_applied(request)
        live = self.store.find(kind.kind, namespace, name)
        if subresource == "scale":
            body = scale.as_applied(body, kind, live)
        check_type(body, kind)
        body = {**body, "kind": kind.kind, "apiVersion": kind.api_version}
        config = decode.decode_applied(kind.kind, body)
        if config.setdefault("metadata", {}).get("managedFields"):
            raise BadRequest("metadata.managedFields must be nil")
        _place(config, namespace, name)
        validation.check_encoding(kind.kind, config)
        wanted = config["metadata"].get("resourceVersion")
        if wanted and wanted != (live or {"metadata": {}})["metadata"].get("resourceVersion"):
            raise Conflict(kind.kind, name)
        if live is None and subresource:
            raise NotFound(kind.kind, name)
        applied = apply.apply(
            kind.kind, live, config, manager=manager, force=request.flag("force"), subresource=subresource
        )
        applied, _ = decode.decode(kind.kind, applied)  # what has become empty is left out, as by a typed server
        if live is None:
            created = self.store.create(kind.kind, applied, dry_run=request.dry_run, admit=self._validation(kind))
            return _written(request, 201, created, {})
        _check_uid(kind, live, {"metadata": config["metadata"]})
        updated = self.store.update(
            kind.kind,
            applied,
            subresource="status" if subresource == "status" else None,
            dry_run=request.dry_run,
            admit=self._validation(kind),
        )
        return _written(request, 200, scale.of(updated) if subresource == "scale" else updated, {})

    def _validation(self, kind: Kind) -> Admission:
        """Completes an object that is about to be stored, and checks it."""

        def admit(new: Object, old: Object | None) -> None:
            if kind.kind == "Service":
                defaults.allocate_ports(new, self.store.list("Service"))
            validation.check(kind.kind, new, old)

        return admit

    def _admission(self, kind: Kind, manager: str, subresource: str) -> Admission:
        """The same, and writes down who changed what."""

        def admit(new: Object, old: Object | None) -> None:
            if subresource != "status":
                self._validation(kind)(new, old)
            ownership.write_claims(new, ownership.after_update(kind.kind, old, new, manager, subresource))

        return admit

    def _warned(self, decoded: Decoded, kind: Kind) -> dict[str, str]:
        """The headers of an answer to a write: complaints about the body, and about what its pods would be."""
        namespace = self.store.find("Namespace", None, decoded.object["metadata"].get("namespace") or "")
        spec = pod_spec_of(kind.kind, decoded.object)
        if namespace is None or spec is None:
            return decoded.headers
        return replace(decoded, warnings=(*decoded.warnings, *pod_security.warnings(namespace, spec))).headers

    def _update(self, request: Request, kind: Kind, decoded: Decoded, subresource: str) -> Response:
        updated = self.store.update(
            kind.kind,
            decoded.object,
            subresource="status" if subresource == "status" else None,
            dry_run=request.dry_run,
            admit=self._admission(kind, request.manager, subresource),
        )
        return _written(request, 200, updated, self._warned(decoded, kind))

    def _rescale(self, request: Request, kind: Kind, current: Object, wanted: Object) -> Response:
        new = copied(current)
        new["spec"]["replicas"] = scale.replicas(wanted)
        new["metadata"]["resourceVersion"] = scale.version(wanted)
        updated = self.store.update(
            kind.kind, new, dry_run=request.dry_run, admit=self._admission(kind, request.manager, "scale")
        )
        return _written(request, 200, scale.of(updated), {})


def _written(request: Request, status: int, obj: Object, headers: dict[str, str]) -> Response:
    return json_response(status, obj, headers, as_yaml=request.accept.is_yaml)


def _place(obj: Object, namespace: str | None, name: str) -> None:
    """Puts the address's namespace and name into the object. Raises BadRequest where it has others."""
    meta = obj["metadata"]
    if namespace is not None and meta.get("namespace") not in (None, "", namespace):
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    if name and meta.get("name") not in (None, "", name):
        raise BadRequest(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")
    if namespace is not None:
        meta["namespace"] = namespace
    if name:
        meta["name"] = name


def _patched(request: Request, kind: Kind, current: Object, patch: object) -> Object:
    if request.media_type == "application/json-patch+json":
        patched = json_patch(current, patch)
    elif not isinstance(patch, dict):
        found = {list: "array", str: "string", bool: "bool"}.get(type(patch), "number")
        why = f"json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        raise BadRequest(f"error decoding patch: {why}")
    elif request.media_type == "application/merge-patch+json":
        patched = patches.merge(current, patch)
    else:
        patched = patches.strategic(of_kind(kind.kind), current, patch)
    if not isinstance(patched, dict):
        raise BadRequest("the patch leaves no object")
    return patched


def _check_uid(kind: Kind, current: Object, patched: Object) -> None:
    uid = patched["metadata"].get("uid")
    if uid and uid != current["metadata"]["uid"]:
        cause = Cause("FieldValueInvalid", f'Invalid value: "{uid}": field is immutable', "metadata.uid")
        raise Invalid(kind.kind, current["metadata"]["name"], [cause, cause])


def _choose_propagation(kind: Kind, options: Object) -> tuple[str, ...]:
    """Fills in the default: Background, but Orphan for Jobs, with a warning, as batch/v1 does."""
    if options["propagation"] and options["propagation"] not in _PROPAGATIONS:
        raise BadRequest(f'propagationPolicy: Unsupported value: "{options["propagation"]}"')
    if kind.kind == "Namespace":
        options["grace"] = None
    if options["propagation"]:
        return ()
    options["propagation"] = "Orphan" if kind.kind == "Job" else "Background"
    return (_JOB_WARNING,) if kind.kind == "Job" else ()
