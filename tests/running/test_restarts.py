"""Processes are looked at, stopped one by one, and replaced without a release, over the wire."""

import json

from releases.clients.cluster import Cluster
from tests.clusters import eventually


def test_processes_say_what_they_are(app):
    release = app.release("web", "worker")
    web, worker = app.ready(2)
    assert (web["service"], worker["service"]) == ("web", "worker")
    assert web["release"] == release and web["kind"] == "service" and web["words"] == "ready"
    assert web["node"] and web["created"] <= web["started"] and web["restarts"] == 0

    counts = app.server.command("scale", "-a", app.name)
    assert [row.split() for row in counts.stdout.splitlines()[1:]] == [["web", "1", "1"], ["worker", "1", "1"]], counts
    stopped = app.server.command("ps", "stop", worker["name"], "-a", app.name, "--json")
    assert json.loads(stopped.stdout) == {"stopped": worker["name"]}, stopped


def test_what_ails_a_process_is_said_in_words(app):
    app.release(command="no-such-program")
    [web] = eventually(lambda: [one for one in app.processes() if one["state"] == "broken"], 20)
    assert "no-such-program" in web["words"] and web["words"].startswith("broken: ")


def test_the_secrets_of_a_release_that_is_not_active_are_masked_too(app):
    app.release(command="hush-hush-hush", env={"TOKEN": "hush-hush-hush"})
    app.server.behind(f"from tests import factories\nfactories.active(App.objects.get(name={app.name!r}))\nanswer = 0")
    [web] = eventually(lambda: [one for one in app.processes() if one["state"] == "broken"], 20)
    for words in (web["words"], web["reason"]):
        assert "[TOKEN]" in words and "hush" not in words


def test_a_restart_replaces_the_processes_of_the_services_that_were_named_and_no_others(app):
    app.release("web", "worker")
    web, worker = app.ready(2)
    answer = app.api.post("/restart", json={"services": ["web"]}).raise_for_status().json()
    assert answer["services"] == ["web"]

    def through():
        found = app.processes()
        return (
            len(found) == 2
            and all(one["created"] >= answer["restarted"] for one in found if one["service"] == "web")
            and found
        )

    after = eventually(
        lambda: (
            through()
            if {one["name"] for one in app.processes()} - {web["name"], worker["name"]} and len(app.processes()) == 2
            else None
        ),
        20,
    )
    assert {one["service"]: one["release"] for one in after} == {"web": web["release"], "worker": web["release"]}
    assert worker["name"] in {one["name"] for one in after} and web["name"] not in {one["name"] for one in after}
    entry = app.server.behind(f"answer = AuditEntry.objects.get(action='restart', app_name={app.name!r}).detail")
    assert entry == {"services": ["web"]}


def test_without_names_all_are_restarted_and_the_next_promote_and_the_restore_leave_it_so(app):
    release = app.release()
    [old] = app.ready(1)
    assert app.api.post("/restart").raise_for_status().json()["services"] == ["web"]
    [new] = eventually(lambda: [one for one in app.ready(1) if one["name"] != old["name"]] or None, 20)
    before = app.find("Deployment", "web")
    written = app.server.behind(
        f"""
        from django.conf import settings
        from releases.clients.cluster import connect
        from releases.pipeline import manifests, remains
        from releases.pipeline.applying import Writer
        release = Release.objects.select_related("app__cluster").get(pk={release!r})
        cluster = connect(settings.DEPLOYER_KUBECONFIG)
        writer = Writer(cluster, release.app.namespace, settings.DEPLOYER_INSTALLATION, stamp=(2, 1))
        objects = manifests.render(release, installation=settings.DEPLOYER_INSTALLATION)
        [wanted] = [obj for obj in objects if obj["kind"] == "Deployment"]
        changes = writer.would_change(wanted)
        writer.apply(wanted)
        live = cluster.get("Deployment", release.app.namespace, "web")
        labels = live["spec"]["template"]["metadata"]["labels"]
        template = {{**live["spec"]["template"], "metadata": {{"labels": labels}}}}
        answer = [changes, remains.of(template, live)]
        """
    )
    assert written == [False, []]
    after = app.find("Deployment", "web")
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert "deployer/restarted" in after["spec"]["template"]["metadata"]["annotations"]
    assert [one["name"] for one in app.processes()] == [new["name"]]


def test_while_a_rollout_runs_a_restart_is_refused_by_name(app):
    release = app.release()
    app.ready(1)
    app.server.behind(
        f"from tests import factories; factories.rollout(Release.objects.get(pk={release!r}), status='rolling')"
    )
    before = app.find("Deployment", "web")["metadata"]["generation"]
    answer = app.api.post("/restart")
    assert answer.status_code == 409 and "is still running" in answer.json()["error"]["reasons"][0]
    assert app.find("Deployment", "web")["metadata"]["generation"] == before


def test_what_makes_no_sense_is_refused(app):
    app.release(active=False)
    assert app.api.post("/restart").json()["error"]["message"] == f"Nothing of {app.name} runs: promote a release."
    answer = app.api.post("/restart", json={"services": ["nobody"]})
    assert (
        answer.status_code == 422 and "runs no service nobody: nothing of it runs" in answer.json()["error"]["message"]
    )
    assert app.api.delete("/processes/nobody").status_code == 404


def test_a_process_that_is_stopped_is_replaced_and_it_is_known_who_did_it(app):
    app.release()
    [old] = app.ready(1)
    assert app.api.delete(f"/processes/{old['name']}").status_code == 204
    eventually(lambda: [one for one in app.processes() if one["name"] != old["name"] and one["state"] == "ready"], 20)
    entry = app.server.behind(
        f"""
        entry = AuditEntry.objects.get(action="stop_process", app_name={app.name!r})
        answer = [entry.subject, entry.detail]
        """
    )
    assert entry == [old["name"], {"service": "web"}]


def test_who_may_only_look_changes_nothing(app):
    app.release()
    [web] = app.ready(1)
    token = app.server.behind(
        f"answer = Token.issue(Person.objects.create_person('viewer-of-{app.name}', role='viewer'), name='look')[1]"
    )
    viewer = app.client(token)
    assert viewer.get("/processes").status_code == viewer.get("/log").status_code == 200
    assert viewer.post("/restart").status_code == viewer.delete(f"/processes/{web['name']}").status_code == 403
    assert isinstance(app.cluster, Cluster) and [one["name"] for one in app.processes()] == [web["name"]]
