"""GitHub's API: what is sent is as documented, what is refused is said in words, a token goes nowhere else."""

from datetime import UTC, datetime, timedelta

import pytest

from releases.clients import github
from releases.clients.github import answers, bodies
from releases.errors import GitHubError, GitHubUnavailable
from tests.github_stand_in import app_key, standing_in

COMMIT = "0a1b2c3d4e" * 4
NOW = datetime(2026, 3, 18, 14, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def key():
    return app_key()


@pytest.fixture
def hub(key):
    with standing_in(public_key=key[1]) as stand_in:
        yield stand_in
        assert stand_in.faults == []


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def repository(hub, pauses):
    return github.Repository(github.Door(lambda: "ghp_personal", url=hub.url, pause=pauses.append), hub.name)


# What is sent


def test_a_commit_status_whole():
    assert bodies.commit_status("success", context="deployer/shop", description="Built", url="https://d/b/1") == {
        "state": "success",
        "context": "deployer/shop",
        "description": "Built",
        "target_url": "https://d/b/1",
    }


def test_a_deployment_whole():
    made = bodies.deployment(
        COMMIT, environment="shop", description="Promote R1", payload={"rollout": 7}, production=True
    )
    assert made == {
        "ref": COMMIT,
        "task": "deploy",
        "auto_merge": False,
        "required_contexts": [],
        "environment": "shop",
        "description": "Promote R1",
        "payload": {"rollout": 7},
        "production_environment": True,
    }


def test_a_deployment_status_whole():
    made = bodies.deployment_status(
        "success", description="Active", log_url="https://d/r/7", environment_url="https://shop", environment="shop"
    )
    assert made == {
        "state": "success",
        "description": "Active",
        "log_url": "https://d/r/7",
        "environment_url": "https://shop",
        "environment": "shop",
        "auto_inactive": True,
    }
    failed = bodies.deployment_status("failure", description="Restored", log_url="https://d/r/7")
    assert failed == {"state": "failure", "description": "Restored", "log_url": "https://d/r/7", "auto_inactive": False}


def test_a_description_fits_into_what_github_takes():
    assert bodies.shortened("two\n lines") == "two lines"
    assert bodies.shortened("ü" * 140) == "ü" * 140
    assert bodies.shortened("ü" * 141) == "ü" * 139 + "…"


def test_a_build_and_a_rollout_are_told(hub, repository):
    repository.set_status(
        COMMIT, bodies.commit_status("pending", context="c" * 300, description="d" * 300, url="https://d/b/1")
    )
    deployment = bodies.deployment(
        COMMIT, environment="shop", description="Promote", payload={"rollout": 7}, production=True
    )
    assert repository.find_deployment(deployment) is None
    number = repository.create_deployment(deployment)
    repository.set_deployment_status(
        number, bodies.deployment_status("in_progress", description="Rolling", log_url="https://d/r/7")
    )
    assert repository.find_deployment(deployment) == number
    assert repository.find_deployment({**deployment, "payload": {"rollout": 8}}) is None
    assert [path for path, _ in hub.sent("POST")] == [
        f"/repos/ada/engine/statuses/{COMMIT}",
        "/repos/ada/engine/deployments",
        f"/repos/ada/engine/deployments/{number}/statuses",
    ]
    assert [status["state"] for status in hub.deployment_statuses[number]] == ["in_progress"]


# Who we are


def test_an_app_gets_a_token_for_one_repository_and_uses_it_until_shortly_before_its_end(hub, key):
    app = github.App("123", key[0], url=hub.url)
    installation = app.installation_of("ada/engine")
    first = app.token(installation, "ada/engine", github.FETCHING)
    assert app.token(installation, "ada/engine", github.FETCHING) == first
    assert app.token(installation, "ada/engine", github.REPORTING) != first
    assert hub.sent("POST") == [
        ("/app/installations/77/access_tokens", {"repositories": ["engine"], "permissions": {"contents": "read"}}),
        ("/app/installations/77/access_tokens", {"repositories": ["engine"], "permissions": github.REPORTING}),
    ]
    door = github.Door(lambda: app.token(installation, "ada/engine", github.FETCHING), url=hub.url)
    assert github.Repository(door, "ada/engine").about().id == 4711


def test_a_token_that_is_about_to_end_is_renewed(hub, key):
    hub.token_minutes = 9
    app = github.App("123", key[0], url=hub.url)
    assert app.token(77, "ada/engine", github.FETCHING) != app.token(77, "ada/engine", github.FETCHING)


def test_an_app_that_github_does_not_know_or_that_has_no_key(hub, key):
    with pytest.raises(GitHubError, match="does not accept the token or key") as refused:
        github.App("124", key[0], url=hub.url).installation_of("ada/engine")
    assert refused.value.status == 401
    with pytest.raises(GitHubError, match="no PEM file"):
        github.App("123", "-----BEGIN RSA PRIVATE KEY-----\nsecret\n", url=hub.url)
    with pytest.raises(GitHubError) as unknown:
        github.App("123", key[0], url=hub.url).installation_of("ada/other")
    assert unknown.value.status == 404


# What a repository has


def test_a_repository_is_found_by_its_number_and_by_a_former_name(hub, repository):
    hub.former_names, hub.name = {"ada/engine"}, "ada/difference"
    for about in (github.Repository.by_id(repository.door, 4711), repository.about()):
        assert (about.id, about.name) == (4711, "ada/difference")
    with pytest.raises(GitHubError, match="another name now"):
        repository.set_status(COMMIT, bodies.commit_status("success", context="c", description="", url="https://d/"))


@pytest.mark.parametrize("other", ["http://localhost:1", "http://127.0.0.1:1", "https://127.0.0.1:{port}"])
def test_a_redirect_to_another_server_is_not_followed(hub, repository, other):
    hub.former_names, hub.redirect = {"ada/engine"}, other.format(port=hub.port)
    with pytest.raises(GitHubError, match="another server"):
        repository.about()


def test_the_head_of_a_branch_with_slashes_and_other_signs(hub, repository):
    hub.heads = {"main": COMMIT, "feature/ü#1?": "f" * 40}
    assert repository.head("feature/ü#1?") == "f" * 40
    with pytest.raises(GitHubError) as missing:
        repository.head("gone")
    assert missing.value.status == 404


def test_checks_are_taken_together_from_all_pages_without_our_own(hub, repository):
    hub.page = 2
    assert repository.checks(COMMIT, without="deployer/").state == "none"
    for name in ("lint", "unit", "types"):
        hub.run(COMMIT, name)
    hub.run(COMMIT, "docs", "skipped")
    hub.statuses[COMMIT] = [
        {"context": "ci/legacy", "state": "success"},
        {"context": "deployer/shop", "state": "pending"},
    ]
    hub.suites[COMMIT] = [
        {"status": "queued", "latest_check_runs_count": 0, "app": {"name": "Never checks"}},
        {"status": "completed", "latest_check_runs_count": 4, "app": {"name": "Actions"}},
    ]
    found = repository.checks(COMMIT, without="deployer/")
    assert (found.state, sorted(found.green)) == ("green", ["ci/legacy", "docs", "lint", "types", "unit"])
    hub.suites[COMMIT].append({"status": "in_progress", "latest_check_runs_count": 1, "app": {"name": "Actions"}})
    assert repository.checks(COMMIT, without="deployer/").waiting == ("Actions",)
    hub.run(COMMIT, "slow", None, "in_progress")
    hub.run(COMMIT, "browser", "timed_out")
    found = repository.checks(COMMIT, without="deployer/")
    assert (found.state, found.waiting, found.failed) == ("failed", ("slow", "Actions"), ("browser",))


# Trouble


def test_troubles_that_pass_are_waited_out(hub, repository, pauses):
    hub.trouble(502)
    hub.trouble(0)
    assert repository.about().id == 4711
    assert pauses == [0.5, 2.0]


def test_troubles_that_stay_are_said(hub, repository, pauses):
    hub.trouble(503, times=3, body=b"<html>unicorn</html>")
    with pytest.raises(GitHubUnavailable, match=r"in trouble \(503\)") as trouble:
        repository.about()
    assert (trouble.value.status, trouble.value.retry_at, len(hub.requests)) == (503, None, 3)


def test_a_deployment_is_not_made_twice_because_its_answer_was_lost(hub, repository):
    deployment = bodies.deployment(COMMIT, environment="shop", description="", payload={"rollout": 7}, production=True)
    for status in (0, 502):
        hub.trouble(status)
        with pytest.raises(GitHubUnavailable):
            repository.create_deployment(deployment)
    assert len(hub.requests) == 2


def test_nobody_there(pauses):
    with pytest.raises(GitHubUnavailable, match="does not answer"):
        github.Repository(
            github.Door(lambda: "ghp_personal", url="http://127.0.0.1:1", pause=pauses.append), "a/b"
        ).about()
    assert len(pauses) == 2


def test_a_limit_says_until_when_and_nothing_more_is_sent_until_then(hub, repository, pauses):
    reset = int((datetime.now(UTC) + timedelta(minutes=20)).timestamp())
    hub.trouble(403, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)})
    for _ in range(2):
        with pytest.raises(GitHubUnavailable, match="GitHub limits us until") as limited:
            repository.about()
        assert limited.value.retry_at == datetime.fromtimestamp(reset, UTC)
    assert (len(hub.requests), pauses) == (1, [])


@pytest.mark.parametrize(
    ("status", "headers", "message", "seconds"),
    [
        (403, {"Retry-After": "90"}, "You have exceeded a secondary rate limit", 90),
        (429, {"Retry-After": "999999999999"}, "", 7200),
        (403, {}, "You have exceeded a secondary rate limit.", 60),
        (429, {}, "", 60),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 5)}, "", 5),
        (503, {"Retry-After": "7"}, "", 7),
    ],
)
def test_when_to_try_again(status, headers, message, seconds):
    error = answers.error_of(status, headers, b'{"message": "%s"}' % message.encode(), now=NOW)
    assert isinstance(error, GitHubUnavailable)
    assert error.retry_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (401, b'{"message": "Bad credentials"}', "does not accept the token or key.*: Bad credentials"),
        (403, b'{"message": "Resource not accessible by integration"}', "lacks the right: Resource not accessible"),
        (404, b'{"message": "Not Found"}', "knows no such thing"),
        (410, b"", "has it no more"),
        (
            422,
            b'{"message": "Validation Failed", "errors": [{"field": "sha", "code": "invalid"}, "No commit found"]}',
            "Validation Failed; sha invalid; No commit found",
        ),
        (418, b"\xff\x00<html>", r"GitHub answered 418\."),
    ],
)
def test_refusals_in_words(status, content, words):
    error = answers.error_of(status, {"X-RateLimit-Remaining": "4999"}, content, now=NOW)
    assert type(error) is GitHubError
    assert error.status == status
    with pytest.raises(GitHubError, match=words):
        raise error


def test_a_token_is_in_no_error_even_if_the_answer_has_it(hub, pauses):
    door = github.Door(lambda: "ghp_secret", url=hub.url, pause=pauses.append)
    hub.trouble(403, body={"message": "no rights for ghp_secret"})
    with pytest.raises(GitHubError, match=r"no rights for \[token\]") as refused:
        github.Repository(door, "ada/engine").about()
    assert "ghp_secret" not in repr(refused.value) + str(refused.value.__cause__) + refused.value.message
