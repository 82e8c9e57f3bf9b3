"""The pull secret: there before anything needs it, kept, renewed, never part of what a restore brings back.

Images of the embedded cluster begin with `local/`, so that a row of that address is their registry.
"""

import base64
import json

import pytest
from cryptography.fernet import Fernet

from releases import actions, policy
from releases.models import Registry, Rollout
from releases.models.encrypted import Sealed
from releases.pipeline import manifests
from tests import factories
from tests.clusters import eventually

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = "the-old-password", "the-new-password"
SLEEPS = "import time; time.sleep(60)"


@pytest.fixture
def registry(transactional_db):
    return Registry.objects.create(name="ours", address="local", username="ann", password=OLD, is_default=True)


def logins(world):
    """Address → password, as the cluster has it."""
    secret = world.get("Secret", manifests.PULL_SECRET)
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    found = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]
    assert all(base64.b64decode(each["auth"]).decode() == f"ann:{each['password']}" for each in found.values())
    return {address: each["password"] for address, each in found.items()}


def pulled_with(world, kind="Deployment", name="web"):
    return world.get(kind, name)["spec"]["template"]["spec"].get("imagePullSecrets")


def stored(rollout):
    return json.dumps(Rollout.objects.get(pk=rollout.pk).objects_applied)


def change_password(registry, password=NEW):
    return actions.change_registry(registry, by=factories.actor("administrator"), password=password).said


def test_a_private_release_brings_its_pull_secret_and_a_public_one_takes_it_away(world, registry):
    release = world.release("web", command="print('migrated')", timers={"nightly": nightly()})
    ended = world.carried(release)
    assert ended.status == "succeeded", ended.reason
    assert logins(world) == {"local": OLD}
    named = [{"name": manifests.PULL_SECRET}]
    assert pulled_with(world) == named
    timer = world.get("CronJob", "nightly")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert timer["imagePullSecrets"] == named
    secret = world.get("Secret", manifests.PULL_SECRET)
    assert secret["metadata"]["labels"] == {manifests.MANAGED_BY: "deployer", manifests.APP: world.app.name}
    # What a restore would apply holds no password.
    assert OLD not in stored(ended) and base64.b64encode(OLD.encode()).decode()[:10] not in stored(ended)
    kinds = [(obj["kind"], obj["metadata"]["name"]) for obj in ended.objects_applied]
    assert ("Secret", manifests.PULL_SECRET) not in kinds

    actions.scale(world.app, "web", 0, by=policy.SYSTEM)
    for _ in range(2):  # after the first one, nothing is left of the timer
        assert world.carried(world.release("web")).status == "succeeded"
    assert logins(world) == {"local": OLD}, "nothing runs that names it, and still it is kept"
    actions.change_registry(registry, by=factories.actor("administrator"), username="")
    assert world.carried(world.release("web")).status == "succeeded"
    assert pulled_with(world) is None
    assert world.find("Secret", manifests.PULL_SECRET) is None


def nightly():
    return {"schedule": "0 3 1 1 *", "command": "true", "service": "web"}


def test_the_release_command_pulls_with_it_too(world, registry):
    rollout = world.promote(world.release("web", command=SLEEPS))
    worker = world.worker(rollout)
    job = world.reaches(rollout, "releasing") and _job(world, rollout)
    assert job["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": manifests.PULL_SECRET}]
    actions.abort(rollout, by=policy.SYSTEM)
    assert worker.end().status == "cancelled"


def _job(world, rollout):
    return eventually(lambda: world.find("Job", f"release-{rollout.number}"))


def test_a_new_password_is_there_at_once_and_no_restore_brings_the_old_one_back(world, registry):
    world.active("web")
    stamp = world.get("Secret", manifests.PULL_SECRET)["metadata"]["annotations"][manifests.EPOCH]
    assert change_password(registry) == [f"{world.app.name} pulls with the new login from now on."]
    assert logins(world) == {"local": NEW}
    assert world.get("Secret", manifests.PULL_SECRET)["metadata"]["annotations"][manifests.EPOCH] == stamp
    failing = world.promote(world.release("web", deployment={"verify": 30}))
    worker = world.worker(failing)
    world.reaches(failing, "rolling", applied=True)
    world.cluster.delete("Secret", world.namespace, manifests.PULL_SECRET)
    actions.abort(failing, by=policy.SYSTEM)
    ended = worker.end()
    assert ended.status == "rolled_back", ended.reason
    assert logins(world) == {"local": NEW}


def test_a_cluster_that_is_away_gets_it_with_the_next_rollout(world, registry, settings, tmp_path):
    world.active("web")
    here, settings.DEPLOYER_KUBECONFIG = settings.DEPLOYER_KUBECONFIG, str(tmp_path / "none")
    [said] = change_password(registry)
    assert said.startswith(f"{world.app.name} gets the new login with its next rollout: ")
    settings.DEPLOYER_KUBECONFIG = here
    assert logins(world) == {"local": OLD}
    assert world.carried(world.release("web")).status == "succeeded"
    assert logins(world) == {"local": NEW}


def test_what_somebody_else_has_named_so_is_not_touched(world, registry):
    world.active("web")
    world.cluster.delete("Secret", world.namespace, manifests.PULL_SECRET)
    theirs = {"name": manifests.PULL_SECRET, "namespace": world.namespace}
    world.cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": theirs, "data": {"a": "Yg=="}})
    secrets = world.names("Secret")
    ended = world.carried(world.release("web"))
    assert ended.status == "failed" and "Secret registry in" in ended.reason, ended.reason
    assert "Nothing that runs was changed" in ended.reason and world.names("Secret") == secrets
    assert change_password(registry) == []
    assert world.get("Secret", manifests.PULL_SECRET)["data"] == {"a": "Yg=="}


def test_a_password_whose_key_is_lost_ends_a_promote_but_no_restore(world, registry, settings):
    world.active("web")
    lost = Registry.objects.get(pk=registry.pk)
    failing = world.promote(world.release("web", deployment={"verify": 30}))
    worker = world.worker(failing)
    world.reaches(failing, "rolling", applied=True)
    Registry.objects.filter(pk=lost.pk).update(password=_of_another_key(settings))
    actions.abort(failing, by=policy.SYSTEM)
    ended = worker.end()
    assert ended.status == "rolled_back", ended.reason
    refused = world.carried(world.release("web"))
    assert refused.status == "failed" and "can't be decrypted" in refused.reason
    assert refused.cause == "registry" and "Nothing that runs was changed" in refused.reason
    assert pulled_with(world) and logins(world) == {"local": OLD}


def _of_another_key(settings):
    keys, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, [Fernet.generate_key().decode()]
    sealed = Sealed.of("unknown")
    settings.ENCRYPTION_KEYS = keys
    return sealed
