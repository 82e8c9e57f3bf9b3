"""GitHub's inbox: who may put something into it, what is kept, and that it is handled once however often it comes."""

import asyncio
import json
import uuid

import django_rq
import httpx
import pytest

from deployer.body_limit import BodyLimit
from releases import actions, jobs
from releases.models import AuditEntry, Build, Delivery, Source
from releases.webhooks import Hooks
from tests import factories, github_payloads
from tests.github_payloads import ONE, TWO

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "it is a secret to everybody"
URL = "https://github.com/ada/engine.git"


def source_of(app, **columns):
    return Source.objects.create(
        app=app, url=URL, webhook_secret=SECRET, by_label="tests", **{"on_push": "promote", **columns}
    )


@pytest.fixture
def app(deployer):
    made = factories.app(by=deployer, name="shop")
    source_of(made)
    return made


def post(body, headers, name="shop"):
    return ask("POST", name, content=body, headers=headers)


def ask(method, name, **content):
    async def asked():
        hooks = Hooks(None)
        door = BodyLimit(hooks, largest=0, knows=None, delivery=25 * 1024**2)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=door), base_url="http://deployer") as client:
            answer = await client.request(method, f"/hooks/github/{name}", **content)
        if hooks.inbox.opening:
            await hooks.inbox.opening  # now it is on its way to be handled
        return answer

    return asyncio.run(asked())


def deliver(event, payload, *, name="shop", secret=SECRET, **more):
    body, headers = github_payloads.delivery(secret, event, payload, **more)
    return post(body, headers, name=name)


def handle_all():
    """As the worker does, once for each that waits."""
    for app_id in Delivery.objects.filter(status="received").order_by().values_list("app_id", flat=True).distinct():
        actions.handle_deliveries(app_id)


def told(event, payload, **more):
    """The delivery, when it has been handled."""
    answer = deliver(event, payload, **more)
    assert answer.status_code == 202, answer.content
    handle_all()
    return Delivery.objects.get(guid=answer.json()["delivery"], app__name=more.get("name", "shop"))


# --- Who may put something into it -----------------------------------------------------------------------------------


def test_a_signed_delivery_is_kept_and_answered_before_it_is_handled(app, redis):
    guid = str(uuid.uuid4())
    answer = deliver("push", github_payloads.push(), guid=guid)
    assert (answer.status_code, answer.json()) == (202, {"delivery": guid, "event": "push"})
    kept = Delivery.objects.get()
    assert (kept.app, kept.guid, kept.event, kept.status, kept.commit) == (app, guid, "push", "received", ONE)
    assert json.loads(bytes(kept.body))["ref"] == "refs/heads/main"
    assert not Build.objects.exists()
    assert [job.args for job in django_rq.get_queue("webhooks").jobs] == [(app.pk,)]


def test_both_of_githubs_content_types_are_taken(app):
    told("push", github_payloads.push(), is_form=True)
    assert json.loads(bytes(Delivery.objects.get().body))["after"] == ONE
    assert Build.objects.get().commit == ONE


def test_an_unknown_app_and_a_wrong_signature_are_answered_alike(app):
    factories.app(name="unconnected")
    body, headers = github_payloads.delivery(SECRET, "push", github_payloads.push())
    forged = {**headers, "X-Hub-Signature-256": github_payloads.signed("another secret", body)}
    unsigned = {name: value for name, value in headers.items() if name != "X-Hub-Signature-256"}
    answers = [
        post(body, dict(forged)),
        post(body, dict(unsigned)),
        post(body + b" ", dict(headers)),
        post(body[:-1], dict(headers)),
        post(body, dict(headers), name="nowhere"),
        post(body, dict(headers), name="unconnected"),
        post(body, dict(headers), name="Not-A-Name"),
        post(body, dict(forged), name="nowhere"),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1
    assert len({str(sorted(answer.headers.items())) for answer in answers}) == 1
    assert not Delivery.objects.exists()


def test_the_old_secret_is_void_as_soon_as_there_is_a_new_one(app, deployer):
    new = actions.new_webhook_secret(app, by=deployer)
    assert deliver("ping", github_payloads.ping()).status_code == 403
    assert deliver("ping", github_payloads.ping(), secret=new).status_code == 202


@pytest.mark.parametrize(
    ("payload", "event", "guid"),
    [
        (b"{", "push", ""),
        (b'"\xff"', "push", ""),
        (b'{"ref": NaN}', "push", ""),
        (b"[" * 100_000, "push", ""),
        ({}, "PUSH!", ""),
        ({}, "", ""),
        ({}, "push", "../../x"),
        ({}, "push", "x" * 65),
        ({}, "push", "a b"),
    ],
)
def test_what_is_signed_and_still_no_delivery_is_refused_in_words(app, payload, event, guid):
    answer = deliver(event, payload, guid=guid)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert not Delivery.objects.exists()


def test_a_form_without_its_payload_is_refused(app):
    for body in (b"a=b", b"payload=1&payload=2", b"payload"):
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": "1",
            "X-Hub-Signature-256": github_payloads.signed(SECRET, body),
        }
        assert post(body, headers).status_code == 400


def test_the_kind_of_the_body_and_the_method_are_looked_at(app):
    body, headers = github_payloads.delivery(SECRET, "push", github_payloads.push())
    assert post(body, {**headers, "Content-Type": "application/json; charset=utf-8"}).status_code == 202
    assert post(body, headers | {"Content-Type": "text/plain"}).status_code == 415
    assert post(body, headers | {"Content-Type": "multipart/form-data; boundary=x"}).status_code == 415
    assert post(body, headers | {"Content-Encoding": "gzip", "Content-Type": "application/json"}).status_code == 415
    answer = ask("GET", "shop")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_what_is_nested_strangely_is_named_not_tripped_over(app):
    for payload in (None, [], 7, {"repository": []}, {**github_payloads.push(), "ref": 1}):
        delivery = told("push", payload)
        assert delivery.status == "handled"
        assert delivery.decision.startswith("ignored: the payload")


# --- What is done about it, once -------------------------------------------------------------------------------------


def test_a_push_is_built_by_the_one_who_pushed(app, redis):
    delivery = told("push", github_payloads.push())
    build = Build.objects.get()
    assert (delivery.status, delivery.decision, delivery.build) == ("handled", "built", build)
    assert (build.app, build.commit, build.ref, build.subject) == (app, ONE, "refs/heads/main", "Say hello")
    assert (build.origin, build.promote, build.repository, build.by_label) == ("push", True, URL, "push by ada")
    assert django_rq.get_queue("builds").get_job_ids() == [f"build-{build.pk}-1"]
    entry = AuditEntry.objects.get(action="create_build")
    assert (entry.by_label, entry.detail["commit"]) == ("push by ada", ONE)


def test_a_redelivery_of_what_is_handled_changes_nothing(app):
    guid = str(uuid.uuid4())
    for _ in range(3):
        told("push", github_payloads.push(at=5), guid=guid)
    assert Build.objects.count() == 1
    assert Delivery.objects.get().times == 3


def test_the_same_delivery_eight_times_in_the_same_instant_is_handled_once(app, together):
    guid, payload = str(uuid.uuid4()), github_payloads.push()

    def once():
        answer = deliver("push", payload, guid=guid)
        actions.handle_deliveries(app.pk)
        return answer.status_code

    assert together(*[once] * 8) == [202] * 8
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.times) == ("handled", 8)
    assert Build.objects.count() == 1


def test_two_apps_of_one_repository_get_the_same_delivery(app):
    source_of(factories.app(name="worker"))
    guid = str(uuid.uuid4())
    for name in ("shop", "worker"):
        told("push", github_payloads.push(), guid=guid, name=name)
    assert sorted(Build.objects.values_list("app__name", flat=True)) == ["shop", "worker"]


@pytest.mark.parametrize("status", ["queued", "running", "succeeded", "failed", "cancelled"])
def test_a_push_that_two_webhooks_tell_of_is_built_once_whatever_came_of_it(app, status):
    payload = github_payloads.push()
    first = told("push", payload)
    Build.objects.update(status=status)
    second = told("push", payload)
    assert (first.decision, second.decision) == ("built", f"built already: {first.build.pk}")
    assert second.build == first.build
    assert Build.objects.count() == 1


def test_a_pull_request_that_two_webhooks_tell_of_is_built_once(app):
    Source.objects.update(build_pull_requests=True)
    first, second = (told("pull_request", github_payloads.pull_request()) for _ in range(2))
    assert second.decision == f"built already: {first.build.pk}"


def test_a_pull_request_whose_build_failed_is_built_again_when_it_is_opened_again(app):
    Source.objects.update(build_pull_requests=True)
    told("pull_request", github_payloads.pull_request())
    Build.objects.update(status="failed")
    told("pull_request", github_payloads.pull_request(action="closed"))
    assert told("pull_request", github_payloads.pull_request(action="reopened")).decision == "built"
    Build.objects.update(status="succeeded")
    told("pull_request", github_payloads.pull_request(action="closed"))
    again = told("pull_request", github_payloads.pull_request(action="reopened"))
    assert again.decision.startswith("built already: ")


def test_a_branch_that_was_elsewhere_meanwhile_is_built_anew(app):
    for commit, before in ((ONE, github_payloads.ZEROS), (TWO, ONE), (ONE, TWO)):
        delivery = told("push", github_payloads.push(commit, before=before))
        assert (delivery.decision, delivery.build.commit) == ("built", commit)


def test_a_branch_and_a_tag_of_one_commit_are_two_builds(app):
    Source.objects.update(build_tags=True)
    told("push", github_payloads.push(ONE))
    tag = github_payloads.push(ONE, ref="refs/tags/v1", head_commit=github_payloads.commit(ONE))
    assert told("push", tag).decision == "built"


def test_what_is_built_already_a_person_has_built_again(app, deployer):
    delivery = told("push", github_payloads.push())
    actions.replay_delivery(delivery, by=deployer)
    handle_all()
    assert Build.objects.filter(commit=ONE).count() == 2
    actions.create_build_from_git(app, by=deployer, commit=ONE)
    assert Build.objects.filter(commit=ONE).count() == 3


def test_one_that_failed_is_tried_again_when_it_is_delivered_again(app):
    guid = str(uuid.uuid4())
    deliver("push", github_payloads.push(), guid=guid)
    Delivery.objects.update(body=b"{")  # as a disk may do
    handle_all()
    delivery = Delivery.objects.get()
    assert delivery.status == "failed"
    assert delivery.decision.startswith("failed: Deployer itself failed")
    Delivery.objects.update(body=json.dumps(github_payloads.push()).encode())
    deliver("push", github_payloads.push(), guid=guid)
    handle_all()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.decision, delivery.times) == ("handled", "built", 2)


def test_a_lost_job_is_made_good(app, redis, settings):
    settings.QUEUED_WITHOUT_JOB_SECONDS = 0.0
    deliver("push", github_payloads.push())
    queue = django_rq.get_queue("webhooks")
    jobs.reap()
    assert len(queue) == 1  # it has one: none is added
    redis.flushall()
    jobs.reap()
    (job,) = queue.jobs
    queue.empty()
    job.func(*job.args)
    assert Delivery.objects.get().decision == "built"
    jobs.reap()
    assert len(queue) == 0


def test_one_job_handles_all_that_wait(app, redis):
    for number in range(5):
        deliver("push", github_payloads.push(f"{number:040x}"))
    assert len(django_rq.get_queue("webhooks")) == 1
    jobs.handle_deliveries(app.pk)
    assert Delivery.objects.filter(status="handled").count() == 5
    deliver("push", github_payloads.push())
    assert len(django_rq.get_queue("webhooks")) == 2


def test_without_a_redis_a_delivery_is_kept_all_the_same(app):
    assert deliver("push", github_payloads.push()).status_code == 202
    assert Delivery.objects.get().status == "received"


def test_a_newer_push_supersedes_one_that_is_queued(app):
    first = told("push", github_payloads.push(ONE))
    second = told("push", github_payloads.push(TWO, before=ONE))
    first.refresh_from_db()
    assert (first.decision, first.build.status) == ("superseded by 2222222", "superseded")
    assert first.build.reason == "Superseded by 2222222."
    assert (second.decision, second.build.status) == ("built", "queued")


def test_one_that_runs_goes_on(app):
    first = told("push", github_payloads.push(ONE))
    taken = Build.take(first.build.pk, 1)
    taken.transition("running")
    told("push", github_payloads.push(TWO, before=ONE))
    taken.refresh_from_db()
    assert taken.status == "running"


def test_another_branch_and_a_persons_build_are_not_superseded(app, deployer):
    Source.objects.update(build_tags=True)
    mine = actions.create_build_from_git(app, by=deployer)
    tag = told("push", github_payloads.push(ref="refs/tags/v1", head_commit=github_payloads.commit(ONE)))
    told("push", github_payloads.push(TWO))
    mine.refresh_from_db()
    assert (mine.status, tag.build.status) == ("queued", "queued")


def test_an_older_push_that_is_delivered_later_changes_nothing(app):
    older, newer = github_payloads.push(ONE), github_payloads.push(TWO, before=ONE)
    told("push", newer)
    late = told("push", older)
    assert (late.decision, late.build) == ("superseded by 2222222", None)
    assert Build.objects.get().commit == TWO


def test_two_pushes_of_one_second_are_told_apart_by_their_chain(app):
    older, newer = github_payloads.push(ONE, at=7), github_payloads.push(TWO, before=ONE, at=7)
    told("push", newer)
    assert told("push", older).decision == "superseded by 2222222"
    # There and back again: what comes last counts.
    assert told("push", github_payloads.push(ONE, before=TWO, at=7)).decision == "built"


def test_pushes_to_other_repositories_are_no_newer_ones(app):
    """As a webhook of an organisation delivers them."""
    foreign = github_payloads.push(TWO, repository=github_payloads.repository(id=9, name="ada/other", pushed_at=2**33))
    assert told("push", foreign).decision == "skipped: another repository (ada/other)"
    assert told("push", github_payloads.push()).decision == "built"


def test_a_renamed_repository_goes_on(app):
    told("push", github_payloads.push(ONE))
    renamed = github_payloads.repository(name="ada/machine", pushed_at=2**32)
    assert told("push", github_payloads.push(TWO, repository=renamed)).decision == "built"
    source = Source.objects.get()
    assert (source.repository_id, source.repository_name) == (github_payloads.NUMBER, "ada/machine")
    namesake = github_payloads.repository(id=5, pushed_at=2**32 + 1)
    assert (
        told("push", github_payloads.push(repository=namesake)).decision == "skipped: another repository (ada/engine)"
    )


def test_an_app_that_is_gone_or_going_ignores_what_comes(app, deployer):
    deliver("push", github_payloads.push())
    Source.objects.all().delete()
    handle_all()
    assert Delivery.objects.get().decision == "ignored: the app has no repository any more"


# --- Again, by a person ----------------------------------------------------------------------------------------------


def test_a_person_has_a_forks_pull_request_built(app, deployer):
    Source.objects.update(build_pull_requests=True)
    fork = github_payloads.repository(id=99, name="mallory/engine")
    delivery = told("pull_request", github_payloads.pull_request(fork=fork))
    assert (delivery.decision.split(":")[0], delivery.build) == ("waits for a person", None)
    actions.replay_delivery(delivery, by=deployer)
    handle_all()
    delivery.refresh_from_db()
    build = delivery.build
    assert (delivery.decision, build.origin, build.ref, build.promote) == (
        "built",
        "pull_request",
        "refs/pull/7/head",
        False,
    )
    assert build.by_label == f"pull request by grace, replayed by {deployer.label}"
    assert AuditEntry.objects.filter(action="replay_delivery", by=deployer.person).exists()


def test_what_was_skipped_is_handled_anew_by_todays_rules(app, deployer):
    delivery = told("push", github_payloads.push(ref="refs/heads/next"))
    assert delivery.decision == "skipped: another branch"
    Source.objects.update(branch="next")
    actions.replay_delivery(delivery, by=deployer)
    handle_all()
    delivery.refresh_from_db()
    assert (delivery.decision, delivery.build.commit) == ("built", ONE)


def test_old_deliveries_go(app, settings):
    settings.DELIVERIES_KEPT = 4
    for number in range(6):
        told("ping", github_payloads.ping(), guid=f"guid-{number}")
    deliver("ping", github_payloads.ping(), guid="waits")
    jobs.sweep()
    rows = Delivery.objects.order_by("pk").values_list("guid", "body")
    kept = {guid: body is not None for guid, body in rows}
    assert kept == {"guid-2": False, "guid-3": False, "guid-4": True, "guid-5": True, "waits": True}
