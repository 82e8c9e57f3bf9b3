"""Volumes of every kind, as a process finds them."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.localcluster.machinery_fixtures import story, until


def meta(world, name):
    return {"name": name, "namespace": world.namespace}


def claim(world, name):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    world.store.create("PersistentVolumeClaim", {"metadata": meta(world, name), "spec": spec})


@story
async def test_the_files_of_a_config_map_a_secret_and_the_pod_itself(world):
    world.store.create("ConfigMap", {"metadata": meta(world, "page"), "data": {"a.txt": "one", "b.txt": "two"}})
    world.store.create("Secret", {"metadata": meta(world, "keys"), "data": {"key": "c2VjcmV0"}})
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.name"}}]
    volumes = [
        {"name": "page", "configMap": {"name": "page", "items": [{"key": "a.txt", "path": "deep/a.txt"}]}},
        {
            "name": "all-of-it",
            "projected": {"sources": [{"secret": {"name": "keys"}}, {"downwardAPI": {"items": items}}]},
        },
        {"name": "maybe", "secret": {"secretName": "none", "optional": True}},
    ]
    mounts = [
        {"name": "page", "mountPath": "/etc/page"},
        {"name": "all-of-it", "mountPath": "/run/all"},
        {"name": "maybe", "mountPath": "/run/maybe"},
    ]
    script = """
        cat /etc/page/deep/a.txt; echo; cat etc/page/deep/a.txt; echo
        cat "$VOLUME_ALL_OF_IT/key"; echo; ls run/maybe; cat "$WHERE/labels"; echo; exec sleep 60
    """
    env = [{"name": "WHERE", "value": "/run/all"}]
    world.run("", command=["sh", "-c", script], volumes=volumes, volumeMounts=mounts, env=env)
    await until(lambda: world.printed() == ["one", "one", "secret", "main"])


@story
async def test_files_change_with_their_config_map(world):
    world.store.create("ConfigMap", {"metadata": meta(world, "page"), "data": {"a": "one"}})
    script = "while :; do cat /page/a; echo; sleep 0.1; done"
    volumes, mounts = [{"name": "page", "configMap": {"name": "page"}}], [{"name": "page", "mountPath": "/page"}]
    world.run("", command=["sh", "-c", script], volumes=volumes, volumeMounts=mounts)
    await until(lambda: "one" in world.printed())
    page = world.store.get("ConfigMap", world.namespace, "page")
    world.store.update("ConfigMap", {**page, "data": {"a": "two"}})
    await until(lambda: world.printed()[-1:] == ["two"])
    assert set(world.printed()) == {"one", "two"}


@story
async def test_a_missing_source_is_told_and_waited_for(world):
    volumes = [{"name": "c", "secret": {"secretName": "no-such-secret"}}]
    world.run("exec sleep 60", volumes=volumes, volumeMounts=[{"name": "c", "mountPath": "/c"}])
    message = 'MountVolume.SetUp failed for volume "c" : secret "no-such-secret" not found'
    await until(lambda: message in world.messages())
    assert (world.phase(), world.waiting()) == ("Pending", "ContainerCreating")
    world.store.create("Secret", {"metadata": meta(world, "no-such-secret"), "data": {}})
    await until(lambda: "running" in world.state())


@story
async def test_what_cannot_be_mounted_is_refused_with_words(world):
    world.run("exec sleep 60", volumes=[{"name": "host", "hostPath": {"path": "/etc"}}])
    await until(lambda: any("hostPath volumes are not supported" in text for text in world.messages()))
    assert world.waiting() == "ContainerCreating"
    mounts = [{"name": "top", "mountPath": "/"}]
    world.run("exec sleep 60", name="top", volumes=[{"name": "top", "emptyDir": {}}], volumeMounts=mounts)
    await until(lambda: world.waiting("top") == "CreateContainerConfigError")
    world.store.delete("Pod", world.namespace, "main")
    await until(lambda: world.store.find("Pod", world.namespace, "main") is None)


@story
async def test_a_mount_never_leaves_the_image(world):
    (world.folder / "mine").mkdir()
    image = world.image("links", {"x": ""}, ["sleep", "60"])
    root = next(path.parent for path in world.images.glob("*/root/x"))
    (root / "out").symlink_to(world.folder / "mine")
    mounts = [{"name": "v", "mountPath": "/out/there"}]
    world.run("", image=image, volumes=[{"name": "v", "emptyDir": {}}], volumeMounts=mounts)
    await until(lambda: any("a link leads out of the image" in text for text in world.messages()))
    assert not list((world.folder / "mine").iterdir())


@story
async def test_an_empty_folder_is_shared_by_the_containers_of_a_pod(world):
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    writer = ["sh", "-c", "echo hello > /shared/file"]
    init = {"name": "first", "image": world.script(""), "command": writer, "volumeMounts": mounts}
    reader = ["sh", "-c", "cat /shared/file; exec sleep 60"]
    shared = [{"name": "shared", "emptyDir": {}}]
    world.run("", command=reader, volumes=shared, volumeMounts=mounts, initContainers=[init])
    await until(lambda: world.printed() == ["hello"])


@story
async def test_a_claim_outlives_its_pods_and_goes_with_itself(world):
    claim(world, "data")
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    mounts = [{"name": "data", "mountPath": "/data", "subPath": "deep"}]
    write = ["sh", "-c", "echo kept >> /data/file; cat /data/file; exec sleep 60"]
    world.run("", command=write, volumes=volumes, volumeMounts=mounts)
    await until(lambda: world.printed() == ["kept"])
    world.store.delete("Pod", world.namespace, "main", grace=1)
    await until(lambda: world.store.find("Pod", world.namespace, "main") is None)
    await until(lambda: not list(world.folder.glob("home/pods/*")))
    world.run("", command=write, volumes=volumes, volumeMounts=mounts)
    await until(lambda: world.printed() == ["kept", "kept"])
    world.store.delete("Pod", world.namespace, "main", grace=1)
    world.store.delete("PersistentVolumeClaim", world.namespace, "data")
    await until(lambda: not list(world.folder.glob("home/volumes/*/data")))


@story
async def test_a_name_that_no_claim_has_removes_nothing(world):
    claim(world, "data")
    names = {"kept": "data", "up": "../../pods", "out": "../../../precious", "top": "..", "here": "."}
    (world.folder / "precious").mkdir()
    for pod, name in names.items():
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": name}}]
        mounts = [{"name": "v", "mountPath": "/v"}]
        body = {"containers": [{"name": "main", "image": world.script("exec sleep 60"), "volumeMounts": mounts}]}
        body |= {"volumes": volumes, "nodeName": "localcluster"}
        world.store.create("Pod", {"metadata": meta(world, pod), "spec": body})
    await until(lambda: world.phase("kept") == "Running")
    for pod in ("up", "out", "top", "here"):
        world.store.delete("Pod", world.namespace, pod, grace=0)
    await until(lambda: len(list(world.folder.glob("home/pods/*"))) == 1)
    assert (world.folder / "precious").is_dir()
    assert (world.folder / "home" / "volumes" / world.namespace / "data").is_dir()
    assert world.phase("kept") == "Running"


@story
async def test_the_files_of_a_pod_go_whatever_it_has_done_to_them(world):
    (world.folder / "precious").mkdir()
    (world.folder / "precious" / "file").touch()
    world.store.create("ConfigMap", {"metadata": meta(world, "page"), "data": {"a": "one"}})
    volumes, mounts = [{"name": "page", "configMap": {"name": "page"}}], [{"name": "page", "mountPath": "/page"}]
    links = f"ln -sfn {world.folder}/precious page/..data; ln -s {world.folder}/precious work"
    script = f"mkdir -p shut/inner; {links}; chmod 0 shut/inner shut; chmod 500 .; exec sleep 60"
    world.run("", command=["sh", "-c", script], volumes=volumes, volumeMounts=mounts)
    work = await until(lambda: next(world.folder.glob("home/pods/*/containers/*/work/work"), None))
    assert work.is_symlink()
    page = world.store.get("ConfigMap", world.namespace, "page")
    world.store.update("ConfigMap", {**page, "data": {"a": "two"}})
    await until(lambda: any(path.read_text() == "two" for path in world.folder.glob("home/pods/*/volumes/page/a")))
    world.store.delete("Pod", world.namespace, "main", grace=1)
    await until(lambda: not list(world.folder.glob("home/pods/*")))
    assert (world.folder / "precious" / "file").exists()


def test_folders_without_permissions_are_removed_by_whoever_is_not_root():
    text = """
import os, pathlib, sys
from localcluster.kubelet import folders
if not os.getuid():
    os.setuid(65534)
shut = pathlib.Path(sys.argv[1], "all", "shut", "inner")
shut.mkdir(parents=True)
(shut / "file").touch()
for folder in (shut, *list(shut.parents)[:2]):
    folder.chmod(0)
folders.remove(shut.parents[1])
"""
    with tempfile.TemporaryDirectory() as top:
        Path(top).chmod(0o777)
        subprocess.run([sys.executable, "-c", text, top], check=True)
        assert not list(Path(top).iterdir())


@story
async def test_stray_files_are_no_reason_not_to_start(world):
    claim(world, "data")
    await world.stop()
    for place in ("pods", "volumes", "volumes/deployer-shop"):
        (world.folder / "home" / place).mkdir(exist_ok=True)
        (world.folder / "home" / place / ".DS_Store").touch()
    await world.start()
    assert not list(world.folder.glob("home/*/.DS_Store"))
