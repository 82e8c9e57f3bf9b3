"""Commits come over real smart HTTP at exactly what was asked for, by whoever may have them."""

import ipaddress
import shutil

import pytest

from releases.clients.git import Limits, Policy, Repository, Token
from releases.errors import SourceFailed
from tests.certificates import Authority
from tests.git_server import Origin, git, serving

HERE = Policy(frozenset({"http", "https"}), (ipaddress.ip_network("127.0.0.0/8"),))


@pytest.fixture
def origin(tmp_path):
    return Origin(tmp_path / "served")


@pytest.fixture
def server(origin):
    with serving(origin.folder.parent) as server:
        yield server


@pytest.fixture
def said():
    return []


@pytest.fixture
def repository(server, tmp_path):
    def make(name="app.git", **given):
        return Repository(server.url(name), **{"cache": tmp_path / "cache", "policy": HERE, **given})

    return make


@pytest.fixture
def exported(repository, said, tmp_path):
    """The files of a commit: path → content; links as `→ target`."""

    def export(commit, ref="", into="out", **given):
        folder = tmp_path / into
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        repository(**given).export(commit, folder, say=said.append, ref=ref)
        paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
        return {
            str(path.relative_to(folder)): f"→ {path.readlink()}" if path.is_symlink() else path.read_text()
            for path in paths
        }

    return export


def failing(call, *arguments, **given):
    with pytest.raises(SourceFailed) as failure:
        call(*arguments, **given)
    return failure.value


def test_exactly_the_commit_that_was_asked_for(origin, repository, exported, tmp_path, said):
    first = origin.commit({"app.py": "one", "bin/run": ("100755", "#!/bin/sh"), "link": ("120000", "bin/run")})
    origin.commit({"app.py": "two"}, message="Second")
    assert exported(first) == {"app.py": "one", "bin/run": "#!/bin/sh", "link": "→ bin/run"}
    assert (tmp_path / "out/bin/run").stat().st_mode & 0o777 == 0o755
    assert said == [f"Fetching {first} from {repository().place.address.url}"]
    exported(first)
    assert len(said) == 1, "the second time it is in the cache"


def test_what_is_told_of_a_commit(origin, repository, tmp_path):
    commit = origin.commit({"a": "12345"}, message="A subject \x1b[31m\nin two lines\n\nAnd a body")
    (tmp_path / "out").mkdir()
    found = repository().export(commit, tmp_path / "out", say=print)
    assert (found.name, found.subject, found.author) == (commit, "A subject \\x1b[31m in two lines", "Ada")
    assert (found.files, found.bytes) == (1, 5)
    assert found.at.tzinfo is not None


def test_branches_tags_and_head(origin, repository):
    first = origin.commit({"a": "1"})
    other = origin.commit({"a": "2"}, branch="feature/x")
    git(origin.folder, "tag", "-a", "v1", first, "-m", "Version 1")
    assert repository().heads() == {"main": first, "feature/x": other}
    for asked, commit, ref in [
        ("HEAD", first, "HEAD"),
        ("feature/x", other, "refs/heads/feature/x"),
        ("v1", first, "refs/tags/v1"),
        ("refs/tags/v1", first, "refs/tags/v1"),
        (other[:9], other, "refs/heads/feature/x"),
        ("0" * 40, "0" * 40, ""),
    ]:
        point = repository().resolve(asked)
        assert (point.commit, point.ref) == (commit, ref)


def test_an_annotated_tag_leads_to_its_commit(origin, exported):
    commit = origin.commit({"a": "1"})
    git(origin.folder, "tag", "-a", "v1", commit, "-m", "Version 1")
    tag = git(origin.folder, "rev-parse", "v1")
    assert tag != commit
    assert exported(tag) == {"a": "1"}


def test_no_such_branch_and_an_empty_repository(origin, repository):
    empty = failing(repository().resolve, "main")
    assert (empty.cause, empty.hint) == ("empty", "Push a commit to it first.")
    assert repository().heads() == {}
    origin.commit({"a": "1"})
    assert failing(repository().resolve, "gone").cause == "no_ref"


def test_two_thousand_branches(origin, repository):
    commit = origin.commit({"a": "1"})
    created = "".join(f"create refs/heads/b{number} {commit}\n" for number in range(2000))
    git(origin.folder, "update-ref", "--stdin", given=created.encode())
    assert len(repository().heads()) == 2001
    assert repository().resolve("b1999").ref == "refs/heads/b1999"


def test_a_force_pushed_commit_is_still_had_from_a_server_that_keeps_it_and_a_vanished_one_is_said(origin, exported):
    before = origin.commit({"a": "before"})
    origin.commit({"a": "after"}, parents=False)
    assert exported(before) == {"a": "before"}
    other = origin.commit({"a": "never seen"}, branch="gone")
    git(origin.folder, "update-ref", "-d", "refs/heads/gone")
    git(origin.folder, "prune", "--expire=now")
    vanished = failing(exported, other)
    assert vanished.cause == "no_commit"
    assert "force push" in vanished.hint


def test_a_server_that_gives_no_commit_by_its_name_is_asked_for_the_branch(origin, server, exported):
    server.version_2 = False
    commits = origin.history(60)
    assert exported(commits[-1], ref="refs/heads/main") == {"a": "59\n"}
    assert exported(commits[-3], ref="refs/heads/main") == {"a": "57\n"}
    assert exported(commits[0]) == {"a": "0\n"}
    assert failing(exported, "1" * 40).cause == "no_commit"


def test_a_tree_is_no_commit(origin, exported):
    commit = origin.commit({"a": "1"})
    assert failing(exported, git(origin.folder, "rev-parse", f"{commit}^{{tree}}")).cause == "ref"


def test_a_private_repository_opens_to_the_right_token_only(origin, server, repository, exported):
    commit = origin.commit({"a": "1"})
    server.token = "ghp_right"
    assert exported(commit, credentials=Token("ghp_right")) == {"a": "1"}
    assert repository(credentials=Token("ghp_right")).resolve("main").commit == commit
    refused = failing(repository(credentials=Token("ghp_wrong")).heads)
    assert (refused.cause, refused.message) == ("auth_refused", "127.0.0.1 refuses the token.")
    nobody = failing(repository().heads)
    assert (nobody.cause, "private, or not there" in nobody.message) == ("auth_required", True)
    assert "ghp_" not in refused.message + refused.hint


def test_what_others_fetched_is_only_for_those_whom_the_server_lets_in(origin, server, exported):
    commit = origin.commit({"a": "1"})
    server.token = "ghp_right"
    exported(commit, credentials=Token("ghp_right"))
    assert failing(exported, commit).cause == "auth_required"
    assert failing(exported, commit, credentials=Token("ghp_wrong")).cause == "auth_refused"
    assert exported(commit, credentials=Token("ghp_right")) == {"a": "1"}
    assert server.packs == 1


def test_a_repository_that_is_not_there(repository):
    assert failing(repository("other.git").heads).cause == "not_found"


@pytest.mark.parametrize(("status", "cause"), [(403, "auth_refused"), (404, "not_found"), (500, "server")])
def test_refusals_of_the_server(server, repository, status, cause):
    server.status = status
    found = failing(repository().heads)
    assert (found.cause, found.passing) == (cause, status == 500)


def test_nobody_listens(repository, tmp_path):
    found = failing(Repository("http://127.0.0.1:1/app.git", cache=tmp_path / "cache", policy=HERE).heads)
    assert (found.cause, found.passing) == ("unreachable", True)


def test_a_renamed_repository_is_followed_on_its_own_server_with_the_token(origin, server, exported):
    commit = origin.commit({"a": "1"})
    server.token = "ghp_right"
    server.moved = {"before.git": server.url()}
    assert exported(commit, name="before.git", credentials=Token("ghp_right")) == {"a": "1"}


def test_a_redirect_to_another_server_gets_neither_a_request_nor_the_token(origin, server, repository, tmp_path):
    with serving(tmp_path / "served") as other:
        server.token, server.moved = "ghp_right", {"app.git": other.url()}
        moved = failing(repository(credentials=Token("ghp_right")).heads)
        assert (moved.cause, other.asked) == ("moved", [])
        assert other.url() in moved.message


def test_own_addresses_are_refused_before_anything_is_sent(server, repository):
    found = failing(repository(policy=Policy(frozenset({"http"}))).heads)
    assert (found.cause, server.asked) == ("own_network", [])


def test_file_urls_only_where_they_are_allowed(origin, exported, tmp_path):
    commit = origin.commit({"a": "1"})
    url = f"file://{origin.folder}"
    assert failing(Repository, url, cache=tmp_path / "cache").cause == "transport"
    local = Repository(url, cache=tmp_path / "cache", policy=Policy(frozenset({"file"})))
    (tmp_path / "local").mkdir()
    local.export(commit, tmp_path / "local", say=print)
    assert (tmp_path / "local/a").read_text() == "1"


def test_a_certificate_that_nobody_vouches_for(origin, tmp_path, monkeypatch):
    commit = origin.commit({"a": "1"})
    authority = Authority()
    pair = authority.server()
    for name, text in (("authority", authority.certificate), ("certificate", pair.certificate), ("key", pair.key)):
        (tmp_path / name).write_text(text)
    with serving(tmp_path / "served", certificate=(tmp_path / "certificate", tmp_path / "key")) as server:
        repository = Repository(server.url(), cache=tmp_path / "cache", policy=HERE)
        assert failing(repository.heads).cause == "tls"
        monkeypatch.setenv("GIT_SSL_CAINFO", str(tmp_path / "authority"))
        assert repository.heads() == {"main": commit}


def test_this_machine_s_own_configuration_of_git_counts_for_nothing(origin, exported, tmp_path, monkeypatch):
    commit = origin.commit({"a": "1"})
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text('[url "http://127.0.0.1:1/"]\n\tinsteadOf = http://127.0.0.1\n')
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
    assert exported(commit) == {"a": "1"}
    assert not (tmp_path / "trace").exists()


def test_limits_of_files_bytes_and_transfer(origin, exported, tmp_path):
    commit = origin.commit({f"f{number}": "x" * 100 for number in range(20)})
    for limits, words in [
        (Limits(fetch_bytes=1), "sends more than"),
        (Limits(seconds=0.0), "took longer"),
        (Limits(max_files=19), "more than 19 files"),
        (Limits(max_bytes=1999), "larger than"),
    ]:
        assert words in failing(exported, commit, limits=limits).message
        if limits.fetch_bytes == 1:
            assert not list((tmp_path / "cache").glob("*.git")), "what is too much is not kept"
    assert len(exported(commit, limits=Limits(max_files=20, max_bytes=2000))) == 20
