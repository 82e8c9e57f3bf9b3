"""One container's process and its keeper: starts it, writes down what it prints and how it ends.

Runs as a program of its own (`python -I -S shim.py LIFELINE_FD`), outlives localcluster, and imports little, because
there is one for every process. Reads its orders as one JSON document from standard input until end of file (they are
never on a command line or a disk): `{"argv", "env", "cwd", "state", "exit", "log", "log_limit"}`; the last five are
paths and a number of bytes. Answers one JSON line on standard output: `{"pid", "ticks", "startedAt", "shim",
"shimTicks"}`, or `{"error"}` in the words of runc.

SIGTERM is passed on to the process group, SIGUSR1 becomes SIGKILL for everything below. End of file on the lifeline, a
pipe whose write end only the supervisor holds, ends everything: SIGTERM, then SIGKILL. The exit is recorded durably in
the file `exit`, as `{"code", "signal", "orphaned", "startedAt", "finishedAt"}`.
"""

# pathlib would cost every process megabytes and milliseconds.

import contextlib
import ctypes
import json
import os
import selectors
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
LINE_LIMIT = 16 * 1024
LIFELINE_GRACE = 1.0
DRAIN_LIMIT = 1.0


class CannotStart(Exception):
    """The command can't be started; the text is runc's."""


def stamp() -> str:
    """The present as RFC 3339 with nanoseconds."""
    seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{nanos:09d}Z"


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot (proc(5), stat): tells it from a later one of the same id."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


def write_durably(path: str, document: dict) -> None:
    temporary = f"{path}.new"
    with open(temporary, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


class Log:
    """A file of lines `<time> <stream> F <text>`. At its limit it becomes `<path>.1`, in place of an older one."""

    def __init__(self, path: str, limit: int) -> None:
        self.path, self.limit = path, limit
        self.rest = {"stdout": b"", "stderr": b""}
        self._open()

    def _open(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self.fd).st_size

    def add(self, stream: str, data: bytes) -> None:
        """Writes whole lines and keeps what follows the last line's end."""
        *lines, rest = (self.rest[stream] + data).split(b"\n")
        while len(rest) > LINE_LIMIT:
            lines.append(rest[:LINE_LIMIT])
            rest = rest[LINE_LIMIT:]
        self.rest[stream] = rest
        self._write(stream, lines)

    def finish(self) -> None:
        """Writes what did not end with a line's end."""
        for stream, rest in self.rest.items():
            if rest:
                self._write(stream, [rest])
        self.rest = dict.fromkeys(self.rest, b"")

    def _write(self, stream: str, lines: list[bytes]) -> None:
        prefix = f"{stamp()} {stream} F ".encode()
        pieces = (line[at : at + LINE_LIMIT] for line in lines for at in range(0, len(line) or 1, LINE_LIMIT))
        data = b"".join(prefix + piece + b"\n" for piece in pieces)
        if not data:
            return
        if self.size + len(data) > self.limit and self.size:
            os.close(self.fd)
            os.replace(self.path, f"{self.path}.1")
            self._open()
        # A full disk must not end the program whose output this is.
        with contextlib.suppress(OSError):
            self.size += os.write(self.fd, data)


def find_program(command: str, path: str) -> str:
    """The file to run. Raises CannotStart with the words that runc uses for the fault."""
    if "/" in command:
        try:
            os.stat(command)
        except OSError as error:
            raise CannotStart(f'exec: "{command}": stat {command}: {(error.strerror or "").lower()}') from None
        if os.path.isdir(command):
            raise CannotStart(f'exec: "{command}": is a directory')
        if not os.access(command, os.X_OK):
            raise CannotStart(f'exec: "{command}": permission denied')
        return command
    for folder in path.split(":"):
        candidate = os.path.join(folder or ".", command)
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    raise CannotStart(f'exec: "{command}": executable file not found in $PATH')


def become(program: str, orders: dict, outputs: tuple[int, int], problem: int) -> None:
    """In the new process: turns into the program, or writes the fault to `problem`."""
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        null = os.open("/dev/null", os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        os.execve(program, orders["argv"], orders["env"])
    except (OSError, ValueError) as error:  # ValueError: a null byte in a word or a variable
        text = getattr(error, "strerror", None) or str(error)
        os.write(problem, f"exec {orders['argv'][0]}: {text.lower()}".encode(errors="replace"))
    finally:
        os._exit(127)


def start(orders: dict) -> tuple[int, int, int]:
    """Starts the process in a session of its own: its id and the read ends of its standard output and error."""
    try:
        os.chdir(orders["cwd"])
    except OSError as error:
        text = (error.strerror or "").lower()
        raise CannotStart(f'chdir to cwd ("{orders["cwd"]}") set in config.json failed: {text}') from None
    program = find_program(orders["argv"][0], orders["env"].get("PATH", ""))
    out, out_end = os.pipe()
    err, err_end = os.pipe()
    problem, problem_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        become(program, orders, (out_end, err_end), problem_end)
    for fd in (out_end, err_end, problem_end):
        os.close(fd)
    with os.fdopen(problem, "rb") as file:
        text = file.read().decode()
    if text:
        os.waitpid(pid, 0)
        raise CannotStart(text)
    return pid, out, err


class Keeper:
    """Watches one process group until it has ended."""

    def __init__(self, pid: int, lifeline: int, log: Log, outputs: tuple[int, int]) -> None:
        self.pid, self.log = pid, log
        self.status: int | None = None
        self.kill_at: float | None = None
        self.orphaned = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(lifeline, selectors.EVENT_READ, "lifeline")
        for fd, stream in zip(outputs, ("stdout", "stderr"), strict=True):
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ, stream)
        self.open_outputs = 2
        wakeup, wakeup_end = os.pipe()
        for fd in (wakeup, wakeup_end):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
        self.selector.register(wakeup, selectors.EVENT_READ, "signal")
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.signal_group(signal.SIGTERM))
        signal.signal(signal.SIGUSR1, lambda *_: self.signal_group(signal.SIGKILL))

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def watch(self) -> int:
        """Waits for the end; gives the wait status."""
        while self.status is None:
            self.turn(None if self.kill_at is None else max(0.0, self.kill_at - time.monotonic()))
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                self.signal_group(signal.SIGKILL)
            self.reap()
        self.kill_the_rest()
        until = time.monotonic() + DRAIN_LIMIT
        while self.open_outputs and time.monotonic() < until:
            self.turn(until - time.monotonic())
        self.log.finish()
        return self.status

    def turn(self, timeout: float | None) -> None:
        for key, _ in self.selector.select(timeout):
            if key.data == "lifeline":
                self.read_lifeline(key.fd)
            elif key.data == "signal":
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
            else:
                self.read_output(key.fd, key.data)

    def read_lifeline(self, fd: int) -> None:
        if os.read(fd, 1):
            return
        self.selector.unregister(fd)
        self.orphaned = True
        self.signal_group(signal.SIGTERM)
        self.kill_at = time.monotonic() + LIFELINE_GRACE

    def read_output(self, fd: int, stream: str) -> None:
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        if data:
            self.log.add(stream, data)
        else:
            self.selector.unregister(fd)
            self.open_outputs -= 1

    def reap(self) -> None:
        """Takes every ended child: the subreaper inherits what the process leaves behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = status

    def kill_the_rest(self) -> None:
        """As with a container, nothing outlives the first process: its group, then whatever has left the group."""
        self.signal_group(signal.SIGKILL)
        for _ in range(1000):
            children = children_of(os.getpid())
            if not children:
                return
            for pid in children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.reap()
            time.sleep(0.001)


def children_of(pid: int) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def tell(answer: dict) -> None:
    """Answers whoever started us, who may be gone by now."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(answer).encode() + b"\n")
        null = os.open("/dev/null", os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(null, 2)


def main() -> int:
    lifeline = int(sys.argv[1])
    os.set_inheritable(lifeline, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        orders = json.loads(sys.stdin.buffer.read())
    except ValueError:
        return 1  # who gave the orders died over them
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        # Whoever creates this file runs the container: two localclusters never start the same one twice.
        os.close(os.open(orders["state"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        log = Log(orders["log"], orders["log_limit"])
        pid, out, err = start(orders)
    except (CannotStart, OSError, ValueError) as error:
        tell({"error": str(error)})
        return 1
    keeper = Keeper(pid, lifeline, log, (out, err))
    started = stamp()
    with contextlib.suppress(OSError):
        document = {"pid": pid, "ticks": start_ticks(pid), "startedAt": started}
        document |= {"shim": os.getpid(), "shimTicks": start_ticks(os.getpid())}
        write_durably(orders["state"], document)
        tell(document)
    status = keeper.watch()
    code = os.waitstatus_to_exitcode(status)
    end = {"code": code if code >= 0 else 128 - code, "signal": max(0, -code), "orphaned": keeper.orphaned}
    write_durably(orders["exit"], end | {"startedAt": started, "finishedAt": stamp()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
