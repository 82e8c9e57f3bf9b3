"""Images as folders: named by what is in them, whole or not there."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from releases.clients.images import DirectoryBuilder, procfile
from releases.errors import BuildFailed
from tests.factories import together

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def store(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    (folder / "static").mkdir(parents=True)
    (folder / "app.py").write_text("print(1)")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("app.py")
    (folder / "Dockerfile").write_text('ENV COLOUR=blue\nRUN make\nCMD ["python", "app.py"]\n')
    return folder


def built(store, source, path=".", say=lambda line: None, dockerfile_name="Dockerfile"):
    return DirectoryBuilder(store).build(source, app="hello", path=path, dockerfile_name=dockerfile_name, say=say)


def folder_of(store, reference):
    return store / reference.rpartition(":")[2]


def test_an_image_is_the_folder_and_how_it_runs(store, source):
    said = []
    reference = built(store, source, say=said.append)
    assert re.fullmatch(r"local/hello@sha256:[0-9a-f]{64}", reference)
    image = folder_of(store, reference)
    assert json.loads((image / "image.json").read_text()) == {
        "command": ["python", "app.py"],
        "env": {"COLOUR": "blue"},
        "workdir": ".",
    }
    assert (image / "root" / "app.py").read_text() == "print(1)"
    assert os.readlink(image / "root" / "link") == "app.py"
    assert os.access(image / "root" / "run", os.X_OK) and (image / "root" / "static").is_dir()
    assert said[1:] == ["  RUN make", f"Built {reference}"] and "skipped" in said[0]


def test_the_same_source_gives_the_same_image_which_is_kept(store, source, tmp_path):
    first = built(store, source)
    os.utime(source / "app.py", (1, 1))
    said = []
    assert built(store, source, say=said.append) == first
    assert said[-1] == f"There already: {first}"
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-a", str(source), str(copy)], check=True)
    assert built(tmp_path / "elsewhere", copy) == first
    assert len(list(store.iterdir())) == 1


def _write(name, text):
    return lambda source: (source / name).write_text(text)


CHANGES = {
    "a content": _write("app.py", "print(2)"),
    "a new file": _write("new.py", ""),
    "a name": lambda source: (source / "app.py").rename(source / "main.py"),
    "the executable bit": lambda source: (source / "run").chmod(0o644),
    "where a link leads": lambda source: ((source / "link").unlink(), (source / "link").symlink_to("run")),
    "a link that became a file": lambda source: ((source / "link").unlink(), (source / "link").write_text("app.py")),
    "a new folder": lambda source: (source / "another").mkdir(),
    "an empty folder gone": lambda source: (source / "static").rmdir(),
    "a folder that became a file": lambda source: ((source / "static").rmdir(), (source / "static").write_text("")),
    "a link to a folder": lambda source: (source / "to").symlink_to("static"),
    "a content moved": lambda source: (source / "app.py").rename(source / "static" / "app.py"),
    "the command": _write("Dockerfile", "ENV COLOUR=blue\nCMD python other.py\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_gives_another_image(store, source, change):
    before = built(store, source)
    CHANGES[change](source)
    assert built(store, source) != before


def test_two_trees_that_could_be_confused_are_not(store, tmp_path):
    """Contents and names must not run into each other in the digest."""
    references = set()
    for number, files in enumerate([{"a": "", "b": ""}, {"a": "b"}, {"ab": ""}, {"a/b": ""}, {"a": "\0b\0file "}]):
        folder = tmp_path / str(number)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content)
        references.add(built(store, folder))
    assert len(references) == 5


def test_a_folder_of_the_source_is_the_context(store, source):
    (source / "api").mkdir()
    (source / "api" / "main.py").write_text("")
    image = folder_of(store, built(store, source, path="api"))
    assert [path.name for path in (image / "root").iterdir()] == ["main.py"]
    assert json.loads((image / "image.json").read_text())["command"] is None


@pytest.mark.parametrize("path", ["..", "/etc", "api/../..", "out"])
def test_a_build_path_that_leads_out_is_refused(store, source, path):
    (source / "api").mkdir()
    (source / "out").symlink_to("/etc")
    with pytest.raises(BuildFailed, match="leads out of the source"):
        built(store, source, path=path)
    assert not store.exists()


def test_a_dockerfile_that_leads_out_is_refused(store, source):
    (source / "evil").symlink_to("/etc/passwd")
    for name in ("../secret", "/etc/passwd", "evil"):
        with pytest.raises(BuildFailed, match="leads out"):
            built(store, source, dockerfile_name=name)


@pytest.mark.parametrize("path", ["nothing", "app.py", "nul\0"])
def test_a_build_path_that_is_no_folder_is_refused(store, source, path):
    with pytest.raises(BuildFailed):
        built(store, source, path=path)


def test_a_link_in_a_circle_is_refused_or_kept_but_not_followed(store, source):
    (source / "circle").symlink_to("circle")
    built(store, source)
    with pytest.raises(BuildFailed):
        built(store, source, path="circle")


def test_two_builds_of_one_image_at_once_give_it_once(store, source):
    for number in range(200):
        (source / f"file-{number}").write_text(str(number))
    references = together(*[lambda: built(store, source)] * 4)
    assert len(set(references)) == 1, references
    assert [path.name for path in store.iterdir()] == [references[0].rpartition(":")[2]]


def test_a_build_killed_half_way_leaves_nothing_that_looks_like_an_image(store, source):
    """Killed for real, by an audit hook, when it comes to the file `run`."""
    (source / "app.py").write_bytes(os.urandom(1024))
    program = textwrap.dedent(
        f"""
        import os, shutil, signal, sys
        sys.path.insert(0, {str(ROOT)!r})
        from pathlib import Path
        from releases.clients.images import DirectoryBuilder

        def die_at(event, arguments):
            if event == "open" and str(arguments[0]).endswith("run"):
                os.kill(os.getpid(), signal.SIGKILL)

        def wait_for_copying(event, arguments):
            if event == "shutil.copytree":
                sys.addaudithook(die_at)

        sys.addaudithook(wait_for_copying)
        DirectoryBuilder(Path({str(store)!r})).build(
            Path({str(source)!r}), app="hello", path=".", dockerfile_name="Dockerfile", say=print
        )
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = list(store.iterdir())
    assert left and all(path.name.startswith(".draft-") for path in left)
    assert (left[0] / "root").is_dir()  # it was half way indeed
    reference = built(store, source)
    assert (folder_of(store, reference) / "root" / "run").exists()


def test_a_procfile_names_services_and_their_commands(source):
    (source / "Procfile").write_text("# ours\nweb: python app.py --port $PORT\n\nworker: python worker.py\n")
    assert procfile(source) == {
        "web": ["/bin/sh", "-c", "exec python app.py --port $PORT"],
        "worker": ["/bin/sh", "-c", "exec python worker.py"],
    }


@pytest.mark.parametrize("text", ["web", "web:", "web:   ", "ok: a\njust words"])
def test_a_procfile_that_is_none_is_refused_with_its_line(source, text):
    (source / "Procfile").write_text(text)
    with pytest.raises(BuildFailed, match=rf"Procfile line {len(text.splitlines())}: `name: command` was expected"):
        procfile(source)


def test_without_a_procfile_there_are_no_entries(source):
    assert procfile(source) == {}
