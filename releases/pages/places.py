"""Where things are done: the pages, and the actions of an app, with the words by which people look for them."""

from dataclasses import dataclass

from django.urls import reverse


@dataclass(frozen=True)
class Place:
    """`name` is that of its address; `words` explain it; it is found by `what` it is called and by the words in `also`.

    Whoever lacks the `right` is not sent there. `what` may hold `{app}` and `{branch}`.
    """

    name: str
    what: str
    words: str
    right: str = "view"
    anchor: str = ""
    also: str = ""
    needs_source: bool = False

    def address(self, *arguments: str) -> str:
        return reverse(self.name, args=arguments) + self.anchor

    def is_meant(self, asked: list[str], *, branch: str = "") -> bool:
        """Whether each of the words begins one of ours. Nothing asked means everything."""
        what = self.what.format(app="", branch=branch)
        own = f"{what} {self.also}".lower().split()
        return all(any(word.startswith(start) for word in own) for start in asked)


PAGES = (
    Place("apps", "Apps", "all apps on one screen"),
    Place("app-new", "New app", "create one", right="create_app"),
    Place("activity", "Activity", "who did what", also="audit history"),
    Place("history", "Releases", "of all apps: who promoted what", also="release history export csv"),
    Place("clusters", "Clusters", "where apps run", also="kubernetes"),
    Place("registries", "Registries", "where images go"),
    Place("people", "People", "who may do what", right="manage_people", also="users roles members"),
    Place("account", "Account", "password, tokens, theme", also="api sign-in"),
    Place("words", "Words and keys", "what the words and signs mean", also="help shortcuts keyboard glossary"),
    Place("diagnostics", "Diagnostics", "what each finding means, and what to do", also="help findings errors causes"),
    Place("admin:index", "Admin", "every row there is", right="create_app", also="django database"),
)
ACTIONS = (
    Place("app", "Promote in {app}", "what is next", right="promote", anchor="#app-next", also="deploy ship release"),
    Place("app-releases", "Roll back {app}", "to an older release", right="rollback", also="rollback undo revert"),
    Place(
        "app",
        "Build {branch} of {app}",
        "from its repository",
        right="create_build",
        anchor="#build",
        needs_source=True,
    ),
    Place("diagnosis", "Diagnose {app}", "why is it not running?", also="debug doctor health deploy-debug"),
    Place("processes", "Scale {app}", "more processes, or fewer", right="scale", also="count"),
    Place("processes", "Restart {app}", "or stop one process", right="restart"),
    Place("app-lock", "Lock {app}", "nothing is promoted meanwhile", right="lock", also="unlock freeze"),
    Place("env", "Variables of {app}", "its environment", also="env config secrets set edit"),
    Place("app-logs", "Logs of {app}", "what its processes write", also="log output tail"),
    Place("processes", "Processes of {app}", "what runs, and how", also="ps pods"),
    Place("app-releases", "Releases of {app}", "its release history", also="history"),
    Place("app-builds", "Builds of {app}", "what was built from what"),
    Place("app-activity", "Activity of {app}", "who did what", also="audit"),
    Place("app-settings", "Settings of {app}", "repository, domains, members, lock", also="source webhook delete"),
    Place("app-domains", "Domains of {app}", "under which hosts it answers", also="hosts"),
    Place("deliveries", "Deliveries of {app}", "what its webhook received", also="webhook inbox replay"),
)
