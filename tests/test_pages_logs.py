"""Logs over HTTP: parts of them, what is found in them, and that they are readable without JavaScript."""

import pytest
from pages_world import make_world

from releases import logs
from releases.logs import search
from releases.logs.plain import plain
from releases.models import LogLine

pytestmark = pytest.mark.django_db
HOSTILE = ("-1", "x", "9" * 40, "0", "²", "\x00", "\ud800", "1e3")


@pytest.fixture
def world(db):
    return make_world()


@pytest.fixture
def rollout(client, world):
    """Its log has 1,200 lines: most are a build's, each tenth is one of two services, the one before the last fails."""
    client.force_login(world.people["viewer"])
    rollout = world.rollout(world.newest)
    logs.append(rollout, [logs.Line(stream(number), said(number)) for number in range(1, 1201)])
    return rollout


def stream(number):
    return f"service/{'web' if number % 20 else 'worker'}/one-{number % 7}" if number % 10 == 0 else "system/k8s/web"


def said(number):
    return "Error: no queue" if number == 1199 else f"Line {number} says Grüße"


def text(response):
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def lines(client, rollout, **query):
    return client.get(rollout.get_absolute_url() + "/lines", query).json()


def found(client, rollout, **query):
    return client.get(rollout.get_absolute_url() + "/search", query).json()


def numbers(part):
    return [line["number"] for line in part["lines"]]


def test_the_page_has_the_newest_lines_and_ways_to_the_others(client, rollout):
    address = rollout.get_absolute_url()
    page = text(client.get(address))
    assert page.count('<li id="L') == 300 and 'id="L901"' in page and 'id="L900"' not in page
    assert "?before=901#L900" in page and "Later lines" not in page
    earlier = text(client.get(address + "?before=901"))
    assert earlier.count('<li id="L') == 500 and 'id="L401"' in earlier and "?after=900#L901" in earlier
    around = text(client.get(address + "?line=20"))
    assert '<li id="L20" class="marked">' in around and 'id="L1"' in around and "Earlier lines" not in around
    assert "?after=269#L270" in around


def test_a_stream_is_chosen_by_the_address_alone(client, rollout):
    page = text(client.get(rollout.get_absolute_url() + "?stream=service/worker"))
    assert page.count('<li id="L') == 60 and 'id="L1180"' in page and 'id="L1190"' not in page
    assert "<option selected>service/worker</option>" in page
    assert "No lines of nobody here." in text(client.get(rollout.get_absolute_url() + "?stream=nobody"))


def test_parts_join_without_a_gap_in_both_directions(client, rollout):
    up, down = [], []
    before, after = 1201, 0
    while before > 1:
        part = lines(client, rollout, before=before)
        up = numbers(part) + up
        before = part["first"]
    while after < 1200:
        part = lines(client, rollout, after=after)
        down += numbers(part)
        after = part["last"]
    assert up == down == list(range(1, 1201))
    middle = lines(client, rollout, line=600)
    assert numbers(middle) == list(range(350, 850)) and (middle["first"], middle["last"]) == (350, 849)
    assert middle["newest"] == 1200


def test_a_part_of_a_stream_says_of_which_numbers_it_is_all(client, rollout):
    part = lines(client, rollout, before=1001, stream="service")
    assert numbers(part) == list(range(10, 1001, 10)) and (part["first"], part["last"]) == (1, 1000)
    assert numbers(lines(client, rollout, after=0, stream="service/web/one-3")) == [
        number for number in range(1, 1201) if stream(number) == "service/web/one-3"
    ]
    nothing = lines(client, rollout, stream="service/we")
    assert numbers(nothing) == [] and (nothing["first"], nothing["last"]) == (1, 1200)


def test_a_part_of_very_long_lines_is_a_shorter_one(client, rollout):
    logs.append(rollout, [logs.Line("build", "x" * 16_000) for _ in range(100)])
    part = lines(client, rollout)
    assert numbers(part) == list(range(1301 - 31, 1301)) and part["first"] == 1270
    assert numbers(lines(client, rollout, before=part["first"]))[-1] == 1269


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ({"q": "line 700 "}, 700),
        ({"q": "GRÜSSE"}, 1),
        ({"q": "grüße", "after": 5}, 6),
        ({"q": "line", "before": 5}, 4),
        ({"q": "line 7", "before": 700}, 79),
        ({"q": "line 7", "before": 700, "stream": "service"}, 70),
        ({"q": "100%"}, None),
        ({"q": "l_ne"}, None),
        ({"q": "line", "after": 1200}, None),
        ({"q": "line", "before": 1}, None),
        ({"errors": 1}, 1199),
        ({"errors": 1, "after": 1199}, None),
        ({"errors": 1, "stream": "service"}, None),
        ({"q": ""}, None),
    ],
)
def test_what_is_looked_for_is_found_from_a_line_on(client, rollout, query, number):
    answer = found(client, rollout, **query)
    assert answer["number"] == number and answer["finished"] is True


def test_words_are_found_as_they_are_shown(client, rollout):
    logs.append(rollout, [logs.Line("build", "\x1b[31mfat\x1b[1mal\x1b[0m: \x1b]0;title\x07no route")])
    assert found(client, rollout, q="fatal: no route")["number"] == 1201
    assert found(client, rollout, q="title")["number"] is None
    assert found(client, rollout, q="[31m")["number"] is None
    assert found(client, rollout, errors=1, after=1199)["number"] == 1201


def test_hits_are_counted_to_a_thousand(client, rollout):
    assert found(client, rollout, q="line 119", count=1)["numbers"] == [119, *range(1190, 1199)]
    many = found(client, rollout, q="says", count=1)
    assert many["numbers"] == list(range(1, 1001)) and many["more"] and many["finished"]
    assert found(client, rollout, q="says", count=1, stream="service/worker")["more"] is False


def test_a_search_that_takes_long_says_how_far_it_came_and_goes_on(client, rollout, monkeypatch):
    monkeypatch.setattr(search, "SECONDS", -1.0)
    monkeypatch.setattr(search, "SLICE", 500)
    monkeypatch.setattr(search.slices, "__kwdefaults__", {"seconds": -1.0})
    first = found(client, rollout, q="line 700 ")
    assert first == {"number": None, "searched": 500, "finished": False}
    assert found(client, rollout, q="line 700 ", after=500)["number"] == 700
    assert found(client, rollout, q="line 700 ", before=1201) == {"number": None, "searched": 701, "finished": False}
    assert found(client, rollout, q="line 700 ", before=701)["number"] == 700
    page = text(client.get(rollout.get_absolute_url() + "?q=line+700+"))
    assert "Searched to line 500." in page and "q=line%20700%20&amp;stream=&amp;next=500" in page
    part = lines(client, rollout, stream="service/worker", before=1201)
    assert (part["first"], part["last"]) == (701, 1200) and numbers(part)[0] == 720


def test_search_without_javascript_is_a_form_and_links(client, rollout):
    address = rollout.get_absolute_url()
    page = text(client.get(address + "?q=line+70"))
    assert '<li id="L70" class="marked">' in page and "next=70#L70" in page and "previous=70" in page
    assert '<li id="L700" class="marked">' in text(client.get(address + "?q=line+70&next=70"))
    assert '<li id="L70" class="marked">' in text(client.get(address + "?q=line+70&previous=700"))
    assert "No line has “nowhere”." in text(client.get(address + "?q=nowhere"))
    assert "No other line has “line 70 ”." in text(client.get(address + "?q=line+70+&next=70"))


@pytest.mark.parametrize("name", ["before", "after", "line", "next", "previous", "stream", "q", "errors", "count"])
def test_odd_questions_get_calm_answers(client, rollout, name):
    for value in HOSTILE:
        query = {"q": "x", name: value.encode(errors="surrogatepass")}
        for path in ("", "/lines", "/search"):
            assert client.get(rollout.get_absolute_url() + path, query).status_code == 200, (path, value)


def test_a_log_belongs_to_its_app_and_asks_for_a_sign_in(client, rollout, world):
    for path in ("lines", "search", "log"):
        assert client.get(f"/apps/other/rollouts/{rollout.number}/{path}").status_code == 404
        assert client.get(f"/apps/other/builds/{world.old.build_id}/{path}").status_code == 404
    client.logout()
    assert client.get(rollout.get_absolute_url() + "/search?q=x").status_code == 302
    assert client.get("/apps/hello/logs").status_code == 302


@pytest.mark.parametrize("query", ["", "?line=600", "?q=says", "?stream=service"])
def test_the_number_of_queries_does_not_grow_with_the_log(
    client, rollout, query, django_assert_max_num_queries, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(rollout.get_absolute_url())  # what is asked for once only
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(rollout.get_absolute_url() + query)
    logs.append(rollout, [logs.Line("service/web/1", "says") for _ in range(700)])
    with django_assert_max_num_queries(len(few)):
        client.get(rollout.get_absolute_url() + query)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m and \x1b[38;5;208morange\x1b[m", "red and orange"),
        ("10%\r55%\r100%", "100%"),
        ("done\r", "done"),
        ("\x1b]8;;https://evil.example\x07click\x1b]8;;\x07", "click"),
        ("\x1b]0;title never ended", ""),
        ("\x1bPdevice\x1b\\after", "after"),
        ("\x1b[2J\x1b[10;10Hhere\x1b[?25l", "here"),
        ("a\x00b\x08c\x7fd\x9b31me\tf", "abcd31me\tf"),
        ("user\u202etxt.exe", "user[U+202E]txt.exe"),
        ("\x1b", ""),
        ("\x1b[" + "9" * 50_000, "9" * 20_000 + " [30,000 more characters: the raw log has them]"),
        ("y" * 1_000_000, "y" * 20_000 + " [980,000 more characters: the raw log has them]"),
        ("שלום 🙂 नमस्ते", "שלום 🙂 नमस्ते"),
    ],
)
def test_what_a_terminal_would_obey_is_harmless(message, shown):
    assert plain(message) == shown


def test_hostile_lines_are_drawn_as_words(client, rollout):
    evil = "\x1b[31m<script>alert(1)</script>\u202e\"' onload=x\x1b[0m"
    LogLine.objects.create(owner=rollout.owner, number=1201, time="2026-01-01T00:00:00Z", stream=evil, message=evil)
    type(rollout).objects.filter(pk=rollout.pk).update(last_line=1201)
    page = text(client.get(rollout.get_absolute_url()))
    assert "<script>alert" not in page and "\x1b" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;[U+202E]&quot;" in page


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
@pytest.mark.django_db(transaction=True)
def test_the_raw_log_is_all_of_it_as_text(client, world):
    rollout = world.rollout(world.newest)
    logs.append(rollout, [logs.Line("build", f"line {number}") for number in range(1, 2502)])
    client.force_login(world.people["viewer"])
    response = client.get(rollout.get_absolute_url() + "/log")
    all_lines = b"".join(response).decode().splitlines()
    assert response["Content-Type"].startswith("text/plain")
    assert len(all_lines) == 2501 and all_lines[-1].endswith("Z build line 2501")


# --- The output of an app ---------------------------------------------------------------------------------------------


def test_the_page_of_an_app_s_output_waits_for_no_cluster(client, rollout):
    page = text(client.get("/apps/hello/logs?service=web&process=web-1"))
    assert 'data-log="/ws/logs/app/hello?service=web&amp;process=web-1"' in page
    assert "<option selected>service/web/web-1</option>" in page and "<option>service/web</option>" in page
    assert "Show the last lines" in page
    chosen = text(client.get("/apps/hello/logs?stream=service/web"))
    assert 'data-log="/ws/logs/app/hello?service=web"' in chosen
    assert client.get("/apps/nothing/logs").status_code == 404


def test_a_cluster_that_is_away_is_a_calm_word(client, rollout):
    page = text(client.get("/apps/hello/logs?still"))
    assert 'class="nothing" data-nothing>' in page and "cluster" in page.split("data-nothing>")[1][:200]
    assert client.get("/apps/hello/logs/raw").status_code == 503


@pytest.mark.parametrize("name", ["service", "process", "stream", "still"])
def test_odd_choices_of_output_get_calm_answers(client, rollout, name):
    for value in HOSTILE:
        given = {name: value.encode(errors="surrogatepass")}
        assert client.get("/apps/hello/logs", given).status_code == 200
