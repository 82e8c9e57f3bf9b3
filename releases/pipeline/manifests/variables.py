"""The environment of a release: a Secret with its values, and what is no secret."""

import base64

from releases.models import Release
from releases.pipeline.manifests import labels
from releases.pipeline.manifests.labels import Object


def secret_name(release_id: str) -> str:
    return release_id.lower()


def secret(release: Release) -> Object:
    metadata = labels.metadata(release, secret_name(release.pk), {labels.RELEASE: release.pk})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **variables_secret(release)}


def variables_secret(release: Release) -> Object:
    """Type and data of a Secret with the release's environment."""
    data = {name: base64.b64encode(value.encode()).decode() for name, value in sorted(release.env.items())}
    return {"type": "Opaque", "data": data}


def plain_variables(release: Release, name: str) -> list[tuple[str, str]]:
    """What is no secret: who the process is, its port, and the manifest's defaults for what the environment lacks."""
    service = release.manifest["services"][name]
    declared = release.declared(name).items()
    defaults = [(key, value) for key, value in declared if value is not None and key not in release.env]
    about = [
        ("DEPLOYER_APP", release.app.name),
        ("DEPLOYER_SERVICE", name),
        ("DEPLOYER_RELEASE", release.pk),
        ("DEPLOYER_BUILD", release.build_id),
    ]
    port = [("PORT", str(service["port"]))] if service["port"] else []
    return about + port + sorted(defaults)
