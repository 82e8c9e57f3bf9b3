"""The OpenAPI document: what ninja knows of each operation, and what all of them have in common."""

from functools import cache
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from releases.api.answers import completed
from releases.api.idempotency import NAME, REPLAYED

HEADERS = {
    "RateLimit-Limit": ("How many requests you may send in a minute.", 0),
    "RateLimit-Remaining": ("How many of them are left.", 0),
    "RateLimit-Reset": ("In how many seconds the next minute begins.", 1),
    "Retry-After": ("In how many seconds to ask again.", 1),
}
RATE = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"]


class DescribedAPI(NinjaAPI):
    """An API whose operations are named as their functions are: names that clients can rely on."""

    def _get_urls(self) -> list[Any]:
        return completed(super()._get_urls())

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return operation.view_func.__name__

    @cache  # noqa: B019 (there is one, for ever; making the document takes longer than any other answer)
    def _document(self, path_prefix: str) -> OpenAPISchema:
        document = super().get_openapi_schema(path_prefix=path_prefix)
        document["components"]["headers"] = {
            name: {"description": words, "schema": {"type": "integer", "minimum": least}}
            for name, (words, least) in HEADERS.items()
        }
        for operations in document["paths"].values():
            for operation in operations.values():
                _complete(operation)
        return document

    def get_openapi_schema(self, *, path_prefix: str | None = None, path_params: Any = None) -> OpenAPISchema:
        return self._document(self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)


def _complete(operation: dict[str, Any]) -> None:
    operation["summary"] = operation["operationId"].replace("_", " ").capitalize()
    has_key = any(parameter["name"] == NAME for parameter in operation.get("parameters", []))
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        for name in [*RATE, *(["Retry-After"] if status in (429, 503) else [])]:
            headers[name] = {"$ref": f"#/components/headers/{name}"}
        if has_key and status < 500:
            words = "There, and true, where this is the answer to the first request of that name."
            headers[REPLAYED] = {"description": words, "schema": {"const": "true"}}
