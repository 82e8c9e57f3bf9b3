"""How an app's cluster is reached: which access its row means."""

from cryptography.fernet import InvalidToken
from django.conf import settings

from releases.clients import access, cluster
from releases.clients.kubeconfig import extract
from releases.errors import ClusterUnavailable, Invalid
from releases.models import App, Cluster
from releases.models.cluster import EMBEDDED, IN_CLUSTER


def cluster_of(app: App) -> cluster.Cluster:
    """The connection to where `app` lives, as its row says now, shared in the process. Raises ClusterUnavailable."""
    row = Cluster.objects.filter(pk=app.cluster_id).first()
    if row is None:
        raise ClusterUnavailable(f"The cluster of {app.name} is no longer known here.")
    return connection_to(row)


def connection_to(row: Cluster) -> cluster.Cluster:
    """Raises ClusterUnavailable: its kubeconfig or service account can't be read."""
    return cluster.connect(access_of(row))


def forget(row_id: int) -> None:
    """This row is gone: nobody will ask for its connection again."""
    cluster.forget(_place(row_id))


def _place(row_id: int) -> str:
    return f"cluster {row_id}"


def checked(kubeconfig: str, context: str = "") -> str:
    """What is to be stored of a kubeconfig that somebody gave us: one context, and nothing but what reaches its API.

    Raises Invalid, in words that repeat nothing of it.
    """
    text = extract(kubeconfig, context)
    try:
        access.KubeconfigText(place="", text=text).enter()
    except ClusterUnavailable as error:
        raise Invalid(error.message) from error
    return text


def access_of(row: Cluster) -> access.Access:
    """Raises ClusterUnavailable when the row's kubeconfig can't be decrypted."""
    if row.kind == EMBEDDED:
        return access.KubeconfigFile(settings.DEPLOYER_KUBECONFIG)
    if row.kind == IN_CLUSTER:
        return access.ServiceAccount(
            folder=settings.SERVICE_ACCOUNT_FOLDER,
            host=settings.KUBERNETES_SERVICE_HOST,
            port=settings.KUBERNETES_SERVICE_PORT,
        )
    try:
        return access.KubeconfigText(place=_place(row.pk), text=row.kubeconfig.open())
    except InvalidToken as error:
        raise ClusterUnavailable(
            f"The kubeconfig of {row.name} can't be decrypted: no key of ENCRYPTION_KEYS fits.",
            hint="Give Deployer the key back that it was stored with, or give the cluster its kubeconfig again.",
        ) from error
