"""A webhook that does not answer is waited for, and then means no."""

from datetime import UTC, datetime, timedelta

from releases.pipeline.silent_webhook import Silence

BEGIN = datetime(2026, 11, 21, tzinfo=UTC)
WORDS = 'Internal error occurred: failed calling webhook "budgets.example.com": context deadline exceeded'


def asked(silence, *seconds, words=WORDS):
    return [silence.is_refusal(words, BEGIN + timedelta(seconds=second)) for second in seconds]


def test_after_a_minute_of_it_waiting_is_no_use():
    assert asked(Silence(), 0, 30, 59, 60, 61) == [False, False, False, True, True]


def test_what_had_healed_has_its_minute_anew():
    silence = Silence()
    assert asked(silence, 0, 30, 100, 130, 159, 160) == [False, False, False, False, False, True]


def test_a_cluster_that_is_away_is_waited_for():
    silence = Silence()
    assert not any(asked(silence, *range(0, 300, 30), words="The cluster does not answer."))
    assert asked(silence, 301, 331, 361) == [False, False, True]
