"""URLs, names of branches and commits, credentials, and Git's complaints: judged before and after Git is run."""

import ipaddress

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from releases.clients.git import DeployKey, Policy, Token
from releases.clients.git.address import look_up, parse
from releases.clients.git.references import checked_ref, point, read
from releases.clients.git.words import failure
from releases.errors import SourceFailed

A, B = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://github.com/ada/engine.git", "https://github.com/ada/engine.git"),
        ("https://GitHub.com:443/ada/engine", "https://github.com/ada/engine"),
        ("https://git.example.com:8443/x", "https://git.example.com:8443/x"),
        ("https://[2001:db8::1]/x.git", "https://[2001:db8::1]/x.git"),
        ("ssh://git@github.com/ada/engine.git", "ssh://git@github.com/ada/engine.git"),
        ("ssh://github.com:2222/ada/engine.git", "ssh://git@github.com:2222/ada/engine.git"),
        ("git@github.com:ada/engine.git", "ssh://git@github.com/ada/engine.git"),
    ],
)
def test_urls_that_are_taken(url, taken):
    assert parse(url, Policy()).url == taken


@pytest.mark.parametrize(
    ("url", "cause", "words"),
    [
        ("", "url", "empty"),
        ("https://x/" + "y" * 1000, "url", "too long"),
        ("--upload-pack=touch /tmp/x", "url", "hyphen"),
        ("https://host/a b", "url", "blank"),
        ("https://host/a\nb", "url", "blank"),
        ("ext::sh -c touch% /tmp/x", "url", "blank"),
        ("ext::sh", "url", "program of its own"),
        ("/srv/app.git", "url", "must begin with https:// or ssh://"),
        ("../app.git", "url", "must begin with"),
        ("file:///srv/app.git", "transport", "file:// is not allowed here"),
        ("http://github.com/a/b", "transport", "http:// is not allowed here"),
        ("git://github.com/a/b", "transport", "git:// is not allowed"),
        ("ftp://github.com/a/b", "transport", "ftp:// is not allowed"),
        ("https://ghp_secret@github.com/a/b", "url", "user name or password in it"),
        ("https://ada:ghp_secret@github.com/a/b", "url", "user name or password in it"),
        ("https://:ghp_secret@github.com/a/b", "url", "user name or password in it"),
        ("ssh://git:ghp_secret@github.com/a/b", "url", "user name or password in it"),
        ("https://github.com/a/b?private_token=ghp_secret", "url", "token goes into its own field"),
        ("https://github.com/a/b#ghp_secret", "url", "token goes into its own field"),
        ("https://github.com", "url", "no path"),
        ("https:///a/b", "url", "no host name"),
        ("https://-oProxyCommand=x/a/b", "url", "no host name, or a wrong one"),
        ("ssh://-oProxyCommand=x/a/b", "url", "no host name, or a wrong one"),
        ("ssh://-oProxyCommand=x@host/a/b", "url", "strange user name"),
        ("ssh://host/-a", "url", "begins with a hyphen"),
        ("https://host:99999/a", "url", "can't be read"),
        ("https://host:0/a", "url", "wrong port"),
        ("https://[::1/a", "url", "can't be read"),
    ],
)
def test_urls_that_are_refused(url, cause, words):
    with pytest.raises(SourceFailed, match=words) as refused:
        parse(url, Policy())
    assert refused.value.cause == cause
    assert "ghp_secret" not in refused.value.message + refused.value.hint + repr(refused.value)


def test_a_file_url_is_an_absolute_path_where_it_is_allowed():
    policy = Policy(frozenset({"file"}))
    assert parse("file:///srv/app.git", policy).url == "file:///srv/app.git"
    for url in ("file://host/srv/app.git", "file:///srv/../etc", "file:srv"):
        with pytest.raises(SourceFailed):
            parse(url, policy)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.9.9.9",
        "localhost",
        "0.0.0.0",
        "169.254.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "100.64.0.1",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
    ],
)
def test_addresses_of_the_own_network_are_refused(host):
    with pytest.raises(SourceFailed, match="may not fetch from") as refused:
        look_up(parse(f"https://{host}/a/b", Policy()), Policy())
    assert refused.value.cause == "own_network"


def test_public_and_private_addresses_are_allowed_and_the_private_ones_can_be_forbidden():
    for host in ("140.82.121.3", "10.1.2.3", "192.168.1.1", "[2606:50c0:8000::153]"):
        assert look_up(parse(f"https://{host}/a/b", Policy()), Policy()).found
    strict = Policy(networks=())
    with pytest.raises(SourceFailed):
        look_up(parse("https://10.1.2.3/a/b", strict), strict)


def test_a_metadata_address_is_opened_by_an_allowance_for_itself_alone():
    link_local = Policy(networks=(ipaddress.ip_network("169.254.0.0/16"),))
    assert link_local.allows(ipaddress.ip_address("169.254.1.1"))
    assert not link_local.allows(ipaddress.ip_address("169.254.169.254"))
    assert Policy(networks=(ipaddress.ip_network("169.254.169.254/32"),)).allows(
        ipaddress.ip_address("169.254.169.254")
    )


def test_an_unknown_host_is_said():
    with pytest.raises(SourceFailed, match=r"host git\.invalid can't be found") as unknown:
        look_up(parse("https://git.invalid/a/b", Policy()), Policy())
    assert (unknown.value.cause, unknown.value.passing) == ("dns", True)


@pytest.mark.parametrize(
    "ref", ["", "-x", "a b", "a..b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", "a.", ".a"]
)
def test_names_that_no_branch_has(ref):
    with pytest.raises(SourceFailed) as refused:
        checked_ref(ref)
    assert refused.value.cause == "ref"


@pytest.mark.parametrize(
    "ref", ["a/.b", "a.lock", "a.lock/b", "@", "a@{1}", "a\nb", "a\x00", "\x7f", "a" * 256, "a\u202eb"]
)
def test_more_of_them(ref):
    with pytest.raises(SourceFailed):
        checked_ref(ref)


def test_names_that_are_taken():
    for ref in ("main", "feature/x-1", "v1.0", "HEAD", "refs/heads/main", "größe", "a@b", "x{y}"):
        assert checked_ref(ref) == ref


def test_what_a_name_means():
    refs = {"HEAD": A, "refs/heads/main": A, "refs/heads/v1": A, "refs/tags/v1": B, "refs/tags/v2": "c" * 40}
    refs["refs/tags/v2^{}"] = B
    assert point("main", refs).commit == A
    assert point("v1", refs).ref == "refs/heads/v1"
    assert point("refs/tags/v1", refs).commit == B
    assert point("v2", refs) == point("refs/tags/v2", refs)
    assert point("v2", refs).commit == B
    assert point("ccccccc", {**refs}).commit == "c" * 40
    for asked, cause in (("gone", "no_ref"), ("ddddddd", "no_ref")):
        with pytest.raises(SourceFailed) as missing:
            point(asked, refs)
        assert missing.value.cause == cause
    with pytest.raises(SourceFailed, match="is empty"):
        point("main", {})


def test_a_listing_that_is_not_one_is_passed_over():
    listing = f"{A}\trefs/heads/main\nnonsense\n{B}\trefs/heads/a\x1b[31m\n\xff\n".encode("latin-1")
    assert read(listing) == {"refs/heads/main": A}


def test_tokens_and_keys_that_can_not_work_are_refused_without_showing_them():
    key = ed25519.Ed25519PrivateKey.generate()
    kinds = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH)
    plain = key.private_bytes(*kinds, serialization.NoEncryption()).decode()
    pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    locked = key.private_bytes(*pkcs8, serialization.BestAvailableEncryption(b"secret")).decode()
    for text in (plain, key.private_bytes(*pkcs8, serialization.NoEncryption()).decode()):
        taken = DeployKey("\r\n" + text.replace("\n", "\r\n") + "  ").private
        assert taken.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
        assert serialization.load_ssh_private_key(taken.encode(), None).public_key() == key.public_key()
    for private, words in ((locked, "passphrase"), ("ssh-ed25519 AAAAsecret", "private key"), (plain[:200], "private")):
        with pytest.raises(SourceFailed, match=words) as refused:
            DeployKey(private)
        assert private.split()[-1] not in refused.value.message
    for value in ("", "two\nlines", "x" * 5000):
        with pytest.raises(SourceFailed):
            Token(value)
    assert "ghp_secret" not in repr(Token("ghp_secret"))
    assert plain not in repr(DeployKey(plain))


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found", "not_found"),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "auth_required"),
        ("remote: Invalid username or token.\nfatal: Authentication failed for 'https://github.com/'", "auth_refused"),
        ("remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://gitlab.com/'", "auth_refused"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 403", "auth_refused"),
        ("git@github.com: Permission denied (publickey).\nfatal: Could not read from remote", "auth_refused"),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", "host_key"),
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", "not_found"),
        ("fatal: remote error: upload-pack: not our ref " + A, "no_commit"),
        ("error: Server does not allow request for unadvertised object " + A, "no_commit"),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", "dns"),
        ("fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate", "tls"),
        ("server certificate verification failed. CAfile: none CRLfile: none", "tls"),
        ("fatal: unable to access 'https://x/': Failed to connect to x port 443: Connection refused", "unreachable"),
        ("fatal: unable to access 'https://x/': The requested URL returned error: 503", "server"),
        ("error: object 12: gitmodulesUrl: disallowed submodule url\nfatal: fsck error in packed object", "malformed"),
        ("fatal: fetch-pack: invalid index-pack output", "malformed"),
        ("error: RPC failed; curl 56\nfatal: early EOF", "unreachable"),
        ("fatal: write error: No space left on device", "disk"),
        ("fatal: sha1 file '<stdout>' write error: No space left on device\nfatal: index-pack failed", "disk"),
        ("fatal: mismatched algorithms: client sha1; server sha256", "object_format"),
        ("something new", "unknown"),
    ],
)
def test_what_git_complains_of(words, cause):
    found = failure(words.encode(), host="x", credentials=None)
    assert (found.cause, found.message.endswith((".", ":")) or ":" in found.message) == (cause, True)


def test_git_s_words_carry_no_secret():
    said = b"fatal: https://ada:ghp_secret@host/x ghp_secret \x1b[31m\x00eC1hY2Nlc3MtdG9rZW46Z2hwX3NlY3JldA=="
    found = failure(said, host="host", credentials=Token("ghp_secret"))
    assert found.message == "Git failed: fatal: https://host/x [secret]  [31m [secret]"
