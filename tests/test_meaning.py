"""What the cluster's words mean: final or not, and what to do. Texts of several kubelets, runtimes and registries."""

import pytest

from releases.pipeline import meaning
from releases.pipeline.processes import Ailment

IMAGE = "registry.example/acme/web:v9"
AT_ONCE, MINUTE = 0, 60


def patience(family, reason, message, image=IMAGE, **limits):
    limits = {"pull": None, "start": None, **limits}
    return meaning.patience(Ailment(family, reason, message, image=image), **limits)


@pytest.mark.parametrize(
    "message",
    [
        # containerd
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{IMAGE}": failed to resolve reference '
        f'"{IMAGE}": {IMAGE}: not found',
        f'failed to resolve reference "{IMAGE}": pull access denied, repository does not exist or may require '
        "authorization: server message: insufficient_scope: authorization failed",
        f'failed to resolve reference "{IMAGE}": failed to authorize: failed to fetch anonymous token: unexpected '
        "status from GET request to https://auth.docker.io/token?scope=repository%3Aacme: 401 Unauthorized",
        f'failed to resolve reference "{IMAGE}": unexpected status from HEAD request to '
        "https://ghcr.io/v2/acme/web/manifests/v9: 403 Forbidden",
        f'failed to pull and unpack image "{IMAGE}": no match for platform in manifest: not found',
        # CRI-O
        "rpc error: code = Unknown desc = reading manifest v9 in registry.example/acme/web: manifest unknown",
        "reading manifest v9 in quay.io/acme/web: unauthorized: access to the requested resource is not authorized",
        "initializing source docker://acme/web:v9: reading manifest v9 in docker.io/acme/web: requested access to the "
        "resource is denied",
        'choosing image instance: no image found in image index for architecture "arm64", variant "v8", OS "linux"',
        # Docker
        "rpc error: code = Unknown desc = Error response from daemon: manifest for acme/web:v9 not found: manifest "
        "unknown: manifest unknown",
        "Error response from daemon: pull access denied for acme/web, repository does not exist or may require "
        "'docker login': denied: requested access to the resource is denied",
        "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries",
        # registries
        "name unknown: The repository with name 'acme/web' does not exist in the registry with id '1234'",
        'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource (or it may not exist)',
        "no basic auth credentials",
        "invalid reference format: repository name (/Image) must be lowercase",
    ],
)
def test_an_image_that_is_not_there_or_not_for_us_is_final(message):
    assert patience("pull", "ErrImagePull", message) == AT_ONCE


@pytest.mark.parametrize(
    "message",
    [
        'failed to do request: Head "https://registry.invalid/v2/": dial tcp: lookup registry.invalid on 10.0.0.10:53: '
        "no such host",
        'Head "https://registry.example/v2/": dial tcp 10.1.2.3:443: connect: connection refused',
        'Head "https://registry.example/v2/": dial tcp 10.1.2.3:443: i/o timeout',
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "tls: first record does not look like a TLS handshake",
        "http: server gave HTTP response to HTTPS client",
        "unexpected status from HEAD request to https://registry.example/v2/: 503 Service Unavailable",
        "received unexpected HTTP status: 500 Internal Server Error",
        "unexpected status code 502 Bad Gateway",
        "toomanyrequests: You have reached your pull rate limit.",
        "429 Too Many Requests",
        "failed to authorize: failed to fetch oauth token: Post https://auth.example/token: dial tcp: lookup "
        "auth.example: server misbehaving",
        "failed to authorize: failed to fetch anonymous token: unexpected status: 503 Service Unavailable",
        "Error response from daemon: Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting "
        "for connection (Client.Timeout exceeded while awaiting headers)",
        "failed to copy: httpReadSeeker: failed open: unexpected EOF",
        "context deadline exceeded",
        "pull QPS exceeded",
        "read tcp 10.0.0.1:1234->10.0.0.2:443: read: connection reset by peer",
        "write /var/lib/containerd/x: no space left on device",
        "something that nobody has seen before",
        "",
    ],
)
def test_a_registry_in_trouble_may_heal_until_the_cluster_backs_off(message):
    for reason in ("ErrImagePull", "RegistryUnavailable", "SignatureValidationFailed", "ImageInspectError"):
        assert patience("pull", reason, message) == MINUTE
        assert patience("pull", reason, message, pull=5) == 5
    backing_off = f'Back-off pulling image "{IMAGE}": ErrImagePull: {message}'
    assert patience("pull", "ImagePullBackOff", backing_off) == AT_ONCE
    assert patience("pull", "ImagePullBackOff", backing_off, pull=300) == 300


@pytest.mark.parametrize("image", ["acme/denied:v1", "r.io/forbidden/web:not-found", "r.io/unauthorized/x@sha256:aa"])
def test_what_people_call_their_images_decides_nothing(image):
    repository = image.split("@")[0].split(":")[0]
    for named in (image, f"docker.io/{image}", f"{repository}:v2", f'"{image}"'):
        assert patience("pull", "ErrImagePull", f"failed to resolve {named}: something odd", image=image) == MINUTE


def test_nor_does_a_short_name():
    assert patience("pull", "ErrImagePull", "failed to resolve denied:v1: something odd", image="denied:v1") == MINUTE


@pytest.mark.parametrize("image", ["acme/timeout:v1", "localhost:503/x:v1", "r.io/lookup/web:429", "r.io:5000/a/b:502"])
def test_nor_may_a_name_make_a_missing_image_look_like_trouble(image):
    for message in (f"failed to resolve reference: {image}: not found", f'manifest for "{image}" not found'):
        assert patience("pull", "ErrImagePull", message, image=image) == AT_ONCE


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_these_are_final_whatever_they_say(reason):
    assert patience("pull", reason, "") == patience("pull", reason, "timeout", pull=300) == AT_ONCE


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ('secret "x" not found', AT_ONCE),
        ('configmap "x" not found', AT_ONCE),
        ('secrets "x" not found', AT_ONCE),
        ("couldn't find key TOKEN in Secret deployer-shop/rabc", AT_ONCE),
        ("couldn't find key A in ConfigMap shop/x", AT_ONCE),
        ("references non-existent secret key: a", AT_ONCE),
        ("failed to sync secret cache: timed out waiting for the condition", MINUTE),
        ('object "shop"/"x" not registered', MINUTE),
        ("container has runAsNonRoot and image will run as root (pod: ..., container: main)", MINUTE),
        ("container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root", MINUTE),
        ("", MINUTE),
    ],
)
def test_configuration(message, seconds):
    assert patience("config", "CreateContainerConfigError", message) == seconds
    assert patience("config", "CreateContainerConfigError", message, start=7) == (7 if seconds else 0)


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ('OCI runtime create failed: runc create failed: exec: "nope": executable file not found in $PATH', AT_ONCE),
        ('exec: "/app/run": permission denied: unknown', AT_ONCE),
        ("exec /app/run: exec format error", AT_ONCE),
        ('exec: "/app": stat /app: no such file or directory', AT_ONCE),
        ("container create failed: executable file `nope` not found: No such file or directory", AT_ONCE),
        ('exec: "/app": is a directory: permission denied', AT_ONCE),
        ("context deadline exceeded", MINUTE),
        ('failed to reserve container name "main_web-1": name is reserved for "abc"', MINUTE),
        ("", MINUTE),
    ],
)
def test_starting(message, seconds):
    for reason in ("RunContainerError", "CreateContainerError", "StartError", "ContainerCannotRun"):
        assert patience("start", reason, message) == seconds
        assert patience("start", reason, message, start=7) == (7 if seconds else 0)


# --- Refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "cause", "seconds"),
    [
        ('pods "web-1" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=2', "quota", 20),
        ('pods "web-1" is forbidden: failed quota: q: must specify limits.cpu', "quota", 20),
        ('admission webhook "policy.example" denied the request: no', "admission", 0),
        ('admission webhook "q.example" denied the request: exceeded quota of the team', "admission", 0),
        ('Internal error occurred: failed calling webhook "p.example": Post: context deadline', "admission", 60),
        ('pods "web-1" is forbidden: violates PodSecurity "restricted:latest": …', "admission", 0),
        ("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no", "admission", 0),
        ('pods "web-1" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]', "admission", 0),
        ('pods "web-1" is forbidden: unable to create new content because it is being terminated', "deleted", 0),
        ('error looking up service account shop/default: serviceaccount "default" not found', "refused", 60),
        ("something that nobody has seen before", "refused", 60),
    ],
)
def test_why_no_process_may_be_created(words, cause, seconds):
    refused = meaning.refusal(words, hopeless=False)
    assert (refused.cause, refused.seconds) == (cause, seconds) and refused.hint
    hopeless = meaning.refusal(words, hopeless=True)
    assert hopeless.seconds == (0 if cause == "quota" else seconds)


# --- What to do -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "reason", "message", "advice"),
    [
        ("pull", "ErrImagePull", f"{IMAGE}: not found", "Check the image of web"),
        ("pull", "ErrImagePull", "pull access denied", "may read its registry"),
        ("pull", "ErrImagePull", "no match for platform in manifest: not found", "cluster's kind of machine"),
        ("pull", "InvalidImageName", "couldn't parse", "no valid name"),
        ("pull", "ImagePullBackOff", "dial tcp: no such host", "reaches the registry"),
        ("config", "CreateContainerConfigError", 'secret "x" not found', "Secrets and keys"),
        ("config", "CreateContainerConfigError", "container has runAsNonRoot and image will run as root", "not root"),
        ("start", "StartError", "no such file", "must exist in the image"),
        ("start", "StartError", "permission denied", "may not be executed"),
        ("start", "StartError", "exec format error", "another kind of machine"),
    ],
)
def test_the_hint_says_what_to_do(family, reason, message, advice):
    hint = meaning.hint(Ailment(family, reason, message, image=IMAGE), "web")
    assert "web" in hint and hint.endswith(".")
    assert advice in hint.replace("other than root", "not root")


@pytest.mark.parametrize(
    ("reason", "code", "advice"),
    [
        ("OOMKilled", 137, "scale.memory"),
        ("Completed", 0, "keep running in the foreground"),
        ("Error", 127, "could not find or execute"),
        ("Error", 137, "from outside"),
        ("Error", 1, "last lines"),
    ],
)
def test_the_hint_about_an_exit(reason, code, advice):
    assert advice in meaning.exit_hint(reason, code, "web")


@pytest.mark.parametrize(
    ("words", "about"),
    [
        ("0/1 nodes are available: 1 Insufficient cpu.", "Lower scale.cpu"),
        ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "storage class"),
        ("0/3 nodes are available: 3 node(s) had volume node affinity conflict.", "storage class"),
        ('persistentvolumeclaim "worker-data" not found', "storage class"),
    ],
)
def test_what_to_do_about_a_process_without_a_place(words, about):
    assert about in meaning.place_hint(words, "worker")
