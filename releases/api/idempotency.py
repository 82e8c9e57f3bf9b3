"""`Idempotency-Key`: a request that is sent again under the same name is answered as the first one was.

The decorator takes the name once it is known who asks and that the request is well formed; the answer is kept where it
has its final form, in `settle`.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Optional, TypeVar

from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from ninja import Header
from ninja.utils import contribute_operation_args

from releases.api.authentication import Request
from releases.models import IdempotencyKey, Token

logger = logging.getLogger(__name__)
View = TypeVar("View", bound=Callable[..., Any])
NAME = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
SENT_WITH: Any = Header(
    None,
    alias=NAME,
    min_length=1,
    max_length=255,
    pattern=r"^[!-~]([ -~]*[!-~])?$",
    description="A name of your own for this request. Sent again under the same name within a day, it is answered as "
    "the first time and nothing is done; another request under that name is refused.",
)


def idempotent(view: View) -> View:
    """For an operation that makes something: goes directly below `@router.post(…)`."""

    @wraps(view)
    def once(request: Request, *args: Any, **kwargs: Any) -> Any:
        key = kwargs.pop("idempotency_key")
        if key is None:
            return view(request, *args, **kwargs)
        taken = IdempotencyKey.take(_asker(request), key, _fingerprint(request))
        if taken.status is not None:
            return _again(taken)
        request.taken_key = taken  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    contribute_operation_args(once, "idempotency_key", Optional[str], SENT_WITH)  # type: ignore[arg-type]  # noqa: UP045
    return once  # type: ignore[return-value]


def settle(request: HttpRequest, response: HttpResponse) -> None:
    """Keep the answer to a request that has a name; one that failed through us may be tried again."""
    taken: IdempotencyKey | None = getattr(request, "taken_key", None)
    if taken is None:
        return
    try:
        if response.status_code < 500:
            taken.answered(response.status_code, response.content.decode())
        else:
            taken.give_back()
    except DatabaseError as error:  # it is done all the same, and told
        logger.warning("the answer to %s is not kept: %s", taken, error)


def _again(known: IdempotencyKey) -> HttpResponse:
    assert known.status is not None
    response = HttpResponse(known.body, status=known.status, content_type="application/json; charset=utf-8")
    response[REPLAYED] = "true"
    return response


def _asker(request: Request) -> str:
    auth = request.auth  # type: ignore[attr-defined]
    return f"{'token' if isinstance(auth, Token) else 'person'} {auth.pk}"


def _fingerprint(request: HttpRequest) -> str:
    """Of the address and of what was sent: of an upload its fields and contents, as the boundary between them is
    another one each time that it is sent."""
    digest = hashlib.sha256()
    for piece in (str(request.method).encode(), request.get_full_path().encode(), *_pieces(request)):
        # With their lengths, so that no two requests have the same pieces in sum.
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.hexdigest()


def _pieces(request: HttpRequest) -> Iterator[bytes]:
    if request.content_type != "multipart/form-data":
        yield str(request.content_type).encode()
        yield request.body
        return
    for name, values in sorted(request.POST.lists()):
        yield from (name.encode(), *(value.encode() for value in values), b"")
    for name, files in sorted(request.FILES.lists()):
        for file in files:
            yield name.encode()
            yield from file.chunks()
            yield b""
            file.seek(0)
