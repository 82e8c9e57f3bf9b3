"""All controllers of a cluster."""

from localcluster.controllers.accounts import AccountController
from localcluster.controllers.autoscaler import AutoscalerController
from localcluster.controllers.cronjob import CronJobController
from localcluster.controllers.deployment import DeploymentController
from localcluster.controllers.disruptions import DisruptionController
from localcluster.controllers.endpoints import EndpointsController
from localcluster.controllers.garbage import GarbageCollector
from localcluster.controllers.job import JobController
from localcluster.controllers.loop import Controller
from localcluster.controllers.namespace import NamespaceController
from localcluster.controllers.quotas import QuotaController
from localcluster.controllers.replicaset import ReplicaSetController
from localcluster.controllers.scheduler import Scheduler
from localcluster.controllers.surroundings import Surroundings
from localcluster.controllers.volumes import ClaimController
from localcluster.store.store import Store


def all_of(store: Store, surroundings: Surroundings) -> list[Controller]:
    """One of each."""
    return [
        DeploymentController(store),
        ReplicaSetController(store),
        ClaimController(store),
        Scheduler(store),
        JobController(store, surroundings),
        CronJobController(store),
        EndpointsController(store),
        GarbageCollector(store),
        AccountController(store, surroundings),
        NamespaceController(store),
        QuotaController(store),
        DisruptionController(store),
        AutoscalerController(store, surroundings),
    ]
