"""Values of variables are replaced by their names."""

import json
import string
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.logs import Mask
from tests import factories

NAMES = st.text(string.ascii_uppercase, min_size=1, max_size=8)
# Values and texts share few letters, so that they meet often; names share none with them.
VALUES = st.text("ab0.", min_size=6, max_size=12)
TEXTS = st.text("ab0. ", max_size=200)


@given(st.dictionaries(NAMES, VALUES, max_size=5), TEXTS, st.randoms())
def test_no_value_survives(env, text, random):
    for value in env.values():
        place = random.randint(0, len(text))
        text = text[:place] + value + text[place:]
    hidden = Mask(env).hide(text)
    assert not [value for value in env.values() if value in hidden]


@given(st.dictionaries(NAMES, st.text(max_size=5)), st.text())
def test_short_values_change_nothing(env, text):
    assert Mask(env).hide(text) == text


@given(st.text())
def test_without_variables_nothing_changes(text):
    assert Mask({}).hide(text) == text


def test_a_value_of_six_characters_is_hidden_and_one_of_five_is_not():
    mask = Mask({"FIVE": "12345", "SIX": "abcdef"})
    assert mask.hide("12345 abcdef") == "12345 [SIX]"


def test_the_longest_wins_where_one_value_begins_with_another():
    mask = Mask({"SHORT": "secret", "LONG": "secret-key"})
    assert mask.hide("secret-key secret") == "[LONG] [SHORT]"


def test_characters_that_mean_something_in_patterns_are_plain():
    assert Mask({"KEY": "a.*(b|c)+\\d$"}).hide("x a.*(b|c)+\\d$ y aXXXb") == "x [KEY] y aXXXb"


@given(st.binary(max_size=9), st.text(min_size=9, max_size=30), st.binary(max_size=9))
def test_a_value_in_base64_is_hidden_whatever_was_encoded_with_it(before, value, behind):
    for encode in (b64encode, urlsafe_b64encode):
        said = encode(before + value.encode() + behind).decode()
        hidden = Mask({"KEY": value}).hide(f"Authorization: Basic {said}")
        assert hidden.count("[KEY]") == 1
        # Beside the name stands what was encoded with it, and at each end a sign that both share; no whole byte of it.
        left = len(hidden.removeprefix("Authorization: Basic ").replace("[KEY]", "").rstrip("="))
        assert 6 * left < 8 * (len(before) + len(behind)) + 16


def test_a_value_of_several_lines_is_hidden_line_by_line():
    key = "-----BEGIN-----\nMIIEvQIBADAN\nabc\n-----END KEY-----\n"
    mask = Mask({"PEM": key})
    for line in ("MIIEvQIBADAN", "-----BEGIN-----", "-----END KEY-----"):
        assert mask.hide(f"> {line} <") == "> [PEM] <"
    assert "MIIE" not in mask.hide(key)


def test_a_value_is_hidden_as_json_and_addresses_write_it():
    values = {"ACCOUNT": '{"type": "service", "key": "a\\nbé"}', "PASSWORD": "p@ss/wörd"}
    mask = Mask(values)
    for name, value in values.items():
        for written in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
            assert mask.hide(f"said {written}") == f'said "[{name}]"'
        assert mask.hide(f"?at={quote(value)}&to={quote(value, safe='')}") == f"?at=[{name}]&to=[{name}]"


@pytest.mark.django_db
def test_manifest_defaults_are_public_and_everything_else_is_not(app):
    manifest = """
environment: [REGION=eu-central-1]
services:
  web: {command: a, environment: [LOG_LEVEL=information, SECRET_KEY]}
"""
    env = {"LOG_LEVEL": "information", "REGION": "us-east-99", "SECRET_KEY": "eu-central-2", "PLAIN": "not-declared"}
    mask = Mask.of(factories.release(app, manifest=manifest, env=env))
    hidden = mask.hide("information us-east-99 eu-central-1 eu-central-2 not-declared")
    assert hidden == "information [REGION] eu-central-1 [SECRET_KEY] [PLAIN]"


@pytest.mark.django_db
def test_while_two_releases_run_the_values_of_both_are_hidden(app):
    """The variable that changed has two values now, and the old one is still a secret."""
    old = factories.release(app, env={"TOKEN": "old-token", "GONE": "gone-value"})
    new = factories.release(app, env={"TOKEN": "new-token"})
    hidden = Mask.of(new, old).hide("old-token new-token gone-value")
    assert "old-token" not in hidden
    assert "new-token" not in hidden
    assert "gone-value" not in hidden


@pytest.mark.django_db
def test_a_release_before_the_first_is_none(app):
    assert Mask.of(factories.release(app, env={"A": "abcdef"}), None).hide("abcdef") == "[A]"


@given(VALUES, st.integers(6, 12), TEXTS)
def test_no_part_of_a_value_survives_where_a_text_was_cut(value, length, text):
    hidden = Mask({"NAME": value}).hide_part(f"{value[-length:]} {text} {value[:length]}")
    assert not hidden.startswith(value[-length:]) and not hidden.endswith(value[:length])


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.lists(TEXTS, max_size=5))
def test_one_for_a_few_texts_hides_the_same_in_them(env, texts):
    mask = Mask(env)
    assert list(map(mask.narrowed(texts).hide, texts)) == list(map(mask.hide, texts))
