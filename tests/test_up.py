"""What `make up` decides before anything runs: its home, its ports, its files, and why it refuses."""

import io
import json
import os
import re
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from deployer import login_file, up
from deployer import setting_rules as rules
from deployer.home import CannotStart, Home, is_free, read_settings
from deployer.reader import Reader
from releases.models import Person, Token
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def path(tmp_path):
    """A home whose path has what paths may have: blanks, signs that mean something elsewhere."""
    return tmp_path / "a home + 100%, it's #1"


def listener() -> socket.socket:
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    return server


def written(path: Path, *, port: int = 8000) -> dict[str, str]:
    home = Home(path)
    ports = home.choose_ports(taken=port)
    values = home.write_settings(url=f"http://127.0.0.1:{port}", ports=ports)
    os.close(home._lock)
    return values


def test_a_home_is_for_its_owner_alone(path):
    written(path)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in [path, *path.iterdir()]}
    assert {mode for name, mode in modes.items() if (path / name).is_file()} == {0o600}
    assert {mode for name, mode in modes.items() if not (path / name).is_file()} == {0o700}


def test_secrets_and_added_lines_outlive_a_start_and_addresses_follow_it(path):
    first = written(path)
    with (path / "settings.env").open("a") as file:
        file.write("LOG_LEVEL=DEBUG\n")
    second = written(path, port=8100)
    for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "REDIS_PASSWORD", "DATABASE_URL", "REDIS_URL"):
        assert second[name] == first[name]
    assert (second["DEPLOYER_URL"], second["LOG_LEVEL"]) == ("http://127.0.0.1:8100", "DEBUG")


def test_its_programs_see_no_setting_of_another_one_and_keep_what_they_compile(path, monkeypatch):
    for name in ("DEBUG", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE", "OF_THE_USER"):
        monkeypatch.setenv(name, "1")
    written(path)
    installation = up.Installation(Home(path), 8000, {"redis": 1, "cluster": 2, "door": 3})
    for program in (installation.setup(), *installation.servers()):
        assert not {"DEBUG", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE"} & program.environment.keys()
        assert program.environment["OF_THE_USER"] == "1"


def test_django_reads_the_same_paths_that_were_written(path):
    variables = written(path)
    assert read_settings(path / "settings.env") == variables
    database = rules.database(Reader(variables), default=path)
    assert database["NAME"] == str(path / "deployer.sqlite3")


@pytest.mark.parametrize(
    "url", ["postgresql://ann:a%20b@db.example/deployer?sslmode=require", "postgres:///x?host=/run"]
)
def test_a_server_of_the_users_own_stays_their_database(path, url):
    path.mkdir(mode=0o700)
    (path / "settings.env").write_text(f"DATABASE_URL='{url}'\n")
    for _ in range(2):
        assert written(path)["DATABASE_URL"] == url
    assert read_settings(path / "settings.env")["DATABASE_URL"] == url


def test_the_embedded_database_moves_with_its_home(path):
    path.mkdir(mode=0o700)
    (path / "settings.env").write_text("DATABASE_URL=sqlite:////somewhere/else.sqlite3\n")
    assert written(path)["DATABASE_URL"] == f"sqlite:///{quote(str(path / 'deployer.sqlite3'))}"


def test_lost_keys_are_not_replaced_beside_a_database_that_needs_them(path):
    written(path)
    (path / "deployer.sqlite3").touch()
    (path / "settings.env").unlink()
    with pytest.raises(CannotStart, match="no ENCRYPTION_KEYS"):
        written(path)


def test_ports_are_remembered_and_chosen_anew_only_when_taken(path):
    home = Home(path)
    first = home.choose_ports(taken=8000)
    assert len({8000, *first.values()}) == 4
    assert home.choose_ports(taken=8000) == first
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["door"]))
        other.listen()
        second = home.choose_ports(taken=8000)
    assert second["door"] != first["door"]
    assert second | {"door": 0} == first | {"door": 0}


@pytest.mark.parametrize("content", ["", "not json", "[1]", '{"door": "x", "redis": -1}'])
def test_a_spoilt_file_of_ports_is_written_anew(path, content):
    home = Home(path)
    (path / "ports.json").write_text(content)
    assert home.choose_ports(taken=8000) == json.loads((path / "ports.json").read_text())


def test_a_second_start_says_who_runs(path):
    first = Home(path)
    first.sign("http://127.0.0.1:8000")
    with pytest.raises(CannotStart, match=f"process {os.getpid()}, http://127.0.0.1:8000"):
        Home(path)


def test_a_folder_of_somebody_else_is_refused_and_left_alone(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(CannotStart, match="not empty and not a home"):
        Home(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_home_that_is_a_file_or_can_not_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/deployer")):
        with pytest.raises(CannotStart, match="DEPLOYER_HOME"):
            Home(path)


@pytest.mark.parametrize("text", ["abc", "0", "-1", "65536", "8000.5", "٨٠٠٠", "8000 "])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(CannotStart, match="not a port"):
        up.web_port(text)


def test_a_port_in_use_is_refused_in_one_line(tmp_path):
    with listener() as server:
        port = server.getsockname()[1]
        assert not is_free(port)
        done = start(tmp_path, PORT=str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"Deployer can't start: port {port} is in use by another program. Choose another one: make up PORT={port + 1}\n"
    )


def start(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEPLOYER_HOME": str(tmp_path / "home"), **variables}
    command = [sys.executable, "-m", "deployer.up"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_no_secret_is_in_the_arguments_or_the_environment_of_a_program(path, monkeypatch):
    monkeypatch.setenv("DEPLOYER_HOME", str(path))
    monkeypatch.setenv("PORT", str(free_port()))
    installation = up.prepare()
    values = read_settings(path / "settings.env")
    programs = [installation.redis(), installation.cluster(9), installation.setup(), *installation.servers()]
    seen = repr([(program.command, dict(program.environment)) for program in programs])
    assert not [name for name in ("SECRET_KEY", "ENCRYPTION_KEYS", "REDIS_PASSWORD") if values[name] in seen]
    assert values["REDIS_PASSWORD"] in (path / "redis" / "redis.conf").read_text()
    assert {program.environment["DEPLOYER_HOME"] for program in programs} == {str(path)}


def test_starting_does_not_load_django():
    heavy = ("django", "httpx", "rich", "redis", "environ")
    code = f"import sys, deployer.up; print([module for module in {heavy} if module in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("pretence", "words"),
    [
        ("sys.version_info = (3, 9, 2)", "Python 3.11 or newer is needed"),
        ("sys.modules['ensurepip'] = None", "On Debian and Ubuntu: apt install python3."),
        ("sys.platform = 'win32'", "needs Linux"),
    ],
)
def test_a_machine_that_can_not_run_it_is_told_so_in_one_line(pretence, words):
    run = "runpy.run_path('deployer/bootstrap.py', run_name='__main__')"
    code = f"import runpy, sys; {pretence}; sys.argv = ['', 'run', '--']; {run}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert words in done.stderr


def test_the_start_has_no_syntax_that_an_old_python_can_not_parse():
    """Python's own parser, told to be the oldest that it knows."""
    import ast

    ast.parse((ROOT / "deployer" / "bootstrap.py").read_text(), feature_version=(3, 4))


def test_a_login_is_kept_beside_others_for_its_owner_alone(tmp_path):
    path = tmp_path / "config" / "login.json"
    login_file.remember("https://deployer.example.com/", "one", path=path)
    login_file.remember("http://127.0.0.1:8000", "two", path=path)
    logins = login_file.read(path)
    assert logins.find() == login_file.Login("http://127.0.0.1:8000", "two")
    assert logins.find("https://deployer.example.com") == login_file.Login("https://deployer.example.com", "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert login_file.forget("http://127.0.0.1:8000", path=path)
    assert not login_file.forget("http://127.0.0.1:8000", path=path)
    assert login_file.read(path) == login_file.Logins(None, {"https://deployer.example.com": "one"})


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"logins": []}', '{"logins": {"a": {}}}', '{"current": 1}', "[" * 9999]
)
def test_a_broken_login_file_is_an_error_that_names_it_and_is_not_overwritten(tmp_path, content):
    path = tmp_path / "login.json"
    path.write_text(content)
    with pytest.raises(login_file.LoginFileError, match=r"login\.json is not a login file"):
        login_file.read(path)
    with pytest.raises(login_file.LoginFileError):
        login_file.remember("http://127.0.0.1:8000", "token", path=path)
    assert path.read_text() == content


def test_a_login_can_not_be_kept_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(login_file.LoginFileError, match="Can't write"):
        login_file.remember("http://127.0.0.1:8000", "token", path=tmp_path / "file" / "login.json")


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "deployer" / "login.json"


def set_up() -> str:
    out = io.StringIO()
    call_command("setup", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_first_start_makes_one_administrator_with_a_link_and_a_login(configuration):
    words = set_up()
    person = Person.objects.get()
    assert (person.username, person.role, person.has_usable_password()) == ("admin", Person.ADMINISTRATOR, False)
    assert f"{settings.DEPLOYER_URL}/sign-in/" in words and str(configuration) in words
    login = login_file.read(configuration).find()
    assert login and login.url == settings.DEPLOYER_URL
    found = Token.find(login.token)
    assert found and found.person == person


@pytest.mark.django_db
def test_a_second_start_makes_nothing_anew(configuration):
    set_up()
    before = configuration.read_text()
    Person.objects.update(last_login=timezone.now())
    assert "sign-in" not in set_up()
    assert (Person.objects.count(), Token.objects.count(), configuration.read_text()) == (1, 1, before)


@pytest.mark.django_db
def test_a_moved_address_another_user_and_a_lost_token_get_a_login(configuration, settings):
    set_up()
    settings.DEPLOYER_URL = "http://127.0.0.1:1"
    set_up()
    assert len(login_file.read(configuration).tokens) == 2
    configuration.unlink()
    set_up()
    assert Token.objects.count() == 3
    Token.objects.update(revoked_at=timezone.now())
    set_up()
    assert Token.objects.filter(revoked_at=None).count() == 1


@pytest.mark.django_db
def test_a_broken_login_file_stops_the_start_with_its_name(configuration):
    configuration.parent.mkdir()
    configuration.write_text("{")
    with pytest.raises(CommandError, match=r"login\.json is not a login file"):
        set_up()


@pytest.mark.django_db
def test_a_new_password_works_and_voids_the_link(configuration, client):
    link = re.search(r"/sign-in/\S+", set_up())
    assert link
    out = io.StringIO()
    call_command("password", "--generate", stdout=out)
    password = re.search(r"Password: (\S+)", out.getvalue())
    assert password and Person.objects.get().check_password(password[1])
    client.get(link[0], follow=True)
    client.post(link[0], follow=True)
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_a_password_for_nobody_is_refused():
    with pytest.raises(CommandError, match="no active person named nobody"):
        call_command("password", "--user", "nobody")
