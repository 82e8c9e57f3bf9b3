"""What a diagnosis finds of services: from recordings of a real cluster, else from states written here."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest

from releases.pipeline import manifests, service_state
from releases.pipeline.diagnosis import Known, RolloutKnown, Trouble, diagnose
from releases.pipeline.diagnosis.catalogue import BY_CODE, ORDER
from releases.pipeline.diagnosis.shapes import tamed
from tests import diagnosed, replay
from tests.reported_app import (
    NEW,
    OLD,
    ago,
    condition,
    deployment,
    ingress,
    known,
    pod,
    replica_set,
    reported,
    service_object,
)

GOOD = ["apiserver-restart", "first-deploy", "recreate-strategy", "rolling-update", "scale", "slow-start"]


def codes(findings):
    return [finding.code for finding in findings]


def one(findings, code):
    (finding,) = [finding for finding in findings if finding.code == code]
    return finding


def refused(words, *, since=90.0, uid="new"):
    """Processes that the cluster refuses to create since so many seconds. Written."""
    return replica_set(uid, conditions=(condition("ReplicaFailure", "True", "FailedCreate", words, since=since),))


# --- Nothing is wrong -----------------------------------------------------------------------------------------------


def test_a_healthy_app_has_no_finding():
    assert diagnose(reported(), known()) == []
    assert diagnose(reported()) == []


@pytest.mark.parametrize("scenario", GOOD)
def test_a_good_recording_with_its_service_objects_has_no_finding_at_any_moment(scenario):
    """With a manifest that knows of the port: a Service object that were missing would be said."""
    lines, world, services = replay.recorded(scenario), replay.World(None), {}
    start = diagnosed.began(lines)
    meant = Known(manifest={"services": {"web": {"port": 8080}}})
    for line in lines:
        if line["kind"] == "Service" and line["type"] != "BOOKMARK":
            services[line["object"]["metadata"]["uid"]] = line["object"]
        world.see(line)
        seen = diagnosed.reported(world.view(), start + timedelta(seconds=line["t"]))
        assert diagnose(replace(seen, services=list(services.values()), unread={}), meant) == [], line["t"]


# --- Processes that may not be created ------------------------------------------------------------------------------


def test_a_recorded_quota_is_named_with_what_is_asked_and_used():
    finding, *others = diagnosed.findings_at(replay.recorded("quota-exceeded"), known=Known(app="shop"))
    assert (finding.code, finding.severity, finding.subject.name) == ("quota_exceeded", "error", "web")
    assert finding.values["quota"] == "pods"
    amounts = {key: finding.values[key] for key in ("requested", "used", "limited")}
    assert amounts == {"requested": {"pods": "1"}, "used": {"pods": "2"}, "limited": {"pods": "2"}}
    assert "the quota pods has no room for 1 pods more, 2 of 2 are used" in finding.observed
    assert finding.command == "deployer scale web=1 -a shop" and "quota pods" in finding.hint
    assert finding.events and all(event.reason == "FailedCreate" for event in finding.events)
    assert codes(others) == ["progress_deadline"], "what follows from it stands behind it"


def test_a_quota_that_may_make_room_by_itself_is_no_finding_yet():
    words = 'pods "web-3" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=2, limited: cpu=2'
    for seconds, expected in ((5, []), (25, ["quota_exceeded"])):
        short = deployment(available=1)
        short["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
        state = reported(deployments=[short], replica_sets=[refused(words, since=seconds)], pods=[pod("web-1")])
        assert [code for code in codes(diagnose(state, known())) if code == "quota_exceeded"] == expected


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (
            'admission webhook "policy.example.com" denied the request: image not signed',
            "admission_denied",
            "admission webhook policy.example.com forbids it",
        ),
        (
            'Internal error occurred: failed calling webhook "policy.example.com": dial tcp: connection refused',
            "admission_denied",
            "admission webhook policy.example.com does not answer",
        ),
        (
            'pods "web-3" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            "admission_denied",
            "pod security standard restricted:latest",
        ),
        (
            "pods \"web-3\" is forbidden: ValidatingAdmissionPolicy 'only-ours' with binding 'b' denied request: no",
            "admission_denied",
            "admission policy only-ours",
        ),
        ('pods "web-3" is forbidden: maximum memory usage per Container is 1Gi', "admission_denied", "maximum memory"),
        ('pods "web-3" is forbidden: error looking up service account x/web', "processes_refused", "service account"),
        ('pods "web-3" is forbidden: failed quota: compute: must specify memory', "quota_exceeded", "must specify"),
    ],
)
def test_whoever_refuses_processes_is_named_in_its_own_words(words, code, says):
    state = reported(deployments=[deployment(available=1)], replica_sets=[refused(words)], pods=[pod("web-1")])
    finding = diagnose(state, known())[0]
    assert (finding.code, finding.subject.name) == (code, "web")
    assert says in finding.observed and words in finding.values["message"]


def test_a_namespace_that_is_being_deleted_is_one_finding_and_explains_the_rest():
    words = 'pods "web-3" is forbidden: unable to create new content in namespace shop because it is being terminated'
    going = deployment(available=0)
    going["metadata"]["deletionTimestamp"] = ago(3)
    findings = diagnose(reported(deployments=[going], replica_sets=[refused(words)], pods=[]), known())
    assert codes(findings) == ["namespace_deleted"] and findings[0].subject.kind == "app"
    worker, makes = deepcopy(going), refused(words, uid="newer")
    worker["metadata"] |= {"name": "worker", "uid": "worker", "labels": {manifests.SERVICE: "worker"} | OURS}
    makes["metadata"]["labels"] = worker["metadata"]["labels"]
    makes["metadata"]["ownerReferences"][0]["uid"] = "worker"
    two = reported(deployments=[going, worker], replica_sets=[refused(words), makes], pods=[])
    (finding,) = diagnose(two, known(manifest={"services": {"web": {}, "worker": {}}}))
    assert finding.code == "namespace_deleted" and not finding.others_count


# --- Somebody else's hand -------------------------------------------------------------------------------------------

OURS = {manifests.MANAGED_BY: manifests.MANAGER}
WRITTEN = {"web": {"uid": "deployment", "generation": 2, "seen": "deployment"}}


def test_a_recorded_deletion_is_said_while_it_goes_on_and_when_it_is_over():
    lines = replay.recorded("delete-deployment")
    meant = known(manifest={"services": {"web": {"port": None}}})
    going = diagnosed.findings_at(lines, 0.6, known=meant)
    assert codes(going) == ["deployment_deleted"] and "being deleted" in going[0].observed and going[0].since
    gone = diagnosed.findings_at(lines, known=meant)
    assert codes(gone) == ["deployment_deleted"] and "is gone" in gone[0].observed
    assert gone[0].command == f"deployer releases promote {NEW} -a shop"


def test_a_deployment_that_is_not_there_yet_was_not_deleted():
    empty = {"deployments": [], "replica_sets": [], "pods": [], "services": [], "ingresses": []}
    rolling = RolloutKnown(1, "rolling", NEW)
    assert diagnose(reported(**empty), known(active="", rollout=rolling)) == []
    seen = known(active="", rollout=rolling, written=WRITTEN)
    assert codes(diagnose(reported(**empty), seen)) == ["deployment_deleted"]
    for status in ("releasing", "rolling_back"):
        assert diagnose(reported(**empty), known(rollout=replace(rolling, status=status), written=WRITTEN)) == []


def test_a_deployment_that_deployer_itself_removes_was_not_deleted_by_somebody():
    going = deployment()
    going["metadata"]["deletionTimestamp"] = ago(1)
    assert diagnose(reported(deployments=[going], ingresses=[]), known(manifest={"services": {}})) == []
    back = known(release=OLD, active=OLD, rollout=RolloutKnown(2, "rolling_back", NEW, previous=OLD))
    assert diagnose(reported(deployments=[going]), back) == []


def test_a_deployment_that_could_not_be_read_was_not_deleted():
    unread = replace(reported(deployments=[], replica_sets=[], pods=[]), unread={"Deployment": "forbidden"})
    assert diagnose(unread, known()) == []


def test_a_deployment_that_was_made_anew_by_somebody_is_another():
    other = known(written={"web": {"uid": "the one of ours", "generation": 1, "seen": "the one of ours"}})
    assert "another was made in its place" in one(diagnose(reported(), other), "deployment_deleted").observed


def test_a_deployment_that_somebody_edited_is_an_error_while_its_processes_do_not_come():
    ours = deployment()
    written = {"web": WRITTEN["web"] | {"template": service_state.template_digest(ours)}}
    assert diagnose(reported(deployments=[ours]), known(written=written)) == []
    edited = deepcopy(ours)
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = "hotfix:1"
    finding = one(diagnose(reported(deployments=[edited]), known(written=written)), "deployment_edited")
    assert (
        finding.severity == "warning" and finding.values["images"] == {"main": "hotfix:1"} and NEW in finding.observed
    )
    rolling = known(written=written, rollout=RolloutKnown(2, "rolling", NEW))
    assert one(diagnose(reported(deployments=[edited]), rolling), "deployment_edited").severity == "error"


def test_what_is_read_of_a_recorded_template_has_the_digest_that_was_stored():
    """Else each Deployment would count as edited."""
    for scenario in ("rolling-update", "liveness-failing"):
        for line in replay.recorded(scenario):
            if line["kind"] == "Deployment" and line["type"] != "BOOKMARK":
                (read,) = tamed(reported(deployments=[line["object"]])).deployments
                assert service_state.template_digest(read) == service_state.template_digest(line["object"])


@pytest.mark.parametrize(("available", "severity"), [(2, "warning"), (1, "error")])
def test_a_paused_deployment_is_said(available, severity):
    paused = deployment(available=available)
    paused["spec"]["paused"] = True
    finding = one(diagnose(reported(deployments=[paused]), known()), "deployment_paused")
    assert finding.severity == severity and "kubectl rollout resume deployment/web" in finding.command


# --- Fewer than wanted ----------------------------------------------------------------------------------------------


def test_fewer_than_wanted_is_said_only_when_nothing_moves_any_more():
    moments = {30: [], 90: ["too_few_available"]}
    for seconds, expected in moments.items():
        pods = [pod("web-1"), pod("web-2", ready=False, age=seconds)]
        findings = diagnose(reported(deployments=[deployment(available=1)], pods=pods), known())
        assert [code for code in codes(findings) if code == "too_few_available"] == expected
    finding = one(findings, "too_few_available")
    assert finding.severity == "warning" and finding.values["desired"] == 2 and finding.values["available"] == 1
    assert finding.observed.startswith("1 of 2 processes of web are available")
    assert codes(findings)[0] == "not_ready", "its cause comes first"


def test_none_of_the_processes_available_is_an_error_and_nothing_takes_requests():
    pods = [pod(f"web-{number}", ready=False) for number in (1, 2)]
    findings = diagnose(reported(deployments=[deployment(available=0)], pods=pods), known())
    assert codes(findings) == ["not_ready", "no_endpoint", "too_few_available"]
    assert "no ready process behind it" in findings[1].observed and findings[2].severity == "error"


def test_a_first_rollout_has_as_long_as_its_deadline():
    for seconds, expected in ((300, []), (700, ["no_endpoint", "too_few_available"])):
        rolling = condition("Progressing", "True", "ReplicaSetUpdated", since=seconds)
        young = deployment(available=0, conditions=[condition("Available", "False", since=seconds), rolling])
        state = reported(deployments=[young], pods=[pod("web-1", ready=False, age=seconds)])
        found = codes(diagnose(state, known(rollout=RolloutKnown(1, "rolling", NEW))))
        assert [code for code in found if code != "not_ready"] == expected


def test_a_service_that_is_scaled_to_nothing_misses_nothing():
    assert diagnose(reported(deployments=[deployment(count=0, available=0)], pods=[]), known()) == []


def test_kubernetes_giving_up_is_said_with_its_words():
    stuck = condition(
        "Progressing", "False", "ProgressDeadlineExceeded", 'ReplicaSet "web-new" has timed out.', since=9
    )
    state = reported(deployments=[deployment(available=1, conditions=[stuck])], pods=[pod("web-1")])
    findings = diagnose(state, known())
    assert codes(findings) == ["progress_deadline", "too_few_available"]
    assert "within its 600 s" in findings[0].observed and "has timed out" in findings[0].observed
    before_it_was_seen = deployment(available=1, conditions=[stuck], observedGeneration=2)
    assert diagnose(reported(deployments=[before_it_was_seen], pods=[pod("web-1")]), known()) == []


def test_what_only_follows_from_a_warning_is_no_error():
    """The first finding is the cause: here a process that was put off its node. Written."""
    gone = pod("web-1")
    gone["status"] |= {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    findings = diagnose(reported(deployments=[deployment(count=1, available=0)], pods=[gone]), known())
    assert findings[0].code == "evicted" and "too_few_available" in codes(findings)


# --- The way to the processes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ([], "The Service object web is missing"),
        ([service_object(selector={"app": "other"})], "finds nothing of the 2 ready processes of web"),
        (
            [service_object(ports=[{"name": "http", "port": 80, "targetPort": "admin"}])],
            "leads to a port admin that none",
        ),
    ],
    ids=["missing", "selector", "port"],
)
def test_a_service_object_that_leads_nowhere(objects, words):
    finding = one(diagnose(reported(services=objects, ingresses=[]), known()), "no_endpoint")
    assert words in finding.observed and finding.severity == "error" and finding.hint


def test_a_service_object_is_missed_only_where_the_release_has_one_and_it_was_looked_for():
    bare = reported(services=[], ingresses=[])
    assert diagnose(bare) == []
    assert diagnose(bare, known(manifest={"services": {"web": {"port": None}}})) == []
    assert diagnose(replace(bare, unread={"Service": "not asked"}), known()) == []
    assert diagnose(bare, known(rollout=RolloutKnown(2, "rolling", NEW))) == []


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (ingress("gone"), "the Service object gone is not there"),
        (ingress(port={"name": "admin"}), "the Service object web has no port admin"),
        (ingress(port={"number": 8081}), "the Service object web has no port 8081"),
    ],
)
def test_a_host_that_leads_nowhere(way, words):
    finding = one(diagnose(reported(ingresses=[way]), known()), "ingress_without_backend")
    assert finding.observed == f"Requests for shop.example lead nowhere: {words}."
    assert finding.subject.kind == "ingress" and finding.values["hosts"] == ["shop.example"]
    assert diagnose(reported(ingresses=[way]), known(rollout=RolloutKnown(2, "rolling", NEW))) == []


def test_a_strangers_ingress_is_none_of_ours():
    theirs = ingress("gone")
    theirs["metadata"]["labels"] = {}
    assert diagnose(reported(ingresses=[theirs]), known()) == []
    assert diagnose(reported(ingresses=[ingress(port={"number": 80})]), known()) == []


def test_a_domain_of_the_apps_own_says_where_it_is_changed():
    own = ingress("gone", name=manifests.OWN_DOMAINS)
    assert "the app's domains" in one(diagnose(reported(ingresses=[own]), known()), "ingress_without_backend").hint


# --- Autoscalers and budgets ----------------------------------------------------------------------------------------


def autoscaler(*conditions, **status):
    utilization = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    measured = {"name": "cpu", "current": {"averageUtilization": 143, "averageValue": "357m"}}
    return {
        "metadata": {"name": "web", "namespace": "deployer-shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": utilization}],
        },
        "status": {
            "currentReplicas": 4,
            "desiredReplicas": 4,
            "currentMetrics": [{"type": "Resource", "resource": measured}],
            "conditions": list(conditions),
            **status,
        },
    }


def test_an_autoscaler_at_its_maximum_says_what_it_measures():
    limited = condition(
        "ScalingLimited", "True", "TooManyReplicas", "the desired replica count is more than the maximum"
    )
    finding = one(diagnose(reported(autoscalers=[autoscaler(limited)]), known()), "autoscaler_at_maximum")
    assert finding.severity == "warning" and "cpu is at 143 % of 70 %" in finding.observed
    assert finding.values["maximum"] == 4
    assert finding.values["metrics"] == [{"metric": "cpu", "current": "143 %", "target": "70 %"}]
    fewer = condition("ScalingLimited", "True", "TooFewReplicas")
    assert diagnose(reported(autoscalers=[autoscaler(fewer)]), known()) == []


@pytest.mark.parametrize(
    ("seconds", "reason", "expected"),
    [
        (600, "FailedGetResourceMetric", ["autoscaler_blind"]),
        (30, "FailedGetResourceMetric", []),  # new processes have no figures for a moment
        (600, "ScalingDisabled", []),  # a person scaled it to 0
    ],
)
def test_an_autoscaler_that_sees_nothing(seconds, reason, expected):
    blind = condition("ScalingActive", "False", reason, "unable to get metrics for resource cpu", since=seconds)
    findings = diagnose(reported(autoscalers=[autoscaler(blind)]), known())
    assert codes(findings) == expected
    if findings:
        assert "unable to get metrics" in findings[0].observed and "metrics server" in findings[0].hint


def budget(*, healthy=2, needed=2, since=3600.0, **status):
    allowed = condition("DisruptionAllowed", "False", "InsufficientPods", since=since)
    counts = {"expectedPods": 2, "currentHealthy": healthy, "desiredHealthy": needed, "disruptionsAllowed": 0}
    return {
        "metadata": {"name": "web", "generation": 1},
        "spec": {"selector": {"matchLabels": {manifests.SERVICE: "web"}}},
        "status": {"observedGeneration": 1, "conditions": [allowed], **counts, **status},
    }


def test_a_budget_that_lets_nothing_go_though_all_are_healthy_is_a_warning():
    finding = one(diagnose(reported(budgets=[budget()]), known()), "budget_blocks")
    assert finding.severity == "warning" and "2 of 2 processes are healthy, and it wants 2" in finding.observed
    assert finding.command == "deployer scale web=3 -a shop"


def test_a_budget_that_waits_for_processes_is_worth_knowing_after_a_while():
    assert one(diagnose(reported(budgets=[budget(healthy=1)]), known()), "budget_blocks").severity == "info"
    for passing in (
        budget(healthy=1, since=30),
        budget(since=30),
        budget(since=0),
        budget(disruptionsAllowed=1),
        budget(expectedPods=0),
    ):
        assert diagnose(reported(budgets=[passing]), known()) == []


# --- Two versions ---------------------------------------------------------------------------------------------------


def mixed(age):
    return reported(
        replica_sets=[replica_set(), replica_set("old", "1")],
        pods=[pod("web-1", age=age), pod("web-2", maker="old")],
    )


@pytest.mark.parametrize(
    ("age", "status", "expected"),
    [
        (300, "rolling", []),
        (700, "rolling", ["versions_mixed"]),
        (30, "succeeded", []),
        (300, "succeeded", ["versions_mixed"]),
    ],
)
def test_two_versions_are_said_after_longer_than_a_rollout_may_take(age, status, expected):
    findings = diagnose(mixed(age), known(rollout=RolloutKnown(4, status, NEW, previous=OLD)))
    assert codes(findings) == expected
    if findings:
        assert findings[0].values["processes"] == {OLD: 1, NEW: 1}
        command = "rollouts abort 4" if status == "rolling" else f"releases promote {NEW}"
        assert findings[0].command == f"deployer {command} -a shop"


def test_a_restart_is_not_another_version_and_what_ends_does_not_count():
    ending = pod("web-2", maker="old", deletionTimestamp=ago(2))
    again = reported(replica_sets=[replica_set(), replica_set("old", "1")], pods=[pod("web-1"), pod("web-3"), ending])
    assert diagnose(again, known()) == []
    restarted = pod("web-2", maker="old")
    restarted["metadata"]["labels"][manifests.RELEASE] = NEW
    both = reported(replica_sets=[replica_set(), replica_set("old", "1")], pods=[pod("web-1"), restarted])
    assert diagnose(both, known()) == []


# --- Around, and whatever is reported -------------------------------------------------------------------------------


def test_what_is_wrong_around_the_app_comes_in_the_catalogues_words():
    troubles = (
        Trouble("volumes_orphaned", "data", "The volume data is used by nothing.", page="/apps/shop/settings"),
        Trouble("redis_unreachable", "Redis", "Redis does not answer."),
        Trouble("nobody knows this", "x", "y"),
    )
    first, second = diagnose(reported(), known(), troubles)
    assert (first.code, first.severity, first.subject.kind) == ("redis_unreachable", "error", "deployer")
    assert first.hint == BY_CODE["redis_unreachable"].remedy
    assert (second.code, second.severity, second.page) == ("volumes_orphaned", "info", "/apps/shop/settings")


def test_of_a_cluster_that_can_not_be_reached_nothing_else_is_said():
    nothing = reported(deployments=[], replica_sets=[], pods=[], services=[], ingresses=[])
    unreachable = Trouble("cluster_unreachable", "local", "It does not answer.", "Start it.")
    assert codes(diagnose(nothing, known(), (unreachable,))) == ["cluster_unreachable"]


AROUND = ("cluster_unreachable", "no_rights", "redis_unreachable", "workers_missing", "certificate_expired")
AROUND += ("certificate_expiring", "webhook_failing", "volumes_orphaned", "source_failing")


@pytest.mark.parametrize("code", AROUND)
def test_each_trouble_around_is_in_the_catalogue(code):
    assert code in ORDER
    (finding,) = diagnose(reported(), known(), (Trouble(code, "it", "It is so."),))
    assert (finding.code, finding.severity) == (code, BY_CODE[code].severity)


def with_nulls(value):
    """Each variant of an object in which one field, at any depth, is null or of an odd type."""
    if isinstance(value, dict):
        for key, part in value.items():
            for odd in (None, "odd", 7, [], [None], {"a": None}):
                yield {**value, key: odd}
            for variant in with_nulls(part):
                yield {**value, key: variant}
    elif isinstance(value, list):
        for place, part in enumerate(value):
            for variant in with_nulls(part):
                yield [*value[:place], variant, *value[place + 1 :]]


SICK = {
    "deployments": deployment(available=0),
    "replica_sets": refused("exceeded quota: a, requested: pods=1, used: pods=1, limited: pods=1"),
    "services": service_object(),
    "ingresses": ingress("gone"),
    "autoscalers": autoscaler(condition("ScalingLimited", "True", "TooManyReplicas")),
    "budgets": budget(),
}


@pytest.mark.parametrize("kind", sorted(SICK))
def test_any_field_may_be_null_or_odd(kind):
    for variant in with_nulls(SICK[kind]):
        diagnose(reported(**{kind: [variant]}), known(written=WRITTEN))
