"""Findings of services, of releases and rollouts, and of what is around the app."""

from releases.pipeline.diagnosis.catalogue import entry
from releases.pipeline.diagnosis.catalogue.entry import Entry

SERVICES: tuple[Entry, ...] = (
    Entry(
        "cluster_unreachable",
        entry.AROUND,
        "The cluster can't be reached",
        "error",
        "",
        "Deployer gets no answer from the Kubernetes API of the cluster in which the app lives. What runs there may "
        "run on; nothing can be seen or changed.",
        "See that the API server runs and that Deployer's machine reaches its address; test the connection on the "
        "cluster's page.",
    ),
    Entry(
        "no_rights",
        entry.AROUND,
        "The cluster refuses what Deployer asks",
        "error",
        "",
        "The cluster answers, but does not know Deployer's credentials or does not grant what it needs: a token has "
        "expired, or a role lacks a right. What could not be read is not judged.",
        "Test the connection on the cluster's page: it names each right that is missing. docs/kubernetes.md has the "
        "role that grants them all.",
    ),
    Entry(
        "redis_unreachable",
        entry.AROUND,
        "Redis can't be reached",
        "error",
        "",
        "Builds and rollouts are handed to the workers through Redis, and pages are told of changes by it. While it is "
        "away nothing new begins; what the database has is not lost.",
        "Start Redis, or correct REDIS_URL. What waits begins by itself then.",
    ),
    Entry(
        "workers_missing",
        entry.AROUND,
        "No worker runs",
        "error",
        "",
        "No worker has told Redis that it is there: builds and rollouts wait until one does.",
        "Start the workers, and look at what they wrote last. What waits begins by itself then.",
    ),
    Entry(
        "namespace_deleted",
        entry.REFUSED,
        "The app's namespace is being deleted",
        "error",
        "deleted",
        "Somebody has deleted the namespace in which the app lives. The cluster ends all that is in it and creates "
        "nothing new there.",
        "Find out who deleted it and why. Once it is gone, promote the release again: that makes the namespace anew. "
        "Volumes went with it.",
    ),
    Entry(
        "deployment_deleted",
        entry.SERVICES,
        "A Deployment was deleted",
        "error",
        "deleted",
        "The Deployment that keeps a service's processes running is gone, or on its way, and it was not Deployer that "
        "deleted it: its processes end, and none come back.",
        "Find out who deleted it and why, then promote the release again.",
    ),
    Entry(
        "deployment_edited",
        entry.SERVICES,
        "A Deployment was edited",
        "error",
        "edited",
        "Somebody changed the Deployment of a service in the cluster (`kubectl edit`, `kubectl set image`): what it "
        "runs is not the release.",
        "Make the change by a release, then promote: that puts back what the release says.",
    ),
    Entry(
        "quota_exceeded",
        entry.REFUSED,
        "A quota has no room",
        "error",
        "quota",
        "A ResourceQuota of the namespace forbids another process: what the new one asks for and what is used already "
        "are together more than the limit. A rolling rollout needs room for at least one process more than run.",
        "Raise the quota, ask for less (`scale.cpu`, `scale.memory`), or make room: scale something down. With "
        "`deployment.minimum` below 100 a rollout ends an old process first.",
    ),
    Entry(
        "admission_denied",
        entry.REFUSED,
        "Admission rules forbid the processes",
        "error",
        "admission",
        "A rule of the cluster refuses them: an admission webhook or policy, the pod security standard of the "
        "namespace, or its LimitRange. Or the webhook that decides does not answer.",
        "The message says which rule it is and what it wants. Change the manifest accordingly, or ask who runs the "
        "cluster.",
    ),
    Entry(
        "processes_refused",
        entry.REFUSED,
        "The cluster refuses to create processes",
        "error",
        "refused",
        "The cluster answers each attempt to create a process with an error that is no quota and no admission rule, "
        "such as a service account or a priority class that is not there.",
        "The message says what is missing. Create it, or take it out of what changes the app's processes.",
    ),
    Entry(
        "deployment_paused",
        entry.SERVICES,
        "A Deployment is paused",
        "error",
        "paused",
        "Somebody paused the Deployment of a service (`kubectl rollout pause`): nothing of it can roll.",
        "Find out who paused it and why. A promote resumes it, and so does `kubectl rollout resume`.",
    ),
    Entry(
        "ingress_without_backend",
        entry.SERVICES,
        "A host leads nowhere",
        "error",
        "",
        "An Ingress of the app names a Service object, or a port of it, that is not there: requests for its hosts are "
        "answered with an error of the ingress controller, 503 mostly.",
        "Give the service a port in the manifest and promote, or take the domain away from it.",
    ),
    Entry(
        "no_endpoint",
        entry.SERVICES,
        "No process takes requests",
        "error",
        "",
        "The Service object of a service has no ready process behind it: none is ready, its selector finds none of "
        "those that are, they don't have the port that it names, or it is missing itself.",
        "If none is ready, see the findings of its processes. Else somebody changed the Service object or the "
        "processes' labels: promote the release again.",
    ),
    Entry(
        "progress_deadline",
        entry.SERVICES,
        "A Deployment makes no progress",
        "error",
        "never_ready",
        "No further process of the service became available within its deadline (`deployment.deadline`), so Kubernetes "
        "gave up waiting.",
        "See the findings of its processes. If they need more time, raise `deployment.deadline`.",
    ),
    Entry(
        "too_few_available",
        entry.SERVICES,
        "Fewer processes are available than wanted",
        "error",
        "",
        "Fewer processes of a service are ready than it is scaled to, and that has not changed for a while. With none "
        "at all it is an error, else a warning.",
        "See the findings of its processes. If there are none: scale the service to what it needs.",
    ),
    Entry(
        "versions_mixed",
        entry.SERVICES,
        "Two releases run at once",
        "warning",
        "",
        "Processes of two releases of one service have been running beside each other for longer than a rollout may "
        "take: a rollout is stuck, or ended with only a part of it done.",
        "Promote the release that you want, or abort the rollout that is stuck.",
    ),
    Entry(
        "autoscaler_blind",
        entry.SERVICES,
        "The autoscaler can't read its metrics",
        "warning",
        "",
        "The autoscaler of a service gets no figures, so it does not scale: mostly the cluster has no metrics server, "
        "or it does not answer.",
        "See that the cluster's metrics server runs (`kubectl top pods` must answer). Until then, scale by hand.",
    ),
    Entry(
        "autoscaler_at_maximum",
        entry.SERVICES,
        "The autoscaler is at its maximum",
        "warning",
        "",
        "The autoscaler of a service wants more processes than its maximum allows: the processes have more to do than "
        "their target.",
        "Raise the upper end of `scale.count`, give each process more (`scale.cpu`, `scale.memory`), or find what "
        "makes the load.",
    ),
    Entry(
        "budget_blocks",
        entry.SERVICES,
        "A disruption budget lets no process go",
        "warning",
        "",
        "A PodDisruptionBudget allows no process of the service to be taken off its node: a node can't be drained, an "
        "upgrade of the cluster stops there.",
        "If all processes are healthy, the budget asks for as many as there are: change it, or scale up. Else see the "
        "findings of the processes.",
    ),
    Entry(
        "not_restored",
        entry.RELEASES,
        "The previous release is not back",
        "error",
        "",
        "A rollout failed, and so did bringing back the release before it: services may run different releases.",
        "See which service runs which release, remove what kept the restore from ending, then promote the release "
        "that you want.",
    ),
    Entry(
        "rollout_failed",
        entry.RELEASES,
        "The newest rollout failed",
        "warning",
        "",
        "The newest try at making a release active failed. What ran before runs on or was brought back. Which step "
        "failed, why, and what was found at that moment are kept with the rollout.",
        "Read the rollout's diagnosis, correct what it names, and promote a new release.",
    ),
    Entry(
        "rollout_waits",
        entry.RELEASES,
        "A rollout waits",
        "info",
        "",
        "A rollout is queued and has not begun; nothing of it has been changed yet.",
        "Mostly it begins by itself: the finding says what it waits for. It can be aborted.",
    ),
    Entry(
        "nothing_runs",
        entry.RELEASES,
        "Nothing has been released yet",
        "info",
        "",
        "The app has no active release: nothing of it is meant to run.",
        "Deploy it: `deployer deploy`, or a push to its repository.",
    ),
    Entry(
        "certificate_expired",
        entry.AROUND,
        "A certificate has expired",
        "error",
        "",
        "The certificate of a host of the app, or of the way to its cluster, is past its end: browsers and clients "
        "refuse the connection.",
        "Renew it. Where the cluster has a certificate issuer, see why that did not; else put a new certificate into "
        "the Secret that the manifest names.",
    ),
    Entry(
        "certificate_expiring",
        entry.AROUND,
        "A certificate expires soon",
        "warning",
        "",
        "The certificate of a host of the app, or of the way to its cluster, ends within days, and has not been "
        "renewed yet.",
        "Renew it in time. Where the cluster has a certificate issuer, see why that did not.",
    ),
    Entry(
        "source_failing",
        entry.AROUND,
        "The source can't be fetched",
        "warning",
        "",
        "The last builds of the app failed because its repository could not be fetched: the key was withdrawn, the "
        "repository moved, or its host does not answer.",
        "Test the source on its page and correct its address or its key.",
    ),
    Entry(
        "webhook_failing",
        entry.AROUND,
        "The webhook fails",
        "warning",
        "",
        "Deliveries of the app's webhook were refused or failed, or none come although the repository moves: pushes "
        "make no builds.",
        "See the deliveries on the app's page, and the webhook's secret and address at the repository's host.",
    ),
    Entry(
        "volumes_orphaned",
        entry.AROUND,
        "Volumes that no service uses",
        "info",
        "",
        "Volumes of the app are left over from services that no longer name them. Nothing deletes them but a person, "
        "and they may cost money.",
        "If what is on them is not needed any more, delete them; else give them back to a service in the manifest.",
    ),
)
