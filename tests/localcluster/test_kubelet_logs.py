"""Logs over the API: every option of `pods/log` (recording errors)."""

import hashlib
import json
import sys
import threading

import pytest
from conftest import eventually

LINES = "import sys\nfor n in range(1, 21): print('line', n)\nprint('x' * 40000)\nprint('last')\n"
CHATTER = """
import pathlib, sys, time
block = 'y' * 900
print(0, block, flush=True)
while not pathlib.Path('go').exists():
    time.sleep(0.02)
for number in range(1, 30000):
    print(number, block, flush=False)
sys.stdout.flush()
while not pathlib.Path('stop').exists():
    time.sleep(0.02)
print('end')
"""


def image(cluster, name, command, **files):
    digest = hashlib.sha256(json.dumps([name, command, files]).encode()).hexdigest()
    root = cluster.folder / "images" / digest / "root"
    root.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        (root / f"{path}.py").write_text(text)
    about = {"command": command, "env": {}, "workdir": ""}
    (root.parent / "image.json").write_text(json.dumps(about))
    return f"local/{name}@sha256:{digest}"


def run(api, namespace, name, image, **spec):
    container = {"name": "c", "image": image, **spec.pop("container", {})}
    body = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, **spec}
    answer = api.post(f"/api/v1/namespaces/{namespace}/pods", json={"metadata": {"name": name}, "spec": body})
    assert answer.status_code == 201, answer.text
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def phase(api, path):
    return api.get(path).json().get("status", {}).get("phase")


@pytest.fixture
def printed(cluster, api, namespace):
    """A pod that has printed twenty lines, a long one and a last one."""
    path = run(api, namespace, "talk", image(cluster, "talk", [sys.executable, "p.py"], p=LINES))
    eventually(lambda: phase(api, path) == "Succeeded")
    return f"{path}/log"


def test_parts_of_a_log(api, printed):
    whole = [f"line {number}" for number in range(1, 21)] + ["x" * 40000, "last"]
    assert api.get(printed).text == "\n".join(whole) + "\n"
    assert api.get(printed, params={"tailLines": 1}).text == "last\n"
    assert api.get(printed, params={"tailLines": 2}).text == "x" * 40000 + "\nlast\n"
    assert api.get(printed, params={"tailLines": 3}).text.startswith("line 20\nxxx")
    assert api.get(printed, params={"tailLines": 99}).text == "\n".join(whole) + "\n"
    assert api.get(printed, params={"tailLines": 0}).text == ""
    assert api.get(printed, params={"limitBytes": 9}).text == "line 1\nli"
    assert api.get(printed, params={"sinceSeconds": 3600}).text.count("\n") == 22
    assert api.get(printed, params={"sinceTime": "2999-01-01T00:00:00Z"}).text == ""


def test_times_are_those_of_lines(api, printed):
    lines = api.get(printed, params={"timestamps": "true", "tailLines": 2}).text.splitlines()
    assert [len(line.split(" ")) for line in lines] == [2, 2]
    assert all(line[10] == "T" and line.split(" ")[0].endswith("Z") for line in lines)
    since = lines[1].split(" ")[0]
    assert api.get(printed, params={"sinceTime": since}).text.endswith("last\n")


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ({"container": "zzz"}, 400, "container zzz is not valid for pod talk"),
        ({"previous": "true"}, 400, 'previous terminated container "c" in pod "talk" not found'),
        (
            {"tailLines": -1},
            422,
            'PodLogOptions "talk" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
        ),
        (
            {"limitBytes": 0},
            422,
            'PodLogOptions "talk" is invalid: limitBytes: Invalid value: 0: must be greater than 0',
        ),
        ({"tailLines": "many"}, 400, 'strconv.ParseInt: parsing "many": invalid syntax'),
    ],
)
def test_refusals(api, printed, query, code, message):
    answer = api.get(printed, params=query)
    assert (answer.status_code, answer.json()["message"]) == (code, message)


def test_a_container_that_waits_and_one_that_is_an_init_container(cluster, api, namespace):
    first = {"name": "first", "image": image(cluster, "first", ["sh", "-c", "echo prepared"])}
    path = run(api, namespace, "wait", "localhost:5005/demo:nope", initContainers=[first])
    eventually(lambda: api.get(f"{path}/log", params={"container": "first"}).text == "prepared\n")
    pulling = {
        'container "c" in pod "wait" is waiting to start: image can\'t be pulled',
        'container "c" in pod "wait" is waiting to start: trying and failing to pull image',
    }
    eventually(lambda: api.get(f"{path}/log").json()["message"] in pulling)


def test_the_previous_run(cluster, api, namespace):
    text = "[ -e again ] && { echo second; exec sleep 60; }; touch again; echo first; exit 1"
    path = run(api, namespace, "twice", image(cluster, "twice", ["sh", "-c", text]), restartPolicy="Always")
    eventually(lambda: api.get(f"{path}/log").text == "second\n")
    assert api.get(f"{path}/log", params={"previous": "true"}).text == "first\n"


def test_a_log_is_followed_over_its_rotations(cluster, api, namespace):
    """30,000 lines are 27 MB: the file is exchanged twice, and nothing is lost or comes twice."""
    path = run(api, namespace, "chatter", image(cluster, "chatter", [sys.executable, "p.py"], p=CHATTER))
    eventually(lambda: phase(api, path) == "Running")
    found = []

    def follow():
        with cluster.client() as client, client.stream("GET", f"{path}/log", params={"follow": "true"}) as answer:
            found.extend(line.split(" ")[0] for line in answer.iter_lines())

    following = threading.Thread(target=follow)
    following.start()
    uid = api.get(path).json()["metadata"]["uid"]
    folder = cluster.folder / "home" / "pods" / uid / "containers" / "c"
    eventually(lambda: found)
    (folder / "work" / "go").touch()
    eventually(lambda: len(found) >= 30000 or not following.is_alive(), 40)
    (folder / "work" / "stop").touch()
    following.join(20)
    assert not following.is_alive()
    assert (folder / "0.log.1").exists()
    assert found[-1] == "end"
    assert [int(number) for number in found[:-1]] == list(range(30000))
    tail = api.get(f"{path}/log", params={"tailLines": 15000}).text.splitlines()
    assert [line.split(" ")[0] for line in tail] == [*map(str, range(15001, 30000)), "end"]


def test_a_log_that_cannot_be_exchanged_does_not_end_its_program(cluster, api, namespace):
    text = "import pathlib\npathlib.Path('../0.log.1/full').mkdir(parents=True)\n"
    text += "for n in range(12000): print(n, 'y' * 900)\n"
    path = run(api, namespace, "stuck", image(cluster, "stuck", [sys.executable, "p.py"], p=text))
    eventually(lambda: phase(api, path) in ("Succeeded", "Failed"))
    assert phase(api, path) == "Succeeded"
