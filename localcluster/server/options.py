"""The parameters of requests, and what is wrong with them (`ListOptions`, `CreateOptions` and the like)."""

from localcluster.errors import BadRequest, Cause, StatusError
from localcluster.server.messages import Request

_MATCHES = ("Exact", "NotOlderThan")
_VALIDATIONS = ("Ignore", "Strict", "Warn")
_LONGEST_MANAGER = 128


def invalid(options: str, *causes: Cause) -> StatusError:
    """422: the options of a request break rules."""
    faults = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
    details = {"group": "meta.k8s.io", "kind": options, "causes": [cause.body() for cause in causes]}
    return StatusError(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: {listed}', details)


def version(request: Request) -> int | None:
    """The `resourceVersion` parameter; None without one. Raises StatusError (500, as the API server does)."""
    text = request.query.get("resourceVersion", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        words = f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise StatusError(500, "", words)
    return int(text)


def check_list(request: Request) -> None:
    """Whether the parameters of a list go together. Raises StatusError (422), BadRequest."""
    wanted, match = request.query.get("resourceVersion", ""), request.query.get("resourceVersionMatch", "")
    has_token = bool(request.query.get("continue"))
    causes = []
    if match:
        if not wanted:
            causes.append(_forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"))
        if has_token:
            causes.append(_forbidden("resourceVersionMatch is forbidden when continue is provided"))
        if match not in _MATCHES:
            supported = 'supported values: "Exact", "NotOlderThan", ""'
            message = f'Unsupported value: "{match}": {supported}'
            causes.append(Cause("FieldValueNotSupported", message, "resourceVersionMatch"))
        if match == "Exact" and wanted == "0":
            causes.append(_forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if request.query.get("sendInitialEvents"):
        words = "Forbidden: sendInitialEvents is forbidden for list"
        causes.append(Cause("FieldValueForbidden", words, "sendInitialEvents"))
    if causes:
        raise invalid("ListOptions", *causes)
    if has_token and wanted not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")


def _forbidden(words: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {words}", "resourceVersionMatch")


def check_watch(request: Request) -> None:
    """Whether the parameters of a watch go together. Raises StatusError (422)."""
    asks, match = "sendInitialEvents" in request.query, request.query.get("resourceVersionMatch", "")
    if asks and match != "NotOlderThan":
        words = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise invalid("ListOptions", _forbidden(words))
    if match and not asks:
        words = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        raise invalid("ListOptions", _forbidden(words))


def check_write(request: Request, options: str) -> None:
    """Whether the parameters of a write can be understood; options is `CreateOptions`, `UpdateOptions` or
    `PatchOptions`. Raises StatusError (422)."""
    causes = []
    dry_run = request.query.get("dryRun", "")
    if dry_run not in ("", "All"):
        message = f'Unsupported value: "{dry_run}": supported values: "All"'
        causes.append(Cause("FieldValueNotSupported", message, "dryRun"))
    causes += _manager_causes(request.query.get("fieldManager", ""))
    how = request.query.get("fieldValidation", "")
    if how not in ("", *_VALIDATIONS):
        supported = ", ".join(f'"{value}"' for value in ("", *_VALIDATIONS))
        message = f'Unsupported value: "{how}": supported values: {supported}'
        causes.append(Cause("FieldValueNotSupported", message, "fieldValidation"))
    if causes:
        raise invalid(options, *causes)


def check_apply(request: Request) -> None:
    """As `check_write`, for an apply. Raises StatusError (422)."""
    if not request.query.get("fieldManager"):
        words = "Required value: is required for apply patch"
        raise invalid("PatchOptions", Cause("FieldValueRequired", words, "fieldManager"))
    check_write(request, "PatchOptions")


def check_patch(request: Request) -> None:
    """As `check_write`, for any other patch, which cannot be forced. Raises StatusError (422)."""
    check_write(request, "PatchOptions")
    if "force" in request.query:
        words = "Forbidden: may not be specified for non-apply patch"
        raise invalid("PatchOptions", Cause("FieldValueForbidden", words, "force"))


def _manager_causes(manager: str) -> list[Cause]:
    if len(manager.encode(errors="replace")) > _LONGEST_MANAGER:
        message = f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        return [Cause("FieldValueTooLong", message, "fieldManager")]
    if not manager.isprintable():
        why = "should only contain printable characters"
        return [Cause("FieldValueInvalid", f'Invalid value: "{manager}": {why}', "fieldManager")]
    return []
