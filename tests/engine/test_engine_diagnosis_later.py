"""An app that ran, and somebody or something befalls it: the diagnosis names that first."""

import pytest
from django.test import override_settings

from releases import actions, policy
from releases.models import App, Rollout
from releases.pipeline import manifests
from tests import factories
from tests.clusters import eventually
from tests.engine.doctor import Doctor, a_day_later, codes, written

pytestmark = pytest.mark.django_db(transaction=True)
WEB = {"file": "serves", "port": 8080}
RANGE = {"count": "1-2", "targets": {"memory": 70}}


def available(world, name="web"):
    return world.get("Deployment", name)["status"].get("availableReplicas", 0)


def scaled(world, number, name="web"):
    actions.scale(App.objects.get(pk=world.app.pk), name, number, by=policy.SYSTEM)


def pod_of(world, service="web"):
    pods, _ = world.cluster.list_all("Pod", world.namespace, labels=f"{manifests.SERVICE}={service}")
    return next(pod for pod in pods if "deletionTimestamp" not in pod["metadata"])


def patched(api, path, change):
    answer = api.patch(path, json=change, headers={"Content-Type": "application/merge-patch+json"})
    assert answer.status_code == 200, answer.text


def changed(world, api, **spec):
    """The Deployment as somebody with kubectl leaves it."""
    patched(
        api, f"/apis/apps/v1/namespaces/{world.namespace}/deployments/web?fieldManager=kubectl-edit", {"spec": spec}
    )


def container(**fields):
    return {"spec": {"containers": [{"name": manifests.CONTAINER, **fields}]}}


# --- All is well ----------------------------------------------------------------------------------------------------


def test_an_app_that_runs_has_no_finding(world, doctor):
    release = world.active("web", "worker", **WEB)
    report = doctor.report(all=True)
    assert report["findings"] == [] and report["healthy"] is True
    assert (report["app"], report["release"], report["rollout"]) == (world.app.name, release.pk, 1)
    assert {(line["service"], line["desired"], line["ready"]) for line in report["services"]} == {
        ("web", 1, 1),
        ("worker", 1, 1),
    }
    assert {line["status"] for line in report["processes"]} == {"ready"}
    assert report["unread"] == {} and report["omitted"] == {}


def test_an_app_of_which_nothing_ran_yet_says_so_and_is_well(world, doctor):
    report = doctor.report()
    assert codes(report["findings"]) == ["nothing_runs"] and report["healthy"]


def test_an_app_scaled_to_nothing_is_well(world, doctor):
    world.active()
    scaled(world, 0)
    eventually(lambda: not world.names("Pod"))
    assert doctor.report()["healthy"], doctor.findings()


# --- Somebody -------------------------------------------------------------------------------------------------------


def test_somebody_paused_the_deployment(world, doctor, api):
    world.active()
    changed(world, api, paused=True)
    first = doctor.first("deployment_paused")
    assert first["subject"]["service"] == "web" and first["hint"], first


def test_somebody_edited_the_deployment(world, doctor, api):
    world.active()
    world.set_env("web", FOREIGN="1")
    first = doctor.first("deployment_edited")
    assert "kubectl-set" in first["observed"] + str(first["values"]), first


def test_somebody_deleted_the_deployment(world, doctor):
    world.active("web", "worker")
    world.cluster.delete("Deployment", world.namespace, "web")
    eventually(lambda: world.running() == [("worker", world.active_release().pk)])
    first = doctor.first("deployment_deleted")
    assert first["subject"]["service"] == "web" and first["severity"] == "error", first


def test_somebody_deleted_the_secret_of_the_release(world, doctor):
    release = world.active()
    name = manifests.secret_name(release.pk)
    world.cluster.delete("Secret", world.namespace, name)
    world.cluster.delete("Pod", world.namespace, pod_of(world)["metadata"]["name"])
    first = doctor.first("config_missing")
    assert f'secret "{name}" not found' in first["observed"] + str(first["values"]), first


def test_somebody_refers_to_a_secret_that_is_not_there(world, doctor, api):
    """The edit is why, but what keeps the process from running comes first."""
    world.active()
    env = [{"secretRef": {"name": "no-such-secret"}}]
    world.meddle(world.get("Deployment", "web"), spec={"template": container(envFrom=env)})
    first = doctor.first("config_missing")
    assert "no-such-secret" in first["observed"], first
    assert "deployment_edited" in codes(doctor.findings())


def test_somebody_mounts_a_secret_that_is_not_there(world, doctor):
    world.active()
    template = container(volumeMounts=[{"name": "keys", "mountPath": "/keys"}])
    template["spec"]["volumes"] = [{"name": "keys", "secret": {"secretName": "no-such-secret"}}]
    world.meddle(world.get("Deployment", "web"), spec={"template": template})
    stuck = eventually(lambda: [each for each in doctor.findings()[:2] if each["code"] == "volume_stuck"])[0]
    assert 'secret "no-such-secret" not found' in stuck["observed"] + str(stuck["values"]), stuck


def test_somebody_set_a_quota(world, doctor, api):
    world.active()
    hard = {"pods": "1"}
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas"
    assert api.post(path, json={"metadata": {"name": "tight"}, "spec": {"hard": hard}}).status_code == 201
    eventually(lambda: (api.get(f"{path}/tight").json().get("status") or {}).get("hard") == hard)
    scaled(world, 2)
    first = doctor.first("quota_exceeded")
    assert "pods=1" in first["observed"] + str(first["values"]), first
    assert first["severity"] == "error" and "quota" in first["hint"]


def test_somebody_deleted_the_service_object_behind_a_domain(world, doctor):
    world.active(domain=["shop.test"], **WEB)
    world.cluster.delete("Service", world.namespace, "web")
    first = doctor.first("ingress_without_backend")
    assert "shop.test" in first["observed"] + str(first["values"]), first
    assert first["subject"]["kind"] == "ingress", first


def test_somebody_made_a_budget_that_lets_nothing_go(world, doctor, api):
    world.active()
    labels = {"matchLabels": world.get("Deployment", "web")["spec"]["selector"]["matchLabels"]}
    budget = {"metadata": {"name": "strict"}, "spec": {"maxUnavailable": 0, "selector": labels}}
    path = f"/apis/policy/v1/namespaces/{world.namespace}/poddisruptionbudgets"
    assert api.post(path, json=budget).status_code == 201
    eventually(lambda: api.get(f"{path}/strict").json()["status"].get("expectedPods"))
    assert doctor.findings() == [], "it may still be about to let one go"
    with a_day_later():
        first = doctor.first("budget_blocks")
    assert "strict" in first["observed"] + first["subject"]["name"], first


def test_somebody_holds_a_process_that_ends(world, doctor):
    world.active()
    name = pod_of(world)["metadata"]["name"]
    pod = {"apiVersion": "v1", "kind": "Pod", **world.get("Pod", name)}
    world.meddle(pod, metadata={"finalizers": ["example.com/wait"]})
    world.cluster.delete("Pod", world.namespace, name)
    try:
        assert "terminating_long" not in codes(doctor.findings()), "it has its grace"
        with a_day_later():
            first = doctor.first("terminating_long")
        told = first["observed"] + str(first["values"])
        assert first["subject"]["name"] == name and "example.com/wait" in told, first
    finally:
        world.meddle(pod, metadata={"finalizers": []})


# --- Numbers --------------------------------------------------------------------------------------------------------


def test_an_autoscaler_that_sees_nothing(world, doctor):
    """The cluster measures no memory for it."""
    world.active(scale=RANGE)
    eventually(lambda: world.get("HorizontalPodAutoscaler", "web").get("status", {}).get("conditions"))
    with a_day_later():
        first = doctor.first("autoscaler_blind")
    assert first["subject"]["service"] == "web" and "memory" in first["observed"] + str(first["values"]), first


def test_an_autoscaler_that_may_not_make_more(world, doctor, api):
    """It measures, and one process, which is all that it may make, uses more than a hundredth of what it asked for."""
    busy = [world.python, "-I", "-S", "-c", "while True: sum(range(10 ** 5))"]
    manifest = {
        "services": {
            "web": {
                "command": busy,
                "deployment": {"verify": 0},
                "termination": {"grace": 1},
                "scale": {"count": "1-2", "cpu": 10, "targets": {"cpu": 1}},
            }
        }
    }
    assert world.carried(world.release_of(manifest, {"web": world.image})).status == "succeeded"
    first = doctor.first("autoscaler_at_maximum", 60)
    assert first["severity"] == "warning" and "2" in first["observed"], first


def test_a_volume_that_no_service_uses_is_only_worth_knowing(world, doctor):
    volume = {"name": "data", "path": "/data", "size": 1}
    world.active("worker", volumes=[volume])
    world.active("worker")
    report = doctor.report()
    assert codes(report["findings"]) == ["volumes_orphaned"] and report["healthy"], report["findings"]
    assert "data" in str(report["findings"][0])


# --- What nobody reaches --------------------------------------------------------------------------------------------

SERVES_WHILE = """
import http.server, os
class Visitor(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if os.path.exists({flag!r}) else 200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Visitor).serve_forever()
"""


def test_a_service_whose_processes_all_fall_ill(world, doctor, tmp_path):
    flag = tmp_path / "ill"
    words = [world.python, "-I", "-S", "-c", SERVES_WHILE.format(flag=str(flag))]
    health = {"path": "/health", "interval": 1, "timeout": 5, "grace": 0}
    service = {"command": words, "port": 8080, "health": health, "termination": {"grace": 1}, "scale": {"count": 2}}
    made = world.release_of({"services": {"web": service}}, {"web": world.image})
    assert world.carried(made).status == "succeeded"
    flag.touch()
    eventually(lambda: available(world) == 0)
    with a_day_later():
        first = doctor.first("not_ready")
        others = [finding for finding in doctor.findings() if finding["code"] != "not_ready"]
    assert "503" in first["observed"] and first["others_count"] == 1, "both are one finding"
    assert {"no_endpoint", "too_few_available"} & set(codes(others)), others
    flag.unlink()
    eventually(lambda: available(world) == 2)
    assert doctor.findings() == []


# --- Around it ------------------------------------------------------------------------------------------------------


def test_a_cluster_that_can_not_be_reached_is_the_finding(world, doctor, own_home):
    world.active()
    with override_settings(DEPLOYER_KUBECONFIG=str(own_home / "kubeconfig")):
        report = doctor.report()
    assert codes(report["findings"])[0] == "cluster_unreachable" and not report["healthy"], report
    assert "deployment_deleted" not in codes(report["findings"]), "what is not known is no fault"
    assert doctor.report()["findings"] == []


# --- While a rollout runs -------------------------------------------------------------------------------------------


def test_while_a_rollout_runs_several_ask_at_once_and_hold_up_nothing(world, doctor):
    world.active()
    rollout = world.promote(world.release(file="ends", deployment={"exits": 50, "verify": 8}))
    worker = world.worker(rollout)
    finding = doctor.first("crash_loop")
    assert "exited with 3" in finding["observed"] and written(finding)[-1] == "no queue at QUEUE_URL", finding
    reports = factories.together(*[Doctor(world.app.name).report] * 3)
    assert [codes(report["findings"])[:1] for report in reports] == [["crash_loop"]] * 3, reports
    actions.abort(rollout, by=policy.SYSTEM)
    ended = worker.end()
    assert (ended.status, ended.cause) == ("rolled_back", "aborted"), ended.reason
    assert "crash_loop" in codes(doctor.stored(ended)["findings"])


def test_one_that_waits_says_for_what(world, doctor):
    world.active()
    rollout = world.promote(world.release())
    found = {finding["code"]: finding for finding in doctor.findings()}
    assert found["rollout_waits"]["severity"] == "info", found
    assert found["rollout_waits"]["subject"]["name"] == str(rollout.number)
    Rollout.objects.filter(pk=rollout.pk).delete()


# --- What is asked for ----------------------------------------------------------------------------------------------


@pytest.fixture
def mixed(world, tmp_path):
    """Two services; the second has ended once and runs again, with a word before either."""
    flag = tmp_path / "end"
    program = (
        f"import os, time\npath = {str(flag)!r}\n"
        "print('\\n'.join(f'line {n}' for n in range(50)), flush=True)\n"
        "while not os.path.exists(path): time.sleep(0.02)\n"
        "os.remove(path); print('the last word', flush=True); os._exit(3)\n"
    )
    own = {"deployment": {"verify": 0}, "termination": {"grace": 1}}
    words = [world.python, "-I", "-S", "-u"]
    manifest = {
        "services": {
            "web": {"command": [*words, "stays.py"], **own},
            "worker": {"command": [*words, "-c", program], **own},
        }
    }
    assert (
        world.carried(world.release_of(manifest, dict.fromkeys(("web", "worker"), world.image))).status == "succeeded"
    )
    flag.touch()
    eventually(lambda: any(status["restartCount"] for status in pod_of(world, "worker")["status"]["containerStatuses"]))
    return world


def shown(report, service="worker"):
    return [lines for process in report["processes"] if process["service"] == service for lines in process["logs"]]


def test_each_option_changes_what_it_should(mixed, doctor):
    eventually(lambda: written(doctor.findings()[0])[-1:] == ["the last word"])

    def with_both_runs():
        report = doctor.report(all=True)
        return report if {lines["previous"] for lines in shown(report)} == {True, False} else None

    whole = eventually(with_both_runs)
    assert {line["service"] for line in whole["processes"]} == {"web", "worker"} and whole["events"]
    assert {line["service"] for line in doctor.report(all=True, service="web")["processes"]} == {"web"}
    assert doctor.findings(service="web") == [], "what is wrong is the other service's"
    assert {line["service"] for line in doctor.report(service="web,worker", all=True)["services"]} == {"web", "worker"}
    assert doctor.report(all=True, events=False)["events"] == []
    assert {lines["previous"] for lines in shown(doctor.report(all=True, previous=False))} == {False}
    assert all(len(lines["lines"]) <= 2 for lines in shown(doctor.report(all=True, lines=2)))
    assert any(len(lines["lines"]) > 20 for lines in shown(whole))
    bare = doctor.report(checks="overview", all=True)
    assert bare["processes"] and not shown(bare) and not shown(bare, "web")
    assert {process["new"] for process in doctor.report(all=True, age=3600)["processes"]} == {True}
    old = doctor.report(age=0)["processes"]
    assert [(process["service"], process["new"]) for process in old] == [("worker", False)], "web is well, and not new"


@pytest.mark.parametrize("query", [{"checks": "bogus"}, {"age": -1}, {"lines": 10**9}, {"all": "perhaps"}])
def test_what_is_asked_for_wrongly_is_said(world, doctor, query):
    answer = doctor.ask("/diagnosis", **query)
    assert answer.status_code == 422 and answer.json()["error"]["message"], answer.content


def test_a_service_that_is_not_there_is_said(world, doctor):
    world.active()
    answer = doctor.ask("/diagnosis", service="wbe")
    assert answer.status_code in (404, 422) and "wbe" in answer.content.decode(), answer.content
