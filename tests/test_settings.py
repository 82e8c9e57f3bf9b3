"""What is wrong with the settings is said at the start: all of it, by name, and no secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer import setting_rules as rules
from deployer.home import CannotStart, read_settings
from deployer.reader import Reader, SettingsWrong
from deployer.settings_file import quoted, read
from tests.web_server import ROOT

KEY = "a4f8Zk2LqP0vX7sR1tYb9cWd3eGh5jMnQ6uIoA8xC2vB4nD7mE"
FERNET = "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk="
PRODUCTION = {
    "DEPLOYER_URL": "https://deployer.example.com",
    "SECRET_KEY": KEY,
    "ENCRYPTION_KEYS": FERNET,
    "DATABASE_URL": "postgresql://deployer:words@db.example.com/deployer",
    "REDIS_URL": "rediss://:words@redis.example.com:6380/0",
}
UVICORN = ["-m", "uvicorn", "deployer.asgi:application", "--port", "1"]


def started(home: Path, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A program of Deployer with these settings and no others."""
    environment = {"PATH": os.environ["PATH"], "DEPLOYER_HOME": str(home), **settings}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )


def fault(read_it, **values: str) -> str:
    """What `read_it` finds wrong with these; "" if nothing is."""
    env = Reader(values)
    read_it(env)
    assert len(env.faults) <= 1, env.faults
    return "".join(env.faults)


# --- Programs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["manage.py", "work", "builds"], UVICORN], ids=["manage.py", "web server"])
def test_a_program_that_can_not_start_says_all_that_is_wrong_and_nothing_else(tmp_path, command):
    wrong = {
        "SECRET_KEY": "django-insecure-correct-horse",
        "DATABASE_URL": "mysql://deployer:correct-horse@db/deployer",
        "HEARTBEAT_SECONDS": "-1",
        "DEPLOYER_INSTALATION": "acme",
    }
    done = started(tmp_path, *command, **wrong)
    assert done.returncode == 1 and done.stdout == ""
    first, *faults, last = done.stderr.splitlines()
    assert first == "Deployer can't start: 5 settings are wrong."
    names = ["SECRET_KEY", "ENCRYPTION_KEYS", "HEARTBEAT_SECONDS=-1", "DATABASE_URL", "DEPLOYER_INSTALATION"]
    assert [line.split()[0] for line in faults] == names
    assert "Is DEPLOYER_INSTALLATION meant?" in faults[-1] and "docs/settings.md" in last
    assert "correct-horse" not in done.stderr


def test_a_production_environment_passes_djangos_own_check_for_it(tmp_path):
    done = started(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stderr


def test_a_broken_line_of_the_file_is_named_by_file_and_line(tmp_path):
    path = tmp_path / "settings.env"
    path.write_text(f"SECRET_KEY={KEY}\nENCRYPTION_KEYS={FERNET}\nREAPER_SECONDS=never\nthis is no setting\n")
    done = started(tmp_path, "manage.py", "check")
    _, *faults, _ = done.stderr.splitlines()
    assert faults[0].strip() == f"{path}, line 4, is not of the form NAME=value."
    assert faults[1].strip().startswith(f"REAPER_SECONDS=never ({path}) is not a number above 0.")
    with pytest.raises(CannotStart, match="line 4, is not of the form"):
        read_settings(path)


def test_of_the_file_programs_that_are_started_see_only_what_is_no_setting(tmp_path):
    lines = {"SECRET_KEY": KEY, "ENCRYPTION_KEYS": FERNET, "REDIS_PASSWORD": "words", "HTTPS_PROXY": "http://proxy"}
    (tmp_path / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    done = started(tmp_path, "-c", "import os, deployer.settings; print(*os.environ)")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & lines.keys() == {"HTTPS_PROXY"}


# --- Values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("https://deployer.example.com", ""),
        ("https://deployer.example.com:8443/", ""),
        ("http://[::1]:8000", ""),
        ("deployer.example.com", "is not an address"),
        ("ftp://deployer.example.com", "is not an address"),
        ("https://deployer.example.com:port", "is not an address"),
        ("https://deployer.example.com/deployer", "has more than a scheme, a host and a port"),
        ("https://somebody:words@deployer.example.com", "has more than a scheme, a host and a port"),
    ],
)
def test_its_own_address(value, words):
    found = fault(rules.own_url, DEPLOYER_URL=value)
    assert words in found and bool(found) == bool(words)
    assert "words@" not in found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("deployer.example.com", ""),
        (".example.com, 10.0.0.1", ""),
        ("*", "lets requests name any host"),
        ("other.example.com", "lacks deployer.example.com, the host of DEPLOYER_URL"),
        ("https://deployer.example.com", "is no host name"),
        ("deployer.example.com:443", "is no host name"),
    ],
)
def test_hosts(value, words):
    def hosts(env: Reader) -> None:
        rules.allowed_hosts(env, url="https://deployer.example.com", strict=True)

    found = fault(hosts, ALLOWED_HOSTS=value)
    assert words in found and bool(found) == bool(words)


def test_hosts_are_by_default_that_of_the_address_and_this_machine():
    assert rules.allowed_hosts(Reader({}), url="https://a.example.com", strict=True) == [
        "a.example.com",
        "127.0.0.1",
        "localhost",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("postgresql://a:words@db/deployer", ""),
        ("postgres://a:words@%2Frun%2Fpostgresql/deployer", ""),
        ("sqlite:////proc/deployer.sqlite3", ""),
        ("sqlite:////nowhere.txt/deployer.sqlite3", ""),
        ("mysql://a:words@db/deployer", "does not begin with postgresql, postgres or sqlite"),
        ("postgresql://a:words@db", "names no database"),
        ("postgresql://a:words@db:port/deployer", "can't be read as an address"),
        ("sqlite:////etc/hostname/deployer.sqlite3", "in a folder that can't be written to: /etc/hostname"),
    ],
)
def test_databases(value, words, tmp_path):
    found = fault(lambda env: rules.database(env, default=tmp_path / "a b.sqlite3"), DATABASE_URL=value)
    assert words in found and bool(found) == bool(words)
    assert "words@" not in found


def test_the_database_is_by_default_a_file_of_the_home(tmp_path):
    assert rules.database(Reader({}), default=tmp_path / "a b%.sqlite3")["NAME"] == str(tmp_path / "a b%.sqlite3")


@pytest.mark.parametrize(
    ("value", "is_wrong"),
    [
        ("redis://:words@redis.example.com:6379/0", False),
        ("unix:///run/redis.sock", False),
        ("redis://", True),
        ("redis://redis/queue", True),
        ("http://:words@redis", True),
    ],
)
def test_redis(value, is_wrong):
    found = fault(rules.redis, REDIS_URL=value)
    assert ("redis://, rediss:// or unix://" in found) == bool(found) == is_wrong
    assert "words" not in found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (FERNET, ""),
        (f"{FERNET}, {FERNET}", ""),
        ("", "is missing"),
        (f"{FERNET},correct-horse", "number 2"),
        ("a" * 44, "number 1"),
    ],
)
def test_encryption_keys(value, words):
    found = fault(lambda env: rules.encryption_keys(env, default=[]), ENCRYPTION_KEYS=value)
    assert words in found and bool(found) == bool(words) and "correct-horse" not in found


@pytest.mark.parametrize(
    ("often", "old", "words"),
    [
        ("1", "2", ""),
        ("5", "5", "is not longer than HEARTBEAT_SECONDS (5)"),
        ("nan", "8", "is not a number above 0"),
        ("0", "8", "is not a number above 0"),
        ("inf", "8", "is not a number above 0"),
    ],
)
def test_heartbeats(often, old, words):
    found = fault(rules.heartbeats, HEARTBEAT_SECONDS=often, HEARTBEAT_OLD_SECONDS=old)
    assert words in found and bool(found) == bool(words)


def test_folders_that_can_not_be_written_to(tmp_path):
    file = tmp_path / "file"
    file.touch()
    words = fault(lambda env: env.folder("DEPLOYER_UPLOADS", tmp_path), DEPLOYER_UPLOADS=str(file / "uploads"))
    assert f"can't be written to: {file} is not a folder" in words
    assert not fault(lambda env: env.folder("DEPLOYER_UPLOADS", tmp_path), DEPLOYER_UPLOADS=str(tmp_path / "a" / "b"))


def test_flags_and_whole_numbers():
    env = Reader({"A": "Yes", "B": "off", "C": "", "D": "perhaps", "E": "1.5", "F": "-3", "G": "007", "H": "9" * 30})
    assert [env.flag(name, True) for name in "ABC"] == [True, False, True]
    assert env.flag("D", True) is True
    assert [env.whole(name, 5) for name in "EFGHC"] == [5, 5, 7, 5, 5]
    assert [line.split("=")[0] for line in env.faults] == ["D", "E", "F", "H"]
    with pytest.raises(SettingsWrong, match="4 settings are wrong"):
        env.done()


# --- Names ----------------------------------------------------------------------------------------------------------


def strangers(environment: dict[str, str], file: dict[str, str] | None = None) -> list[str]:
    file = file or {}
    env = Reader({**file, **environment}, places=dict.fromkeys(file, "settings.env"))
    env.names = {"DEPLOYER_URL", "ENCRYPTION_KEYS", "SECRET_KEY"}
    rules.unknown(env, environment, file)
    return env.faults


def test_a_name_that_looks_like_a_setting_and_is_none():
    assert strangers({"DEPLOYER_URI": "x"}) == ["DEPLOYER_URI is no setting. Is DEPLOYER_URL meant?"]
    assert strangers({"DEPLOYER_COLOUR": "x"}) == ["DEPLOYER_COLOUR is no setting."]
    assert strangers({"DEPLOYER_SECRET_KEY": "x"}) == ["DEPLOYER_SECRET_KEY is no setting. Is SECRET_KEY meant?"]
    told = "ENCRYPTION_KEY (settings.env) is no setting. Is ENCRYPTION_KEYS meant?"
    assert strangers({}, {"ENCRYPTION_KEY": "x"}) == [told]


def test_names_of_others_are_left_alone():
    service = {"DEPLOYER_SERVICE_HOST": "10.0.0.1", "DEPLOYER_SERVICE_PORT": "80", "DEPLOYER_SERVICE_PORT_HTTP": "80"}
    ports = {"DEPLOYER_PORT": "tcp://10.0.0.1:80", "DEPLOYER_PORT_80_TCP_ADDR": "10.0.0.1", "DEPLOYER_PORT_80_TCP": "x"}
    other = {"DEPLOYER_WEB_SERVICE_HOST": "10.0.0.1", "DEPLOYER_TOKEN": "x", "DEPLOYER_RELEASE": "RABC"}
    assert strangers({**service, **ports, **other, "ENCRYPTION_KEY": "another program's"}) == []
    assert strangers({}, {"REDIS_PASSWORD": "x", "HTTPS_PROXY": "http://proxy"}) == []


# --- The file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["plain", "a b", "it's", 'say "so"', "back\\slash's", "$HOME#1", "a=b", ""])
def test_a_value_is_read_as_it_was_written(tmp_path, value):
    path = tmp_path / "settings.env"
    path.write_text(f"# a comment\n\nexport A={quoted(value)}\n  B = 2  \n")
    assert read(path) == ({"A": value, "B": "2"}, [])


def test_what_is_no_line_of_it(tmp_path):
    path = tmp_path / "settings.env"
    path.write_text("A='open\n1A=x\nB\nC=ok\n")
    values, faults = read(path)
    assert values == {"C": "ok"}
    assert [line.split("line ")[1][0] for line in faults] == ["1", "2", "3"]
    path.write_bytes(b"A=\xff\n")
    assert read(path).faults == [f"{path} can't be read: it is not UTF-8 text."]
    assert read(tmp_path / "none") == ({}, [])
