"""Deployments, Jobs and pods as processes: stories on a real store with real programs."""

import asyncio
import os
import sys

import pytest

from localcluster import errors
from tests.localcluster.machinery_fixtures import BACK_OFFS, alive, complete, deployment, job, service, story, until


def state(pod):
    found = (pod["status"].get("containerStatuses") or [{}])[0]
    return found.get("state") or {}, found.get("lastState") or {}, found.get("restartCount", 0)


def waiting(pod):
    return (state(pod)[0].get("waiting") or {}).get("reason")


@story
async def test_a_deployment_is_rolled_out_and_updated(world):
    world.apply("Service", service())
    world.apply("Deployment", deployment(world.server, replicas=3))
    await until(lambda: complete(world))
    found = world.deployment()
    assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    conditions = {item["type"]: item["reason"] for item in found["status"]["conditions"]}
    assert conditions == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}

    fewest = 3

    def watch(_type, kind, obj):
        nonlocal fewest
        if kind == "Deployment":
            fewest = min(fewest, obj["status"].get("availableReplicas", 0))

    world.store.subscribe(watch)
    world.apply("Deployment", deployment(world.server, replicas=3, env=[{"name": "VERSION", "value": "v2"}]))
    await until(lambda: complete(world) and len(world.pods()) == 3)
    assert fewest == 3
    sets = world.store.list("ReplicaSet", world.namespace)
    assert sorted(rs["spec"]["replicas"] for rs in sets) == [0, 3]
    assert world.deployment()["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    old = next(rs for rs in sets if rs["spec"]["replicas"] == 0)
    new = next(rs for rs in sets if rs["spec"]["replicas"] == 3)
    lines = [message for message in world.messages() if message.startswith("Scaled")]
    assert f"Scaled up replica set {new['metadata']['name']} from 0 to 1" in lines
    assert f"Scaled down replica set {old['metadata']['name']} from 1 to 0" in lines
    assert len(lines) == 7

    # Going back takes the old ReplicaSet up again, as revision 3.
    world.apply("Deployment", deployment(world.server, replicas=3))
    await until(lambda: complete(world) and len(world.pods()) == 3)
    again = world.store.get("ReplicaSet", world.namespace, old["metadata"]["name"])
    assert again["spec"]["replicas"] == 3
    assert again["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    assert again["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] == "1"


@story
async def test_a_crashing_update_leaves_the_old_processes_alone(world):
    world.apply("Deployment", deployment(world.server, replicas=2))
    await until(lambda: complete(world))
    crash = world.script("echo one; echo the end >&2; exit 3")
    world.apply("Deployment", deployment(crash, replicas=2, progressDeadlineSeconds=2))
    pod = await until(lambda: next((pod for pod in world.pods() if waiting(pod) == "CrashLoopBackOff"), None))
    now, last, restarts = state(pod)
    words = f"back-off {BACK_OFFS[restarts]} restarting failed container=main pod=web-"
    assert now["waiting"]["message"].startswith(words)
    assert (last["terminated"]["exitCode"], last["terminated"]["reason"]) == (3, "Error")
    assert last["terminated"]["message"] == "one\nthe end\n"
    assert {"Pulled", "Created", "Started", "BackOff"} <= set(world.reasons(pod["metadata"]["name"]))
    assert world.deployment()["status"]["availableReplicas"] == 2
    log = world.machinery.read_log(world.namespace, pod["metadata"]["name"], "main").read_text()
    assert [line.split(" ", 3)[1:] for line in log.splitlines()] == [["stdout", "F", "one"], ["stderr", "F", "the end"]]
    previous = world.machinery.read_log(world.namespace, pod["metadata"]["name"], "main", previous=True)
    assert previous.name == f"{restarts}.log"  # the run that has ended last

    def progressing():
        found = {item["type"]: item for item in world.deployment()["status"]["conditions"]}
        return found["Progressing"]["reason"] == "ProgressDeadlineExceeded"

    await until(progressing)
    world.apply("Deployment", deployment(world.server, replicas=2))
    await until(lambda: complete(world) and len(world.pods()) == 2)


@story
async def test_a_command_that_does_not_exist(world):
    world.apply("Deployment", deployment(world.server, command=["/no/such/binary"]))
    pod = await until(lambda: next((pod for pod in world.pods() if waiting(pod) == "CrashLoopBackOff"), None))
    last = state(pod)[1]["terminated"]
    assert (last["exitCode"], last["reason"], last["startedAt"]) == (128, "StartError", "1970-01-01T00:00:00Z")
    assert last["message"] == (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        'unable to start container process: exec: "/no/such/binary": stat /no/such/binary: no such file or directory'
    )


@story
async def test_a_null_byte_is_a_fault_of_the_start(world):
    world.apply("Deployment", deployment(world.server, env=[{"name": "BAD", "value": "a\0b"}]))
    pod = await until(lambda: next((pod for pod in world.pods() if waiting(pod) == "CrashLoopBackOff"), None))
    last = state(pod)[1]["terminated"]
    assert last["reason"] == "StartError"
    assert last["message"].endswith("embedded null byte")


@story
async def test_a_change_of_scale_in_mid_rollout_and_a_pause(world):
    world.apply("Deployment", deployment(world.server, replicas=2))
    await until(lambda: complete(world))
    stuck = [{"name": "HEALTH", "value": "500"}]
    world.apply("Deployment", deployment(world.server, replicas=2, env=stuck))
    await until(lambda: len(world.pods()) == 3)
    world.apply("Deployment", deployment(world.server, replicas=4, env=stuck))
    await until(lambda: len(world.pods()) == 5)
    sizes = sorted(rs["spec"]["replicas"] for rs in world.store.list("ReplicaSet", world.namespace))
    assert sizes == [2, 3]
    world.apply("Deployment", deployment(world.server, replicas=4, paused=True))

    def progressing():
        return next(item for item in world.deployment()["status"]["conditions"] if item["type"] == "Progressing")

    await until(lambda: progressing()["reason"] == "DeploymentPaused")
    assert len(world.pods()) == 5
    world.apply("Deployment", deployment(world.server, replicas=4))
    await until(lambda: complete(world) and len(world.pods()) == 4)


@story
async def test_images_that_are_missing_or_misnamed(world):
    world.apply("Deployment", deployment("localhost:5005/demo:nope", name="gone"))
    world.apply("Deployment", deployment("Bad//Image:v1", name="bad"))
    await until(lambda: {waiting(pod) for pod in world.pods()} == {"ImagePullBackOff", "InvalidImageName"})
    messages = world.messages()
    assert (
        'Failed to pull image "localhost:5005/demo:nope": rpc error: code = NotFound desc = failed to pull and unpack '
        'image "localhost:5005/demo:nope": failed to resolve image: localhost:5005/demo:nope: not found'
    ) in messages
    assert (
        'Failed to apply default image tag "Bad//Image:v1": couldn\'t parse image name "Bad//Image:v1": '
        "invalid reference format: repository name (/Image) must be lowercase"
    ) in messages
    pod = world.pods()[0]["metadata"]["name"]
    with pytest.raises(errors.BadRequest, match="is waiting to start"):
        world.machinery.read_log(world.namespace, pod, "main")


@story
async def test_a_missing_secret_is_waited_for(world):
    source = [{"secretRef": {"name": "settings"}}]
    script = world.script("echo $GREETING $PORT; exec sleep 60")
    world.apply("Deployment", deployment(script, probe=False, envFrom=source))
    pod = await until(lambda: next((p for p in world.pods() if waiting(p) == "CreateContainerConfigError"), None))
    assert state(pod)[0]["waiting"]["message"] == 'secret "settings" not found'
    assert pod["status"]["phase"] == "Pending"
    world.store.create("Secret", {"metadata": meta(world, "settings"), "data": {"GREETING": "aGk="}})
    await until(lambda: complete(world))
    log = world.machinery.read_log(world.namespace, pod["metadata"]["name"], "main")
    await until(lambda: " stdout F hi\n" in log.read_text())


@story
async def test_a_process_gets_its_own_variables_and_no_others(world):
    env = [
        {"name": "PORT", "value": "8080"},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "SELF", "value": "I am $(NAME), $$(NAME), $(NOBODY)"},
    ]
    script = world.script("env | sort; pwd; exec sleep 60")
    world.apply("Deployment", deployment(script, env=env, readinessProbe={"exec": {"command": ["true"]}}))
    await until(lambda: complete(world))
    name = world.pods()[0]["metadata"]["name"]
    log = world.machinery.read_log(world.namespace, name, "main")
    await until(lambda: "/work" in log.read_text())
    lines = [line.split(" ", 3)[3] for line in log.read_text().splitlines()]
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    assert set(found) - {"PWD", "SHLVL", "_", "OLDPWD"} == {"PATH", "HOME", "PORT", "NAME", "SELF"}
    assert found["SELF"] == f"I am {name}, $(NAME), $(NOBODY)"
    assert found["PORT"] != "8080"


@story
async def test_a_process_that_never_gets_ready(world):
    world.apply("Deployment", deployment(world.server, env=[{"name": "HEALTH", "value": "500"}]))
    words = "Readiness probe failed: HTTP probe failed with statuscode: 500"
    await until(lambda: words in world.messages())
    assert "Unhealthy" in world.reasons()
    (pod,) = world.pods()
    found = {item["type"]: (item["status"], item.get("reason")) for item in pod["status"]["conditions"]}
    assert found["Ready"] == ("False", "ContainersNotReady")
    assert found["PodReadyToStartContainers"] == ("True", None)
    assert pod["status"]["phase"] == "Running"


@story
async def test_a_failed_liveness_probe_restarts(world):
    probe = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}
    env = [{"name": "HEALTH", "value": "500"}]
    ready = {"tcpSocket": {"port": "http"}}
    world.apply("Deployment", deployment(world.server, env=env, livenessProbe=probe, readinessProbe=ready))
    await until(lambda: world.pods() and state(world.pods()[0])[2] >= 1)
    assert "Container main failed liveness probe, will be restarted" in world.messages()


@story
async def test_a_startup_probe_comes_first(world):
    """Readiness and liveness wait for it."""
    startup = {"exec": {"command": ["test", "-e", "warm"]}, "periodSeconds": 1, "failureThreshold": 30}
    liveness = {"exec": {"command": ["test", "-e", "warm"]}, "failureThreshold": 1, "timeoutSeconds": 20}
    wanted = deployment(world.server, livenessProbe=liveness)
    wanted["spec"]["template"]["spec"]["containers"][0]["startupProbe"] = startup
    world.apply("Deployment", wanted)
    await until(lambda: world.pods() and "running" in state(world.pods()[0])[0])
    container = world.pods()[0]["status"]["containerStatuses"][0]
    assert (container["started"], container["ready"]) == (False, False)
    (work,) = world.folder.glob("home/pods/*/containers/main/work")
    (work / "warm").touch()
    await until(lambda: complete(world))
    assert state(world.pods()[0])[2] == 0


@story
async def test_scale_and_recreate(world):
    world.apply("Deployment", deployment(world.server, replicas=1))
    await until(lambda: complete(world))
    for count in (3, 1, 0):
        world.apply("Deployment", deployment(world.server, replicas=count))
        await until(lambda: complete(world) and len(world.pods()) == world.deployment()["spec"]["replicas"])
    recreate = {"strategy": {"type": "Recreate"}}
    world.apply("Deployment", deployment(world.server, replicas=2) | {"metadata": {"name": "web"}})
    await until(lambda: complete(world))
    most = 0

    def count_pods(_type, kind, _obj):
        nonlocal most
        most = max(most, len(world.pods())) if kind == "Pod" else most

    world.store.subscribe(count_pods)
    world.apply("Deployment", deployment(world.server, replicas=2, env=[{"name": "A", "value": "1"}], **recreate))
    await until(lambda: complete(world) and len(world.pods()) == 2)
    assert most == 2


@story
async def test_min_ready_seconds(world):
    world.apply("Deployment", deployment(world.server, replicas=1, minReadySeconds=2))
    await until(lambda: world.deployment().get("status", {}).get("readyReplicas") == 1)
    assert not complete(world)
    await until(lambda: complete(world))


@story
async def test_foreground_deletion_ends_the_processes_first(world):
    world.apply("Deployment", deployment(world.server, replicas=2))
    await until(lambda: complete(world))
    pids = world.pids()
    assert len(pids) == 4
    world.store.delete("Deployment", world.namespace, "web", propagation="Foreground")
    await until(lambda: world.store.find("Deployment", world.namespace, "web") is None)
    assert not world.pods()
    assert not world.store.list("ReplicaSet", world.namespace)
    await until(lambda: not any(alive(pid) for pid in pids))
    assert "Stopping container main" in world.messages()
    await until(lambda: not list(world.folder.glob("home/pods/*")))


@story
async def test_a_namespace_is_emptied_and_goes(world):
    world.apply("Service", service())
    world.apply("Deployment", deployment(world.server, replicas=2))
    await until(lambda: complete(world))
    world.store.delete("Namespace", None, world.namespace)
    await until(lambda: world.store.find("Namespace", None, world.namespace) is None)
    await until(lambda: not world.pids())


@story
async def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(world):
    stubborn = world.script("trap '' TERM; echo here; while :; do sleep 0.1; done")
    world.apply("Deployment", deployment(stubborn, probe=False, grace=1))
    await until(lambda: complete(world))
    (pod,) = world.pods()
    await until(lambda: world.printed(pod["metadata"]["name"]) == ["here"])
    ends = []

    def watch(type_, kind, obj):
        if kind == "Pod" and type_ == "DELETED":
            ends.append(state(obj)[0]["terminated"]["exitCode"])

    world.store.subscribe(watch)
    world.store.delete("Deployment", world.namespace, "web")
    await until(lambda: ends)
    assert ends == [137]


@story
async def test_jobs_succeed_fail_and_run_out_of_time(world):
    world.store.create("Job", job(world.script("echo done"), name="good") | {"metadata": meta(world, "good")})
    world.store.create("Job", job(world.script("exit 3"), name="bad") | {"metadata": meta(world, "bad")})
    late = job(world.script("trap 'exit 1' TERM; sleep 60 & wait"), name="late", activeDeadlineSeconds=1)
    world.store.create("Job", late | {"metadata": meta(world, "late")})

    def conditions(name):
        status = world.store.get("Job", world.namespace, name).get("status") or {}
        return [(item["type"], item["reason"]) for item in status.get("conditions") or []]

    await until(lambda: len(conditions("good")) == 2)
    assert conditions("good") == [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]
    assert world.store.get("Job", world.namespace, "good")["status"]["succeeded"] == 1
    await until(lambda: len(conditions("bad")) == 2)
    assert conditions("bad") == [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]
    assert world.store.get("Job", world.namespace, "bad")["status"]["failed"] == 1
    await until(lambda: len(conditions("late")) == 2)
    assert conditions("late") == [("FailureTarget", "DeadlineExceeded"), ("Failed", "DeadlineExceeded")]
    phases = {pod["metadata"]["name"].split("-")[0]: pod["status"]["phase"] for pod in world.pods()}
    assert phases == {"good": "Succeeded", "bad": "Failed"}
    assert {"Job completed", "Job has reached the specified backoff limit"} <= set(world.messages())
    world.store.delete("Job", world.namespace, "bad", propagation="Foreground")
    await until(lambda: world.store.find("Job", world.namespace, "bad") is None)
    assert [pod["metadata"]["name"].split("-")[0] for pod in world.pods()] == ["good"]


def meta(world, name):
    return {"name": name, "namespace": world.namespace}


@story
async def test_processes_outlive_localcluster_and_are_adopted(world):
    world.apply("Deployment", deployment(world.server, replicas=2))
    crash = world.script("while [ ! -e stop ]; do sleep 0.05; done; exit 7")
    world.apply("Deployment", deployment(crash, name="worker", probe=False))
    await until(lambda: complete(world) and complete(world, "worker"))
    before = world.pids()
    await world.stop()
    assert world.pids() == before
    # One of them ends while nobody looks.
    for work in world.folder.glob("home/pods/*/containers/main/work"):
        if not (work / "app.py").exists():
            (work / "stop").touch()
            ended = work.parent / "0.exit.json"
    await until(ended.exists)
    await world.start()
    restarted = await until(lambda: next((pod for pod in world.pods() if state(pod)[2] == 1), None))
    assert state(restarted)[1]["terminated"]["exitCode"] == 7
    assert restarted["metadata"]["name"].startswith("worker-")
    await until(lambda: complete(world))
    assert [state(pod)[2] for pod in world.pods() if pod["metadata"]["name"].startswith("web-")] == [0, 0]
    assert len(set(before) & set(world.pids())) == 4


@story
async def test_after_the_supervisor_has_died_the_next_start_brings_the_apps_back(world):
    world.apply("Deployment", deployment(world.server, replicas=2))
    await until(lambda: complete(world))
    before = world.pids()
    names = [pod["metadata"]["name"] for pod in world.pods()]
    os.close(world.lifeline_end)
    await until(lambda: not any(alive(pid) for pid in before))
    await world.stop()
    os.close(world.lifeline)
    world.lifeline, world.lifeline_end = os.pipe()
    await world.start()
    await until(lambda: len(world.pids()) == 4 and complete(world))
    await until(lambda: [state(pod)[2] for pod in world.pods()] == [1, 1])
    assert [pod["metadata"]["name"] for pod in world.pods()] == names
    assert not set(before) & set(world.pids())


@story
async def test_nothing_outlives_its_container(world):
    text = "(setsid sleep 1000 &) ; sleep 0.2; exit 0"
    world.store.create("Job", job(world.script(text), name="fork") | {"metadata": meta(world, "fork")})
    await until(lambda: any(pod["status"]["phase"] == "Succeeded" for pod in world.pods()))
    command = await asyncio.create_subprocess_exec("pgrep", "-fx", "sleep 1000", stdout=asyncio.subprocess.PIPE)
    output, _ = await command.communicate()
    assert output == b""


@story
async def test_long_lines_and_no_line_end(world):
    program = "import sys; sys.stdout.write('x' * 40000 + '\\nlast')"
    image = world.image("long", {"p.py": program}, [sys.executable, "p.py"])
    world.store.create("Job", job(image, name="long") | {"metadata": meta(world, "long")})
    await until(lambda: any(pod["status"]["phase"] == "Succeeded" for pod in world.pods()))
    log = world.machinery.read_log(world.namespace, world.pods()[0]["metadata"]["name"])
    texts = [line.split(" ", 3)[3] for line in log.read_text().splitlines()]
    assert [len(text) for text in texts] == [16384, 16384, 7232, 4]
