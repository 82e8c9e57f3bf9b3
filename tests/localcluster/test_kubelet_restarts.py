"""Back-off of restarts and of pulls, over restarts of localcluster itself (recording crash-loop)."""

import hashlib

from tests.localcluster.machinery_fixtures import BACK_OFFS, story, until


def waits(world, name="main"):
    """The lengths of back-off that were told, by the number of restarts before."""
    found = {}

    def note(_type, kind, obj):
        if kind == "Pod" and obj["metadata"]["name"] == name:
            for status in (obj.get("status") or {}).get("containerStatuses") or []:
                message = (status["state"].get("waiting") or {}).get("message", "")
                if message.startswith("back-off"):
                    found.setdefault(status["restartCount"], message.split()[1])

    world.store.subscribe(note)
    return found


def right(found):
    return {count: BACK_OFFS[count] for count in found}


@story
async def test_delays_double(world):
    found = waits(world)
    world.run("exit 1")
    await until(lambda: len(found) == 3)
    assert found == right(found)
    assert world.container()["restartCount"] == max(found)
    (event,) = [item for item in world.store.list("Event", world.namespace) if item["reason"] == "BackOff"]
    assert event["message"].startswith("Back-off restarting failed container main in pod main_")
    assert event["count"] >= 4


@story
async def test_the_count_of_crashes_outlives_localcluster(world):
    found = waits(world)
    world.run("exit 1")
    await until(lambda: len(found) == 2)
    assert found == right(found)
    assert world.waiting() == "CrashLoopBackOff"
    await world.stop()
    await world.start()
    again = waits(world)
    await until(lambda: max(again, default=0) > max(found))
    assert again == right(again)
    assert min(again) >= max(found)
    assert world.container()["restartCount"] == max(again)


@story
async def test_what_ended_while_nobody_looked(world):
    world.run("while [ ! -e stop ]; do sleep 0.02; done; exit 7")
    world.run("while [ ! -e stop ]; do sleep 0.02; done; exit 0", name="once", restartPolicy="Never")
    await until(lambda: "running" in world.state() and "running" in world.state("once"))
    await world.stop()
    works = list(world.folder.glob("home/pods/*/containers/main/work"))
    for work in works:
        (work / "stop").touch()
    await until(lambda: all((work.parent / "0.exit.json").exists() for work in works))
    await world.start()
    await until(lambda: world.container()["restartCount"] >= 1 and world.phase("once") == "Succeeded")
    assert world.container()["lastState"]["terminated"]["exitCode"] == 7


@story
async def test_an_image_that_comes_late(world):
    """Recordings image-pull-error and image-never-pull."""
    missing = f"local/shop@sha256:{hashlib.sha256(b'late').hexdigest()}"
    world.run("", image=missing)
    world.run("", name="never", image=missing, imagePullPolicy="Never")
    await until(lambda: world.waiting() == "ImagePullBackOff" and world.waiting("never") == "ErrImageNeverPull")
    assert world.state("never")["waiting"]["message"] == (
        f'Container image "{missing}" is not present with pull policy of Never'
    )
    assert world.pod()["status"]["podIP"] == "127.0.0.1"
    pulls = [item for item in world.store.list("Event", world.namespace) if item["reason"] == "Pulling"]
    await until(lambda: world.store.get("Event", world.namespace, pulls[0]["metadata"]["name"])["count"] >= 2)
    there = world.script("exec sleep 60")
    (world.images / there.rpartition(":")[2]).rename(world.images / missing.rpartition(":")[2])
    await until(lambda: "running" in world.state() and "running" in world.state("never"))


@story
async def test_a_pull_policy_of_always(world):
    world.run("exec sleep 60", imagePullPolicy="Always")
    await until(lambda: "running" in world.state())
    assert world.reasons("main")[:5] == ["Scheduled", "Pulling", "Pulled", "Created", "Started"]
    assert any(text.startswith("Successfully pulled image") and text.endswith(" bytes.") for text in world.messages())


@story
async def test_deleting_a_pod_that_never_got_its_image(world):
    """Recording job-bad-image."""
    world.run("", image="localhost:5005/demo:nope")
    await until(lambda: world.waiting() == "ImagePullBackOff")
    seen = []

    def note(_type, kind, obj):
        if kind == "Pod":
            seen.append(obj["status"])

    world.store.subscribe(note)
    world.store.delete("Pod", world.namespace, "main")
    await until(lambda: world.store.find("Pod", world.namespace, "main") is None)
    state = seen[-1]["containerStatuses"][0]["state"]["terminated"]
    assert (seen[-1]["phase"], state["exitCode"], state["reason"]) == ("Failed", 137, "ContainerStatusUnknown")
    assert {"waiting": {"reason": "ContainerCreating"}} in [each["containerStatuses"][0]["state"] for each in seen]
    ready = next(item for item in seen[-1]["conditions"] if item["type"] == "Ready")
    assert ready["reason"] == "ContainersNotReady"
