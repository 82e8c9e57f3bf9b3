"""The app's own domains on a cluster: there at once, untouched by what is promoted, true again after any trouble."""

import httpx
import pytest

from deployer.home import write_private
from releases import actions, policy
from releases.errors import ClusterError, ClusterUnavailable, NotAllowed, Refused
from releases.models import App, Cluster, Domain
from releases.pipeline import domains, manifests
from releases.pipeline.cluster_rounds import Rounds
from tests import factories
from tests.clusters import eventually
from tests.engine.world import refusing
from tests.faults.exchange import Cut
from tests.faults.proxy import Proxy
from tests.faults.troubles import Trouble

pytestmark = pytest.mark.django_db(transaction=True)
INGRESS = ("Ingress", manifests.OWN_DOMAINS)


@pytest.fixture(scope="module")
def proxy(process):
    made = Proxy(process.kubeconfig, process.folder / "home" / "credentials")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def door(process):
    """Asks the embedded cluster's door for a host; gives the status."""
    with httpx.Client(base_url=f"http://127.0.0.1:{process.door_port}", trust_env=False) as client:
        yield lambda host: client.get("/", headers={"Host": host}).status_code


@pytest.fixture
def by(transactional_db):
    return factories.actor("deployer")


def serving(world, *names, **options):
    return world.release(*names or ("web",), file="serves", port=8080, **options)


def served(world):
    """Host → service, as the cluster has it."""
    live = world.find(*INGRESS)
    rules = live["spec"]["rules"] if live else []
    return {rule["host"]: rule["http"]["paths"][0]["backend"]["service"]["name"] for rule in rules}


def settled(app):
    app.refresh_from_db()
    return app.domains_applied == app.domains_changed


def host_of(world, name="www"):
    return f"{name}.{world.app.name}.example.com"


def test_they_are_there_at_once_and_survive_promotes_rollbacks_and_restores(world, door, by):
    host, other = host_of(world), host_of(world, "api")
    actions.add_domain(world.app, host, by=by)
    assert served(world) == {} and settled(world.app)  # no namespace yet
    first = serving(world, domain=[host_of(world, "manifest")])
    assert world.carried(first).status == "succeeded"
    assert served(world) == {host: "web"} and door(host) == 200 and door(host_of(world, "manifest")) == 200

    actions.add_domain(world.app, other, by=by)
    assert served(world) == {host: "web", other: "web"} and door(other) == 200
    stored = [rollout.objects_applied for rollout in world.app.rollouts.all()]
    assert not any(other in str(objects) for objects in stored)
    for release in (serving(world), world.release("web", "worker", file="stays")):
        assert world.carried(release).status == "succeeded"
        assert served(world) == {host: "web", other: "web"} and settled(world.app)
    assert actions.remove_domain(Domain.objects.get(host=other), by=by) is None
    assert door(other) == 404 and served(world) == {host: "web"}

    # Back to where there was one more, and one less, than now.
    rollout = actions.rollback(first, by=by)
    assert world.worker(world.app.rollouts.get(pk=rollout.pk)).end().status == "succeeded"
    assert served(world) == {host: "web"} and door(host) == 200
    actions.add_domain(world.app, other, by=by)
    failed = world.carried(world.release("web", file="ends", deadline=5))
    assert failed.status == "rolled_back", failed.reason
    assert served(world) == {host: "web", other: "web"} and door(other) == 200

    for row in Domain.objects.filter(app=world.app):
        actions.remove_domain(row, by=by)
    assert world.find(*INGRESS) is None and door(host) == 404 and settled(world.app)


def test_a_namespace_that_somebody_deleted_comes_back_with_them(world, by):
    world.active("web", file="serves", port=8080)
    actions.add_domain(world.app, host_of(world), by=by)
    namespace = world.cluster.get("Namespace", None, world.namespace)
    world.cluster.delete("Namespace", None, world.namespace, uid=namespace["metadata"]["uid"])
    eventually(lambda: world.cluster.find("Namespace", None, world.namespace) is None)
    assert world.carried(serving(world)).status == "succeeded"
    assert served(world) == {host_of(world): "web"}


def test_each_has_a_certificate_of_its_own_where_the_cluster_makes_them(world, by):
    world.active("web", file="serves", port=8080)
    Cluster.objects.filter(pk=world.app.cluster_id).update(certificate_issuer="letsencrypt", ingress_class="nginx")
    try:
        for name in ("www", "*"):
            actions.add_domain(world.app, host_of(world, name), by=by)
        live = world.get(*INGRESS)
    finally:
        Cluster.objects.filter(pk=world.app.cluster_id).update(certificate_issuer="", ingress_class="")
    assert live["spec"]["ingressClassName"] == "nginx"
    assert live["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
    certificates = {entry["hosts"][0]: entry["secretName"] for entry in live["spec"]["tls"]}
    assert set(certificates) == {host_of(world), host_of(world, "*")} and len(set(certificates.values())) == 2


def test_what_the_cluster_refuses_is_said_and_not_half_done(world, by, api):
    world.active("web", file="serves", port=8080)
    stranger = {"name": manifests.OWN_DOMAINS, "namespace": world.namespace}
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": stranger}
    world.cluster.create({**body, "spec": {"defaultBackend": backend}})
    with pytest.raises(NotAllowed) as refusal:
        actions.add_domain(world.app, host_of(world), by=by)
    assert "was not made by this Deployer" in refusal.value.message
    assert not Domain.objects.filter(app=world.app).exists()
    assert world.get(*INGRESS)["spec"]["defaultBackend"] == backend
    world.cluster.delete("Ingress", world.namespace, manifests.OWN_DOMAINS)
    actions.add_domain(world.app, host_of(world), by=by)


def test_they_keep_no_rollout_from_succeeding_and_none_from_being_restored(world, by):
    actions.add_domain(world.app, host_of(world), by=by)
    errors = {"serves": Refused("the webhook says no"), "ends": ClusterUnavailable("the webhook keeps silent")}
    for file, status in (("serves", "succeeded"), ("ends", "rolled_back")):

        def refuse(method, kind, name, file=file):
            if (kind, name) == INGRESS:
                raise errors[file]

        release = world.release("web", file=file, port=8080, deadline=5)
        ended = world.carried(release, refusing(refuse)(world.kubeconfig))
        assert ended.status == status, ended.reason
        words = f"The app's own domains could not be written, which is tried again: {errors[file].message}"
        assert world.log(ended).count(words) == 1 and not settled(world.app)
    domains.settle(world.app.cluster)
    assert served(world) == {host_of(world): "web"} and settled(world.app)


class LostAnswers(Trouble):
    """What is written to Ingresses is done, and nobody hears of it."""

    def answer(self, request, answer):
        if request.plural == "ingresses" and request.is_write:
            self.struck += 1
            raise Cut
        return answer


def test_an_answer_that_is_lost_changes_nothing_in_the_end(world, by, proxy, settings, tmp_path):
    """The cluster has heard of it, and we say that it failed: then it is taken away there, too, and the other way."""
    world.active("web", file="serves", port=8080)
    kept = actions.add_domain(world.app, host_of(world), by=by)
    write_private(tmp_path / "kubeconfig", proxy.kubeconfig())
    direct, settings.DEPLOYER_KUBECONFIG = settings.DEPLOYER_KUBECONFIG, str(tmp_path / "kubeconfig")
    trouble = LostAnswers()
    with proxy.suffers(trouble):
        with pytest.raises(ClusterUnavailable):
            actions.add_domain(world.app, host_of(world, "api"), by=by)
        assert host_of(world, "api") in served(world)
        with pytest.raises(ClusterError):
            actions.remove_domain(kept, by=by)
    assert trouble.struck >= 2
    assert [row.host for row in world.app.domains.all()] == [host_of(world)] and not settled(world.app)
    settings.DEPLOYER_KUBECONFIG = direct
    Cluster.objects.filter(pk=world.app.cluster_id).update(checked_at=None)
    Rounds().go()
    eventually(lambda: settled(world.app))
    assert served(world) == {host_of(world): "web"}


def test_who_dies_between_the_database_and_the_cluster_leaves_it_to_the_reaper(world, by):
    world.active("web", file="serves", port=8080)
    made = {"app": world.app, "cluster": world.app.cluster, "service": "web", **by.columns()}
    Domain.objects.create(host=host_of(world), **made)
    App.objects.filter(pk=world.app.pk).update(domains_changed=1)
    Rounds().go()
    eventually(lambda: settled(world.app))
    assert served(world) == {host_of(world): "web"}


def test_many_at_the_same_time_are_all_there(world, by, together):
    world.active("web", file="serves", port=8080)
    names = [host_of(world, f"h{number}") for number in range(5)]
    results = together(*[lambda host=host: actions.add_domain(world.app, host, by=by) for host in names])
    assert all(isinstance(result, Domain) for result in results), results
    assert served(world) == dict.fromkeys(names, "web") and settled(world.app)
    rows = [result for result in results if isinstance(result, Domain)]
    removed = together(
        *[lambda row=row: actions.remove_domain(row, by=policy.SYSTEM) for row in rows[1:]],
        lambda: actions.add_domain(world.app, host_of(world, "more"), by=by),
    )
    assert not any(isinstance(result, Exception) for result in removed), removed
    assert served(world) == {names[0]: "web", host_of(world, "more"): "web"} and settled(world.app)
