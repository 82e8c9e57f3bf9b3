"""Every error as {"error": {"code", "message", "reasons"}}, with the fitting status."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest, ObjectDoesNotExist, RequestDataTooBig, SuspiciousOperation
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel

from releases import errors
from releases.models.trouble import trouble_of

logger = logging.getLogger(__name__)
RETRY_SECONDS = 5
TOO_OFTEN = "You ask too often: wait until the next minute."
LOCATIONS = {"body", "query", "path", "form", "file"}

STATUS: dict[type[errors.DeployerError], int] = {
    errors.NotAllowed: 409,  # 403 for want of a right
    errors.WrongState: 409,
    errors.Invalid: 422,
    errors.Taken: 409,
    errors.KeyInUse: 409,
    errors.KeyMismatch: 422,
    errors.IllegalTransition: 409,
    errors.Stale: 409,
    errors.RolloutFailed: 409,
    errors.BuildFailed: 422,
    errors.NotFound: 409,
    errors.Conflict: 409,
    errors.FieldConflict: 409,
    errors.Refused: 422,
    errors.ClusterError: 503,
}
CODES = {400: "bad_request", 401: "not_authenticated", 403: "forbidden", 413: "too_large", 429: "too_many_requests"}


class ErrorDetail(BaseModel):
    code: str
    message: str
    reasons: list[str]


class Error(BaseModel):
    error: ErrorDetail


def documented(*statuses: int) -> dict[int, type[Error]]:
    """The error statuses of an operation, for its schema. Every one that asks for credentials can also say these."""
    return dict.fromkeys([400, 401, 403, 422, 429, 503, *statuses], Error)


def error(
    status: int, code: str, message: str, reasons: list[str] | None = None, *, retry_after: float | None = None
) -> JsonResponse:
    response = JsonResponse({"error": {"code": code, "message": message, "reasons": reasons or []}}, status=status)
    if retry_after is not None:
        response["Retry-After"] = str(max(1, round(retry_after)))
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def register(api: NinjaAPI) -> None:
    """Teach `api` the ladder from exception to answer."""
    ladder: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        errors.DeployerError: _ours,
        ValidationError: _malformed,
        HttpError: _http,
        Http404: lambda request, found: error(404, "not_found", str(found)),
        # Between our finding it and our locking it.
        ObjectDoesNotExist: lambda request, found: error(404, "not_found", "It was deleted in this moment."),
        DatabaseError: _database,
        SuspiciousOperation: _unreadable,
        BadRequest: _unreadable,
        MultiPartParserError: _unreadable,
        UnreadablePostError: _unreadable,
        Exception: _unforeseen,
    }
    for kind, handler in ladder.items():
        api.add_exception_handler(kind, handler)


def _ours(request: HttpRequest, found: errors.DeployerError) -> HttpResponse:
    status = next((STATUS[kind] for kind in type(found).__mro__ if kind in STATUS), 409)
    if isinstance(found, errors.NotAllowed) and found.forbidden:
        status = 403
    retry_after = getattr(found, "retry_after", None) or (RETRY_SECONDS if status == 503 else None)
    return error(status, found.code, found.message, found.reasons, retry_after=retry_after)


def _malformed(request: HttpRequest, found: ValidationError) -> HttpResponse:
    reasons = [_in_words(fault) for fault in found.errors[:20]]
    return error(422, "invalid", reasons[0] if reasons else "The request is malformed.", reasons)


def _in_words(fault: dict[str, Any]) -> str:
    """`count: Input should be a valid integer`: the field, without ninja's names for where it was looked for."""
    path = [str(part) for part in fault["loc"]]
    while path and path[0] in LOCATIONS | {"payload"} and len(path) > 1:
        path.pop(0)
    field = ".".join(path)[:200].encode(errors="replace").decode()
    if fault["type"] in ("model_type", "model_attributes_type"):
        return f"{field}: a JSON object was expected"
    return f"{field}: {fault['msg'].removeprefix('Value error, ')}"


def _http(request: HttpRequest, found: HttpError) -> HttpResponse:
    if found.status_code == 401:
        return error(401, CODES[401], "Credentials are needed: a bearer token, or a session.")
    if found.status_code == 429:
        return error(429, CODES[429], TOO_OFTEN)
    if found.status_code == 403 and "CSRF" in found.message:
        return error(403, "csrf", "The CSRF token is missing or wrong.")
    return error(found.status_code, CODES.get(found.status_code, "error"), found.message)


def _unreadable(request: HttpRequest, found: Exception) -> HttpResponse:
    if isinstance(found, RequestDataTooBig):
        return error(413, "too_large", "The request is too large.")
    return error(400, "bad_request", "The request can't be read.")


def _database(request: HttpRequest, found: DatabaseError) -> HttpResponse:
    trouble = trouble_of(found)
    if trouble is None:
        return _unforeseen(request, found)
    logger.warning("%s %s: %s", request.method, request.path, found)
    if not trouble.is_ours:
        return error(422, trouble.code, trouble.words)
    return error(503, trouble.code, trouble.words, retry_after=RETRY_SECONDS)


def _unforeseen(request: HttpRequest, found: Exception) -> HttpResponse:
    logger.error("%s %s failed", request.method, request.path, exc_info=found)
    return error(500, "internal", "Something went wrong on our side; it has been logged.")
