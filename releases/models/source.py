"""A source: the Git repository that an app is built from, and what a push to it does."""

import secrets
from datetime import datetime

from django.db import models

from releases.models.app import App
from releases.models.encrypted import SealedTextField
from releases.models.lifecycle import Authored

NOTHING, BUILD, PROMOTE = "nothing", "build", "promote"
ON_PUSH = [(NOTHING, "Nothing"), (BUILD, "Build"), (PROMOTE, "Build and promote")]
BRANCH_MAX = 255


class Source(Authored):
    """That an app has stopped promoting by itself stays with the app, whichever repository it has."""

    app = models.OneToOneField(App, on_delete=models.CASCADE, related_name="source")
    url = models.CharField(max_length=1000, help_text="of the repository, without a credential")
    branch = models.CharField(max_length=BRANCH_MAX, default="main")
    on_push = models.CharField(max_length=10, choices=ON_PUSH, default=BUILD)
    wait_for_checks = models.BooleanField(default=False, help_text="promote only what GitHub's checks found good")
    build_tags = models.BooleanField(default=False)
    build_pull_requests = models.BooleanField(default=False, help_text="never those from forks without a person")
    created_at = models.DateTimeField(auto_now_add=True)

    webhook_secret = SealedTextField(help_text="shown once")
    token = SealedTextField(blank=True, help_text="never shown again")
    token_username = models.CharField(max_length=200, blank=True)
    deploy_key = SealedTextField(blank=True, help_text="a private key; never shown again")
    known_hosts = models.TextField(blank=True, help_text="the host keys to expect with the deploy key")
    installation_id = models.BigIntegerField(null=True, help_text="of the GitHub App that may read the repository")

    # What GitHub's deliveries say of the repository: its number stays when it is renamed.
    repository_id = models.BigIntegerField(null=True)
    repository_name = models.CharField(max_length=200, blank=True)

    # The branch as last seen: by comparing, what no delivery told is found.
    head = models.CharField(max_length=40, blank=True)
    looked_at = models.DateTimeField(null=True)
    look_after = models.DateTimeField(null=True, db_index=True, help_text="not looked at again before")
    failures = models.PositiveIntegerField(default=0, help_text="how often in a row looking failed")
    problem = models.TextField(blank=True, help_text="why the repository can't be read, in a sentence")
    hint = models.TextField(blank=True)
    problem_since = models.DateTimeField(null=True)

    # What GitHub is told of builds and rollouts.
    reports_since = models.DateTimeField(
        null=True, help_text="what is older is not told; null: there is nobody to tell"
    )
    report_after = models.DateTimeField(null=True, help_text="not tried again before")
    report_failures = models.PositiveIntegerField(default=0, help_text="how often in a row telling failed")
    report_problem = models.TextField(blank=True, help_text="why GitHub could not be told, in a sentence")
    reporter = models.CharField(max_length=36, blank=True, help_text="who tells now: one at a time")
    reporter_until = models.DateTimeField(null=True, help_text="until when that is believed")

    def __str__(self) -> str:
        return f"Source of {self.app.name}"

    @property
    def stopped_at(self) -> datetime | None:
        """Since when a push promotes nothing though it should; only a person goes on from there."""
        return self.app.stopped_at if self.on_push == PROMOTE else None

    @property
    def stopped_by(self) -> str:
        return self.app.stopped_by if self.stopped_at else ""

    @property
    def stopped_why(self) -> str:
        return self.app.stopped_why if self.stopped_at else ""

    @staticmethod
    def new_secret() -> str:
        """A webhook secret: 256 bits that nobody can guess."""
        return secrets.token_hex(32)
