"""What `deploy` packs, and what it learns from git."""

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from deployer.command.failure import Failure
from deployer.command.source import Commit, commit_of, pack


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
