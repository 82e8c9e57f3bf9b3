"""Repositories that mean harm, or have what no upload may have: refused in words, or written without any."""

import ipaddress
import os

import pytest

from releases.clients.git import Limits, Policy, Repository
from releases.errors import SourceFailed
from tests.git_server import Origin, git

MEBIBYTE = 1024**2


@pytest.fixture
def origin(tmp_path):
    return Origin(tmp_path / "served")


@pytest.fixture
def said():
    return []


@pytest.fixture
def export(origin, tmp_path, said):
    """Writes a commit into `tmp_path/out`, beside a file that must not be touched."""
    (tmp_path / "secret").write_text("untouched")

    def write(commit, **given):
        (tmp_path / "out").mkdir()
        limits = Limits(**{"max_bytes": MEBIBYTE, "max_files": 1000, **given})
        policy = Policy(frozenset({"file"}), (ipaddress.ip_network("127.0.0.0/8"),))
        url = f"file://{origin.folder}"
        Repository(url, cache=tmp_path / "cache", policy=policy, limits=limits).export(
            commit, tmp_path / "out", say=said.append
        )
        return tmp_path / "out"

    yield write
    assert (tmp_path / "secret").read_text() == "untouched"
    assert {path.name for path in tmp_path.iterdir()} <= {"served", "secret", "cache", "out"}


def refused(export, commit, **given):
    with pytest.raises(SourceFailed) as failure:
        export(commit, **given)
    return failure.value


@pytest.mark.parametrize(
    "target",
    ["../secret", "/etc/passwd", "a/../../secret", "..", b"\xff/../../secret", "x" * 5000, "loop/../../secret"],
)
def test_links_that_lead_out(origin, export, target):
    found = refused(export, origin.commit({"a/file": "1", "loop": ("120000", "a"), "link": ("120000", target)}))
    assert found.cause == "path"


def test_an_absolute_link_is_refused_wherever_it_leads(origin, export, tmp_path):
    assert refused(export, origin.commit({"a": "1", "link": ("120000", str(tmp_path / "out/a"))})).cause == "path"


def test_a_link_that_leads_out_through_one_that_comes_later(origin, export):
    files = {"d/e/file": "1", "c": ("120000", "d/e/z/../secret"), "d/e/z": ("120000", "../..")}
    assert "leads out" in refused(export, origin.commit(files)).message


def test_links_inside_are_kept_even_in_a_circle(origin, export):
    out = export(origin.commit({"a/b": "1", "c": ("120000", "a/b"), "x": ("120000", "y"), "y": ("120000", "x")}))
    assert (out / "c").read_text() == "1"
    assert os.readlink(out / "x") == "y"


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "git~1"])
def test_names_that_git_itself_would_never_write(origin, export, name):
    inner = origin.tree(("100644", origin.blob("x"), "config"))
    commit = origin.commit_tree(origin.tree(("40000", inner, name)))
    assert refused(export, commit).cause in ("malformed", "path")


def test_submodules_are_named_and_their_urls_never_read(origin, export, said):
    modules = '[submodule "lib"]\n\tpath = lib\n\turl = https://127.0.0.1:1/lib.git\n'
    out = export(origin.commit({".gitmodules": modules, "lib": ("160000", "1" * 40), "a": "1"}))
    assert list((out / "lib").iterdir()) == []
    assert said[1:] == ["Submodules are not fetched; their folders are empty: lib"]


def test_a_submodule_s_url_that_is_an_option_is_refused_whole(origin, export):
    modules = '[submodule "lib"]\n\tpath = lib\n\turl = -u./payload\n'
    found = refused(export, origin.commit({".gitmodules": modules, "lib": ("160000", "1" * 40)}))
    assert (found.cause, "gitmodulesUrl" in found.message) == ("malformed", True)


def test_pointers_of_lfs_are_named(origin, export, said):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"
    export(origin.commit({f"film{number}.mp4": pointer for number in range(7)}))
    assert said[1:] == [
        "Files of Git LFS are not fetched; these are only pointers: "
        "film0.mp4, film1.mp4, film2.mp4, film3.mp4, film4.mp4 and 2 more"
    ]


def test_names_with_line_breaks_terminal_codes_and_bytes_that_are_no_utf_8(origin, export, said):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    out = export(origin.commit({"a\nb": "1", b"\xff\xfe": "2", "-rf": "3", "\x1b[31m": pointer}))
    assert sorted(os.listdir(os.fsencode(out))) == sorted([b"a\nb", b"\xff\xfe", b"-rf", b"\x1b[31m"])
    assert (out / os.fsdecode(b"\xff\xfe")).read_text() == "2"
    assert all(line.isprintable() for line in said)


def test_attributes_change_nothing_of_what_is_written(origin, export):
    attributes = "* text eol=crlf ident\nhidden export-ignore\nstamp export-subst\n* filter=run\n"
    out = export(origin.commit({".gitattributes": attributes, "hidden": "1\n", "stamp": "$Format:%H$ $Id$\n"}))
    assert (out / "hidden").read_bytes() == b"1\n"
    assert (out / "stamp").read_bytes() == b"$Format:%H$ $Id$\n"


@pytest.mark.parametrize("has_files", [True, False])
def test_a_tree_that_repeats_itself_without_end(origin, export, has_files):
    """Ten levels of ten times the same folder: ten milliard files, or empty folders, in eleven objects."""
    tree = origin.tree(*([("100644", origin.blob("x"), "file")] if has_files else []))
    for _ in range(10):
        tree = origin.tree(*(("40000", tree, str(number)) for number in range(10)))
    assert "more than 1,000 files" in refused(export, origin.commit_tree(tree)).message


def test_folders_nested_deeper_than_a_path_may_be(origin, export):
    tree = origin.tree(("100644", origin.blob("x"), "file"))
    for _ in range(25):
        tree = origin.tree(("40000", tree, "f" * 200))
    assert refused(export, origin.commit_tree(tree)).cause == "path"


def test_a_name_longer_than_the_file_system_takes(origin, export):
    assert "can't be written" in refused(export, origin.commit({"f" * 300: "x"})).message


def test_a_file_that_unpacks_to_more_than_is_allowed(origin, export):
    assert "larger than 1 MiB" in refused(export, origin.commit({"bomb": b"\0" * (MEBIBYTE + 1)})).message


def test_an_empty_commit_has_no_files(origin, export):
    assert list(export(origin.commit_tree(git(origin.folder, "mktree", given=b""))).iterdir()) == []


def test_hooks_and_configuration_of_the_origin_run_nothing(origin, export, tmp_path):
    commit = origin.commit({"a": "1"})
    for hook in ("post-upload-pack", "pre-upload-pack", "reference-transaction", "post-checkout"):
        file = origin.folder / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\ntouch {tmp_path}/escaped\n")
        file.chmod(0o755)
    git(origin.folder, "config", "uploadpack.packObjectsHook", f"touch {tmp_path}/escaped; false")
    export(commit)
    assert not (tmp_path / "escaped").exists()
