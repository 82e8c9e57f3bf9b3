"""The whole program, killed in every way: processes stay as long as the supervisor's pipe is open, and no longer."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from kubernetes import client, config

from tests.localcluster.machinery_fixtures import World, alive, deployment, service
from tests.ports import free_port


class Program:
    """`python -m localcluster`, with a supervisor's pipe."""

    def __init__(self, folder):
        self.world = World(folder)
        self.kubeconfig = folder / "kubeconfig"
        self.api_port = free_port()
        self.process = None

    def start(self):
        self.kubeconfig.unlink(missing_ok=True)
        options = {
            "home": self.world.folder / "home",
            "images": self.world.images,
            "kubeconfig": self.kubeconfig,
            "port": self.api_port,
            "door-port": self.world.door_port,
            "lifeline": self.world.lifeline,
        }
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        command = [sys.executable, "-m", "localcluster", *words]
        self.process = subprocess.Popen(command, pass_fds=(self.world.lifeline,))
        wait_for(self.kubeconfig.exists)

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(40)

    def close_lifeline(self):
        os.close(self.world.lifeline_end)
        os.close(self.world.lifeline)

    def ask(self):
        headers = {"Host": "shop.localhost"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.world.door_port}/", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, OSError):
            return ""


def wait_for(fact, seconds=40):
    deadline = time.monotonic() + seconds
    while not (found := fact()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return found


@pytest.fixture
def program(tmp_path):
    program = Program(tmp_path)
    program.start()
    yield program
    pids = program.world.pids()
    program.close_lifeline()
    program.process.wait(40)
    wait_for(lambda: not any(alive(pid) for pid in pids))


def test_processes_stay_while_the_supervisor_lives(program):
    config.load_kube_config(str(program.kubeconfig))
    namespace = program.world.namespace = "deployer-shop"
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    core.create_namespace({"metadata": {"name": namespace}})
    core.create_namespaced_service(namespace, {"apiVersion": "v1", "kind": "Service", **service()})
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment(program.world.server, replicas=2)}
    apps.create_namespaced_deployment(namespace, body)
    wait_for(lambda: apps.read_namespaced_deployment("web", namespace).status.available_replicas == 2)
    pids = program.world.pids()
    assert len(pids) == 4

    assert program.end(signal.SIGKILL) == -signal.SIGKILL
    assert program.world.pids() == pids
    program.start()
    assert wait_for(program.ask).startswith("v1 ")
    assert program.end(signal.SIGTERM) == 0
    assert program.world.pids() == pids
    program.start()
    wait_for(program.ask)
    pods = core.list_namespaced_pod(namespace).items
    assert [pod.status.container_statuses[0].restart_count for pod in pods] == [0, 0]

    program.close_lifeline()
    program.process.wait(40)
    wait_for(lambda: not any(alive(pid) for pid in pids))
    program.world.lifeline, program.world.lifeline_end = os.pipe()
    program.start()
    assert wait_for(program.ask).startswith("v1 ")
    assert not set(pids) & set(program.world.pids())
