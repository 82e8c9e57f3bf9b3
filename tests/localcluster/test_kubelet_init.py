"""Init containers and sidecars (recordings' README: init-failing)."""

from tests.localcluster.machinery_fixtures import story, until


def init(world, name, text, **more):
    return {"name": name, "image": world.script(text), **more}


def condition(world, type_):
    found = next(item for item in world.pod()["status"]["conditions"] if item["type"] == type_)
    return found["status"], found.get("reason"), found.get("message")


@story
async def test_they_run_in_order_before_the_others(world):
    seen = []

    def note(_type, kind, obj):
        if kind == "Pod":
            status = obj.get("status") or {}
            named = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
            seen.append(tuple(next(iter(each["state"])) for each in named))

    world.store.subscribe(note)
    first = init(world, "one", "while [ ! -e go ]; do sleep 0.02; done")
    world.run("exec sleep 60", initContainers=[first, init(world, "two", "exit 0")])
    await until(lambda: ("running", "waiting", "waiting") in seen)
    assert world.phase() == "Pending"
    assert world.waiting() == "PodInitializing"
    names = "containers with incomplete status: [one two]"
    assert condition(world, "Initialized") == ("False", "ContainersNotInitialized", names)
    (work,) = world.folder.glob("home/pods/*/containers/one/work")
    (work / "go").touch()
    await until(lambda: "running" in world.state())
    assert condition(world, "Initialized")[0] == "True"
    assert [
        (found["ready"], found["state"]["terminated"]["exitCode"])
        for found in world.pod()["status"]["initContainerStatuses"]
    ] == [(True, 0)] * 2
    assert ("waiting", "running", "waiting") not in seen
    paths = {event["involvedObject"].get("fieldPath") for event in world.store.list("Event", world.namespace)}
    assert "spec.initContainers{one}" in paths


@story
async def test_one_that_fails_is_tried_again(world):
    world.run("exec sleep 60", initContainers=[init(world, "migrate", "exit 3")])

    def status():
        return (world.pod().get("status") or {}).get("initContainerStatuses", [{}])[0]

    await until(lambda: (status().get("state", {}).get("waiting") or {}).get("reason") == "CrashLoopBackOff")
    assert status()["lastState"]["terminated"]["exitCode"] == 3
    assert world.phase() == "Pending"
    assert "running" not in world.state()


@story
async def test_one_that_fails_ends_a_pod_that_never_restarts(world):
    world.run("exec sleep 60", initContainers=[init(world, "migrate", "exit 3")], restartPolicy="Never")
    await until(lambda: world.phase() == "Failed")
    assert world.waiting() == "PodInitializing"


@story
async def test_a_sidecar_stays_until_the_others_have_ended(world):
    probe = {"exec": {"command": ["test", "-e", "up"]}, "periodSeconds": 1}
    text = "trap 'echo bye; exit 0' TERM; touch up; while :; do sleep 0.05; done"
    side = init(world, "side", text, restartPolicy="Always", startupProbe=probe)
    world.run("echo done", initContainers=[side], restartPolicy="Never", terminationGracePeriodSeconds=20)
    await until(lambda: world.phase() == "Succeeded")
    assert world.printed(container="side")[-1:] == ["bye"]
    assert world.printed() == ["done"]
    assert not world.pids()
