"""What is answered to a delivery that is not taken."""

Headers = list[tuple[bytes, bytes]]
# The sender has not got rid of all of it: nothing else is to come on this connection.
UNREAD: Headers = [(b"connection", b"close")]


class Refused(Exception):
    """An answer other than 202."""

    def __init__(self, status: int, code: str, message: str, headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or []
        self.content = {"error": {"code": code, "message": message, "reasons": []}}


def retry_after(seconds: int) -> Headers:
    return [(b"retry-after", str(seconds).encode())]
