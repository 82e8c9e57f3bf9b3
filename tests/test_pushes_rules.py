"""What a delivery comes to, as a rule over GitHub's documented fields: no database, no network."""

import pytest

from releases.pipeline.pushes import facts, rules, signature
from releases.pipeline.pushes.facts import Other, Ping, PullRequest, Push, Repository, Unreadable
from releases.pipeline.pushes.rules import Decision, Wanted, Wishes
from tests import github_payloads as github
from tests.github_payloads import NAME, NUMBER, ONE, TWO, ZEROS

HERE = Repository(NUMBER, NAME)
FORK = github.repository(id=99, name="mallory/engine")
PROMOTE = Wishes(branch="main", on_push="promote", repository="ada/engine")
BUILD = Wishes(branch="main", on_push="build", build_tags=True, build_pull_requests=True)


def decision(event, payload, wishes=PROMOTE, **more):
    return rules.decide(facts.read(event, payload), facts.repository(payload), wishes, **more)


def built(commit=ONE, *, promote=True, subject="Say hello", **more):
    wanted = {"ref": "refs/heads/main", "origin": "push", "sender": "ada", **more}
    return Decision("built", Wanted(commit, subject=subject, promote=promote, **wanted))


def test_a_push_is_read():
    assert facts.read("push", github.push(TWO, before=ONE, message="Say\n\nhello", at=17)) == Push(
        ref="refs/heads/main", before=ONE, commit=TWO, message="Say\n\nhello", pushed_at=17, sender="ada"
    )


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (github.push(), built()),
        (github.push(TWO, before=ONE), built(TWO)),
        (github.push(TWO, before=ONE, forced=True), built(TWO)),
        (github.push(commits=2000), built()),
        (github.push(message="Say hello\n\nAnd more."), built()),
        (github.push(head_commit=None), built(subject="")),
        (github.push(ZEROS, before=ONE), Decision("skipped: branch deleted")),
        (github.push(ZEROS, before=ONE, ref="refs/heads/other"), Decision("skipped: branch deleted")),
        (github.push(ref="refs/heads/other"), Decision("skipped: another branch")),
        (github.push(ref="refs/heads/main/2"), Decision("skipped: another branch")),
        (github.push(ref="refs/notes/commits"), Decision("skipped: another branch")),
        (github.push(ref="refs/tags/v1"), Decision("skipped: a tag")),
        (github.push(ZEROS, before=ONE, ref="refs/tags/v1"), Decision("skipped: tag deleted")),
        (github.push(message="Typo [skip ci]"), Decision("skipped: [skip ci] in the head commit")),
        (github.push(message="Typo\n\n[CI Skip]"), Decision("skipped: [ci skip] in the head commit")),
        (github.push(repository=github.repository(name="Ada/Engine")), built()),
        (github.push(repository=FORK), Decision("skipped: another repository (mallory/engine)")),
        (github.push(repository=github.repository(default_branch="trunk")), built()),
    ],
)
def test_a_push_to_an_app_that_promotes(payload, expected):
    assert decision("push", payload) == expected


def test_what_the_app_wishes_decides():
    assert decision("push", github.push(), BUILD) == built(promote=False)
    assert decision("push", github.push(), Wishes(on_push="nothing")).words == "skipped: a push does nothing here"
    assert decision("push", github.push(ref="refs/heads/trunk"), Wishes(branch="trunk")).build is not None


def test_a_tag_is_built_where_asked_and_never_promoted_by_itself():
    wishes = Wishes(on_push="promote", build_tags=True)
    annotated = github.push(TWO, ref="refs/tags/v1", head_commit=github.commit(ONE))
    assert decision("push", annotated, wishes) == built(ONE, promote=False, ref="refs/tags/v1")


def test_an_older_push_that_comes_later_is_superseded():
    assert decision("push", github.push(), newer="0a1b2c3d4e" * 4) == Decision("superseded by 0a1b2c3")
    assert decision("push", github.push(), newer=ZEROS) == Decision("skipped: the branch was deleted since")


def test_a_renamed_repository_is_known_by_its_number():
    known = Wishes(on_push="build", repository_id=NUMBER, repository="ada/engine")
    assert decision("push", github.push(repository=github.repository(name="ada/machine")), known).build is not None
    namesake = github.push(repository=github.repository(id=5))
    assert decision("push", namesake, known) == Decision("skipped: another repository (ada/engine)")


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (github.pull_request(), "built"),
        (github.pull_request(action="synchronize"), "built"),
        (github.pull_request(action="reopened"), "built"),
        (github.pull_request(action="closed"), "ignored: pull_request closed"),
        (github.pull_request(action="labeled"), "ignored: pull_request labeled"),
        (
            github.pull_request(fork=FORK),
            "waits for a person: the pull request is from the fork mallory/engine",
        ),
        (
            github.pull_request(head={"ref": "x", "sha": TWO, "repo": None}),
            "waits for a person: the pull request is from the fork unknown",
        ),
    ],
)
def test_a_pull_request(payload, expected):
    assert decision("pull_request", payload, BUILD).words == expected
    assert decision("pull_request", payload).words == "skipped: pull requests are not built here"


def test_a_pull_request_is_built_and_never_promoted():
    wanted = Wanted(TWO, "refs/pull/7/head", "pull_request", "#7 Say it louder", "grace", promote=False)
    promoting = Wishes(on_push="promote", build_pull_requests=True)
    assert decision("pull_request", github.pull_request(), promoting) == Decision("built", wanted)
    by_hand = decision("pull_request", github.pull_request(fork=FORK), promoting, by_person=True)
    assert by_hand == Decision("built", wanted)


@pytest.mark.parametrize("event", ["check_suite", "check_run", "status"])
def test_checks_are_asked_about_where_something_waits_for_them(event):
    payload = getattr(github, event)()
    assert decision(event, payload) == Decision("skipped: nothing waits for the checks of 1111111")
    asked = decision(event, payload, waiting=True)
    assert asked == Decision("asked GitHub about the checks of 1111111", look_at=ONE)


def test_everything_else_is_acknowledged_by_name():
    assert facts.read("ping", github.ping()) == Ping()
    assert decision("ping", github.ping()).words == "answered: GitHub reaches Deployer"
    assert facts.read("issues", {"action": "opened"}) == Other("issues")
    assert decision("issues", {"action": "opened", "repository": github.repository()}).words == "ignored: issues"


WRONG = [
    ("push", None),
    ("push", []),
    ("push", "push"),
    ("push", {}),
    ("push", {**github.push(), "ref": 7}),
    ("push", {**github.push(), "ref": "refs/heads/\x00"}),
    ("push", {**github.push(), "after": "HEAD"}),
    ("push", {**github.push(), "before": None}),
    ("push", {**github.push(ref="refs/tags/v1"), "head_commit": {"id": "--upload-pack=x"}}),
    ("pull_request", {}),
    ("pull_request", {**github.pull_request(), "number": True}),
    ("pull_request", github.pull_request(head=None)),
    ("pull_request", github.pull_request(head={"sha": "x"})),
    ("check_suite", {"check_suite": []}),
    ("check_run", {"check_run": {"head_sha": 1}}),
    ("status", {"sha": "main"}),
]


@pytest.mark.parametrize(("event", "payload"), WRONG)
def test_what_github_would_not_send_is_named_not_tripped_over(event, payload):
    with pytest.raises(Unreadable):
        facts.read(event, payload)


@pytest.mark.parametrize(
    "told", [None, [], 7, {"pushed_at": "2026"}, {"pushed_at": True}, {"pushed_at": -1}, {"id": 1}]
)
def test_a_strange_repository_is_none(told):
    payload = github.push(repository=told)
    assert facts.read("push", payload).pushed_at is None
    assert facts.repository(payload) is None


def test_pull_requests_are_known_by_the_ref_that_github_keeps_for_them():
    assert PullRequest(7, "opened", TWO).ref == "refs/pull/7/head"


def test_a_signature_is_of_this_body_with_this_secret():
    # docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries has these as its example.
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signature.fits("It's a Secret to Everybody", b"Hello, World!", known)
    assert not signature.fits("It's a Secret to Everybody", b"Hello, World?", known)
    assert not signature.fits("Another", b"Hello, World!", known)


@pytest.mark.parametrize("header", ["", "sha256=", "sha256=" + "g" * 64, "sha1=" + "0" * 40, "é", "sha256=" + "0" * 65])
def test_a_malformed_signature_fits_nothing(header):
    assert not signature.fits("secret", b"", header)


def test_no_secret_fits_nothing_not_even_what_it_is_measured_by():
    assert not signature.fits("", b"body", github.signed(signature.NOBODYS, b"body"))
