"""How requests reach a service: within the cluster its Service object, from outside its Ingress."""

import hashlib
from collections.abc import Mapping

from releases.models import App, Release
from releases.pipeline.deployer_yml.sections import MAIN_PORT_NAME as PORT_NAME
from releases.pipeline.deployer_yml.sections import SERVICE_PORT
from releases.pipeline.manifests import labels
from releases.pipeline.manifests.labels import Object

CERTIFICATE_ISSUER = "cert-manager.io/cluster-issuer"
# No service can be called so.
OWN_DOMAINS = "own.domains"


def service_object(release: Release, name: str) -> Object:
    """The service's `port` answers at 80, its other ports at their own numbers.

    They are reached by their names: with numbers, a changed port would send requests for old processes to where
    nothing listens.
    """
    service = release.manifest["services"][name]
    main = {"name": PORT_NAME, "port": SERVICE_PORT, "targetPort": PORT_NAME, "protocol": "TCP"}
    others = [
        {"name": port["name"], "port": port["port"], "targetPort": port["name"], "protocol": port["protocol"].upper()}
        for port in service["ports"]
    ]
    spec: Object = {
        "selector": labels.selector(release, name),
        "ports": ([main] if service["port"] else []) + others,
        "sessionAffinity": "ClientIP" if service["sticky"] else "None",
    }
    metadata = labels.metadata(release, name, {labels.SERVICE: name})
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def ingress(release: Release, name: str) -> Object:
    """Of a service with domains; its certificate is the manifest's Secret, else what the cluster's issuer makes."""
    service, cluster = release.manifest["services"][name], release.app.cluster
    spec: Object = {"rules": [_rule(host, name) for host in service["domain"]]}
    metadata = labels.metadata(release, name, {labels.SERVICE: name})
    if cluster.ingress_class:
        spec["ingressClassName"] = cluster.ingress_class
    if service["tls"]:
        spec["tls"] = [{"hosts": service["domain"], "secretName": service["tls"]["secret"]}]
    elif cluster.certificate_issuer:
        spec["tls"] = [{"hosts": service["domain"], "secretName": f"{name}-tls"}]
        metadata["annotations"] = {CERTIFICATE_ISSUER: cluster.certificate_issuer}
    return _ingress(metadata, spec)


def own_domains(app: App, hosts: Mapping[str, str], *, installation: str) -> Object:
    """The Ingress of the domains that are the app's own, no release's. `hosts`: host → the service that it leads to.

    Each has a certificate of its own: one that can't be had yet keeps none of the others from being renewed.
    """
    cluster = app.cluster
    metadata: Object = {
        "name": OWN_DOMAINS,
        "namespace": app.namespace,
        "labels": {labels.MANAGED_BY: labels.MANAGER, labels.APP: app.name, labels.DOMAINS: "own"},
        "annotations": {labels.INSTALLATION: installation},
    }
    spec: Object = {"rules": [_rule(host, service) for host, service in sorted(hosts.items())]}
    if cluster.ingress_class:
        spec["ingressClassName"] = cluster.ingress_class
    if cluster.certificate_issuer:
        spec["tls"] = [{"hosts": [host], "secretName": certificate_name(host)} for host in sorted(hosts)]
        metadata["annotations"][CERTIFICATE_ISSUER] = cluster.certificate_issuer
    return _ingress(metadata, spec)


def certificate_name(host: str) -> str:
    """Of the Secret with the certificate of `host`: no longer than a name may be, and another for each host."""
    digest = hashlib.sha256(host.encode()).hexdigest()[:10]
    return f"{host.removeprefix('*.')[:200].rstrip('.-')}-{digest}-tls"


def _rule(host: str, service: str) -> Object:
    backend = {"service": {"name": service, "port": {"name": PORT_NAME}}}
    return {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}


def _ingress(metadata: Object, spec: Object) -> Object:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
