"""One-off processes, over the wire: of any release, to their end, and never longer than who asked for them is there."""

import json
import sys

import httpx
import pytest

from tests.clusters import eventually

PYTHON = [sys.executable, "-I", "-S", "-c"]


def run(app, release, program, client=None, **more):
    """The whole answer, as objects."""
    answer = (client or app.api).post(f"/releases/{release}/run", json={"command": [*PYTHON, program], **more})
    answer.raise_for_status()
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines() if line]


def messages(found):
    return [line["message"] for line in found if line.get("stream", "").startswith("run/")]


def written(coming):
    """What the process writes, and the end: what keeps it waiting for longer than 2 s is told in between."""
    return (line for line in coming if line.get("stream") != "system/deployer")


def gone(app):
    """Nothing of it is left in the cluster."""
    eventually(
        lambda: not app.names("Job") and not {name for name in app.names("Secret") if name.startswith("run-")}, 20
    )
    eventually(lambda: not {name for name in app.names("Pod") if name.startswith("run-")}, 20)


def test_a_release_that_was_never_promoted_runs_a_command_with_its_variables(app):
    release = app.release(active=False, env={"GREETING": "hello"})
    program = "import os; print(os.environ['GREETING'].upper(), os.environ['DEPLOYER_RELEASE'])"
    *said, end = run(app, release, program)
    assert messages(said) == [f"HELLO {release}"] and end == {"exit": 0}
    [line] = written(said)
    assert said[0]["number"] == 1 and line["stream"].startswith("run/web/run-")
    gone(app)


def test_all_that_it_says_comes_in_order_with_the_last_words_and_the_exit_code(app):
    release = app.release(active=False)
    program = "import sys\nfor n in range(5000): print('line', n)\nsys.stdout.write('and no end of line'); sys.exit(7)"
    *said, end = run(app, release, program)
    assert messages(said) == [*(f"line {n}" for n in range(5000)), "and no end of line"]
    assert end == {"exit": 7}
    assert [line["number"] for line in said] == list(range(1, len(said) + 1))


def test_its_output_comes_while_it_runs_and_secrets_are_masked(app, lines):
    release = app.release(active=False, env={"TOKEN": "hush-hush-hush"})
    go = app.folder / "go"
    program = (
        "import os, time\nprint('it is', os.environ['TOKEN'], flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.05)\nprint('done')"
    )
    with app.api.stream("POST", f"/releases/{release}/run", json={"command": [*PYTHON, program]}) as answer:
        coming = written(lines(answer))
        assert next(coming)["message"] == "it is [TOKEN]"
        go.touch()
        assert next(coming)["message"] == "done"
        assert list(coming) == [{"exit": 0}]


def test_who_hangs_up_ends_it(app, lines):
    release = app.release(active=False)
    with app.api.stream(
        "POST",
        f"/releases/{release}/run",
        json={"command": [*PYTHON, "print('here', flush=True)\nimport time; time.sleep(600)"]},
    ) as answer:
        assert next(written(lines(answer)))["message"] == "here"
    gone(app)


def test_it_is_no_process_of_the_service_and_no_promote_takes_it_away(app, lines):
    release = app.release("web")
    app.ready(1)
    program = "import time; print('here', flush=True); time.sleep(600)"
    with app.api.stream("POST", f"/releases/{release}/run", json={"command": [*PYTHON, program]}) as answer:
        coming = written(lines(answer))
        process = next(coming)["stream"].rpartition("/")[2]
        found = {one["name"]: one for one in app.processes()}
        assert found[process]["kind"] == "run" and found[process]["service"] == "web"
        assert [one["kind"] for one in found.values()] == ["service", "run"]
        labels = app.find("Pod", process)["metadata"]["labels"]
        assert "deployer/service" not in labels and labels["deployer/run"] == "web"
        pruned = app.server.behind(
            f"""
            from django.conf import settings
            from releases.clients.cluster import connect
            from releases.pipeline.applying import Writer
            from releases.pipeline import manifests
            release = Release.objects.select_related("app__cluster").get(pk={release!r})
            cluster, own = connect(settings.DEPLOYER_KUBECONFIG), settings.DEPLOYER_INSTALLATION
            writer = Writer(cluster, release.app.namespace, own, stamp=(2, 1))
            wanted = manifests.render(release, installation=settings.DEPLOYER_INSTALLATION)
            answer = [obj["metadata"]["name"] for obj in writer.surplus(wanted, kept_secrets=set())]
            """
        )
        assert pruned == []
        # Somebody else stops it by its name.
        assert app.api.delete(f"/processes/{process}").status_code == 204
        [end] = list(coming)
        assert end["error"]["code"] == "run_stopped"
    gone(app)


def test_one_that_takes_too_long_is_stopped_and_says_so(app):
    release = app.release(active=False)
    program = "import time; print('here', flush=True); time.sleep(600)"
    *said, end = run(app, release, program, timeout=6)
    assert messages(said) == ["here"]
    assert end["error"]["code"] == "run_timed_out" and "did not end within 6 s" in end["error"]["message"]
    gone(app)


def test_what_can_not_start_says_why(app):
    release = app.release(active=False)
    answer = app.api.post(f"/releases/{release}/run", json={"command": "no-such-program --at-all"})
    end = json.loads(answer.text.strip().splitlines()[-1])
    assert end["error"]["code"] == "run_not_started" and "no-such-program" in end["error"]["message"]
    assert any("Check the command: it must exist" in reason for reason in end["error"]["reasons"])
    gone(app)


def test_who_ran_what_is_in_the_audit_without_the_secrets_in_it(app):
    release = app.release(active=False, env={"TOKEN": "hush-hush-hush"})
    assert app.api.post(f"/releases/{release}/run", json={"command": "echo hush-hush-hush"}).text.endswith(
        '{"exit": 0}\n'
    )
    entry = app.server.behind(
        f"""
        entry = AuditEntry.objects.get(action="run", app_name={app.name!r})
        answer = [entry.by_label, entry.subject, entry.detail]
        """
    )
    assert entry[:2] == ["ann (token tests)", release]
    assert entry[2]["command"] == "echo [TOKEN]" and entry[2]["service"] == "web"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"command": []}, "1 to 500 words"),
        ({"command": "'unfinished"}, "can't be split"),
        ({"command": "true", "service": "nobody"}, "has no service nobody"),
        ({"command": "true", "timeout": 0}, "timeout"),
        ({"command": ["a\u0000b"]}, "NUL"),
        ({"command": "true", "shell": True}, "shell"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_runs(app, body, words):
    release = app.release(active=False)
    answer = app.api.post(f"/releases/{release}/run", json=body)
    assert answer.status_code == 422 and words in answer.json()["error"]["message"]


def test_who_may_only_look_may_not_run(app):
    release = app.release(active=False)
    token = app.server.behind(
        f"answer = Token.issue(Person.objects.create_person('viewer-of-{app.name}', role='viewer'), name='look')[1]"
    )
    answer = app.client(token).post(f"/releases/{release}/run", json={"command": "true"})
    assert answer.status_code == 403 and "needs the role deployer" in answer.json()["error"]["message"]


def test_one_whose_web_process_died_is_swept_away(app, lines):
    release = app.release(active=False)
    program = "import time; print('here', flush=True); time.sleep(600)"
    body = {"command": [*PYTHON, program]}
    with pytest.raises(httpx.HTTPError), app.api.stream("POST", f"/releases/{release}/run", json=body) as answer:
        coming = lines(answer)
        next(coming)
        app.server.kill()
        list(coming)
    try:
        # As the reaper does, only that its patience is over sooner.
        swept = """
            from releases.pipeline import runs
            runs.SILENT_SECONDS = {}
            runs.sweep(Cluster.objects.get())
            """
        app.server.behind(swept.format(20))
        assert app.names("Job")  # it may be called carried anew in a moment
        eventually(lambda: app.server.behind(swept.format(0)) or not app.names("Job"), 40)
        gone(app)
    finally:
        app.server.start()
