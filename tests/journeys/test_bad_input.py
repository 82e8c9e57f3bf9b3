"""A clear answer at the door that bad input came in by, and nothing lost, stuck or half done."""

import io
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.house import House
from tests.journeys.waiting import until

SERVICE = "services:\n  web:\n    command: python3 server.py\n"
MANIFESTS = {
    "an unknown key": (SERVICE + "    prot: 8080\n", "line 4: services.web.prot is not a key here; did you mean port?"),
    "a wrong type": (SERVICE + "    port: many\n", "line 4: services.web.port"),
    "the same service twice": (SERVICE + "  web:\n    command: true\n", "line 4: web is there twice"),
    "no services": ("deployment: {deadline: 5}\n", "services is missing"),
    "services that are none": ("services: {}\n", "line 1: services"),
    "no YAML": ("services: [\n", "not YAML"),
    "no mapping": ("- web\n", "a mapping with `services:` was expected"),
    "nothing": ("", "a mapping with `services:` was expected"),
    "an unknown strategy": (SERVICE + "deployment: {strategy: canary}\n", "line 4: deployment.strategy"),
}


@pytest.fixture(scope="module")
def shop(house: House, tmp_path_factory: pytest.TempPathFactory) -> App:
    """An app that runs, which nothing here may change."""
    app = house.app("shop")
    app.deployed(sources.serving(tmp_path_factory.mktemp("shop"), "v1", count=1))
    return app


@pytest.fixture(autouse=True)
def nothing_has_changed(shop: App) -> Any:
    before = shop.release, shop.names("pods"), shop.rollout()["number"]
    yield
    assert (shop.release, shop.names("pods"), shop.rollout()["number"]) == before
    assert "version v1" in shop.answers("version")


def fault(answer: httpx.Response) -> dict[str, Any]:
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "reasons"} and error["message"]
    return error


# --- Manifests and archives -----------------------------------------------------------------------------------------


def test_a_bad_manifest_fails_the_build_with_its_line(shop: App) -> None:
    sent = {
        what: send(shop, archive({"deployer.yml": text, "server.py": "x"})) for what, (text, _) in MANIFESTS.items()
    }
    for what, build_id in sent.items():
        build = ended_build(shop, build_id)
        assert build["status"] == "failed" and build["release"] is None, (what, build)
        log = "\n".join(line["message"] for line in shop.log(f"/builds/{build_id}"))
        assert MANIFESTS[what][1] in log and "deployer.yml" in log, (what, log)


def test_the_command_says_every_fault_of_a_manifest_and_gives_1(shop: App, tmp_path: Path) -> None:
    told = shop.deploy(sources.write(tmp_path / "bad", SERVICE + "    prot: 1\n    helth: /\n", {"server.py": "x"}))
    assert told.status == 1
    assert "did you mean port?" in told.all and "did you mean health?" in told.all
    assert told.err.strip(), "the reason belongs on stderr"


CLIMBERS: dict[str, Callable[[], bytes]] = {
    "a path that climbs out": lambda: archive({"../outside": "x"}),
    "an absolute path": lambda: archive({"/tmp/outside": "x"}),
    "a link that leads out": lambda: archive({}, link("out", "../../outside", tarfile.SYMTYPE)),
    "a hard link that leads out": lambda: archive({}, link("out", "../../outside", tarfile.LNKTYPE)),
    "a link to climb by": lambda: archive({"out/x": "x"}, link("out", "/tmp", tarfile.SYMTYPE)),
    "a device": lambda: archive({}, link("null", "", tarfile.CHRTYPE)),
    "a pipe": lambda: archive({}, link("pipe", "", tarfile.FIFOTYPE)),
    "half an archive": lambda: archive({"a": "x" * 100_000})[:60],
    "nothing in it": lambda: archive({}),
}


def test_an_archive_that_is_not_clean_fails_its_build(shop: App) -> None:
    sent = {what: send(shop, made()) for what, made in CLIMBERS.items()}
    for what, build_id in sent.items():
        build = ended_build(shop, build_id)
        assert build["status"] == "failed" and build["reason"], (what, build)
        assert "Deployer itself" not in build["reason"], (what, build)


def test_what_is_no_archive_is_refused_at_the_door(shop: App) -> None:
    for content in (b"", b"PK\x03\x04", b"hello"):
        answer = shop.post("/builds", files={"source": ("source.tar.gz", content)})
        assert answer.status_code == 422, answer.text
        assert fault(answer)["code"] == "invalid"
    assert shop.post("/builds", data={"promote": "true"}).status_code == 422


def test_a_bomb_fails_its_build_and_fills_no_disk(house: House, app: App) -> None:
    build = built(app, archive({"zeros": "\0" * 30 * 1024**2}))
    assert build["status"] == "failed" and "larger than 8 MiB" in build["reason"]
    build = built(app, archive({str(number): "" for number in range(110)}))
    assert build["status"] == "failed" and "more than 100 files" in build["reason"]
    answer = app.post("/builds", files={"source": ("source.tar.gz", b"\x1f\x8b" + b"x" * 1_100_000)})
    assert answer.status_code in (413, 422), answer.text
    until(lambda: not any(file.is_file() for file in (house.home / "uploads").rglob("*")), "an empty folder of uploads")


# --- Names and numbers ----------------------------------------------------------------------------------------------


def test_a_name_that_is_no_dns_label(house: House) -> None:
    for name in ("", "Shop", "-x", "x-", "a.b", "a_b", "9x", "x" * 64, "../x", "é", "a b"):
        answer = house.api.post("/apps", json={"name": name})
        assert answer.status_code == 422 and fault(answer)["code"] == "invalid", (name, answer.text)


def test_names_at_the_command(house: House, shop: App) -> None:
    told = house.command("apps", "create", "No_Label")
    assert told.status == 1 and "can't be an app's name" in told.err
    told = house.command("apps", "create", "shop")
    assert told.status == 1 and "There is an app shop already" in told.err
    assert fault(house.api.post("/apps", json={"name": "shop"}))["code"] == "taken"


def test_unknown_app_release_build_rollout(house: House, shop: App) -> None:
    paths = {
        "/apps/nothing": "There is no app nothing",
        "/apps/shop/releases/RAAAAAAAAAA": "shop has no release RAAAAAAAAAA",
        "/apps/shop/releases/xyz": "xyz is no ID",
        "/apps/shop/builds/BAAAAAAAAAA": "shop has no build BAAAAAAAAAA",
        "/apps/shop/rollouts/999": "shop has no rollout 999",
        "/nothing": "There is nothing at this address",
    }
    for path, words in paths.items():
        answer = house.api.get(path)
        assert answer.status_code == 404 and words in fault(answer)["message"], answer.text


def test_unknown_things_at_the_command(house: House, shop: App) -> None:
    told = house.command("releases", "promote", "RAAAAAAAAAA", "-a", "shop")
    assert told.status == 1 and "shop has no release RAAAAAAAAAA" in told.err
    told = house.command("ps", "-a", "nothing")
    assert told.status == 1 and "There is no app nothing" in told.err
    told = house.command("deploy", "/no/such/folder", "-a", "shop")
    assert told.status == 2 and "is not a folder" in told.err
    assert house.command("ps").status == 2, "no app was named"
    told = house.command("apps", DEPLOYER_URL="http://127.0.0.1:9", DEPLOYER_TOKEN="x")
    assert told.status == 4 and "can't be reached" in told.err


def test_another_app_s_release_is_not_ours(house: House, shop: App, app: App) -> None:
    answer = app.post(f"/releases/{shop.release}/promote")
    assert answer.status_code == 404, answer.text


def test_scale_takes_whole_numbers_of_known_services(shop: App) -> None:
    path = f"/apps/{shop.name}/services/web/scale"
    for count in (-1, 1001, 2**40, 1.5, "2", None, True):
        answer = shop.house.api.put(path, json={"count": count})
        assert answer.status_code == 422 and fault(answer)["message"], (count, answer.text)
    answer = shop.house.api.put(f"/apps/{shop.name}/services/nothing/scale", json={"count": 1})
    assert answer.status_code == 422 and "has no service nothing: it has web" in fault(answer)["message"]
    told = shop.command("scale", "web=-1")
    assert told.status in (1, 2) and "web=-1" in told.err
    assert shop.command("scale", "web").status == 2


def test_env_takes_names_only(shop: App) -> None:
    assert shop.command("env", "set", "nothing").status == 2
    told = shop.command("env", "set", "9LIVES=x")
    assert told.status == 1 and "can't be a variable's name" in told.err
    both: dict[str, Any] = {"set": {"A": "x"}, "unset": ["A"]}
    changes: list[Any] = [{}, {"set": {"A": 1}}, both, {"nothing": 1}, [], "x"]
    for change in changes:
        answer = shop.house.api.patch(f"/apps/{shop.name}/env", json=change)
        assert answer.status_code == 422 and fault(answer), answer.text


# --- Rights and rivals ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def viewer(house: House) -> str:
    """The token of somebody who may only look."""
    code = "from releases.models import *; vera = Person.objects.create_person('vera', role='viewer'); "
    return house.manage("shell", "-v", "0", "-c", code + "print(Token.issue(vera, name='tests')[1])").split()[-1]


def test_a_viewer_may_look_and_not_promote(house: House, shop: App, viewer: str) -> None:
    with house.api_as(viewer) as api:
        assert api.get("/apps/shop").status_code == 200
        for method, path, content in (
            ("POST", f"/apps/shop/releases/{shop.release}/promote", {}),
            ("POST", f"/apps/shop/releases/{shop.release}/rollback", {}),
            ("PUT", "/apps/shop/services/web/scale", {"count": 3}),
            ("PATCH", "/apps/shop/env", {"set": {"A": "x"}}),
            ("POST", "/apps", {"name": "mine"}),
            ("DELETE", "/apps/shop?confirm=shop", None),
        ):
            answer = api.request(method, path, json=content)
            assert answer.status_code == 403 and "needs the role" in fault(answer)["message"], (path, answer.text)
    told = house.command("releases", "promote", shop.release, "-a", "shop", DEPLOYER_TOKEN=viewer)
    assert told.status == 3 and "Promote needs the role deployer" in told.err


def test_no_token_or_a_wrong_one_opens_nothing(house: House, shop: App) -> None:
    for token in ("nonsense", "deployer_x_y", house.token + "x"):
        with house.api_as(token) as api:
            assert api.get("/apps").status_code == 401
    assert httpx.get(f"{house.url}/api/apps", timeout=40).status_code == 401
    answer = httpx.post(f"{house.url}/api/tokens", json={"username": "admin", "password": "wrong"}, timeout=40)
    assert answer.status_code == 401 and fault(answer)["message"] == "Name or password is wrong."


def test_a_required_variable_is_missing(app: App, tmp_path: Path) -> None:
    source = sources.serving(tmp_path / "needs", "v1", environment=["COLOUR"], count=1)
    told = app.deploy(source)
    assert told.status == 3 and "COLOUR is required by the manifest and not set" in told.err, told.all
    release = app.get("/releases")["items"][0]["id"]
    assert app.get(f"/releases/{release}")["missing_variables"] == ["COLOUR"]
    answer = app.post(f"/releases/{release}/promote")
    assert answer.status_code == 409 and any("COLOUR" in reason for reason in fault(answer)["reasons"])
    told = app.command("env", "set", "COLOUR=red")
    assert told.status == 0, told.all
    app.answers("colour red")


def test_a_second_promote_is_refused_and_names_the_first(app: App, tmp_path: Path) -> None:
    release = app.built(sources.never_ready(tmp_path / "slow", deadline=60, count=1))
    number = app.promote(release)
    answer = app.post(f"/releases/{release}/promote")
    assert answer.status_code == 409
    assert f"Rollout {number} of {app.name} ({release}) is still running." in fault(answer)["message"]
    told = app.command("releases", "promote", release)
    assert told.status == 3 and f"Rollout {number} of {app.name}" in told.err
    answer = app.house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})
    assert answer.status_code == 409, "an app that rolls out can't be deleted"
    assert app.post(f"/rollouts/{number}/abort").status_code == 200
    assert app.ended(number)["status"] in ("cancelled", "rolled_back")


def test_of_two_promotes_in_the_same_instant_one_wins(app: App, tmp_path: Path) -> None:
    release = app.built(sources.serving(tmp_path / "v1", "v1", count=1))
    together = threading.Barrier(4)
    answers: list[httpx.Response] = []

    def promote() -> None:
        with app.house.api_as(app.house.token) as api:
            together.wait()
            answers.append(api.post(f"/apps/{app.name}/releases/{release}/promote"))

    rivals = [threading.Thread(target=promote) for _ in range(4)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    number = next(answer.json()["number"] for answer in answers if answer.status_code == 201)
    for answer in answers:
        if answer.status_code == 409:
            assert f"Rollout {number} of {app.name}" in fault(answer)["message"]
    assert app.ended(number)["status"] == "succeeded"
    assert len(app.get("/rollouts")["items"]) == 1


# --- Making archives ------------------------------------------------------------------------------------------------


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


def archive(files: dict[str, str], *entries: tarfile.TarInfo) -> bytes:
    """A tar.gz with these entries first, then these files."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for entry in entries:
            tar.addfile(entry)
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return target.getvalue()


def built(app: App, content: bytes) -> dict[str, Any]:
    """The build of this archive, once it is over."""
    return ended_build(app, send(app, content))


def send(app: App, content: bytes) -> str:
    """The ID of the build that this archive begins."""
    answer = app.post("/builds", files={"source": ("source.tar.gz", content)}, data={"promote": "true"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ended_build(app: App, build: str) -> dict[str, Any]:
    app.house.api.get(f"/apps/{app.name}/builds/{build}/log", params={"follow": "true"})
    return app.get(f"/builds/{build}")
