"""What `deploy` packs, and what it learns from git."""

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from deployer.command.failure import Failure
from deployer.command.git import Commit, commit_of
from deployer.command.source import pack


def packed(folder: Path) -> bytes:
    target = io.BytesIO()
    pack(folder, into=target)
    return target.read()


def names(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return tar.getnames()


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_same_folder_gives_the_same_archive(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    first, second = packed(tmp_path), packed(tmp_path)
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()
    assert names(first) == ["a", "b", "c"]


def test_our_own_state_is_never_packed(tmp_path: Path) -> None:
    for name in (".git", ".deployer", ".venv", "node_modules", "__pycache__"):
        (tmp_path / "sub" / name).mkdir(parents=True)
        (tmp_path / "sub" / name / "secret").write_text("x")
    (tmp_path / "sub" / "app.py").write_text("x")
    assert names(packed(tmp_path)) == ["sub", "sub/app.py"]


def test_links_out_of_the_folder_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "file").write_text("x")
    (tmp_path / "deep" / "good").symlink_to("../file")
    (tmp_path / "deep" / "bad").symlink_to("../../file")
    (tmp_path / "absolute").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    assert names(packed(tmp_path)) == ["deep", "deep/good", "file"]
    told = capsys.readouterr().err
    assert all(name in told for name in ("deep/bad", "absolute", "pipe"))


def test_an_empty_or_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nothing to build") as empty:
        packed(tmp_path)
    assert empty.value.status == 1
    with pytest.raises(Failure, match="is not a folder") as missing:
        packed(tmp_path / "nope")
    assert missing.value.status == 2


def test_a_file_that_cant_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").mkdir()
    with pytest.raises(Failure, match=r"\.dockerignore"):
        packed(tmp_path)


def test_what_git_says(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == Commit()
    git(tmp_path, "init", "-q")
    assert commit_of(tmp_path) == Commit()
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-q", "-m", "say hello\n\nand more")
    found = commit_of(tmp_path)
    assert len(found.id) == 40 and (found.subject, found.dirty) == ("say hello", False)
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path).dirty


def files(folder: Path, **how: bool) -> set[str]:
    target = io.BytesIO()
    pack(folder, into=target, **how)
    with tarfile.open(fileobj=io.BytesIO(target.read())) as tar:
        return {member.name for member in tar if member.isfile()}


def tree(folder: Path, **contents: str) -> None:
    """A name's `__` is a slash, its `_dot_` a dot."""
    for name, text in contents.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_what_git_ignores_stays_behind(tmp_path: Path) -> None:
    """Also in no repository; each folder has rules of its own, and the deepest decides."""
    tree(tmp_path, _dot_gitignore="*.log\n/out/\n!keep.log\n# *.py\n", a_dot_log="x", keep_dot_log="x", a_dot_py="x")
    tree(tmp_path, out__x="x", sub__out__x="x", sub__b_dot_log="x", sub___dot_gitignore="!b.log\nsecret\n")
    tree(tmp_path, sub__secret="x", sub__deep__secret="x", secret="x")
    rest = {".gitignore", "keep.log", "a.py", "secret", "sub/.gitignore", "sub/out/x", "sub/b.log"}
    assert files(tmp_path) == rest
    assert files(tmp_path, gitignore=False) == rest | {"a.log", "out/x", "sub/secret", "sub/deep/secret"}


def test_what_git_tracks_goes_along_and_its_rules_come_from_above_too(tmp_path: Path) -> None:
    app = tmp_path / "services" / "app"
    tree(tmp_path, _dot_gitignore="*.env\nbuilt/\n/services/app/local\n")
    tree(app, prod_dot_env="x", dev_dot_env="x", built__kept="x", built__rest="x", local="x", noted="x", main="x")
    tree(app, built___dot_gitignore="!rest\n")  # nothing comes back in a folder that is ignored
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-f", "services/app/prod.env", "services/app/built/kept", "services/app/main")
    (tmp_path / ".git" / "info" / "exclude").write_text("noted\n")
    assert files(app) == {"prod.env", "built/kept", "main"}


def test_both_kinds_of_rules_hold_and_what_a_build_needs_always_comes(tmp_path: Path) -> None:
    tree(tmp_path, _dot_gitignore="a\nDockerfile\n*.yml\n", _dot_dockerignore="b\n!a\n", a="x", b="x", c="x")
    tree(tmp_path, Dockerfile="FROM scratch", deployer_dot_yml="services: {}", other_dot_yml="x")
    assert files(tmp_path) == {".dockerignore", ".gitignore", "Dockerfile", "c", "deployer.yml"}


def test_rules_that_cant_be_understood_are_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, a="x", _dot_dockerignore="")
    (tmp_path / ".gitignore").mkdir()
    assert files(tmp_path) == {"a", ".dockerignore"}
    (tmp_path / ".gitignore").rmdir()
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe\n\\\n!\n[\n")
    assert "a" in files(tmp_path)
