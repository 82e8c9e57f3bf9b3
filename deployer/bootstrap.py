"""Makes `.venv`, installs what is locked, and goes on in it: `bootstrap.py run|dev -- ARGUMENTS OF PYTHON`.

Runs on whatever Python the machine has, before anything is installed; so that an old one can say that it is too old,
the syntax here is what every Python parses.
"""

from __future__ import print_function

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
LOG = os.path.join(VENV, "install.log")
UNFINISHED = os.path.join(VENV, ".unfinished")
OLDEST = (3, 11)
# dev.txt holds everything of run.txt in the same versions.
CONTAINS = {"run": ["run"], "dev": ["dev", "run"]}
FOREIGN_SETTINGS = [
    "PYTHONHOME",
    "PYTHONPATH",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_USER",
    "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_CONSTRAINT",
]


def main():
    # type: () -> None
    arguments = sys.argv[1:]
    check_machine()
    import fcntl

    lock = open_lock()
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (IOError, OSError):
            say("Another installation is going on in this folder: waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        install(arguments[0], lock)
    except KeyboardInterrupt:
        fail("Interrupted. The next start installs again what is not finished.", 130)
    except EnvironmentError as error:
        fail("Installing failed: %s" % error)
    os.close(lock)
    os.chdir(ROOT)
    os.environ.pop("PYTHONHOME", None)
    os.environ.pop("PYTHONPATH", None)
    os.execv(PYTHON, [PYTHON] + arguments[2:])


def say(text):
    # type: (str) -> None
    print("Deployer: " + text)
    sys.stdout.flush()


def fail(text, status=1):
    # type: (str, int) -> None
    sys.stdout.flush()
    sys.stderr.write("Deployer: " + text + "\n")
    sys.exit(status)


def check_machine():
    # type: () -> None
    if sys.version_info[:2] < OLDEST:
        have = ".".join(str(part) for part in sys.version_info[:3])
        fail("Python 3.11 or newer is needed; %s is %s. Try: make up PYTHON=python3.12" % (sys.executable, have))
    if not sys.platform.startswith("linux"):
        fail("`make up` needs Linux; this is " + sys.platform + ".")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        name = "python%d.%d-venv" % sys.version_info[:2]
        fail("This Python can't make a virtual environment (%s). On Debian and Ubuntu: apt install %s" % (error, name))


def open_lock():
    # type: () -> int
    """Pip inherits it: should this program be killed alone, nobody meets its pip half way."""
    try:
        lock = os.open(os.path.join(ROOT, ".venv.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        fail("Can't write to %s: %s." % (ROOT, error.strerror))
    os.set_inheritable(lock, True)
    return lock


def install(kind, lock):
    # type: (str, int) -> None
    """Brings `.venv` to what `requirements/<kind>.txt` says, unless it is there already."""
    wanted = {name: fingerprint(name) for name in CONTAINS[kind]}
    working = has_working_python()
    if working and stamp(kind) == wanted[kind] and not os.path.exists(UNFINISHED):
        return
    if not working or os.path.exists(UNFINISHED):
        make_venv(lock)
    write(UNFINISHED, "")
    for name in CONTAINS:
        remove(stamp_path(name))
    install_packages(kind, lock)
    for name in wanted:
        write(stamp_path(name), wanted[name])
    remove(UNFINISHED)


def has_working_python():
    # type: () -> bool
    import subprocess

    test = "import sys; sys.exit(sys.version_info[:2] < (3, 11))"
    try:
        return subprocess.call([PYTHON, "-I", "-c", test], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def make_venv(lock):
    # type: (int) -> None
    say("Making .venv with Python %d.%d.%d" % sys.version_info[:3])
    output = run([sys.executable, "-m", "venv", "--clear", VENV], lock)
    if output is not None:
        fail("Making .venv failed: " + last_words(output))


def install_packages(kind, lock):
    # type: (str, int) -> None
    import time

    started = time.time()
    requirements = os.path.join(ROOT, "requirements", kind + ".txt")
    with open(requirements) as file:
        count = sum(1 for line in file if line[:1].isalpha())
    say("Installing %d packages (the first time takes about a minute)" % count)
    pip = [PYTHON, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off"]
    output = run(pip + ["--require-hashes", "-r", requirements], lock, count)
    if output is None:
        output = run(pip + ["--no-deps", "--no-build-isolation", "--editable", ROOT], lock)
    if output is not None:
        with open(LOG, "w") as file:
            file.write("\n".join(output) + "\n")
        fail("Installing failed: %s (all of it: %s)" % (last_words(output), LOG))
    say("Installed in %d s" % (time.time() - started))


def run(command, lock, count=0):
    # type: (list, int, int) -> list | None
    """None if the command succeeded, else the lines that it printed. Counts pip's packages on a terminal."""
    import subprocess

    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN_SETTINGS}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        pass_fds=[lock],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        errors="replace",
    )
    lines, seen, show = [], 0, bool(count) and sys.stdout.isatty()
    for line in process.stdout or []:
        lines.append(line.rstrip())
        if show and line.startswith(("Collecting ", "Requirement already satisfied")):
            seen += 1
            sys.stdout.write("\r  %d of %d " % (min(seen, count), count))
            sys.stdout.flush()
    if show:
        sys.stdout.write("\r" + " " * 20 + "\r")
    return lines if process.wait() else None


def last_words(lines):
    # type: (list) -> str
    """The line that says most about why a command failed."""
    unreachable = [line for line in lines if "Retrying (" in line or "connection broken" in line]
    if unreachable:
        return "the package index can't be reached: " + unreachable[-1].split("broken by ")[-1][:200]
    errors = [line for line in lines if line.startswith("ERROR") or "rror:" in line]
    said = [line for line in lines if line.strip()]
    return (errors or said or ["no reason given"])[0 if errors else -1].split(" (from versions")[0][:300]


def fingerprint(name):
    # type: (str) -> str
    """Changes when the lock, the project's own description or its place change."""
    import hashlib

    digest = hashlib.sha256(ROOT.encode("utf-8", "surrogateescape"))
    for path in [os.path.join(ROOT, "requirements", name + ".txt"), os.path.join(ROOT, "pyproject.toml")]:
        try:
            with open(path, "rb") as file:
                digest.update(file.read())
        except (IOError, OSError) as error:
            fail("Can't read %s: %s." % (path, error.strerror))
    return digest.hexdigest()


def stamp_path(name):
    # type: (str) -> str
    return os.path.join(VENV, ".installed-" + name)


def stamp(name):
    # type: (str) -> object
    try:
        with open(stamp_path(name)) as file:
            return file.read()
    except (IOError, OSError):
        return None


def write(path, text):
    # type: (str, str) -> None
    with open(path, "w") as file:
        file.write(text)


def remove(path):
    # type: (str) -> None
    if os.path.exists(path):
        os.remove(path)


if __name__ == "__main__":
    main()
