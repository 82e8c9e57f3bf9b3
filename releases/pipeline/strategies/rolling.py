"""A few at a time: a new process must be available before an old one goes."""

from typing import Any


def limits(service: dict[str, Any]) -> dict[str, Any]:
    """`minimum` and `maximum` are shares of the processes, in per cent, that may run meanwhile.

    A cluster refuses a Deployment that may neither add nor take away: then one more runs.
    """
    deployment = service["deployment"]
    surge, unavailable = deployment["maximum"] - 100, 100 - deployment["minimum"]
    more = f"{surge}%" if surge or unavailable else 1
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": more, "maxUnavailable": f"{unavailable}%"}}
