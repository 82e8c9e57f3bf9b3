"""Idempotency-Key: what is sent twice under one name is done once."""

import json
from datetime import timedelta
from functools import cache

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from django.utils import timezone

from releases import jobs
from releases.models import Build, IdempotencyKey, Person, Release, Rollout, Token
from releases.models.idempotency_key import CARRIED, KEPT
from tests import factories

BUILDS = "/api/apps/shop/builds"
pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Person:
    return factories.person("administrator", "ann")


@pytest.fixture
def shop(ann):
    return factories.app("shop")


def client_of(person: Person, name: str = "robot") -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(person, name=name)[1]}"})


@cache
def packed(text: str) -> bytes:
    """Packed once: gzip writes down when that was."""
    return factories.tar_gz({"app.py": text}).getvalue()


def upload(client: Client, key: str, *, text: str = "print(1)", address: str = BUILDS, **fields: str):
    source = SimpleUploadedFile("source.tar.gz", packed(text))
    return client.post(address, {"source": source, **fields}, headers={"Idempotency-Key": key})


def promote(client: Client, release: Release, key: str, **body: object):
    address = f"/api/apps/shop/releases/{release.pk}/promote"
    headers = {"Idempotency-Key": key}
    return client.post(address, json.dumps(body), content_type="application/json", headers=headers)


def test_the_same_upload_again_is_answered_as_the_first_time(ann, shop):
    client = client_of(ann)
    first, again = upload(client, "a-1", description="x"), upload(client, "a-1", description="x")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
    assert again["Content-Type"] == first["Content-Type"]
    assert Build.objects.count() == 1


def test_a_promote_is_started_once(ann, shop):
    client, release = client_of(ann), factories.release(shop)
    first, again = promote(client, release, "p"), promote(client, release, "p")
    assert (first.status_code, again.content) == (201, first.content)
    assert Rollout.objects.count() == 1


def test_a_refusal_is_an_answer_too(ann, shop):
    client, release = client_of(ann), factories.release(shop)
    running = factories.rollout(release, status="rolling")
    first = promote(client, release, "p")
    assert first.status_code == 409
    Rollout.objects.filter(pk=running.pk).update(status="succeeded")
    again = promote(client, release, "p")
    assert (again.status_code, again.content) == (409, first.content)
    assert promote(client, release, "q").status_code == 201


@pytest.mark.parametrize("change", [{"text": "print(2)"}, {"description": "y"}, {"address": f"{BUILDS}?x=1"}])
def test_another_request_under_the_same_name_is_refused(ann, shop, change):
    client = client_of(ann)
    assert upload(client, "a").status_code == 201
    other = upload(client, "a", **change)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert Build.objects.count() == 1


def test_json_is_compared_as_it_was_sent(ann, shop):
    client, release = client_of(ann), factories.release(shop)
    assert promote(client, release, "p", note="now").status_code == 201
    assert promote(client, release, "p", note="then").status_code == 422


def test_names_are_each_token_s_and_each_person_s_own(ann, shop):
    signed_in = Client()
    signed_in.force_login(ann)
    for client in (client_of(ann), client_of(ann, "another"), signed_in):
        assert upload(client, "a").status_code == 201
    assert Build.objects.count() == 3


@pytest.mark.parametrize("key", ["", "a" * 256, "käse", "a\tb", " ", " a"])
def test_what_is_no_name_is_refused(ann, shop, key):
    # Spaces at its ends are no part of a header's value, and no server gets them.
    answer = upload(client_of(ann), key)
    assert answer.status_code == 422
    assert not Build.objects.exists()


def test_a_request_that_is_malformed_takes_no_name(ann, shop):
    client, release = client_of(ann), factories.release(shop)
    assert promote(client, release, "p", nonsense=1).status_code == 422
    assert promote(client, release, "p").status_code == 201


def test_while_the_first_is_carried_out_the_second_waits_and_after_a_crash_takes_over(ann, shop):
    client, release = client_of(ann), factories.release(shop)
    first = promote(client, release, "p")
    # As a server leaves it that dies before it has answered.
    IdempotencyKey.objects.update(status=None, body="")
    waits = promote(client, release, "p")
    assert (waits.status_code, waits.json()["error"]["code"], waits["Retry-After"]) == (409, "in_progress", "1")
    IdempotencyKey.objects.update(claimed_at=timezone.now() - CARRIED - timedelta(seconds=1))
    anew = promote(client, release, "p")
    assert (first.status_code, anew.status_code) == (201, 409), "the rollout of the first runs"
    assert promote(client, release, "p").content == anew.content


def test_who_was_thought_dead_does_not_overwrite_the_answer_of_its_successor(shop):
    slow = IdempotencyKey.take("token 1", "a", "f")
    IdempotencyKey.objects.update(claimed_at=timezone.now() - CARRIED - timedelta(seconds=1))
    successor = IdempotencyKey.take("token 1", "a", "f")
    slow.answered(201, "slow")
    slow.give_back()
    successor.answered(201, "successor")
    assert IdempotencyKey.take("token 1", "a", "f").body == "successor"


@pytest.mark.django_db(transaction=True)
def test_of_several_in_the_same_instant_one_is_carried_out(shop, together):
    def take() -> str:
        taken = IdempotencyKey.take("token 1", "a", "f")
        connections.close_all()
        return taken.claim

    results = together(*[take] * 6)
    assert len([result for result in results if isinstance(result, str)]) == 1
    assert {type(result).__name__ for result in results} == {"str", "KeyInUse"}


def test_our_own_fault_is_not_kept(shop):
    taken = IdempotencyKey.take("token 1", "a", "f")
    taken.give_back()
    assert IdempotencyKey.take("token 1", "a", "f").status is None


def test_after_a_day_a_name_is_free_again_and_forgotten(ann, shop):
    client = client_of(ann)
    upload(client, "a")
    IdempotencyKey.objects.update(created_at=timezone.now() - KEPT - timedelta(seconds=1))
    assert upload(client, "a", text="print(2)").status_code == 201
    assert Build.objects.count() == 2
    IdempotencyKey.objects.update(created_at=timezone.now() - KEPT - timedelta(seconds=1))
    jobs.sweep()
    assert not IdempotencyKey.objects.exists()


def test_without_a_name_everything_is_done_as_often_as_it_is_sent(ann, shop):
    client = client_of(ann)
    for _ in range(2):
        assert client.post(BUILDS, {"source": SimpleUploadedFile("a.tar.gz", packed(""))}).status_code == 201
    assert (Build.objects.count(), IdempotencyKey.objects.count()) == (2, 0)
