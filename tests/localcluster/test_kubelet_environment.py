"""Variables and words of a container, from every source that Kubernetes has."""

from tests.localcluster.machinery_fixtures import story, until


def stored(world, kind, name, **data):
    world.store.create(kind, {"metadata": {"name": name, "namespace": world.namespace}, "data": data})


@story
async def test_every_source_of_a_variable(world):
    stored(world, "Secret", "keys", TOKEN="c2VjcmV0")
    stored(world, "ConfigMap", "colours", RED="ff0000")
    env = [
        {"name": "TOKEN_AGAIN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "TOKEN"}}},
        {"name": "RED", "valueFrom": {"configMapKeyRef": {"name": "colours", "key": "RED"}}},
        {"name": "ABSENT", "valueFrom": {"secretKeyRef": {"name": "none", "key": "x", "optional": True}}},
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "CORES", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "MEGA", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "LINE", "value": "$(POD) $$(POD) $(NOBODY) $(ALL_RED)"},
    ]
    world.run(
        "env; echo THAT=all; exec sleep 60",
        env=env,
        envFrom=[{"prefix": "ALL_", "configMapRef": {"name": "colours"}}, {"secretRef": {"name": "keys"}}],
        resources={"limits": {"cpu": "1500m", "memory": "64Mi"}},
    )
    await until(lambda: "THAT=all" in world.printed())
    found = dict(line.split("=", 1) for line in world.printed())
    wanted = {"TOKEN": "secret", "TOKEN_AGAIN": "secret", "RED": "ff0000", "ALL_RED": "ff0000", "POD": "main"}
    wanted |= {"CORES": "2", "MEGA": "64", "LINE": "main $(POD) $(NOBODY) ff0000"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert "ABSENT" not in found


@story
async def test_what_is_missing_is_named_and_waited_for(world):
    stored(world, "Secret", "keys", OTHER="eA==")
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "TOKEN"}}}]
    world.run("exec sleep 60", env=env)
    world.run("exec sleep 60", name="other", envFrom=[{"configMapRef": {"name": "colours"}}])
    await until(lambda: world.waiting() == world.waiting("other") == "CreateContainerConfigError")
    missing = f"couldn't find key TOKEN in Secret {world.namespace}/keys"
    assert world.state()["waiting"]["message"] == missing
    assert world.state("other")["waiting"]["message"] == 'configmap "colours" not found'
    assert {f"Error: {missing}", 'Error: configmap "colours" not found'} <= set(world.messages())
    assert world.pod()["status"]["podIP"] == "127.0.0.1"
    stored(world, "ConfigMap", "colours", RED="1")
    await until(lambda: "running" in world.state("other"))


@story
async def test_a_port_is_its_own_wherever_it_is_named(world):
    words = ["sh", "-c", "echo $PORT $0; exec sleep 60", "$(PORT)"]
    env = [{"name": "PORT", "value": "8080"}, {"name": "URL", "value": "http://here:$(PORT)"}]
    world.run("", command=words, env=env, ports=[{"containerPort": 8080}])
    (line,) = await until(world.printed)
    own, named = line.split()
    assert own == named != "8080"


@story
async def test_references_cannot_fill_the_memory(world):
    env = [{"name": "V0", "value": "ha" * 10}]
    env += [{"name": f"V{n}", "value": f"$(V{n - 1})" * 20} for n in range(1, 12)]
    world.run("exec sleep 60", env=env)
    words = ["echo", "$(LONG)" * 3]
    world.run("", name="words", command=words, env=[{"name": "LONG", "value": "x" * 60_000}])
    await until(lambda: world.waiting() == "CreateContainerConfigError")
    await until(lambda: world.waiting("words") == "CrashLoopBackOff")
    wanted = "references to variables make a value longer than 131072 bytes"
    assert world.state()["waiting"]["message"] == wanted
    assert f"Error: {wanted}" in world.messages()
