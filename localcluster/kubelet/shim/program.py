"""Starting a program in a session of its own. Faults are worded as runc words them."""

import os
import signal


class CannotStart(Exception):
    """The command can't be started; the text is runc's."""


def start_ticks(pid: int) -> int:
    """When a process started, in clock ticks since boot (proc(5), stat): tells it from a later one of the same id."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[19])


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
