"""Rollouts that fail for real: what is stored of each at its verdict names the true cause first, and stays."""

import pytest
from django.test import override_settings

from releases.pipeline import operate
from tests.clusters import eventually
from tests.engine.doctor import codes, written
from tests.engine.world import NO_IMAGE

pytestmark = pytest.mark.django_db(transaction=True)
SERVER = """
import http.server, os
class Visitor(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status}); self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", {port}), Visitor)
print("listening on port", server.server_port, flush=True)
server.serve_forever()
"""
# One that is free, of those that no process is ever given.
ELSEWHERE = "0"
SLEEPS = "import time; print('begun', flush=True); time.sleep(60)"


def release(world, program="", *, command=(), env=None, image="", deadline=15, **service):
    """Of a service `web` that is this Python program, or these words."""
    words = list(command) or [world.python, "-I", "-S", "-u", "-c", program]
    web = {"command": words, "deployment": {"verify": 8}, "termination": {"grace": 1}, **service}
    manifest = {"services": {"web": web}, "deployment": {"deadline": deadline}}
    return world.release_of(manifest, {"web": image or world.image}, env={"KEY": "value", **(env or {})})


def failed(world, doctor, made):
    """The rollout of this release, which fails, and the first finding that was stored of it."""
    ended = world.carried(made)
    assert ended.status in ("failed", "rolled_back"), ended.reason
    stored = doctor.stored(ended)
    assert stored["findings"], stored
    return ended, stored["findings"][0]


# --- What a process does --------------------------------------------------------------------------------------------

EAT = "kept = []\nwhile True: kept.append(bytearray(1 << 20))"
PROGRAMS = {
    "an exit code": ("print('no queue'); raise SystemExit(3)", "crash_loop", ["3"]),
    "a signal": ("import os; os.kill(os.getpid(), 11)", "crash_loop", ["SIGSEGV"]),
    "an end as if all were done": ("print('nothing to do')", "completed", ["0"]),
    "too much memory": (EAT, "out_of_memory", ["64"]),
}


@pytest.mark.parametrize("program, code, words", PROGRAMS.values(), ids=PROGRAMS)
def test_how_a_process_ends(world, doctor, program, code, words):
    world.active()
    _, first = failed(world, doctor, release(world, program, scale={"memory": 64}))
    assert first["code"] == code, first
    assert first["severity"] == "error" and first["subject"]["service"] == "web"
    assert all(word in first["observed"] for word in words), first["observed"]
    assert first["hint"] and first["values"], first


def test_its_last_lines_come_with_it(world, doctor):
    world.active()
    _, first = failed(world, doctor, release(world, "print('one'); print('no queue'); raise SystemExit(3)"))
    assert written(first)[-2:] == ["one", "no queue"]
    assert first["lines"][0]["container"] == "main" and first["lines"][0]["process"].startswith("web-")


COMMANDS = {
    "is not there": (["no-such-program"], "command_not_found"),
    "is not there at its path": (["/no/such/program"], "command_not_found"),
    "may not be executed": (["./stays.py"], "not_executable"),
    "is of another machine": (["./alien"], "exec_format"),
}


@pytest.mark.parametrize("command, code", COMMANDS.values(), ids=COMMANDS)
def test_a_command_that(world, doctor, command, code):
    world.active()
    _, first = failed(world, doctor, release(world, command=command))
    assert first["code"] == code and command[0] in first["observed"], first
    assert first["command"] or first["page"], first


def test_an_image_that_is_not_there(world, doctor):
    world.active()
    _, first = failed(world, doctor, release(world, SLEEPS, image=NO_IMAGE))
    assert first["code"] == "image_not_found" and NO_IMAGE in str(first["values"]), first


def test_what_runs_before_it_fails(world, doctor):
    world.active()
    before = {"command": [world.python, "-I", "-S", "-c", "print('no schema at 7'); raise SystemExit(4)"]}
    ended, first = failed(world, doctor, release(world, SLEEPS, initContainer=before))
    assert first["code"] == "init_failing" and "4" in first["observed"], first
    assert written(first) == ["no schema at 7"] and first["subject"]["container"] == "init"
    lines = [line for process in doctor.stored(ended)["processes"] for line in process["init"]]
    assert "failing" in [line["status"] for line in lines], lines


# --- What it does not do --------------------------------------------------------------------------------------------

AT_ONCE = {"verify": 0}
WEB = {"port": 8080, "health": {"path": "/health", "interval": 1, "timeout": 1, "grace": 0}, "deployment": AT_ONCE}


def test_a_health_check_that_fails(world, doctor):
    world.active()
    program = SERVER.format(status=500, port="int(os.environ['PORT'])")
    _, first = failed(world, doctor, release(world, program, deadline=8, **WEB))
    assert first["code"] == "not_ready", first
    assert "500" in first["observed"] and "/health" in first["observed"] + first["hint"], first


def test_a_program_that_listens_elsewhere(world, doctor):
    world.active()
    _, first = failed(world, doctor, release(world, SERVER.format(status=200, port=ELSEWHERE), deadline=8, **WEB))
    assert first["code"] == "wrong_port", first
    said = next(line for line in written(first) if line.startswith("listening on port"))
    assert said.split()[-1] in first["observed"], first


def test_no_room_for_it(world, doctor):
    world.active()
    _, first = failed(world, doctor, release(world, SLEEPS, deadline=3, scale={"cpu": 1_000_000}, deployment=AT_ONCE))
    assert first["code"] == "unschedulable" and "cpu" in first["observed"].lower(), first
    assert "Insufficient cpu" in str(first["values"])


def test_a_quota_that_is_used_up(world, doctor, api):
    world.active()
    quota(world, api, pods="1")
    _, first = failed(world, doctor, release(world, SLEEPS))
    assert first["code"] == "quota_exceeded" and "pods=1" in str(first["values"]) + first["observed"], first


def quota(world, api, **hard):
    body = {"metadata": {"name": "tight"}, "spec": {"hard": hard}}
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas"
    assert api.post(path, json=body).status_code == 201
    eventually(lambda: (api.get(f"{path}/tight").json().get("status") or {}).get("hard") == hard)


# --- The release command --------------------------------------------------------------------------------------------


def test_a_release_command_that_fails(world, doctor):
    world.active()
    _, first = failed(world, doctor, world.release(command="print('no table users'); raise SystemExit(5)"))
    assert (first["code"], first["subject"]["kind"]) == ("command_failed", "command"), first
    assert "5" in first["observed"] and written(first) == ["no table users"]


def test_a_release_command_that_never_ends(world, doctor):
    world.active()
    _, first = failed(world, doctor, world.release(command=SLEEPS, timeout=6))
    assert (first["code"], first["subject"]["kind"]) == ("command_late", "command"), first
    assert "6 s" in first["observed"] and written(first) == ["begun"]


# --- What changed ---------------------------------------------------------------------------------------------------

NEEDS = "import os, time; os.environ['QUEUE_URL']; print('working'); time.sleep(3600)"


def test_a_variable_that_the_release_removed_and_the_program_asks_for(world, doctor):
    good = release(world, NEEDS, env={"QUEUE_URL": "redis://queue"}, deployment={"verify": 0})
    assert world.carried(good).status == "succeeded"
    _, first = failed(world, doctor, release(world, NEEDS))
    assert first["code"] == "crash_loop", first
    assert first["likely"].startswith("Likely: ") and "QUEUE_URL" in first["likely"], first
    assert first["command"].startswith("deployer env set QUEUE_URL="), first
    assert "KeyError: 'QUEUE_URL'" in written(first)[-1]


def test_one_that_was_never_there_is_not_said_to_be_removed(world, doctor):
    world.active()
    _, first = failed(world, doctor, release(world, NEEDS))
    assert "QUEUE_URL" in first["likely"] + first["hint"], first
    assert "removed" not in first["likely"] + first["hint"] + first["observed"], first


# --- Afterwards -----------------------------------------------------------------------------------------------------


def test_the_app_s_diagnosis_names_the_rollout_that_was_undone(world, doctor):
    good = world.active()
    _, first = failed(world, doctor, release(world, "print('no queue'); raise SystemExit(3)"))
    report = doctor.report()
    assert codes(report["findings"])[0] == "rollout_failed" and not report["healthy"], report["findings"]
    told = report["findings"][0]
    assert (told["severity"], told["subject"]["kind"], told["subject"]["name"]) == ("warning", "rollout", "2"), told
    assert first["observed"] in told["observed"] + str(told["values"]), told
    assert good.pk in told["observed"], "whether the previous release is completely back"
    assert told["page"].startswith(f"/apps/{world.app.name}/rollouts/2")


def test_the_next_one_that_succeeds_makes_it_well(world, doctor):
    world.active()
    failed(world, doctor, release(world, "raise SystemExit(3)"))
    world.active()
    report = doctor.report()
    assert report["healthy"] and report["findings"] == [], report["findings"]


def test_what_was_stored_outlives_all_that_it_tells_of(world, doctor, own_home):
    """As a month later: nothing of it is in the cluster any more, which can't be reached either."""
    ended, first = failed(world, doctor, release(world, "print('no queue'); raise SystemExit(3)"))
    before = doctor.stored(ended)
    operate.remove(world.app)
    with override_settings(DEPLOYER_KUBECONFIG=str(own_home / "kubeconfig")):
        assert doctor.stored(ended) == before and written(first) == ["no queue"]


def test_a_rollout_that_succeeded_has_none(world, doctor):
    world.active()
    answer = doctor.ask("/rollouts/1/diagnosis")
    assert answer.status_code == 404, answer.content
    assert "diagnosis" in answer.json()["error"]["message"].lower(), answer.content
    assert "diagnosis" not in doctor.ask("/rollouts/2/diagnosis").json()["error"]["message"].lower()


def test_values_are_names_in_what_is_stored(world, doctor):
    secret = "s3cr3t-of-the-shop"
    world.active()
    program = "import os; print('no queue at', os.environ['QUEUE_URL']); raise SystemExit(3)"
    ended, first = failed(world, doctor, release(world, program, env={"QUEUE_URL": secret}))
    assert written(first)[-1] == "no queue at [QUEUE_URL]"
    assert secret not in doctor.ask(f"/rollouts/{ended.number}/diagnosis").content.decode()
    assert secret not in doctor.ask("/diagnosis", all=True, age=3600).content.decode()
