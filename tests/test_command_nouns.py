"""What the command shows and changes, noun by noun, against one server. The test plays the worker."""

import json
import re
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.command.commands import TABLE
from tests.web_server import WebServer

Said = subprocess.CompletedProcess[str]
Run = Callable[..., Said]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    yield server
    server.close()


@pytest.fixture
def run(server: WebServer, tmp_path: Path) -> Run:
    """The command as an administrator runs it."""

    def run(*arguments: str, token: str = "", **how: str) -> Said:
        return server.command(*arguments, cwd=tmp_path, **({"DEPLOYER_TOKEN": token} if token else {}), **how)

    return run


@pytest.fixture
def shop(server: WebServer) -> None:
    """An app that has nothing in it yet."""
    server.behind("App.objects.all().delete(); actions.create_app('shop', by=policy.SYSTEM)")


@pytest.fixture
def shipped(server: WebServer, shop: None) -> dict[str, Any]:
    """The app with an active release of v1, and one of v2 that was not promoted yet; what they are called."""
    return server.behind(
        """
        def made(app, subject):
            build = Build.objects.create(app=app, commit="0a1b2c3d4e" * 4, subject=subject, status="succeeded",
                manifest=MANIFEST, images={"web": "local/shop@sha256:" + subject})
            release = Release.objects.create(app=app, build=build, manifest=MANIFEST, images=build.images,
                env={"COLOUR": "blue", "SECRET": "hush"}, description=f"build 0a1b2c3d4e {subject}")
            return build, release
        app = App.objects.get(name="shop")
        build, release = made(app, "v1")
        rollout = actions.promote(release, by=policy.SYSTEM)
        rollout = Rollout.take(rollout.pk, 1)
        rollout.transition("rolling"); rollout.transition("succeeded")
        App.objects.filter(pk=app.pk).update(active_release=release)
        second, later = made(app, "v2")
        answer = {"build": build.pk, "release": release.pk, "second": second.pk, "later": later.pk}
        """
    )


def ok(said: Said) -> str:
    assert said.returncode == 0, said.stderr
    return said.stdout


def test_what_is_empty_says_what_to_do(run: Run, shop: None) -> None:
    for noun, words in {
        "builds": "deployer build",
        "releases": "No releases yet: `deployer deploy` makes the first.",
        "rollouts": "deployer releases promote",
        "env": "deployer env set",
        "domains": "deployer domains add",
    }.items():
        said = run(noun, "-a", "shop")
        assert (said.returncode, said.stdout) == (0, "") and words in said.stderr, noun
        assert run(noun, "-a", "shop", "-q").stdout == ""


def test_every_listing_in_its_three_forms(run: Run, shipped: dict[str, Any]) -> None:
    ids = {"apps": "name", "builds": "id", "releases": "id", "rollouts": "number", "tokens": "prefix"}
    ids |= {"people": "username", "clusters": "name", "audit": "id"}
    of_app = {"builds", "releases", "rollouts"}
    for noun, key in ids.items():
        app = ["-a", "shop"] if noun in of_app else []
        listed = json.loads(ok(run(noun, *app, "--json")))
        assert isinstance(listed, list) and listed, noun
        assert ok(run(noun, *app, "-q")).split() == [str(each[key]) for each in listed], noun
        table = ok(run(noun, *app)).splitlines()
        assert len(table) == len(listed) + 1 and table[0].isupper(), noun
        if noun != "audit":
            assert ok(run(noun, "list", *app, "-q")) == ok(run(noun, *app, "-q", "list"))


def test_a_listing_goes_on_behind_the_first_page(run: Run, server: WebServer, shipped: dict[str, Any]) -> None:
    server.behind(
        """
        build = Build.objects.first()
        Release.objects.bulk_create([Release(app=build.app, build=build, manifest=MANIFEST, images={}, env={},
            description=f"number {n}") for n in range(250)])
        """
    )
    assert len(set(ok(run("releases", "-a", "shop", "-q", "-n", "230")).split())) == 230
    assert len(set(ok(run("releases", "-a", "shop", "-q", "-n", "1000")).split())) == 252
    assert len(ok(run("releases", "-a", "shop", "--search", "number 24", "-q")).split()) == 11
    assert len(ok(run("releases", "-n", "3", "--search", "number", "list", "-a", "shop", "-q")).split()) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("releases", "--status", "bogus"), "rolled back"),
        (("logs", "--since", "bogus"), "30m, 2h"),
        (("deploy", "--ref", "main", "--commit", "0a1b2c3"), "name one of them"),
    ],
)
def test_what_is_wrong_usage_ends_with_2(run: Run, arguments: tuple[str, ...], words: str) -> None:
    said = run(*arguments, "-a", "shop")
    assert (said.returncode, words in said.stderr) == (2, True), said.stderr


def test_releases_are_looked_at_and_compared(run: Run, shipped: dict[str, Any]) -> None:
    release, later = shipped["release"], shipped["later"]
    assert re.search(
        rf"{release} +active +{shipped['build']} .* build 0a1b2c3d4e v1", ok(run("releases", "-a", "shop"))
    )
    assert ok(run("releases", "-a", "shop", "--status", "active", "-q")).split() == [release]
    assert ok(run("releases", "--build", shipped["second"], "-a", "shop", "-q")).split() == [later]
    shown = ok(run("releases", "info", release, "-a", "shop"))
    assert "active" in shown and "COLOUR, SECRET" in shown and "hush" not in shown
    assert ok(run("releases", "manifest", later, "-a", "shop")).startswith("services:")
    assert "web" in json.loads(ok(run("releases", "manifest", later, "-a", "shop", "--json")))["services"]
    diff = ok(run("releases", "diff", later, "-a", "shop"))
    assert f"{later} compared with {release}" in diff and f"- {shipped['build']}" in diff and "~ web" in diff
    assert "There is no difference." in ok(run("releases", "diff", later, later, "-a", "shop"))
    assert json.loads(ok(run("releases", "diff", later, release, "-a", "shop", "--json")))["with"] == release
    assert "v1" in ok(run("builds", "info", shipped["build"], "-a", "shop"))
    assert "succeeded" in ok(run("rollouts", "info", "-a", "shop"))


def test_a_release_is_made_of_a_build_and_variables(run: Run, server: WebServer, shipped: dict[str, Any]) -> None:
    make = ("releases", "create", "--build", shipped["second"], "-a", "shop")
    made = ok(run(*make, "-e", "COLOUR=red", "--unset", "SECRET", "-q")).strip()
    assert server.behind(f"answer = Release.objects.get(pk={made!r}).env") == {"COLOUR": "red"}
    typed = ok(run(*make, "-e", "-", "--description", "by hand", typed="KEY='a b'\n")).strip()
    assert typed.startswith("Release: R") and "by hand" in ok(run("releases", "-a", "shop"))
    begun = json.loads(ok(run(*make, "--promote", "--no-wait", "--json")))
    assert (begun["number"], begun["status"]) == (2, "queued")
    replacing = ok(run(*make, "--promote", "--replace", "--no-wait", "-q"))
    assert re.fullmatch(r"R[A-Z]{10}\n", replacing)  # one ID, for a script to take
    refused = run(*make, "--promote")
    assert refused.returncode == 3 and "Rollout 3" in refused.stderr
    assert run("releases", "create", "-a", "shop").returncode == 2


def test_no_wait_prints_the_id(run: Run, server: WebServer, shipped: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "deployer.yml").write_text("services: {web: {command: sleep 1}}\n")
    end = "Rollout.objects.filter(status='queued').first().transition('cancelled')"
    assert ok(run("releases", "promote", shipped["later"], "-a", "shop", "--no-wait")) == "Rollout: 2\n"
    server.behind(end)
    assert ok(run("releases", "promote", shipped["later"], "-a", "shop", "--no-wait", "-q")) == "3\n"
    server.behind(end)
    rolled = ok(run("releases", "rollback", shipped["later"], "-a", "shop", "--no-wait", "-q")).strip()
    assert server.behind(f"answer = Release.objects.get(pk={rolled!r}).rolled_back_to_id") == shipped["later"]
    server.behind(end)
    build = ok(run("deploy", "source", "-a", "shop", "--no-wait", "-q")).strip()
    assert server.behind(f"answer = Build.objects.get(pk={build!r}).promote") is True
    assert "cancel" in run("builds", "cancel", build, "-a", "shop").stdout.lower()
    assert json.loads(ok(run("build", "source", "-a", "shop", "--no-wait", "--json")))["status"] == "queued"
    assert ok(run("env", "set", "A=b", "-a", "shop", "--no-wait")).endswith("Rollout: 5\n")


def test_variables_from_arguments_stdin_and_file(run: Run, server: WebServer, shop: None, tmp_path: Path) -> None:
    lines = "# ours\nexport PLAIN=a b\nQUOTED=\"two\\nlines\"\nEMPTY=\nKEY='-----BEGIN\nEND-----'\n"
    wanted = {"PLAIN": "a b", "QUOTED": "two\nlines", "EMPTY": "", "KEY": "-----BEGIN\nEND-----"}
    (tmp_path / ".env").write_text(lines)
    assert "Staged: the first build gets it." in ok(run("env", "set", "--file", ".env", "MORE=1=2", "-a", "shop"))
    assert server.behind("answer = App.objects.get().staged") == wanted | {"MORE": "1=2"}
    assert ok(run("env", "get", "KEY", "-a", "shop")) == "-----BEGIN\nEND-----\n"
    assert ok(run("env", "-q", "-a", "shop")).split() == ["EMPTY", "KEY", "MORE", "PLAIN", "QUOTED"]
    assert ok(run("env", "-a", "shop")).count("********") == 5
    assert json.loads(ok(run("env", "get", "MORE", "-a", "shop", "--json"))) == {"name": "MORE", "value": "1=2"}
    revealed = ok(run("env", "--reveal", "list", "-a", "shop"))
    assert "PLAIN=a b\n" in revealed and "KEY='-----BEGIN\nEND-----'\n" in revealed
    ok(run("env", "set", "-", "--replace", "-a", "shop", typed=revealed))  # what is printed can be read again
    assert server.behind("answer = App.objects.get().staged") == wanted | {"MORE": "1=2"}
    ok(run("env", "set", "-", "--replace", "-a", "shop", typed="ONLY=this\n"))
    assert json.loads(ok(run("env", "--reveal", "--json", "-a", "shop")))["variables"] == {"ONLY": "this"}
    assert run("env", "get", "KEY", "-a", "shop").returncode == 1
    for arguments, typed, status, words in [
        (["-"], "ok=1\nno equals here\n", 1, "stdin, line 2, is not of the form NAME=value."),
        (["--file", "none"], "", 2, "none can't be read: No such file"),
        (["hush-hush"], "", 2, "no NAME=VALUE"),
        ([], "", 2, "Say what to set"),
    ]:
        said = run("env", "set", *arguments, "-a", "shop", typed=typed)
        assert (said.returncode, words in said.stderr) == (status, True), said.stderr


def editor(tmp_path: Path, *lines: str) -> str:
    """A program that does this to the file it is given."""
    script = tmp_path / "editor.py"
    script.write_text("\n".join(["import os, pathlib, sys", "path = pathlib.Path(sys.argv[-1])", *lines]))
    return f"python3 {script}"


def test_variables_are_edited_and_the_file_is_gone(run: Run, server: WebServer, shop: None, tmp_path: Path) -> None:
    odd = {"BACK": "a\\b\\", "BOTH": "'\" #$", "LINES": " one\r\n two ", "GONE": "x", "SAME": "é=ü"}
    server.behind(f"actions.set_env(App.objects.get(), by=policy.SYSTEM, set={odd!r}, unset=[])")
    seen = tmp_path / "seen"
    change = editor(
        tmp_path,
        f"seen = pathlib.Path({str(seen)!r})",
        "seen.write_text(f'{path} {path.stat().st_mode:o} {path.parent.stat().st_mode:o}')",
        "text = path.read_bytes().decode()",
        "path.write_bytes(text.replace('GONE=x\\n', 'NEW=\"y\"\\n').encode())",
    )
    said = run("env", "edit", "-a", "shop", EDITOR=change, XDG_RUNTIME_DIR=str(tmp_path))
    assert ok(said).startswith("Setting NEW, Unsetting GONE... OK")
    after = {key: value for key, value in odd.items() if key != "GONE"} | {"NEW": "y"}
    assert server.behind("answer = App.objects.get().with_staged({})") == after
    place, mode, above = seen.read_text().split()
    assert stat.S_IMODE(int(mode, 8)) == 0o600 and stat.S_IMODE(int(above, 8)) == 0o700
    assert Path(place).is_relative_to(tmp_path) and not Path(place).parent.exists()

    assert "Nothing has changed." in run("env", "edit", "-a", "shop", VISUAL="true").stderr
    for program, words in [("false", "ended with 1"), ("no-such-editor", "set $VISUAL or $EDITOR")]:
        assert words in run("env", "edit", "-a", "shop", VISUAL=program, XDG_RUNTIME_DIR=str(tmp_path)).stderr
    assert server.behind("answer = App.objects.get().with_staged({})") == after
    assert not list(tmp_path.glob("deployer-*"))


def test_what_is_typed_wrong_comes_back_to_the_editor(run: Run, server: WebServer, shop: None, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    mend = editor(
        tmp_path,
        f"seen = pathlib.Path({str(seen)!r})",
        "text = path.read_bytes().decode(errors='replace')",
        "seen.write_text((seen.read_text() if seen.exists() else '') + text + '---\\n')",
        "turn = seen.read_text().count('---')",
        "texts = [b'A=typed once\\nwhat?\\n', b'A=typed once\\n\\xff\\n', text.replace('\\ufffd', '1X=y').encode()]",
        "path.write_bytes((texts + [text.replace('1X=', 'X1=').encode()])[turn - 1])",
    )
    said = run("env", "edit", "-a", "shop", EDITOR=mend, XDG_RUNTIME_DIR=str(tmp_path))
    assert ok(said).endswith("Setting A, X1... OK\nStaged: the first build gets it.\n")
    assert server.behind("answer = App.objects.get().with_staged({})") == {"A": "typed once", "X1": "y"}
    opened = [text.splitlines() for text in seen.read_text().split("---\n")]
    assert opened[1][0].startswith("# what you saved, line 3, is not of the form NAME=value.")
    assert opened[1][1:] == ["A=typed once", "what?"]  # and it is the third line that can't be read
    assert "no UTF-8 text" in opened[2][0] and opened[2][1:] == ["A=typed once", "\ufffd"]
    assert "“1X” can't be a variable's name" in opened[3][0] and opened[3][1:] == ["A=typed once", "1X=y"]

    wrong = run("env", "edit", "-a", "shop", VISUAL=editor(tmp_path, "path.write_text('what?')"))
    assert wrong.returncode == 1 and "Given up: what you saved, line 2" in wrong.stderr
    assert "What you typed was not kept." in wrong.stderr
    assert not list(tmp_path.glob("deployer-*"))


def test_a_lock_refuses_promotes_until_it_is_taken_away(run: Run, shipped: dict[str, Any]) -> None:
    assert ok(run("lock", "-a", "shop")) == "It is not locked.\n"
    assert ok(run("lock", "the database moves", "--until", "2h", "-a", "shop")) == "Locking... OK\n"
    shown = ok(run("lock", "-a", "shop"))
    assert "the database moves" in shown and "in 1 hour" in shown and "ann" in shown
    refused = run("releases", "promote", shipped["later"], "-a", "shop")
    assert refused.returncode == 3 and "the database moves" in refused.stderr
    assert "(locked)" in ok(run("apps")) and "the database moves" in ok(run("apps", "info", "shop"))
    assert json.loads(ok(run("lock", "-a", "shop", "--json")))["locked"] is True
    assert ok(run("unlock", "-a", "shop")) == "Unlocking... OK\n"
    assert run("unlock", "-a", "shop").returncode in (1, 3)
    for until in ("soon", "99999999h"):
        assert run("lock", "x", "--until", until, "-a", "shop").returncode == 2
    for no_reason in ("", " "):  # a script whose variable is empty must not take it for locked
        assert run("lock", no_reason, "-a", "shop").returncode == 2


def test_tokens_are_made_once_and_revoked(run: Run, server: WebServer, shop: None) -> None:
    said = run("tokens", "create", "ci", "--scope", "read", "--only-app", "shop", "--days", "7")
    secret = ok(said).strip()
    assert "not shown again" in said.stderr and secret not in ok(run("tokens"))
    assert ok(run("apps", "-q", token=secret)) == "shop\n"
    refused = run("apps", "delete", "shop", "--yes", token=secret)
    assert refused.returncode == 3, refused.stderr
    who = ok(run("whoami", token=secret))
    assert "read" in who and "shop" in who and "in 6 days" in who
    assert json.loads(ok(run("whoami", "--json", token=secret)))["apps"] == ["shop"]
    row = next(row for row in json.loads(ok(run("tokens", "--all", "--json"))) if row["name"] == "ci")
    assert ok(run("tokens", "revoke", row["prefix"])).endswith("OK\n")
    assert run("apps", token=secret).returncode == 1
    assert run("tokens", "revoke", "../people").returncode == 2
    assert run("tokens", "create", "bad", "--scope", "everything").returncode == 2


def test_members_get_a_role_in_one_app_and_who_is_locked_out_is_let_in(run: Run, server: WebServer, shop: None) -> None:
    ok(run("people", "add", "mia", "--role", "viewer"))
    token = server.behind("answer = Token.issue(Person.objects.get(username='mia'), name='m')[1]")
    assert run("env", "set", "A=b", "-a", "shop", "--stage", token=token).returncode == 3
    assert "no members" in run("members", "-a", "shop").stderr
    assert ok(run("members", "set", "mia", "deployer", "-a", "shop")).endswith("OK\n")
    row = ok(run("members", "-a", "shop")).splitlines()[-1]
    assert row.split()[:4] == ["mia", "deployer", "viewer", "active"]
    ok(run("env", "set", "A=b", "-a", "shop", "--stage", token=token))
    assert run("members", "set", "mia", "administrator", "-a", "shop", token=token).returncode == 3
    assert run("members", "set", "mia", "king", "-a", "shop").returncode == 2
    assert run("members", "set", "../x", "deployer", "-a", "shop").returncode == 2
    assert json.loads(ok(run("members", "remove", "mia", "-a", "shop", "--json"))) == {"removed": "mia"}
    assert run("members", "remove", "mia", "-a", "shop").returncode == 1
    assert json.loads(ok(run("people", "unlock", "mia", "--json"))) == {"unlocked": "mia"}


def test_who_may_not_build_learns_it_before_anything_is_packed(
    run: Run, server: WebServer, shop: None, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "app.py").write_text("")
    read = ok(run("tokens", "create", "looker", "--scope", "read", "-q")).strip()
    builder = ok(run("tokens", "create", "ci", "--scope", "build", "--only-app", "shop", "-q")).strip()
    for token, command, words in [
        (read, "build", "Create build needs a token with the scope build."),
        (builder, "deploy", "Promote needs a token with the scope promote."),
    ]:
        refused = run(command, "source", "-a", "shop", token=token)
        assert (refused.returncode, refused.stdout, refused.stderr) == (3, "", words + "\n")
    asked = json.loads(run("deploy", "source", "-a", "shop", "--json", token=read).stdout)
    assert asked["build"] is None and len(asked["error"]["reasons"]) == 1 and asked["error"]["exit"] == 3
    ok(run("build", "source", "-a", "shop", "--no-wait", token=builder))
    stranger = run("build", "source", "-a", "other", token=builder)
    assert (stranger.returncode, stranger.stdout) == (1, "") and "no app other" in stranger.stderr
    ok(run("people", "add", "vic", "--role", "viewer"))
    viewer = server.behind("answer = Token.issue(Person.objects.get(username='vic'), name='v', scopes=['admin'])[1]")
    refused = run("deploy", "source", "-a", "shop", token=viewer)
    assert refused.returncode == 3 and "needs the role deployer" in refused.stderr and not refused.stdout


def test_what_is_done_is_said_as_json_too(run: Run, server: WebServer, shipped: dict[str, Any]) -> None:
    def done(*words: str) -> Any:
        return json.loads(ok(run(*words, "--json")))

    ok(run("lock", "moving", "-a", "shop"))
    assert done("unlock", "-a", "shop") == {"locked": False}
    secret = ok(run("tokens", "create", "gone", "-q")).strip()
    prefix = secret.split("_")[1]
    assert done("tokens", "revoke", prefix) == {"revoked": prefix}
    begun = done("releases", "promote", shipped["later"], "-a", "shop", "--no-wait")
    aborted = done("rollouts", "abort", "-a", "shop")
    assert (aborted["number"], aborted["status"]) == (begun["number"], "cancelled")
    server.behind("actions.create_app('brief', by=policy.SYSTEM)")
    build = server.behind(
        "answer = Build.objects.create(app=App.objects.get(name='brief'), status='queued', by_label='x').pk"
    )
    assert done("builds", "cancel", build, "-a", "brief")["status"] == "cancelled"
    assert ok(run("apps", "create", "brief2", "-q")) == "brief2\n"
    assert done("apps", "delete", "brief2", "--yes", "--abandon")["deleted"] == "brief2"
    server.behind(
        """
        app = App.objects.get(name="brief")
        Domain.objects.create(app=app, cluster=app.cluster, host="a.example.com", service="web", by_label="x")
        """
    )
    assert done("domains", "remove", "a.example.com", "-a", "brief") == {"removed": "a.example.com"}


def test_an_app_is_connected_to_its_repository(run: Run, server: WebServer, shop: None, tmp_path: Path) -> None:
    url, of = "https://github.com/acme/shop.git", ("-a", "shop")
    missing = run("source", *of)
    assert missing.returncode == 1 and "repository" in missing.stderr
    connect = ("source", "connect", url, *of)
    made = run(*connect, "--token-file", "-", "--on-push", "promote", "--wait-for-checks", typed="ghp_hush\n")
    secret = ok(made).splitlines()[-1]
    assert "/hooks/github/shop" in made.stderr and "not shown again" in made.stderr
    shown = ok(run("source", *of))
    assert all(words in shown for words in (url, "main", "promote, once its checks are green", "token"))
    assert secret not in shown and "ghp_hush" not in shown
    assert server.behind("answer = Source.objects.get().token.open()") == "ghp_hush"
    assert ok(run(*connect, "--branch", "next", "--build-tags")) == "Connecting... OK\n"  # nothing new is to be told
    found = json.loads(ok(run("source", "--json", *of)))
    assert (found["branch"], found["on_push"], found["has_token"]) == ("next", "build", True)
    another = ok(run("source", "secret", *of, "--json"))
    assert json.loads(another)["webhook_secret"] not in (None, secret)
    ok(run(*connect, "--on-push", "promote"))
    stopped = "stopped_at=timezone.now(), stopped_by='ann', stopped_why='Rolled back.'"
    server.behind(f"from django.utils import timezone; App.objects.filter(name='shop').update({stopped})")
    assert "by ann: Rolled back." in ok(run("source", *of))
    assert json.loads(ok(run("source", "resume", *of, "--json")))["stopped"] is None
    for more, status, words in [
        (["--token-file", "-", "--key-file", "-"], 2, "Only one"),
        (["--token-file", "none"], 2, "none can't be read"),
        (["--token-file", "-"], 1, "No token came in on stdin."),
        (["--on-push", "dance"], 2, "dance"),
    ]:
        said = run(*connect, *more)
        assert (said.returncode, words in said.stderr) == (status, True), said.stderr

    assert "told nothing yet" in run("deliveries", *of).stderr
    server.behind(
        """
        row = dict(app=App.objects.get(name="shop"), event="push", ref="refs/heads/next", commit="0a1b2c3d4e" * 4)
        for n in range(1, 4):
            Delivery.objects.create(guid=f"g{n}", status="handled", decision=f"decided {n}", **row)
        """
    )
    rows = ok(run("deliveries", *of)).splitlines()
    assert len(rows) == 4 and re.search(r"push +handled .*refs/heads/next +0a1b2c3d4e +decided 3", rows[1])
    ids = ok(run("deliveries", "-n", "2", *of, "-q")).split()
    gone = run("deliveries", "replay", ids[0], *of)
    assert gone.returncode in (1, 3) and gone.stderr, "its body is gone"
    assert run("source", "disconnect", *of).returncode == 1  # nobody has confirmed it
    assert json.loads(ok(run("source", "disconnect", *of, "--yes", "--json"))) == {"disconnected": "shop"}
    assert run("source", *of).returncode == 1


def test_people_get_roles_and_are_shut_out(run: Run) -> None:
    added = run("people", "add", "bob", "--role", "deployer", "--email", "bob@example.com")
    assert ok(added) == "Adding bob... OK\n" and "deployer people link bob" in added.stderr
    link = run("people", "link", "bob")
    assert ok(link).startswith("http") and "works once, for 3 days" in link.stderr
    assert ok(run("people", "role", "bob", "viewer")) == "Making bob viewer... OK\n"
    assert ok(run("people", "disable", "bob")) == "Shutting bob out... OK\n"
    shown = ok(run("people", "info", "bob"))
    assert all(word in shown for word in ("viewer", "shut out", "bob@example.com", "by a link only"))
    ok(run("people", "enable", "bob"))
    assert json.loads(ok(run("people", "info", "bob", "--json")))["active"] is True
    assert run("people", "role", "bob", "emperor").returncode == 2
    assert run("people", "role", "ann", "viewer").returncode in (1, 3)  # the last administrator
    assert run("people", "info", "a/b").returncode == 2
    assert run("people", "info", "nobody").returncode == 1
    with_password = run("people", "add", "eve", "--password-stdin", typed="a long walk in the rain\n")
    assert ok(with_password) and "link" not in with_password.stderr


def test_a_diagnosis_of_now_and_of_a_rollout_that_failed(run: Run, server: WebServer, shipped: dict[str, Any]) -> None:
    now = run("deploy-debug", "-a", "shop")
    assert now.returncode == 1 and "✕ error: cluster unreachable: cluster" in now.stdout  # none runs beside it
    assert (
        json.loads(run("deploy-debug", "-a", "shop", "--json").stdout)["findings"][0]["code"] == "cluster_unreachable"
    )
    unknown = run("deploy-debug", "-a", "shop", "-s", "nope")
    assert unknown.returncode == 2 and "shop has no service nope: it has web." in unknown.stderr
    assert run("deploy-debug", "-a", "shpo").returncode == 2
    assert run("deploy-debug", "-a", "shop", DEPLOYER_URL="http://127.0.0.1:9").returncode == 4
    none = run("rollouts", "diagnosis", "-a", "shop")
    assert none.returncode == 1 and "Rollout 1 of shop has no diagnosis: it did not fail." in none.stderr
    stored = {"app": "shop", "at": "2026-03-18T14:31:10+00:00", "cluster": "local", "release": "", "rollout": 1}
    stored |= {"healthy": True, "omitted": {}, "unread": {"Service": "not asked"}}
    stored |= {key: [] for key in ("findings", "services", "processes", "events")}
    server.behind(f"Rollout.objects.update(diagnosis={stored!r})")
    shown = ok(run("rollouts", "diagnosis", "1", "-a", "shop"))
    assert shown.startswith("shop · cluster local · rollout 1 · 2026-03-18 14:31:10Z\n")
    assert json.loads(ok(run("rollouts", "diagnosis", "-a", "shop", "--json")))["rollout"] == 1


def test_the_audit_says_who_did_what(run: Run, shipped: dict[str, Any]) -> None:
    ok(run("env", "get", "SECRET", "-a", "shop"))
    listed = json.loads(ok(run("audit", "-a", "shop", "--by", "ann", "--since", "1h", "--json")))
    assert listed[0]["action"] == "reveal_env"
    assert "hush" not in json.dumps(listed)
    assert "reveal_env" in ok(run("audit", "--action", "reveal_env", "-n", "1"))
    assert run("audit", "--until", "10d").stderr == "Nothing that was done is like that.\n"
    assert run("audit", "--since", "yesterday").returncode == 2


def test_a_name_that_is_nearly_right_is_suggested(run: Run, shop: None) -> None:
    assert "Did you mean shop?" in run("releases", "-a", "shpo").stderr
    assert "Did you mean 'releases'?" in run("relases").stderr
    assert "Did you mean 'promote'?" in run("releases", "promot").stderr
    far = run("deploy", ".", "-a", "other")
    assert (
        far.returncode == 1 and "There is no app other." in far.stderr and "`deployer apps` lists them." in far.stderr
    )


def test_who_has_no_apps_is_told_how_to_make_one(run: Run, server: WebServer) -> None:
    server.behind("App.objects.all().delete()")
    assert "`deployer apps create shop` makes one." in run("ps", "-a", "shop").stderr
    assert "There is no app shop." in run("scale", "-a", "shop").stderr
    assert "`deployer apps create NAME` makes the first." in run("apps").stderr


def test_shells_complete_commands_options_and_apps(run: Run, shop: None) -> None:
    def completed(*words: str) -> list[str]:
        line = {"COMP_WORDS": " ".join(["deployer", *words]), "COMP_CWORD": str(len(words))}
        return run(_DEPLOYER_COMPLETE="complete_bash", **line).stdout.split()

    assert completed("rel") == ["releases"]
    assert completed("releases", "ro") == ["rollback"]
    assert completed("deploy", "--no-w") == ["--no-wait"]
    assert completed("releases", "-a", "sh") == ["shop"]
    for shell, words in {"bash": "complete -o", "zsh": "#compdef deployer", "fish": "complete --command"}.items():
        assert words in ok(run("completion", shell))
    assert run("completion", "tcsh").returncode == 2


def test_help_says_of_each_command_what_it_does(run: Run) -> None:
    page = ok(run("--help"))
    for name, (_, words) in TABLE.items():
        assert re.search(rf"^  {name} +{re.escape(words)}$", page, re.MULTILINE), name
        assert ok(run(name, "--help")).startswith(f"Usage: deployer {name}")
    assert run().returncode == 2
