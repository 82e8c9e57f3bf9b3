"""How containers end, and what is said of it."""

import json
import os
import signal
import sys

from tests.localcluster.machinery_fixtures import story, until

HOG = """
import sys, time
held = []
for _ in range(60):
    held.append(bytearray(4 << 20))
    time.sleep(0.02)
time.sleep(60)
"""


def terminated(world, name="main"):
    return world.state(name).get("terminated") or {}


@story
async def test_more_memory_than_the_limit(world):
    """Recording oom-killed."""
    image = world.image("hog", {"hog.py": HOG}, [sys.executable, "hog.py"])
    limits = {"limits": {"memory": "64Mi"}}
    world.run("", image=image, resources=limits, restartPolicy="Never")
    await until(lambda: world.phase() == "Failed")
    assert (terminated(world)["exitCode"], terminated(world)["reason"]) == (137, "OOMKilled")
    assert "message" not in terminated(world)


@story
async def test_memory_of_all_processes_counts_and_shared_memory_once(world):
    fork = "import os,time\nheld = bytearray(40 << 20)\n[os.fork() for _ in range(2)]\ntime.sleep(60)\n"
    image = world.image("fork", {"p.py": fork}, [sys.executable, "p.py"])
    world.run("", image=image, resources={"limits": {"memory": "100Mi"}})
    apart = "import os,time\n[os.fork() for _ in range(2)]\nheld = bytearray(b'x' * (40 << 20))\ntime.sleep(60)\n"
    other = world.image("apart", {"p.py": apart}, [sys.executable, "p.py"])
    world.run("", image=other, name="apart", resources={"limits": {"memory": "100Mi"}}, restartPolicy="Never")
    await until(lambda: terminated(world, "apart").get("reason") == "OOMKilled")
    assert world.container()["restartCount"] == 0
    assert "running" in world.state()


@story
async def test_signals_and_codes(world):
    for name, number, code in (("kill", 9, 137), ("segv", 11, 139), ("term", 15, 143)):
        world.run(f"kill -{number} $$", name=name, restartPolicy="Never")
        await until(lambda name=name: world.phase(name) == "Failed")
        assert (terminated(world, name)["exitCode"], terminated(world, name)["reason"]) == (code, "Error")


@story
async def test_last_words_in_a_file(world):
    say = ["sh", "-c", "echo to the log; printf 'no database' > /dev/termination-log; exit 1"]
    world.run("", command=say, restartPolicy="Never", terminationMessagePolicy="FallbackToLogsOnError")
    await until(lambda: world.phase() == "Failed")
    assert terminated(world)["message"] == "no database"
    long = ["sh", "-c", "head -c 9000 /dev/zero | tr '\\0' x > words; exit 0"]
    world.run("", name="long", command=long, restartPolicy="Never", terminationMessagePath="/words")
    await until(lambda: world.phase("long") == "Succeeded")
    assert terminated(world, "long")["message"] == "x" * 4096
    world.run("seq 1 100; exit 1", name="log", restartPolicy="Never", terminationMessagePolicy="FallbackToLogsOnError")
    await until(lambda: world.phase("log") == "Failed")
    assert terminated(world, "log")["message"].split() == [str(number) for number in range(21, 101)]


@story
async def test_what_is_done_before_the_end_and_after_the_start(world):
    """preStop runs while the program still does, postStart before the container is said to run."""
    hooks = {
        "postStart": {"exec": {"command": ["sh", "-c", "echo $GREETING > started"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo stop > ended; sleep 0.2"]}},
    }
    waits = "while [ ! -s started ]; do sleep 0.02; done; cat started; while :; do sleep 0.05; done"
    script = f"trap 'cat ended; exit 0' TERM; {waits}"
    env = [{"name": "GREETING", "value": "hello"}]
    world.run(script, lifecycle=hooks, env=env, terminationGracePeriodSeconds=10)
    await until(lambda: world.printed() == ["hello"])
    logs = []
    log = world.machinery.read_log(world.namespace, "main")

    def note(type_, kind, _obj):
        if kind == "Pod" and type_ == "DELETED":
            logs.append(log.read_text())

    world.store.subscribe(note)
    world.store.delete("Pod", world.namespace, "main")
    await until(lambda: logs)
    assert logs[0].endswith("stop\n")


@story
async def test_a_hook_that_fails(world):
    hooks = {"postStart": {"exec": {"command": ["false"]}}}
    world.run("exec sleep 60", lifecycle=hooks, terminationGracePeriodSeconds=1)
    await until(lambda: world.waiting() == "CrashLoopBackOff")
    assert {"PostStartHook failed", "FailedPostStartHook"} <= set(world.messages())


@story
async def test_grace_of_none_and_of_a_second(world):
    for name, grace in (("now", 0), ("soon", 1)):
        world.run("trap '' TERM; echo up; while :; do sleep 0.05; done", name=name)
        await until(lambda name=name: world.printed(name) == ["up"])
        world.store.delete("Pod", world.namespace, name, grace=grace)
        await until(lambda name=name: world.store.find("Pod", world.namespace, name) is None)
        await until(lambda: not world.pids())


@story
async def test_restart_only_after_a_failure(world):
    world.run("if [ -e again ]; then exit 0; fi; touch again; exit 1", restartPolicy="OnFailure")
    await until(lambda: world.phase() == "Succeeded")
    assert world.container()["restartCount"] == 1
    assert world.container()["lastState"]["terminated"]["exitCode"] == 1


@story
async def test_deleting_a_pod_that_waits_for_its_restart(world):
    """Recording rollback-mid-rollout: it is as it last ended."""
    world.run("exit 1")
    await until(lambda: world.waiting() == "CrashLoopBackOff")
    ends = []

    def note(type_, kind, obj):
        if kind == "Pod" and type_ == "DELETED":
            ends.append(obj["status"])

    world.store.subscribe(note)
    world.store.delete("Pod", world.namespace, "main")
    await until(lambda: ends)
    found = ends[0]["containerStatuses"][0]["state"]["terminated"]
    assert (ends[0]["phase"], found["exitCode"], found["reason"]) == ("Failed", 1, "Error")


@story
async def test_after_the_machine_went_down(world):
    """As containerd tells it after a reboot: exit code 255, reason Unknown."""
    world.run("exec sleep 60")
    await until(lambda: "running" in world.state())
    before = world.pids()
    os.close(world.lifeline_end)
    await until(lambda: not world.pids())
    await world.stop()
    os.close(world.lifeline)
    world.lifeline, world.lifeline_end = os.pipe()
    await world.start()
    await until(lambda: "running" in world.state() and world.container()["restartCount"] == 1)
    last = world.container()["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (255, "Unknown")
    assert "Pod sandbox changed, it will be killed and re-created." in world.messages()
    assert not set(before) & set(world.pids())


@story
async def test_a_killed_keeper_takes_its_program_along(world):
    world.run("exec sleep 60", restartPolicy="Never")
    await until(lambda: "running" in world.state())
    for path in world.folder.glob("home/pods/*/containers/*/*.state.json"):
        os.kill(json.loads(path.read_text())["shim"], signal.SIGKILL)
    await until(lambda: world.phase() == "Failed")
    assert terminated(world)["exitCode"] == 137
    await until(lambda: not world.pids())


@story
async def test_a_grace_period_that_no_calendar_knows(world):
    world.run("exec sleep 60", terminationGracePeriodSeconds=10**15)
    await until(lambda: "running" in world.state())
    world.store.delete("Pod", world.namespace, "main")
    await until(lambda: world.store.find("Pod", world.namespace, "main") is None)


@story
async def test_a_pod_is_ended_when_its_time_is_over(world):
    world.run("exec sleep 60")
    world.run("exec sleep 60", name="hung", image="local/none@sha256:" + "0" * 64, activeDeadlineSeconds=1)
    await until(lambda: "running" in world.state())
    pod = world.pod()
    world.store.update("Pod", {**pod, "spec": {**pod["spec"], "activeDeadlineSeconds": 1}})
    await until(lambda: world.phase() == world.phase("hung") == "Failed")
    status = world.pod()["status"]
    words = "Pod was active on the node longer than the specified deadline"
    assert (status["reason"], status["message"]) == ("DeadlineExceeded", words)
    assert terminated(world)["exitCode"] == 143
    assert words in world.messages()
    assert not world.pids()
