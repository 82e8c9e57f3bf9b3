"""A cluster: one Kubernetes API that apps live in, how it is reached, and how it was when last looked at."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from releases.models.encrypted import SealedTextField
from releases.models.lifecycle import Authored

NAME_MAX = 63
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z"

EMBEDDED, IN_CLUSTER, KUBECONFIG = "embedded", "in_cluster", "kubeconfig"
KINDS = [(EMBEDDED, "Embedded"), (IN_CLUSTER, "In cluster"), (KUBECONFIG, "Kubeconfig")]


class Cluster(Authored):
    """`kind`: embedded is the file of DEPLOYER_KUBECONFIG, in_cluster the service account that Deployer runs under."""

    name = models.CharField(max_length=NAME_MAX, unique=True, validators=[RegexValidator(NAME_PATTERN)])
    kind = models.CharField(max_length=20, choices=KINDS)
    kubeconfig = SealedTextField(blank=True, help_text="of the kind kubeconfig; never shown again")
    is_default = models.BooleanField(default=False, help_text="where a new app lives that names no cluster")
    ingress_class = models.CharField(max_length=253, blank=True, help_text="blank: the cluster's default")
    certificate_issuer = models.CharField(
        max_length=253, blank=True, help_text="a ClusterIssuer of cert-manager; blank: no certificates by itself"
    )
    storage_class = models.CharField(max_length=253, blank=True, help_text="blank: the cluster's default")
    created_at = models.DateTimeField(auto_now_add=True)

    # As last seen.
    version = models.CharField(max_length=100, blank=True)
    problem = models.TextField(blank=True, help_text="why it can't be used, in a sentence; blank: it answers")
    hint = models.TextField(blank=True, help_text="what to do about the problem")
    problem_since = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_cluster")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/clusters/{self.name}"

    @property
    def state(self) -> str:
        """unchecked, reachable or unreachable."""
        if self.checked_at is None:
            return "unchecked"
        return "unreachable" if self.problem else "reachable"
