"""Commits over real SSH, with a deploy key that is on no disk and in no argument list."""

import ipaddress
import os
from pathlib import Path

import pytest

from releases.clients.git import DeployKey, Policy, Repository, Token
from releases.clients.git.known_hosts import PUBLISHED
from releases.errors import SourceFailed
from tests import ssh_server
from tests.git_server import Origin

HERE = Policy(frozenset({"ssh"}), (ipaddress.ip_network("127.0.0.0/8"),))

pytestmark = pytest.mark.skipif(bool(ssh_server.missing()), reason=ssh_server.missing())


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ssh_server.serving(tmp_path_factory.mktemp("ssh")) as server:
        yield server


@pytest.fixture
def origin(tmp_path):
    return Origin(tmp_path / "served")


@pytest.fixture
def repository(server, origin, tmp_path):
    def make(credentials):
        return Repository(server.url(origin.folder), cache=tmp_path / "cache", policy=HERE, credentials=credentials)

    return make


def failing(repository):
    with pytest.raises(SourceFailed) as failure:
        repository.heads()
    return failure.value


def test_a_deploy_key_opens_it(origin, repository, server, tmp_path):
    commit = origin.commit({"a": "1"})
    (tmp_path / "out").mkdir()
    ours = repository(DeployKey(server.key, known_hosts=server.known_hosts))
    assert ours.resolve("main").commit == commit
    ours.export(commit, tmp_path / "out", say=print)
    assert (tmp_path / "out/a").read_text() == "1"


def test_the_key_is_on_no_disk_and_in_no_argument_list(origin, repository, server, tmp_path, monkeypatch):
    """Looked at from the far end: while the server runs for us, before it answers."""
    commit, seen = origin.commit({"a": "1"}), []
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    heart = server.key.splitlines()[2]
    identity = b"IdentityFile=/proc/%d/fd/" % os.getpid()

    def look():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = path.read_bytes()
            except OSError:
                continue
            if b"HostKeyAlias" in line and str(server.port).encode() in line:
                seen.append(line)
        seen.extend(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and "served" not in str(file))
        if any(identity in each for each in seen):
            server.hold.unlink(missing_ok=True)

    ours = repository(DeployKey(server.key))
    ours.stop = look
    server.hold.touch()
    try:
        assert ours.heads() == {"main": commit}
    finally:
        server.hold.unlink(missing_ok=True)
    assert any(identity in each for each in seen)
    assert not [each for each in seen if heart.encode() in each]
    assert heart not in repr(ours.place)


def test_another_key_is_refused(repository, server):
    refused = failing(repository(DeployKey(server.other_key)))
    assert (refused.cause, refused.message) == ("auth_refused", "127.0.0.1 refuses the deploy key.")


def test_ssh_without_a_deploy_key(repository):
    for credentials in (None, Token("ghp_x")):
        assert failing(repository(credentials)).cause == "auth_required"


def test_a_server_that_shows_another_key_than_the_given_one_is_not_talked_to(repository, server):
    wrong = f"[127.0.0.1]:{server.port} {PUBLISHED['github.com'].split(chr(10))[0].removeprefix('github.com ')}\n"
    assert failing(repository(DeployKey(server.key, known_hosts=wrong))).cause == "host_key"


def test_a_server_met_for_the_first_time_is_remembered_and_must_stay_the_same(origin, repository, server, tmp_path):
    commit = origin.commit({"a": "1"})
    ours = repository(DeployKey(server.key))
    assert ours.heads() == {"main": commit}
    remembered = tmp_path / "cache/known_hosts"
    assert remembered.read_text().startswith(f"[127.0.0.1]:{server.port} ")
    other = PUBLISHED["github.com"].splitlines()[0].split()[2]
    remembered.write_text(f"[127.0.0.1]:{server.port} ssh-ed25519 {other}\n")
    assert failing(ours).cause == "host_key"


def test_a_repository_that_is_not_there(server, tmp_path):
    url = server.url(tmp_path / "gone.git")
    gone = Repository(url, cache=tmp_path / "cache", policy=HERE, credentials=DeployKey(server.key))
    assert failing(gone).cause == "not_found"
