"""Who decides how many processes of a service run, where no person does."""

from releases.clients.cluster import Cluster, Object
from releases.errors import NotFound


def of_services(cluster: Cluster, namespace: str) -> dict[str, Object]:
    """Deployment → the autoscaler that scales it, whoever made it. Raises ClusterUnavailable, Refused."""
    try:
        found, _ = cluster.list_all("HorizontalPodAutoscaler", namespace)
    except NotFound:  # a cluster without autoscaling
        return {}
    targets = [(autoscaler["spec"]["scaleTargetRef"], autoscaler) for autoscaler in found]
    return {target.get("name", ""): autoscaler for target, autoscaler in targets if target.get("kind") == "Deployment"}
