"""The faults of one object, in the API server's words (apimachinery, `field.Error`)."""

import json
import re
from typing import Any

from localcluster.errors import Cause

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_NAME_PART = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
    "end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_1035_RULE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
    "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
    "validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
_NAME_PART_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)

_NAME_FORMS = {
    "label": (_LABEL, _LABEL_RULE, 63),
    "label 1035": (_LABEL_1035, _LABEL_1035_RULE, 63),
    "subdomain": (_SUBDOMAIN, _SUBDOMAIN_RULE, 253),
}


class Faults:
    """A list to which rules add what they find; `field` is a path such as `spec.template.spec.containers[0].name`."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def invalid(self, field: str, value: Any, why: str) -> None:
        self._add("FieldValueInvalid", field, f"Invalid value: {_shown(value)}: {why}")

    def required(self, field: str, why: str = "") -> None:
        self._add("FieldValueRequired", field, "Required value" + (f": {why}" if why else ""))

    def forbidden(self, field: str, why: str) -> None:
        self._add("FieldValueForbidden", field, f"Forbidden: {why}")

    def duplicate(self, field: str, value: Any) -> None:
        self._add("FieldValueDuplicate", field, f"Duplicate value: {_shown(value)}")

    def not_found(self, field: str, value: Any) -> None:
        self._add("FieldValueNotFound", field, f"Not found: {_shown(value)}")

    def too_long(self, field: str, limit: int) -> None:
        self._add("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")

    def unsupported(self, field: str, value: Any, supported: tuple[str, ...]) -> None:
        listed = ", ".join(_shown(item) for item in supported)
        self._add("FieldValueNotSupported", field, f"Unsupported value: {_shown(value)}: supported values: {listed}")

    def at_least_zero(self, field: str, value: Any) -> None:
        if isinstance(value, int) and value < 0:
            self.invalid(field, value, "must be greater than or equal to 0")

    def port(self, field: str, value: Any) -> None:
        if isinstance(value, int) and not 1 <= value <= 65535:
            self.invalid(field, value, "must be between 1 and 65535, inclusive")

    def amount(self, field: str, value: int | str, *, limited: bool) -> None:
        """A count or a percentage, which may be limited to 100%."""
        self.at_least_zero(field, value)
        if not isinstance(value, str):
            return
        digits = value.removesuffix("%")
        if not value.endswith("%") or not digits.isdecimal() or not digits.isascii():
            rule = "a valid percent string must be a numeric string followed by an ending '%'"
            self.invalid(field, value, f"{rule} (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')")
        elif limited and int(digits[:9]) > 100:
            self.invalid(field, value, "must not be greater than 100%")

    def immutable(self, field: str, new: Any, old: Any) -> None:
        if new != old:
            self.invalid(field, new, "field is immutable")

    def name(self, field: str, value: str, form: str) -> None:
        """form is `label`, `label 1035` or `subdomain`."""
        pattern, rule, longest = _NAME_FORMS[form]
        if len(value) > longest:
            self.invalid(field, value, f"must be no more than {longest} bytes")
        if not pattern.fullmatch(value):
            self.invalid(field, value, rule)

    def labels(self, field: str, labels: dict[str, str] | None) -> None:
        for key, value in (labels or {}).items():
            self.qualified_name(field, key)
            if len(value) > 63:
                self.invalid(field, value, "must be no more than 63 bytes")
            if not _LABEL_VALUE.fullmatch(value):
                self.invalid(field, value, _LABEL_VALUE_RULE)

    def qualified_name(self, field: str, key: str) -> None:
        prefix, slash, name = key.rpartition("/")
        if slash and not (_SUBDOMAIN.fullmatch(prefix) and len(prefix) <= 253):
            self.invalid(field, key, f"prefix part {_SUBDOMAIN_RULE}")
        if len(name) > 63:
            self.invalid(field, key, "name part must be no more than 63 bytes")
        if not _NAME_PART.fullmatch(name):
            self.invalid(field, key, _NAME_PART_RULE)

    def _add(self, reason: str, field: str, message: str) -> None:
        self.causes.append(Cause(reason, message, field))


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
