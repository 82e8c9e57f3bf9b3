"""How requests reach a service: within the cluster its Service object, from outside its Ingress."""

from releases.models import Release
from releases.pipeline.deployer_yml.sections import MAIN_PORT_NAME as PORT_NAME
from releases.pipeline.deployer_yml.sections import SERVICE_PORT
from releases.pipeline.manifests import labels
from releases.pipeline.manifests.labels import Object

CERTIFICATE_ISSUER = "cert-manager.io/cluster-issuer"


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
    backend = {"service": {"name": name, "port": {"name": PORT_NAME}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec: Object = {"rules": [{"host": host, "http": {"paths": paths}} for host in service["domain"]]}
    metadata = labels.metadata(release, name, {labels.SERVICE: name})
    if cluster.ingress_class:
        spec["ingressClassName"] = cluster.ingress_class
    if service["tls"]:
        spec["tls"] = [{"hosts": service["domain"], "secretName": service["tls"]["secret"]}]
    elif cluster.certificate_issuer:
        spec["tls"] = [{"hosts": service["domain"], "secretName": f"{name}-tls"}]
        metadata["annotations"] = {CERTIFICATE_ISSUER: cluster.certificate_issuer}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
