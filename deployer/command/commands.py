"""Which commands there are. What one does is imported when it is run: `deployer --help` needs these lines only."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

PROGRAM, COMPLETION_VARIABLE = "deployer", "_DEPLOYER_COMPLETE"
# For each command: where it is, and what it does. The parts are those of `--help` and of docs/command.md.
PARTS: dict[str, dict[str, tuple[str, str]]] = {
    "Ship": {
        "deploy": ("deploy:deploy", "Build a folder and promote the release."),
        "build": ("deploy:build", "Build a folder into a release, and leave it at that."),
        "builds": ("builds:group", "List builds, look at one, cancel it."),
        "releases": ("releases:group", "List releases, compare them, promote, roll back."),
        "rollouts": ("rollouts:group", "List rollouts, watch one, abort it."),
        "source": ("repository:group", "Show, connect, disconnect the repository of an app."),
        "deliveries": ("deliveries:group", "List what GitHub delivered, handle it once more."),
        "env": ("environment:group", "List, set, unset, edit variables: each change is a release."),
    },
    "Look after what runs": {
        "deploy-debug": ("diagnosis:deploy_debug", "Say what is wrong with an app, why, and what to do."),
        "ps": ("processes:group", "List the processes that run now, restart them, stop one."),
        "scale": ("processes:scale", "Run so many processes of a service."),
        "run": ("run:run", "Run a command once, with a release."),
        "logs": ("app_log:logs", "Print what an app's processes write."),
        "domains": ("domains:group", "List, add, remove the hosts that an app answers to."),
        "lock": ("locks:lock", "Have an app refuse promotes."),
        "unlock": ("locks:unlock", "Have an app take promotes again."),
        "apps": ("apps:group", "List apps, create, look, delete."),
    },
    "The server": {
        "login": ("access:login", "Sign in at a server and remember it."),
        "logout": ("access:logout", "Forget the login of a server."),
        "whoami": ("access:whoami", "Show as whom the server knows you."),
        "tokens": ("tokens:group", "List, create, revoke tokens."),
        "people": ("people:group", "List people, add them, give roles."),
        "members": ("members:group", "List members of an app, give them a role there, take it back."),
        "audit": ("audit:audit", "Show who did what, when."),
        "clusters": ("clusters:group", "List clusters, add, change, test, remove."),
        "registries": ("registries:group", "List registries, add, change, test, choose, remove."),
        "completion": ("completion:completion", "Print a shell's script of completion."),
        "version": ("access:version", "Print the versions of this command and of the server."),
    },
}
TABLE = {name: entry for part in PARTS.values() for name, entry in part.items()}


class _Commands(MutableMapping[str, Any]):
    """By name, each made when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = _command(name)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        raise TypeError("commands stay")

    def __iter__(self) -> Iterator[str]:
        return iter(TABLE)

    def __len__(self) -> int:
        return len(TABLE)


class Commands(TyperGroup):
    """The command's words of the first level."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "commands": None})
        self.commands = _Commands()

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for part, entries in PARTS.items():
            with formatter.section(part):
                formatter.write_dl([(name, words) for name, (_, words) in entries.items()])


def _command(name: str) -> Any:
    """Raises KeyError."""
    place, words = TABLE[name]
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"deployer.command.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        alone.command(name)(found)
        found = alone
    command = typer.main.get_command(found)
    command.name, command.short_help = name, words
    return command
