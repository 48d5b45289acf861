"""Headers, query, auth style, proxy, certificates and time limits, from every place; a key is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmdash.config import EndpointSettings, Timeouts
from llmdash.config.connection import proxy_secrets, unused_proxy
from llmdash.secrets import Secret
from tests.config.place import KEY, Place

ALONE = "[[endpoint]]\nname = 'a'\nbase_url = 'https://a.example/v1'\napi_key_env = 'API_KEY'\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.env("API_KEY=sk-a\n")
    return made


def alone(place: Place, **flags: object) -> EndpointSettings:
    (endpoint,) = place.load(**flags).endpoints
    return endpoint


@pytest.mark.case("wire", "headers-query-auth")
def test_an_endpoint_has_headers_a_query_and_a_way_to_send_its_key(place: Place) -> None:
    place.environ["MY_ORG"] = KEY
    place.toml(
        ALONE + 'headers = {"X-Title" = "my app", "X-Org" = {env = "MY_ORG"}, X-Number = 5}\n'
        'query = {"api-version" = "2024-10-21"}\nauth = \'header:api-key\'\n'
        "organization = 'org-1'\nproject = 'proj-2'\nmodels = ['m-1', 'm-2', 'm-1']\n"
    )
    endpoint = alone(place)
    assert endpoint.headers == {
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-2",
        "X-Title": "my app",
        "X-Org": Secret(KEY),
        "X-Number": "5",
    }
    assert endpoint.query == {"api-version": "2024-10-21"}
    assert (endpoint.auth, endpoint.models) == ("header:api-key", ("m-1", "m-2"))
    assert KEY not in repr(endpoint)
    assert Secret(KEY) in place.load().secrets
    assert KEY not in place.load().redactor.redact(f"X-Org: {KEY}")


@pytest.mark.case("wire", "headers-query-auth")
def test_without_tables_they_are_settings_of_their_own(place: Place) -> None:
    place.toml(
        "auth = 'bearer'\norganization = {env = 'ORG'}\n[headers]\nX-A = '1'\nX-B = '1'\n[query]\nv = 1\n"
    )
    place.environ |= {"ORG": "org-secret", "LLMDASH_AUTH": "header:X-Key", "H": KEY}
    endpoint = alone(place, headers=("x-b=2", "X-C=env:H"), query=("w=2",))
    assert endpoint.headers == {
        "OpenAI-Organization": Secret("org-secret"), "X-A": "1", "x-b": "2", "X-C": Secret(KEY)
    }  # fmt: skip
    assert endpoint.query == {"v": "1", "w": "2"}
    assert endpoint.auth == "header:X-Key"


@pytest.mark.case("wire", "headers-query-auth")
def test_options_of_the_command_line_go_before_the_table_of_the_one_endpoint(place: Place) -> None:
    place.toml(ALONE + "headers = {X-A = '1', X-B = '1'}\nauth = 'bearer'\n")
    endpoint = alone(place, headers=("X-B=2",), auth="none", query=("v=1",))
    assert endpoint.headers == {"X-A": "1", "X-B": "2"}
    assert (endpoint.auth, endpoint.keys, endpoint.query) == ("none", (), {"v": "1"})
    place.toml(ALONE + ALONE.replace("'a'", "'b'"))
    assert place.error(headers=("X-B=2",)) == (
        "--header: there are 2 endpoints (a, b); pick one with --endpoint NAME"
    )


@pytest.mark.case("wire", "headers-query-auth")
def test_beside_tables_those_of_the_whole_file_are_told_to_have_no_effect(place: Place) -> None:
    place.toml("auth = 'none'\n" + ALONE)
    assert alone(place).auth is None
    assert place.load().warnings == (
        "llmdash.toml:1: auth: has no effect, since llmdash.toml has [[endpoint]] tables",
    )


@pytest.mark.case("wire", "headers-query-auth")
def test_without_auth_no_key_is_needed_nor_read(place: Place) -> None:
    place.env("")
    place.toml("[[endpoint]]\nname = 'a'\nbase_url = 'http://127.0.0.1:8000/v1'\nauth = 'none'\n")
    endpoint = alone(place)
    assert (endpoint.needs_key, endpoint.keys, place.load().without_keys) == (False, (), ())
    place.toml(ALONE.replace("API_KEY", "NOT_SET") + "auth = 'none'\n")
    assert place.load().warnings == ("llmdash.toml:4: api_key_env: has no effect, since auth is none",)


@pytest.mark.case("wire", "headers-query-auth")
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("headers = {X-Api-Key = 'abc'}", "headers: X-Api-Key: keys do not belong here; put it into .env"),
        ("headers = {authorization = 'x'}", "headers: authorization: keys do not belong here"),
        (f"headers = {{X-Mine = 'Bearer {KEY}'}}", "headers: X-Mine: keys do not belong here"),
        (f"headers = {{X-Mine = '{KEY}'}}", "headers: X-Mine: keys do not belong here"),
        ("headers = {Host = 'x'}", "headers: 'Host' is a header that the program sets; leave it out"),
        ("headers = {'X A' = 'x'}", "headers: 'X A' is not the name of a header"),
        ('headers = {X-A = "a\\nb"}', "headers: X-A: is not a text of printable ASCII on one line"),
        ("headers = {X-A = true}", "headers: X-A: is not a text of printable ASCII"),
        ("headers = {X-A = 'a', x-a = 'b'}", "headers: x-a: is given twice; keep one of them"),
        ("headers = {X-A = {}}", "headers: X-A: names no variable; write {env = 'NAME'}"),
        ("headers = {X-A = {env = 'NOT_SET'}}", "headers: X-A: the variable NOT_SET is not set; set it"),
        (f"headers = {{X-A = {{env = '{KEY}'}}}}", "headers: X-A: is not the name of a variable"),
        (
            "headers = {X-A = {env = 'SPACED'}}",
            "headers: X-A: the value of the variable SPACED holds a space",
        ),
        ("headers = 5", "headers: is not NAME=VALUE; write one such as X-Title=value"),
        ("query = {'a b' = 'x'}", "query: 'a b' is not the name of a parameter"),
        ("query = {key = 'x'}", "query: key: keys do not belong here"),
        ("auth = 'basic'", "auth: 'basic' is not a way to send a key; write bearer, header:NAME"),
        ("auth = 'header:'", "auth: 'header:' is not a way to send a key"),
        ("auth = 'header:Host'", "auth: 'header:Host' is not a way to send a key"),
        ("models = 5", "models: '5' is not a list of models"),
        ("dialect = 'anthropic'\nproject = 'p'", "project: belongs to OpenAI's dialects; leave it out"),
    ],
)
def test_what_is_wrong_is_named_and_a_key_never_repeated(place: Place, line: str, error: str) -> None:
    place.environ["SPACED"] = f"{KEY} {KEY}"
    place.toml(ALONE + line + "\n")
    number = 5 + line.count("\n", 0, line.rfind("=")) if line.startswith("dialect") else 5
    assert place.error().startswith(f"llmdash.toml:{number}: {error}")


def test_a_variable_holds_one_header_or_an_object_of_them(place: Place) -> None:
    place.environ = {"LLMDASH_HEADERS": '{"X-A": "1", "X-B": {"env": "H"}}', "H": KEY, "LLMDASH_QUERY": "v=1"}
    assert alone(place).headers == {"X-A": "1", "X-B": Secret(KEY)}
    assert alone(place).query == {"v": "1"}
    place.environ["LLMDASH_HEADERS"] = f'{{"X-A": "{KEY}"'
    assert place.error() == "LLMDASH_HEADERS: is not NAME=VALUE; write one such as X-Title=value"


@pytest.mark.parametrize("value", ["X-A", "=b", "X-A=1,X-B"])
def test_a_header_of_the_command_line_is_a_name_and_a_value(place: Place, value: str) -> None:
    if value == "X-A=1,X-B":
        assert alone(place, headers=(value,)).headers == {"X-A": "1,X-B"}
    else:
        assert place.error(headers=(value,)).startswith("--header: is not NAME=VALUE")
    assert "--header: gives a name twice" in place.error(headers=("X-A=1", "X-A=2"))


@pytest.mark.case("wire", "proxy-ca")
def test_a_proxy_and_certificates_hold_for_each_endpoint_that_has_none_of_its_own(place: Place) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (place.cwd / name).write_text("-")
    place.toml(
        "proxy = 'http://proxy.example:3128'\nca_file = 'ca.pem'\n"
        + ALONE
        + ALONE.replace("'a'", "'b'")
        + "proxy = 'none'\nclient_cert = 'cert.pem'\nclient_key = 'key.pem'\ndrop_unsupported = true\n"
    )
    first, second = (endpoint.connection for endpoint in place.load().endpoints)
    ca = str(place.cwd / "ca.pem")
    assert (first.proxy, first.ca_file, first.client_cert) == ("http://proxy.example:3128", ca, None)
    assert (second.proxy, second.ca_file) == (None, ca)
    assert (second.client_cert, second.client_key) == (
        str(place.cwd / "cert.pem"), str(place.cwd / "key.pem")
    )  # fmt: skip
    assert [endpoint.drop_unsupported for endpoint in place.load().endpoints] == [False, True]


@pytest.mark.case("wire", "proxy-ca")
def test_variables_and_options_set_them_too(place: Place) -> None:
    (place.cwd / "ca.pem").write_text("-")
    place.environ = {"LLMDASH_PROXY": "environment", "LLMDASH_CA_FILE": str(place.cwd / "ca.pem")}
    connection = alone(place).connection
    assert (connection.proxy, connection.ca_file) == ("environment", str(place.cwd / "ca.pem"))
    assert alone(place, proxy="none").connection.proxy is None


@pytest.mark.case("wire", "proxy-ca")
def test_the_password_of_a_proxy_is_a_secret(place: Place) -> None:
    place.environ = {"LLMDASH_PROXY": "http://me:p%40ssword9@proxy.example:3128"}
    settings = place.load()
    proxy = settings.endpoints[0].connection.proxy
    assert isinstance(proxy, Secret)
    shown = settings.redactor.redact(f"{proxy.reveal()} p%40ssword9 p@ssword9")
    assert "ssword9" not in shown + repr(settings)


@pytest.mark.case("wire", "proxy-ca")
def test_the_password_of_the_environments_proxy_is_a_secret_as_well(place: Place) -> None:
    place.environ = {"https_proxy": "http://me:password9@proxy.example:3128", "LLMDASH_PROXY": "environment"}
    assert "password9" not in place.load().redactor.redact("http://me:password9@proxy.example:3128 password9")
    assert proxy_secrets("environment", {"HTTPS_PROXY": "me:password9@proxy:1"})
    assert proxy_secrets("environment", {"HTTPS_PROXY": "http://[::1", "ALL_PROXY": "http://p:1"}) == ()
    assert [key.reveal() for key in proxy_secrets("environment", {"HTTP_PROXY": "http://u:a%20b@p:1"})] == [
        "http://u:a%20b@p:1",
        "a%20b",
    ]


@pytest.mark.case("wire", "proxy-ca")
@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"proxy": "proxy:3128"}, "--proxy: 'proxy:3128' is not the address of a proxy; write one such as"),
        ({"proxy": "socks5://p:1"}, "--proxy: 'socks5://p:1' is a SOCKS proxy, which is not supported"),
        ({"proxy": "http://u:secretpw@p:x"}, "--proxy: 'http://***@p:x' is not the address of a proxy"),
        ({"proxy": "http://u:secretpw@p:1"}, "--proxy: others can see a password on a command line; put it"),
        ({"proxy": "http://p/path"}, "--proxy: 'http://p/path' is not the address"),
        ({"ca_file": "none.pem"}, "--ca-file: 'none.pem' is not a file; name a file of certificates in PEM"),
        ({"ca_file": "a\0b"}, "--ca-file: 'a␀b' "),
        ({"client_key": "k"}, "--client-key: has no certificate beside it; set client_cert too"),
    ],
)
def test_a_connection_that_cannot_be_made_is_told(place: Place, flags: dict[str, object], error: str) -> None:
    found = place.error(**flags)
    assert found.startswith(error)
    assert "secretpw" not in found


@pytest.mark.case("wire", "proxy-ca")
def test_a_proxy_of_the_environment_that_is_not_used_is_told(place: Place) -> None:
    place.environ["HTTPS_PROXY"] = "http://u:secretpw@proxy:1"
    told = 'HTTPS_PROXY is set and not used; write proxy = "environment" to use it, or proxy = "none"'
    assert place.load().warnings == (told,)
    assert place.load(proxy="none").warnings == ()
    assert place.load(proxy="environment").warnings == ()
    assert place.load(base_url="http://127.0.0.1:8000/v1").warnings == ()


@pytest.mark.case("wire", "proxy-ca")
@pytest.mark.parametrize(
    ("environ", "used"),
    [
        ({"HTTPS_PROXY": "http://p"}, "HTTPS_PROXY"),
        ({"https_proxy": "http://p"}, "https_proxy"),
        ({"ALL_PROXY": "http://p"}, "ALL_PROXY"),
        ({"HTTP_PROXY": "http://p"}, None),
        ({"HTTPS_PROXY": " "}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "other, .example.com"}, None),
        ({"HTTPS_PROXY": "http://p", "no_proxy": "api.example.com"}, None),
        ({"HTTPS_PROXY": "http://p", "NO_PROXY": "ple.com"}, "HTTPS_PROXY"),
    ],
)
def test_which_proxy_the_environment_names(environ: dict[str, str], used: str | None) -> None:
    assert unused_proxy("https://api.example.com/v1", environ) == used
    assert unused_proxy("http://localhost:1/v1", environ) is None


@pytest.mark.case("wire", "timeout-flags")
def test_time_limits_are_options(place: Place) -> None:
    settings = place.load(timeout=("first-byte=300", "stall=20", "connect=5.5"))
    assert settings.timeouts == Timeouts(connect=5.5, first_byte=300, stall=20, total=600)
    assert place.load(timeout=("900",)).timeouts.total == 900
    place.environ["LLMDASH_STALL_TIMEOUT"] = "7"
    assert place.load(timeout=("first_byte=1",)).timeouts == Timeouts(first_byte=1, stall=7)


@pytest.mark.case("wire", "timeout-flags")
@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("fist-byte=3", "--timeout: 'fist-byte' is not a time limit; did you mean first-byte?"),
        ("zzz=3", "--timeout: 'zzz' is not a time limit; known are connect, first-byte, stall, total"),
        ("stall=long", "--timeout stall: 'long' is not a number; write one from 0.1 to 86400"),
        ("0", "--timeout total: '0' is out of range"),
    ],
)
def test_a_wrong_time_limit_is_named(place: Place, value: str, error: str) -> None:
    assert place.error(timeout=(value,)).startswith(error)


@pytest.mark.case("wire", "timeout-flags")
def test_an_endpoint_may_be_given_more_time_than_the_others(place: Place) -> None:
    place.toml("stall_timeout = 9\n" + ALONE + "first_byte_timeout = 300\n" + ALONE.replace("'a'", "'b'"))
    first, second = place.load().endpoints
    assert first.timeouts == Timeouts(first_byte=300, stall=9)
    assert second.timeouts is None
    (changed,) = place.load(endpoint=("a",), timeout=("first-byte=5",)).endpoints
    assert changed.timeouts == Timeouts(first_byte=5, stall=9)
