"""Bodies in Kubernetes' protobuf form, as typed clients send them."""

import pytest

PROTOBUF = {"content-type": "application/vnd.kubernetes.protobuf"}


def part(number, content):
    """A field of bytes or text, in protobuf's wire format."""
    content = content.encode() if isinstance(content, str) else content
    size, sizes = len(content), bytearray()
    while size > 127:
        sizes.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *sizes, size]) + content


def number(field, value):
    return bytes([field << 3, value])


def envelope(api_version, kind, content):
    return b"k8s\x00" + part(1, part(1, api_version) + part(2, kind)) + part(2, content)


def test_what_is_zero_by_choice_is_kept_and_what_is_not_set_is_not(api, namespace):
    container = part(1, "main") + part(2, "x") + part(5, "")
    template = part(1, part(11, part(1, "app") + part(2, "web"))) + part(2, part(2, container))
    selector = part(1, part(1, "app") + part(2, "web"))
    spec = number(1, 0) + part(2, selector) + part(3, template) + number(5, 0) + number(7, 0)
    body = envelope("apps/v1", "Deployment", part(1, part(1, "web")) + part(2, spec))
    made = api.post(f"/apis/apps/v1/namespaces/{namespace}/deployments", content=body, headers=PROTOBUF)
    assert made.status_code == 201, made.text
    assert made.json()["spec"]["replicas"] == 0
    assert not {"minReadySeconds", "paused"} & set(made.json()["spec"])


def test_types_written_into_others_and_leaves_of_their_own(api, namespace):
    probe = part(1, part(2, part(1, "/health") + part(2, number(1, 1) + number(2, 0) + part(3, "http"))))
    limits = part(8, part(1, part(1, "cpu") + part(2, part(1, "500m"))))
    volume = part(1, "v") + part(2, part(2, b""))
    container = part(1, "main") + part(2, "x") + part(11, probe) + limits
    spec = part(1, volume) + part(2, container) + part(10, "elsewhere")
    body = envelope("v1", "Pod", part(1, part(1, "p")) + part(2, spec))
    made = api.post(f"/api/v1/namespaces/{namespace}/pods", content=body, headers=PROTOBUF)
    assert made.status_code == 201, made.text
    spec = made.json()["spec"]
    assert spec["volumes"][0] == {"name": "v", "emptyDir": {}}
    assert spec["containers"][0]["readinessProbe"]["httpGet"]["port"] == "http"
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "500m"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"k8s\x00",
        b"k8s\x00\xff\xff\xff",
        b"{}",
        envelope("v1", "ConfigMap", b"\x0a\xff\xff\xff\xff\x0f"),
        envelope("v1", "ConfigMap", b"\x0b" * 100),
        envelope("v1", "Unheard", b""),
        envelope("v1", "ConfigMap", part(2, part(1, b"\xff\xfe"))),
        envelope("v1", "ConfigMap", part(9, "what")),
        b"k8s\x00" + part(1, b"\x80" * 20),
    ],
)
def test_bytes_that_are_no_object_are_refused(api, namespace, body):
    answer = api.post(f"/api/v1/namespaces/{namespace}/configmaps", content=body, headers=PROTOBUF)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["kind"] == "Status"
