"""A kubeconfig that somebody pastes is hostile until it is read: what is kept of it, and what is refused in words."""

import copy
import json
import re

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from releases.clients.kubeconfig import extract, read
from releases.errors import Invalid
from tests.certificates import Authority, base64_of, document, kubeconfig

AUTHORITY = Authority()
CLIENT = AUTHORITY.client()
SERVER = "https://cluster.example.com:6443"
TOKEN = "a-token-that-nobody-may-see"
GOOD = document(
    {"server": SERVER, "certificate-authority-data": base64_of(AUTHORITY.certificate)},
    {"token": TOKEN},
)


def changed(**parts):
    """GOOD with other keys in its `cluster`, its `user` or at the top."""
    made = copy.deepcopy(GOOD)
    made["clusters"][0]["cluster"].update(parts.pop("cluster", {}))
    made["users"][0]["user"].update(parts.pop("user", {}))
    return made | parts


def refused(text, words, context=""):
    """Says why; and neither that nor what led to it repeats a secret."""
    with pytest.raises(Invalid) as invalid:
        extract(text if isinstance(text, str) else json.dumps(text), context)
    error = invalid.value
    assert re.search(words, " ".join([error.message, *error.reasons]))
    assert TOKEN not in error.message and not any(TOKEN in reason for reason in error.reasons)
    assert len(error.message) < 1000
    return error


@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump], ids=["json", "yaml"])
def test_what_reaches_the_api_is_kept_and_nothing_else(write):
    given = changed(preferences={"colors": True}, extensions=[{"name": "x"}], cluster={"extensions": [{"name": "y"}]})
    given["users"].append({"name": "else", "user": {"exec": {"command": "rm"}}})
    kept = json.loads(extract(write(given)))
    assert kept == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": GOOD["clusters"][0]["cluster"]}],
        "users": [{"name": "deployer", "user": {"token": TOKEN}}],
        "contexts": [{"name": "deployer", "context": {"cluster": "cluster", "user": "deployer"}}],
        "current-context": "deployer",
    }
    assert extract(json.dumps(kept)) == json.dumps(kept)


def test_a_client_certificate_and_the_name_on_the_servers_certificate_are_kept():
    given = json.loads(kubeconfig(SERVER, authority=AUTHORITY.certificate, client=CLIENT))
    given["clusters"][0]["cluster"]["tls-server-name"] = "kubernetes.default"
    found = read(extract(json.dumps(given)))
    assert (found.client_certificate, found.client_key) == (CLIENT.certificate, CLIENT.key)
    assert found.tls_server_name == "kubernetes.default" and found.certificate_authority == AUTHORITY.certificate
    assert found.expires() is not None
    assert TOKEN not in repr(read(json.dumps(GOOD))) and "PRIVATE" not in repr(found)


def test_what_people_write_between_certificates_is_left_out():
    bundle = f"# Žofie's authority\n{AUTHORITY.certificate}\n# another\n{CLIENT.certificate}"
    found = read(json.dumps(changed(cluster={"certificate-authority-data": base64_of(bundle)})))
    assert found.certificate_authority == AUTHORITY.certificate + CLIENT.certificate


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"user": {"client-key-data": base64_of(CLIENT.key.replace("-----\n", "-----\nž"))}}, "not a private key"),
        ({"user": {"exec": {"command": "sh", "args": ["-c", "id"]}}}, "exec: it would run a program"),
        ({"user": {"auth-provider": {"name": "gcp"}}}, "auth-provider: it would run a login flow"),
        ({"user": {"tokenFile": "/etc/passwd"}}, "tokenFile: it names a file"),
        ({"user": {"client-certificate": "/etc/passwd"}}, "client-certificate: give its content inline"),
        ({"user": {"client-key": "/etc/shadow"}}, "client-key: give its content inline"),
        ({"cluster": {"certificate-authority": "/etc/passwd"}}, "certificate-authority: give its content inline"),
        ({"user": {"username": "a", "password": "b"}}, "username: Kubernetes knows no passwords"),
        ({"user": {"as": "system:masters"}}, "as: a key that Deployer does not know"),
        ({"cluster": {"proxy-url": "http://127.0.0.1:1"}}, "proxy-url: Deployer speaks to clusters directly"),
        ({"cluster": {"insecure-skip-tls-verify": True}}, "insecure-skip-tls-verify: the token would go to whoever"),
        ({"cluster": {"server": "http://cluster.example.com"}}, "not an https address"),
        ({"cluster": {"server": "HTTPS://"}}, "names no host"),
        ({"cluster": {"server": "file:///etc/passwd"}}, "not an https address"),
        ({"cluster": {"server": "https://root:secret@cluster.example.com"}}, "user name in its address"),
        ({"cluster": {"server": "https://@cluster.example.com"}}, "user name in its address"),
        ({"cluster": {"server": "https://cluster.example.com/?token=a"}}, "query or a fragment"),
        ({"cluster": {"server": "https://cluster.example.com#a"}}, "query or a fragment"),
        ({"cluster": {"server": "https://cluster.example.com:port"}}, "not an address"),
        ({"cluster": {"server": "https://cluster.example.com\r\nHost: x"}}, "not an address"),
        ({"cluster": {"server": "https://a.example.com\\@b.example.com"}}, "not an address"),
        ({"cluster": {"server": {"a": 1}}}, "server is not a text"),
        ({"cluster": {"server": ""}}, "not an https address"),
        ({"cluster": {"tls-server-name": "a b"}}, "tls-server-name is not a host's name"),
        ({"cluster": {"certificate-authority-data": "%%%"}}, "certificate-authority-data is not base64"),
        ({"cluster": {"certificate-authority-data": base64_of("hello")}}, "is not a certificate"),
        ({"user": {"token": "two\nlines"}}, "token has signs in it"),
        ({"user": {"token": "ä"}}, "token has signs in it"),
        ({"user": {"token": ""}}, "neither a token nor a client certificate"),
        ({"user": {"client-key-data": base64_of(CLIENT.key)}}, "go together"),
        ({"user": {"client-certificate-data": base64_of(CLIENT.certificate)}}, "go together"),
        ({"user": {"client-key-data": base64_of("hello")}}, "not a private key"),
        ({"current-context": ""}, "names no current context. Choose a context: there."),
        ({"current-context": "away"}, "has no context “away”. Choose a context: there."),
        ({"contexts": []}, "has no contexts"),
        ({"contexts": "there"}, "has no contexts"),
        ({"clusters": []}, "names the cluster “far”, which it does not have"),
        ({"users": [{"name": "me", "user": "root"}]}, "names the user “me”, which it does not have"),
    ],
)
def test_what_would_run_read_or_trust_anything_is_refused(parts, words):
    refused(changed(**parts), words)


def test_all_faults_are_said_at_once():
    error = refused(changed(user={"exec": {}, "client-key": "/a"}, cluster={"proxy-url": "x"}), "proxy-url")
    assert [reason.partition(":")[0] for reason in error.reasons] == ["proxy-url", "exec", "client-key"]


def test_a_key_that_needs_a_password_is_refused():
    form, sealed = PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, form, sealed).decode()
    pair = {"client-certificate-data": base64_of(CLIENT.certificate), "client-key-data": base64_of(key)}
    refused(changed(user=pair), "not a private key without a password")


def test_of_several_contexts_one_is_chosen_by_name():
    several = changed()
    several["contexts"] += [{"name": f"c{number}", "context": {"cluster": "far", "user": "me"}} for number in range(20)]
    error = refused(several, "has 21 contexts. Choose a context: there, c0, c1")
    assert "and 11 more" in error.message
    assert extract(json.dumps(several), "c7") == extract(json.dumps(GOOD))
    refused(several, "no context “c99”", context="c99")
    assert extract(json.dumps(changed(**{"current-context": ""})), "there")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("a: " + "x" * 256 * 1024, "larger than 256 KiB"),
        ("hello", "is not one"),
        ("- a", "is not one"),
        ("a: [", "is not YAML"),
        ("a: 'never closed " + TOKEN, "is not YAML"),
        ("\x00", "is not YAML"),
        ("%YAML 9.9\n---\na: 1", "is not|has no contexts"),
        ("a: &x 1\nb: *x", "YAML aliases"),
        (
            "a: &a [x]\n" + "\n".join(f"{c}: &{c} [*{p},*{p}]" for p, c in zip("abcdefg", "bcdefgh", strict=True)),
            "aliases",
        ),
        ("a: 1\n---\nb: 2", "more than one YAML document"),
        ("[" * 100_000, "nested more than|is not YAML"),
        ("{a: " * 30 + "}" * 30, "nested more than 20 deep"),
        ("!!python/object/apply:os.system ['id']", "is not one"),
        ("a: " + "9" * 200_000, "has no contexts"),
        ("? [a]\n: b", "is not YAML|has no contexts"),
    ],
    ids=range(17),
)
def test_what_is_no_kubeconfig_is_refused_before_anything_is_built_of_it(text, words):
    refused(text, words)
