"""A person with kubectl: what is typed, the exit status, and the facts in the answer, as on a real cluster."""

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.localcluster.kubectl_shell import Shell, make_image, why_not
from tests.localcluster.running import Cluster

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
# What kubectl says at the end of its patience, the second if it had not even the first list by then.
OVER = "timed out waiting|context deadline exceeded"


@pytest.fixture(scope="session")
def image(cluster: Cluster) -> str:
    return make_image(cluster)


@pytest.fixture
def k(cluster: Cluster, namespace: str, tmp_path: Path) -> Shell:
    return Shell(cluster, namespace, tmp_path)


@pytest.fixture
def shop(k: Shell, image: str) -> Iterator[Shell]:
    """A namespace with a Deployment `web` of two pods that run."""
    assert k(f"create deployment web --image={image} --replicas=2") == "deployment.apps/web created\n"
    assert k("rollout status deployment/web --timeout=20s").endswith('deployment "web" successfully rolled out\n')
    yield k
    k("delete deployment --all --cascade=foreground --timeout=20s")


def manifest(image: str, greeting: str = "one", data: str = "1") -> str:
    return f"""
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings, labels: {{app: shop}}}}
data: {{a: "{data}"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop, labels: {{app: shop}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: {image}
        env: [{{name: GREETING, value: {greeting}}}]
"""


def test_it_says_what_it_is(k, cluster):
    assert "Server Version: v1.36" in k("version")
    assert f"Kubernetes control plane is running at {cluster.url}" in k("cluster-info")
    assert {"v1", "apps/v1", "batch/v1", "networking.k8s.io/v1"} <= set(k("api-versions").split())
    kinds = {tuple(row[:2]): row[2:] for row in k.rows("api-resources")}
    assert kinds["deployments", "deploy"] == ["apps/v1", "true", "Deployment"]
    assert kinds["namespaces", "ns"] == ["v1", "false", "Namespace"]
    assert {"pods", "deployments.apps"} <= set(k("api-resources --categories=all -o name").split())
    assert k("get --raw /readyz") == "ok"
    assert "/apis/apps/v1" in k("get --raw /")
    assert f"server: {cluster.url}" in k("config view")
    assert k("auth can-i create deployments") == "yes\n"
    assert "*.*" in k("auth can-i --list")
    assert "Username    localcluster" in k("auth whoami")


def test_explain_knows_every_field(k):
    said = k("explain deployment.spec.strategy --recursive")
    assert "GROUP:      apps" in said and "VERSION:    v1" in said
    assert "The deployment strategy to use to replace existing pods with new ones." in said
    assert re.search(r"rollingUpdate\s<RollingUpdateDeployment>\n\s+maxSurge\s<IntOrString>", said)
    assert "enum: Recreate, RollingUpdate" in said
    assert "Path to access on the HTTP server" in k("explain pods.spec.containers.livenessProbe.httpGet")
    assert "The schedule in Cron format" in k("explain cj.spec.schedule")
    assert 'doesn\'t have a resource type "nope"' in k("explain nope", status=1)


def test_get_prints_tables(shop, image):
    assert shop.rows("get deployments -o wide")[0] == (
        ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE", "CONTAINERS", "IMAGES", "SELECTOR"]
    )
    row = shop.rows("get deployments -o wide")[1]
    assert [*row[:4], *row[5:]] == ["web", "2/2", "2", "2", "shop", image, "app=web"]
    head, *pods = shop.rows("get pods -o wide")
    assert head == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert [pod[1:4] for pod in pods] == [["1/1", "Running", "0"]] * 2
    assert {tuple(pod[6:]) for pod in pods} == {("localcluster", "<none>", "<none>")}
    assert [row[1:4] for row in shop.rows("get rs")] == [["DESIRED", "CURRENT", "READY"], ["2", "2", "2"]]
    assert {"pod", "deployment.apps", "replicaset.apps"} == {
        name.partition("/")[0] for name in shop("get all -o name").split()
    }
    assert shop.namespace in shop("get pods -A")
    assert shop("get jobs") == f"No resources found in {shop.namespace} namespace.\n"
    assert 'pods "nope" not found' in shop("get pod nope", status=1)
    assert shop("get nope", status=1) == 'error: the server doesn\'t have a resource type "nope"\n'


def test_get_selects_and_formats(shop, image):
    names = shop("get pods -o name").split()
    assert shop("get pods -o name -l 'app in (web),!x'").split() == names
    assert shop("get pods -o name --field-selector=status.phase=Running").split() == names
    assert shop("get pods -o name --field-selector=status.phase!=Running") == ""
    assert "field label not supported: spec.nope" in shop("get pods --field-selector=spec.nope=1", status=1)
    assert shop.json("get deployment web")["spec"]["replicas"] == 2
    assert f"image: {image}" in shop("get deployment web -o yaml")
    assert shop("get deployment web -o jsonpath='{.status.readyReplicas}'") == "2"
    said = shop("get pods --sort-by=.metadata.name -o custom-columns=N:.metadata.name,P:.status.phase")
    assert [line.split() for line in said.splitlines()] == [["N", "P"], *[[n[4:], "Running"] for n in sorted(names)]]
    assert "pod-template-hash=" in shop("get pods --show-labels")
    assert [row[-1] for row in shop.rows("get pods -L app")] == ["APP", "web", "web"]


def test_get_watches(shop):
    watching = shop.start("get deployment web --watch --no-headers")
    assert watching.stdout
    assert watching.stdout.readline().split()[:2] == ["web", "2/2"]
    shop("scale deployment web --replicas=3")
    assert any(line.split()[:2] == ["web", "3/3"] for line in watching.stdout)
    watching.terminate()
    watching.wait(30)
    watching.stdout.close()


def test_a_rollout_and_back(shop, image):
    assert shop("scale deployment/web --replicas=1") == "deployment.apps/web scaled\n"
    assert "Expected replicas to be 9, was 1" in shop(
        "scale deployment/web --replicas=3 --current-replicas=9", status=1
    )
    assert shop("set env deployment/web GREETING=hello") == "deployment.apps/web env updated\n"
    assert "GREETING=hello" in shop("set env deployment/web --list")
    shop("rollout status deployment/web --timeout=20s")
    shop("annotate deployment/web kubernetes.io/change-cause='first try'")
    assert "resource requirements updated" in shop("set resources deployment/web --requests=cpu=10m,memory=16Mi")
    assert shop("set image deployment/web shop=local/shop:nope") == "deployment.apps/web image updated\n"
    assert re.search(OVER, shop("rollout status deployment/web --timeout=1s", status=1))
    shop.until("get pods", "ErrImagePull")
    history = shop("rollout history deployment/web")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2", "3", "4"]
    assert "first try" in history
    assert re.search(r"GREETING:\s+hello", shop("rollout history deployment/web --revision=2"))
    assert "unable to find specified revision 99" in shop("rollout undo deployment/web --to-revision=99", status=1)
    assert shop("rollout undo deployment/web") == "deployment.apps/web rolled back\n"
    assert "successfully rolled out" in shop("rollout status deployment/web --timeout=20s")
    assert shop("get deployment web -o jsonpath='{.spec.template.spec.containers[0].image}'") == image
    assert shop("rollout undo deployment/web --to-revision=1") == "deployment.apps/web rolled back\n"
    assert shop("rollout pause deployment/web") == "deployment.apps/web paused\n"
    assert "already paused" in shop("rollout pause deployment/web", status=1)
    assert "can't restart paused deployment" in shop("rollout restart deployment/web", status=1)
    assert shop("rollout resume deployment/web") == "deployment.apps/web resumed\n"
    assert shop("rollout restart deployment/web") == "deployment.apps/web restarted\n"
    assert "successfully rolled out" in shop("rollout status deployment/web --timeout=20s")
    assert shop("wait --for=condition=Available deployment/web --timeout=40s") == "deployment.apps/web condition met\n"
    shop("wait --for=jsonpath={.status.replicas}=1 deployment/web --timeout=40s")
    assert re.search(OVER, shop("wait --for=condition=Nope deployment/web --timeout=1s", status=1))
    assert 'deployments.apps "nope" not found' in shop("rollout status deployment/nope", status=1)


def test_what_stands_before_a_deployment(shop):
    assert shop("expose deployment web --port=80 --target-port=8080") == "service/web exposed\n"
    head, service = shop.rows("get service web -o wide")
    assert head == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"]
    assert [service[1], *service[3:5], service[6]] == ["ClusterIP", "<none>", "80/TCP", "app=web"]
    shop.until("get endpointslices", "8080")
    assert "Endpoints:" in shop("describe service web")
    assert "autoscaled" in shop("autoscale deployment web --min=2 --max=3 --cpu-percent=80")
    assert shop.rows("get hpa")[1][:2] == ["web", "Deployment/web"]
    assert shop.rows("get hpa")[1][3:5] == ["2", "3"]


def test_logs(shop):
    pod, other = shop("get pods -o name").split()
    for name in (pod, other):
        shop.until(f"logs {name}", "again\n")
    assert shop(f"logs {pod}") == "started \nagain\n"
    assert shop(f"logs {pod} --tail=1") == "again\n"
    assert shop(f"logs {pod} --since=1h --all-containers") == "started \nagain\n"
    assert re.fullmatch(r"20\S+Z again\n", shop(f"logs {pod} --tail=1 --timestamps"))
    assert sorted(shop("logs -l app=web --tail=1").split()) == ["again", "again"]
    assert "started" in shop("logs deployment/web")
    assert 'previous terminated container "shop"' in shop(f"logs {pod} --previous", status=1)
    assert 'pods "nope" not found' in shop("logs nope", status=1)
    following = shop.start(f"logs {pod} --follow")
    assert following.stdout
    assert following.stdout.readline() == "started \n"
    shop(f"delete {pod} --wait=false")
    assert following.stdout.read() == "again\n"
    assert following.wait(30) == 0
    following.stdout.close()


def test_describe_tells_the_whole_story(shop):
    deployment = shop("describe deployment web")
    assert "Replicas:               2 desired | 2 updated | 2 total | 2 available | 0 unavailable" in deployment
    assert re.search(r"NewReplicaSet:\s+web-\w+ \(2/2 replicas created\)", deployment)
    assert "deployment-controller  Scaled up replica set" in deployment
    pod = shop("describe pod -l app=web")
    assert re.search(r"Node:\s+localcluster/", pod) and "QoS Class:" in pod
    assert "Successfully assigned" in pod and "Container started" in pod
    node = shop("describe node localcluster")
    assert "Allocated resources:" in node and shop.namespace in node
    assert re.search(r"Status:\s+Active", shop(f"describe namespace {shop.namespace}"))
    assert "SuccessfulCreate" in shop("describe replicaset")
    assert {"Scheduled", "Started", "ScalingReplicaSet"} <= {row[2] for row in shop.rows("get events")}
    assert "ScalingReplicaSet" in shop("events --for deployment/web")


def test_apply_as_most_people_do(k, image):
    (k.folder / "shop.yaml").write_text(manifest(image))
    assert k("apply -f shop.yaml --dry-run=server") == (
        "configmap/settings created (server dry run)\ndeployment.apps/shop created (server dry run)\n"
    )
    assert k("diff -f shop.yaml", status=1).count("diff -u") == 2
    assert k("apply -f shop.yaml") == "configmap/settings created\ndeployment.apps/shop created\n"
    assert k("apply -f shop.yaml") == "configmap/settings unchanged\ndeployment.apps/shop unchanged\n"
    assert k("diff -f shop.yaml") == ""
    (k.folder / "shop.yaml").write_text(manifest(image, "two"))
    difference = k("diff -f shop.yaml", status=1)
    assert "-          value: one\n+          value: two" in difference and "+  generation: 2" in difference
    assert k("apply -f shop.yaml") == "configmap/settings unchanged\ndeployment.apps/shop configured\n"
    assert 'a: "1"' in k("apply view-last-applied configmap/settings")
    only = "--prune-allowlist=core/v1/ConfigMap"
    (k.folder / "shop.yaml").write_text(manifest(image, "two").partition("---")[2])
    assert "configmap/settings pruned" in k(f"apply -f shop.yaml --prune -l app=shop {only}")
    bad = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bad"}, "date": {}}
    assert 'strict decoding error: unknown field "date"' in k("apply -f - --validate=strict", given=bad, status=1)
    assert 'Warning: unknown field "date"' in k("apply -f - --validate=warn", given=bad)
    assert "already exists" in k("create -f shop.yaml", status=1)
    assert k("replace -f shop.yaml") == "deployment.apps/shop replaced\n"
    sts = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}}
    assert 'no matches for kind "StatefulSet" in version "apps/v1"' in k("create -f -", given=sts, status=1)


def test_server_side_apply_and_its_conflicts(k, image):
    assert "serverside-applied" in k("apply --server-side -f -", given=manifest(image, "one"))
    assert "serverside-applied" in k("apply --server-side --field-manager=other -f -", given=manifest(image, "one"))
    said = k("apply --server-side --field-manager=third -f -", given=manifest(image, "two"), status=1)
    assert 'Apply failed with 2 conflicts: conflicts with "kubectl"' in said and 'conflicts with "other"' in said
    assert '.spec.template.spec.containers[name="main"].env[name="GREETING"].value' in said
    forced = "apply --server-side --field-manager=third --force-conflicts -f -"
    assert "deployment.apps/shop serverside-applied" in k(forced, given=manifest(image, "two"))
    assert "manager: third" in k("get deployment shop -o yaml --show-managed-fields")


def test_changes_by_hand(k, image):
    k("apply -f -", given=manifest(image))
    assert k("edit deployment shop", KUBE_EDITOR="sed -i s/one/two/") == "deployment.apps/shop edited\n"
    strategic = '{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"B","value":"b"}]}]}}}}'
    assert k(f"patch deployment shop -p '{strategic}'") == "deployment.apps/shop patched\n"
    assert k('patch deployment shop --type=merge -p \'{"metadata":{"annotations":{"x":"y"}}}\'').endswith("patched\n")
    replace = '[{"op":"replace","path":"/spec/replicas","value":0}]'
    assert k(f"patch deployment shop --type=json -p '{replace}'") == "deployment.apps/shop patched\n"
    test = '[{"op":"test","path":"/spec/replicas","value":5}]'
    assert "The request is invalid" in k(f"patch deployment shop --type=json -p '{test}'", status=1)
    assert "scale.autoscaling/shop patched" in k(
        'patch deployment shop --subresource=scale --type=merge -p \'{"spec":{"replicas":1}}\''
    )
    shop = k.json("get deployment shop")
    env = [(each["name"], each["value"]) for each in shop["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert sorted(env) == [("B", "b"), ("GREETING", "two")]
    assert shop["metadata"]["annotations"]["x"] == "y" and shop["spec"]["replicas"] == 1
    assert k("label deployment shop tier=web") == "deployment.apps/shop labeled\n"
    assert "'tier' already has a value (web)" in k("label deployment shop tier=api", status=1)
    assert k("label deployment shop tier=api --overwrite") == "deployment.apps/shop labeled\n"
    assert k("label deployment shop tier-") == "deployment.apps/shop unlabeled\n"
    assert k("annotate configmap settings note=x") == "configmap/settings annotated\n"


CREATES = {
    "configmap c --from-literal=a=1": "configmap/c created",
    "secret generic s --from-literal=a=secret": "secret/s created",
    "secret docker-registry r --docker-username=u --docker-password=p --docker-server=x": "secret/r created",
    "serviceaccount bob": "serviceaccount/bob created",
    "service clusterip i --tcp=80:8080": "service/i created",
    "service nodeport n --tcp=80:8080": "service/n created",
    "service loadbalancer l --tcp=80:8080": "service/l created",
    "service externalname e --external-name=example.com": "service/e created",
    "ingress g --rule=shop.example.com/path=i:80,tls=t": "ingress.networking.k8s.io/g created",
    "quota q --hard=pods=20,limits.cpu=4": "resourcequota/q created",
    "poddisruptionbudget p --selector=app=web --min-available=1": "poddisruptionbudget.policy/p created",
    "cronjob nightly --image={image} --schedule='0 3 1 1 *' -- echo night": "cronjob.batch/nightly created",
    "job once --image={image} -- echo hi": "job.batch/once created",
}


def test_every_typed_create(k, image):
    for line, said in CREATES.items():
        assert k(f"create {line.format(image=image)}") == f"{said}\n"
    assert k.json("get secret s")["data"] == {"a": "c2VjcmV0"}
    assert k.json("get ingress g")["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] == "i"
    assert k.rows("get ingress g")[1][1:5] == ["<none>", "shop.example.com", "", "80, 443"]
    assert k.rows("get pdb p")[1][1:3] == ["1", "N/A"]
    assert k.rows("get cronjob nightly")[1][1:6] == ["0 3 1 1 *", "<none>", "False", "0", "<none>"]
    assert k.rows("get service e")[1][1:5] == ["ExternalName", "<none>", "example.com", "<none>"]
    assert "<pending>" in k("get service l")
    assert re.search(r"pods\s+\d\s+20", k("describe quota q"))
    assert "a:  6 bytes" in k("describe secret s")
    several = {"apiVersion": "v1", "kind": "List"}
    items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} for name in ("a", "b")]
    assert k("create -f -", given={**several, "items": items}) == "configmap/a created\nconfigmap/b created\n"
    assert "already exists" in k("create configmap c", status=1)
    assert "a lowercase RFC 1123 subdomain" in k("create configmap UPPER", status=1)


def test_jobs(k, image):
    k(f"create cronjob nightly --image={image} --schedule='0 3 1 1 *' -- sh -c 'echo done by hand'")
    assert k("create job by-hand --from=cronjob/nightly") == "job.batch/by-hand created\n"
    assert k("wait --for=condition=Complete job/by-hand --timeout=20s") == "job.batch/by-hand condition met\n"
    assert k("logs job/by-hand") == "done by hand\n"
    head, row = k.rows("get jobs")
    assert head == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert row[:3] == ["by-hand", "Complete", "1/1"]
    assert "Pods Statuses:    0 Active (0 Ready) / 1 Succeeded / 0 Failed" in k("describe job by-hand")
    assert k.rows("get pods")[1][1:4] == ["0/1", "Completed", "0"]
    assert "Schedule:                      0 3 1 1 *" in k("describe cronjob nightly")


def test_pods_that_do_not_run(k, image):
    assert k(f"run crash --image={image} --env=CRASH=1") == "pod/crash created\n"
    k(f"run over --image={image} --restart=Never --command -- sh -c 'exit 3'")
    k("run nope --image=local/shop:nope")
    k.until("get pod over", "Error")
    k.until("get pod nope", "ErrImagePull")
    k.until("get pod crash", "CrashLoopBackOff")
    assert re.search(r"\d+ \(\d+s ago\)", k("get pod crash"))
    assert "started" in k("logs crash --previous")
    assert "Back-off restarting failed container" in k("describe pod crash")
    k("delete pod crash over nope --now")


def test_what_is_refused_says_so(shop):
    pod = shop("get pods -o name").split()[0]
    for line in (f"exec {pod} -- ls", f"attach {pod}", f"cp {pod[4:]}:/x x", f"port-forward {pod} 18080:80"):
        assert "not served" in shop(line, status=1), line
    assert "Metrics API not available" in shop("top pods", status=1)
    assert "Metrics API not available" in shop("top nodes", status=1)
    assert "token" in shop("create token default", status=1)


def test_the_node_can_be_cordoned(k):
    assert k("cordon localcluster") == "node/localcluster cordoned\n"
    assert k.rows("get nodes")[1][1] == "Ready,SchedulingDisabled"
    assert k("uncordon localcluster") == "node/localcluster uncordoned\n"
    head, node = k.rows("get nodes -o wide")
    assert head[4:] == ["VERSION", "INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"]
    assert node[:2] == ["localcluster", "Ready"]


def test_delete(shop, image):
    pod = shop("get pods -o name").split()[0]
    assert shop(f"delete {pod} --grace-period=1") == f'pod "{pod[4:]}" deleted\n'
    forced = shop("delete pods -l app=web --grace-period=0 --force")
    assert "Immediate deletion does not wait" in forced and forced.count("force deleted") == 2
    assert shop("delete deployment web --cascade=orphan") == 'deployment.apps "web" deleted\n'
    left = shop("get replicasets -o name").strip()
    assert shop(f"delete {left} --cascade=foreground --timeout=20s").endswith("deleted\n")
    shop("wait --for=delete pods -l app=web --timeout=20s")
    assert shop("get pods") == f"No resources found in {shop.namespace} namespace.\n"
    assert 'configmaps "nope" not found' in shop("delete configmap nope", status=1)
    assert shop("delete configmap nope --ignore-not-found") == ""


def test_a_namespace_goes_with_all_that_is_in_it(k, image):
    name = f"gone-{uuid.uuid4().hex[:8]}"
    assert k(f"create namespace {name}") == f"namespace/{name} created\n"
    k(f"create deployment web --image={image} -n {name}")
    k(f"rollout status deployment/web -n {name} --timeout=20s")
    assert f'namespace "{name}" deleted\n' in k(f"delete namespace {name} --timeout=30s")
    assert "NotFound" in k(f"get namespace {name}", status=1)
    assert k(f"get pods -n {name} -o name") == ""
