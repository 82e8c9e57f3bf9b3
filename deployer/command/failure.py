"""How a command ends when what was asked for is not done."""

FAILED, USAGE, REFUSED, UNREACHABLE, INTERRUPTED = 1, 2, 3, 4, 130


class Failure(Exception):
    """`message` and `details` go to stderr, a line each; `status` is the exit status."""

    def __init__(self, message: str, *details: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.status = status


class Unreachable(Failure):
    """The server can't be reached, or what answers there is no Deployer."""

    def __init__(self, message: str, *details: str) -> None:
        super().__init__(message, *details, status=UNREACHABLE)
