"""How the processes of a release take the place of the old ones: one module for each way.

A strategy is a module with `limits(service)`: the share of a Deployment that says so. One that needs steps of its own
(blue/green: a second Deployment and a switch; canary: a pause between steps) gets a module here, its name into
STRATEGIES and into the manifest's `deployment.strategy`. Until then a manifest that names it is refused.
`recreate` is not for choosing: a service with volumes has no other way.
"""

from typing import Any, Protocol

from releases.pipeline.strategies import immediate, recreate, rolling

Object = dict[str, Any]


class Strategy(Protocol):
    def limits(self, service: Object) -> Object:
        """`spec.strategy` of the Deployment of a service of the manifest."""


STRATEGIES: dict[str, Strategy] = {"rolling": rolling, "immediate": immediate}


def of(manifest: Object) -> Strategy:
    """The manifest's; deployer.yml knows no others."""
    return STRATEGIES[manifest["deployment"]["strategy"]]


def limits(manifest: Object, service: Object) -> Object:
    """`spec.strategy` of the Deployment of `service`."""
    return (recreate if service["volumes"] else of(manifest)).limits(service)
