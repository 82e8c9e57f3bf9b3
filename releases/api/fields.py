"""The kinds of values that clients send: strict, bounded, and storable in every database."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from django.http import HttpRequest
from ninja import Query
from ninja.parser import Parser
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from releases.api.lookups import NUMBER_MAX

Row = TypeVar("Row")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
LIMIT_DEFAULT, LIMIT_MAX = 50, 200


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("holds a NUL")
    return text


def _moment(value: Any) -> datetime | None:
    """pydantic alone takes numbers for times, and gives some that no database can hold."""
    if value is None:
        return None
    if not isinstance(value, str) or not RFC_3339.match(value):
        raise ValueError("a time as in RFC 3339 was expected, with its offset: 2026-03-18T14:30:49Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("there is no such time") from error


class StrictParser(Parser):
    """JSON as its standard has it: no NaN, and only text that can be written as UTF-8 (no half of a surrogate pair)."""

    def parse_body(self, request: HttpRequest) -> Any:
        # A browser sends JSON to a foreign address only after asking; plain text it sends unasked.
        if request.content_type != "application/json":
            raise ValueError("send JSON, as application/json")
        try:
            data = json.loads(request.body, parse_constant=_no_constant)
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


# A time with its offset, in an address or a body.
Moment = Annotated[datetime, BeforeValidator(_moment)]
# The `next` of a page whose rows are numbered; "" for the first page.
NumberCursor = Annotated[str, Query("", pattern=r"^[0-9]{0,18}$")]
# The same of rows that are listed by name: the last name.
NameCursor = Annotated[str, Query("", max_length=150), AfterValidator(_storable)]
Text = Annotated[str, AfterValidator(_storable)]
Sentence = Annotated[str, StringConstraints(max_length=500), AfterValidator(_storable)]
Count = Annotated[int, Field(strict=True, ge=-NUMBER_MAX, le=NUMBER_MAX)]
Limit = Annotated[int, Query(LIMIT_DEFAULT, ge=1, le=LIMIT_MAX)]
After = Annotated[int, Query(0, ge=0, le=NUMBER_MAX)]


class Body(BaseModel):
    """What a client sends as JSON: exact types, no unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Page(BaseModel, Generic[Row]):
    """`next`: the cursor that gives what comes after these, or null at the end."""

    items: list[Row]
    next: str | None


def page_of(rows: list[Row], cursors: list[str], limit: int) -> Page[Row]:
    """`rows` were asked for with one more than `limit`: its presence says that there is a next page."""
    return Page[Row](items=rows[:limit], next=cursors[limit - 1] if len(rows) > limit else None)
