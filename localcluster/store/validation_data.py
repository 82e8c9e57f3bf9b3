"""What makes Secrets and ConfigMaps invalid."""

import base64
import binascii
import json
from typing import Any

from localcluster.store.decode import cannot_be_handled
from localcluster.store.faults import Faults

Object = dict[str, Any]

_LARGEST = 1024 * 1024
_REQUIRED = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}
_BASIC = ("username", "password")
_KEY_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def check_encoding(kind: str, obj: Object) -> None:
    """Whether binary data is base64. Raises BadRequest, as decoding does."""
    field = {"Secret": "data", "ConfigMap": "binaryData"}.get(kind, "")
    for value in (obj.get(field) or {}).values():
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise cannot_be_handled(kind, "illegal base64 data at input byte 0") from None


def check_keys(obj: Object, faults: Faults) -> None:
    """Secrets and ConfigMaps alike."""
    size = 0
    for field in ("data", "binaryData"):
        for key, value in (obj.get(field) or {}).items():
            place = f"{field}[{key}]"
            if len(key) > 253:
                faults.invalid(place, key, "must be no more than 253 characters")
            if key in (".", "..") or (key.startswith("..") and key != ".."):
                faults.invalid(place, key, f"must not {'be' if key in ('.', '..') else 'start with'} '{key[:2]}'")
            elif not key or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in key):
                faults.invalid(place, key, _KEY_RULE)
            if field == "binaryData" and key in (obj.get("data") or {}):
                faults.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
            size += len(value) if obj.get("kind") == "ConfigMap" and field == "data" else len(value) * 3 // 4
    if size > _LARGEST:
        faults.too_long("data" if obj.get("kind") == "Secret" else "", _LARGEST)


def check_secret(obj: Object, faults: Faults) -> None:
    check_keys(obj, faults)
    data, kind = obj.get("data") or {}, obj["type"]
    for key in _REQUIRED.get(kind, ()):
        if key not in data:
            faults.required(f"data[{key}]")
        elif "docker" in kind and not _is_json(data[key]):
            faults.invalid(f"data[{key}]", "<secret contents redacted>", "invalid JSON")
    if kind == "kubernetes.io/basic-auth" and not any(key in data for key in _BASIC):
        for key in _BASIC:
            faults.required(f"data[{key}]")
    account = "kubernetes.io/service-account.name"
    if kind == "kubernetes.io/service-account-token" and not (obj["metadata"].get("annotations") or {}).get(account):
        faults.required(f"metadata.annotations[{account}]")


def _is_json(encoded: str) -> bool:
    try:
        json.loads(base64.b64decode(encoded))
    except (ValueError, RecursionError):
        return False
    return True


def check_data_kept(kind: str, new: Object, old: Object, faults: Faults) -> None:
    """A Secret's type stays, and of what is immutable everything."""
    if kind == "Secret":
        faults.immutable("type", new.get("type"), old.get("type"))
    if not old.get("immutable"):
        return
    rule = "field is immutable when `immutable` is set"
    for field in ("immutable", "data", "binaryData"):
        if new.get(field) != old.get(field):
            faults.forbidden(field, rule)
