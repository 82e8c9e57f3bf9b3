"""What we ask of a registry, of real ones: open, behind a password, behind tokens; and of what is none."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from deployer.reader import Reader
from deployer.setting_rules import OWN, networks
from releases.clients.registry import Login, Policy, Registry, checked
from releases.errors import Invalid, RegistryError
from tests.certificates import Authority
from tests.docker_fixtures import private_registry as private_registry
from tests.odd_server import hanging_up, odd_server
from tests.registries import (
    PASSWORD,
    USER,
    NoDeletions,
    TokenServer,
    WithPassword,
    WithTokens,
    push_image,
    token_server,
)

HERE = Policy(networks=networks(Reader({}), "ANY", OWN))
ANN = Login(USER, PASSWORD)
NO_DIGEST = "sha256:" + "0" * 64
JSON = "application/json"


@pytest.fixture(scope="module")
def guarded(private_registry: str) -> Iterator[str]:
    with WithPassword() as made:
        yield made.address


@pytest.fixture(scope="module")
def tokens() -> Iterator[TokenServer]:
    with token_server() as made:
        yield made


@pytest.fixture(scope="module")
def by_token(private_registry: str, tokens: TokenServer) -> Iterator[str]:
    with WithTokens(tokens) as made:
        yield made.address


def at(address: str, login: Login | None = None, policy: Policy = HERE) -> Registry:
    return Registry(checked(address), login, policy=policy)


def fails(deed: Callable[[], object], cause: str, *words: str) -> RegistryError:
    with pytest.raises(RegistryError) as raised:
        deed()
    error = raised.value
    assert error.cause == cause, error.message
    for each in words:
        assert each in error.message, error.message
    assert error.hint and PASSWORD not in error.message + str(error.args)
    return error


def a_whole_life(there: Registry, push: Callable[[], str]) -> None:
    there.greet()
    assert there.begin_push("probe") is True
    assert there.tags("shop") == [] and there.digest("shop", "web.B1") is None
    digest = push()
    assert there.digest("shop", "web.B1") == digest
    assert sorted(there.tags("shop")) == ["web.B1", "worker.B1"]
    assert there.delete("shop", digest) is True
    assert there.delete("shop", digest) is False
    assert there.digest("shop", "worker.B1") is None and there.tags("shop") == []


def test_an_open_registry(private_registry: str) -> None:
    address = f"{private_registry}/team-{__name__[-6:]}"
    repository = address.partition("/")[2] + "/shop"
    there = at(address)
    a_whole_life(there, lambda: push_image(private_registry, repository, "web.B1", "worker.B1"))
    assert there.url == f"http://{private_registry}"


def test_a_registry_with_a_password(guarded: str) -> None:
    a_whole_life(at(guarded, ANN), lambda: push_image(guarded, "shop", "web.B1", "worker.B1", login=(USER, PASSWORD)))
    for stranger in (None, Login(USER, "guessed"), Login("eve", PASSWORD)):
        error = fails(
            at(guarded, stranger).greet, "unauthorised", f"{guarded} does not know us (401)", "authentication"
        )
        assert "password" in error.hint
    fails(lambda: at(guarded).begin_push("probe"), "unauthorised")


def test_a_registry_with_tokens(by_token: str, tokens: TokenServer) -> None:
    there = at(f"{by_token}/team", ANN)
    there.greet()
    tokens.asked.clear()
    assert there.begin_push("probe") is True
    assert there.tags("shop") == []
    scopes = [query["scope"] for _, query in tokens.asked]
    # In whichever order the registry names them this time.
    assert scopes[0] in (["repository:team/probe:pull,push"], ["repository:team/probe:push,pull"])
    assert scopes[-1] == ["repository:team/shop:pull"]
    assert {given.partition(" ")[0] for given, _ in tokens.asked} == {"Basic"}
    refused = fails(at(by_token, Login(USER, "guessed")).greet, "unauthorised", "incorrect username or password")
    assert "guessed" not in refused.message
    fails(at(by_token).greet, "unauthorised")


def test_a_registry_that_allows_no_deletions_says_so(private_registry: str) -> None:
    with NoDeletions() as made:
        digest = push_image(made.address, "shop", "web.B1")
        fails(lambda: at(made.address).delete("shop", digest), "unsupported", "(405)")
        assert at(made.address).digest("shop", "web.B1") == digest


def test_a_page_of_tags_leads_to_the_next() -> None:
    with odd_server(None) as odd:
        first, second = "/v2/shop/tags/list?n=1000", "/v2/shop/tags/list?last=b&n=1000"
        odd.answers[first] = (200, json.dumps({"tags": ["a", "b"]}), JSON)
        odd.answers[second] = (200, json.dumps({"tags": ["c"]}), JSON)
        odd.headers[first] = {"Link": f'<{second}>; rel="next"'}
        assert at(f"127.0.0.1:{odd.port}").tags("shop") == ["a", "b", "c"]
        odd.headers[second] = {"Link": '<https://elsewhere.example/v2/>; rel="next"'}
        fails(lambda: at(f"127.0.0.1:{odd.port}").tags("shop"), "moved", "elsewhere.example: not followed")
        odd.headers[second] = {"Link": f'<{second}>; rel="next"'}
        fails(lambda: at(f"127.0.0.1:{odd.port}").tags("shop"), "no_api", "has no end")


# --- What is no registry, or one in trouble -------------------------------------------------------------------------


def said(*errors: tuple[str, str]) -> str:
    return json.dumps({"errors": [{"code": code, "message": words, "detail": None} for code, words in errors]})


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        ((200, "<html>Welcome</html>", "text/html"), "no_api", "is no registry (200): it answers with a web page"),
        ((404, "<html>Nothing</html>", "text/html; charset=utf-8"), "no_api", "a web page"),
        ((404, "{}", JSON), "no_api", "it has no /v2/"),
        ((502, "<html>bad gateway</html>", "text/html"), "no_api", "(502)"),
        ((403, said(("DENIED", "requested access is denied")), JSON), "denied", "(403): requested access is denied"),
        ((403, said(("DENIED", "Storage quota of team exceeded")), JSON), "quota", "Storage quota of team exceeded"),
        ((429, said(("TOOMANYREQUESTS", "pull rate limit")), JSON), "rate_limit", "too often (429): pull rate limit"),
        ((410, said(("DENIED", "moved to another house")), JSON), "gone", "gone for good (410): moved to another"),
        ((507, "", JSON), "quota", "is full"),
        ((503, "not now", "text/plain"), "server", "an error of its own (503)"),
        ((500, "[1, 2", JSON), "server", "(500)"),
        ((401, said(("UNAUTHORIZED", "who are you")), JSON), "unauthorised", "who are you"),
        ((307, "", JSON), "moved", "leads to another address (307): not followed"),
    ],
    ids=lambda value: f"{value[0]} {value[1][:20]}" if isinstance(value, tuple) else "",
)
def test_every_refusal_is_told_in_its_own_words_with_a_hint(answer: tuple, cause: str, words: str) -> None:
    with odd_server(None) as odd:
        odd.otherwise = answer
        fails(at(f"127.0.0.1:{odd.port}", ANN).greet, cause, words)


def test_a_password_goes_nowhere_but_to_who_asked_for_it_and_comes_back_in_no_error() -> None:
    with odd_server(None) as odd, odd_server(None) as other:
        odd.otherwise = (401, said(("UNAUTHORIZED", "you said {authorization}")), JSON)
        odd.headers["/v2/"] = {"WWW-Authenticate": 'Basic realm="x"'}
        error = fails(at(f"127.0.0.1:{odd.port}", ANN).greet, "unauthorised", "you said Basic [secret]")
        assert error.status == 401
        assert [given.partition(" ")[0] for _, given in odd.asked] == ["", "Basic"]
        odd.otherwise = (302, "", JSON)
        odd.headers["/v2/"] = {"Location": f"http://127.0.0.1:{other.port}/v2/"}
        fails(at(f"127.0.0.1:{odd.port}", ANN).greet, "moved", "leads to 127.0.0.1 (302): not followed")
        assert other.asked == []
        odd.otherwise = (401, "", JSON)
        odd.headers["/v2/"] = {"WWW-Authenticate": 'Bearer realm="http://169.254.169.254/",service="x"'}
        fails(at(f"127.0.0.1:{odd.port}", ANN).greet, "own_network", "169.254.169.254")


def test_a_token_is_asked_for_without_tls_only_by_who_has_none_itself(monkeypatch, tmp_path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with odd_server(authority.server()) as odd, odd_server(None) as plain:
        odd.otherwise = (401, "", JSON)
        realm = f"http://127.0.0.1:{plain.port}/token"
        odd.headers["/v2/"] = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'}
        fails(at(f"127.0.0.1:{odd.port}", ANN).greet, "plain", "without TLS: not followed")
        assert plain.asked == []
        odd.otherwise, odd.headers = (200, "{}", JSON), {}
        assert at(f"127.0.0.1:{odd.port}", ANN).url.startswith("https://")
        at(f"127.0.0.1:{odd.port}", ANN).greet()


def test_a_certificate_that_nobody_vouches_for_is_named() -> None:
    with odd_server(Authority().server()) as odd:
        fails(at(f"127.0.0.1:{odd.port}").greet, "tls", "is not trusted: unable to get local issuer certificate")


def test_silence_has_a_name() -> None:
    with suppress(OSError), hanging_up() as port:
        fails(at(f"127.0.0.1:{port}").greet, "unreachable", "can't be reached")
    fails(at("127.0.0.1:1").greet, "unreachable", "Connection refused")
    fails(at("registry.invalid:5000").greet, "dns", "registry.invalid can't be found")


def test_where_one_may_not_go_nobody_is_asked(private_registry: str) -> None:
    error = fails(at(private_registry, policy=Policy()).greet, "own_network", "127.0.0.1", "may not fetch from")
    assert "REGISTRY_NETWORKS" in error.hint
    fails(at("169.254.169.254").greet, "own_network")


# --- Addresses ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("Registry.Example.com:5000/team/", "registry.example.com:5000/team"),
        (" localhost:5000 ", "localhost:5000"),
        ("ghcr.io/acme/two--three", "ghcr.io/acme/two--three"),
        ("docker.io/acme", "docker.io/acme"),
        ("10.0.0.7", "10.0.0.7"),
    ],
)
def test_addresses_are_taken(given: str, stored: str) -> None:
    assert checked(given) == stored


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "missing"),
        ("x." * 200, "too long"),
        ("https://registry.example.com", "no scheme"),
        ("ann:secret@registry.example.com", "no user name and no password"),
        ("registry.example.com/team?x=1", "no ? and no #"),
        ("registry.example.com:99999", "no port"),
        ("registry.example.com:0", "no port"),
        ("-registry.example.com", "no host"),
        ("registry example.com", "no host"),
        ("registry.example.com/Team", "can't be a path"),
        ("registry.example.com/a//b", "can't be a path"),
        ("registry.example.com/../b", "can't be a path"),
        ("registry/team", "taken for a name at docker.io"),
        ("local/shop", "embedded"),
        ("docker.io", "your name"),
    ],
)
def test_addresses_that_are_none_are_refused_in_words(given: str, words: str) -> None:
    with pytest.raises(Invalid) as raised:
        checked(given)
    assert words in raised.value.message and "secret" not in raised.value.message


def test_dockers_own_registry_answers_elsewhere() -> None:
    assert at("docker.io/acme").door.where.server == "registry-1.docker.io"
    assert at("docker.io/acme").door.where.repository("shop") == "acme/shop"
