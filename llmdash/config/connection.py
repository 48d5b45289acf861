"""How endpoints are reached: extra headers, query and auth style; proxy, certificates and time limits."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from llmdash.config.keys import Variables
from llmdash.config.sources import Entry
from llmdash.config.values import ConfigError, shown
from llmdash.lean_dataclass import dataclass
from llmdash.secrets import Secret

__all__ = [
    "ENVIRONMENT",
    "PATHS",
    "ConnectionSettings",
    "ParsedValues",
    "headers_in",
    "parse_auth",
    "parse_proxy",
    "proxy_secrets",
    "query_in",
    "readable_file",
    "unused_proxy",
]

ENVIRONMENT = "environment"
"""The proxy that the variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY name."""

PATHS = ("ca_file", "client_cert", "client_key")
"""The settings that name a file; in a settings file their folder is that of the file."""

ParsedValues = Mapping[str, str | Secret]
"""Values of headers or of a query by name; those of variables are secrets."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]{0,4000}")
_QUERY_NAME = re.compile(r"[\x21-\x7e]{1,100}")
_OURS = frozenset(
    ("accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding")
)
_SECRET_WORDS = frozenset(
    (
        *("apikey", "auth", "authorization", "bearer", "cookie", "credential", "credentials", "key"),
        *("password", "secret", "sig", "signature", "token"),
    )
)
_SECRET_TEXT = re.compile(r"\s*(?:sk-|Bearer\s|Basic\s)", re.IGNORECASE)
_FROM = "env:"
_AUTH_FIX = "write bearer, header:NAME such as header:api-key, or none"
_PROXY_FIX = "write one such as http://proxy.example:3128, or environment, or none"


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """What decides a connection, apart from the address. Endpoints that agree in it share their connections.

    `proxy` is a URL, a Secret where it holds a password, `environment`, or None for none. The others are
    files: certificates to trust in place of the system's, and the client's own certificate and key.
    """

    proxy: str | Secret | None = None
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None


def headers_in(entry: Entry, variables: Variables) -> ParsedValues:
    """Return headers by name: texts, or secrets for `{env = "NAME"}` and `NAME=env:VARIABLE`.

    Raises ConfigError, also for a header that the program sets, and a text that may be a key.
    """
    return _values(entry, variables, _header_name, _HEADER_TEXT, "X-Title")


def query_in(entry: Entry, variables: Variables) -> ParsedValues:
    """Return the parameters of a query by name, as `headers_in` returns headers. Raises ConfigError."""
    return _values(entry, variables, _query_name, _HEADER_TEXT, "api-version")


def _values(
    entry: Entry, variables: Variables, check_name: Callable[[str], None], text: re.Pattern[str], example: str
) -> ParsedValues:
    found: dict[str, str | Secret] = {}
    for name, value in _table(entry, example).items():
        place = f"{entry.place}: {shown(name)[1:-1]}"
        try:
            check_name(name)
        except ConfigError as error:
            raise ConfigError(f"{entry.place}: {error}") from None
        if name.lower() in map(str.lower, found):
            raise ConfigError(f"{place}: is given twice; keep one of them")
        found[name] = _value(name, value, place, variables, text)
    return found


def _table(entry: Entry, example: str) -> Mapping[str, object]:
    """A table as it stands, or of texts `NAME=VALUE`, or of a JSON object as text."""
    value = entry.value
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = _decoded(value)
    if isinstance(value, Mapping):
        return value
    texts = [value] if isinstance(value, str) else value
    pairs = [str(text).partition("=") for text in texts] if isinstance(texts, list | tuple) else []
    if not pairs or not all(name.strip() and mark for name, mark, _ in pairs):
        raise ConfigError(f"{entry.place}: is not NAME=VALUE; write one such as {example}=value")
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise ConfigError(f"{entry.place}: gives a name twice; keep one of them")
    return {name.strip(): _from_text(value.strip()) for name, _, value in pairs}


def _decoded(text: str) -> object:
    """The object, or None: what is wrong in it may be a key."""
    import msgspec  # few settings are JSON

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _from_text(value: str) -> object:
    return {"env": value.removeprefix(_FROM)} if value.startswith(_FROM) else value


def _value(name: str, value: object, place: str, variables: Variables, text: re.Pattern[str]) -> str | Secret:
    if isinstance(value, Mapping):
        if set(value) != {"env"}:
            raise ConfigError(f"{place}: names no variable; write {{env = 'NAME'}}")
        return variables.secret_named_by(value["env"], place)
    given = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(given, str) or not text.fullmatch(given):
        raise ConfigError(f"{place}: is not a text of printable ASCII on one line")
    if _is_secret(name, given):
        raise ConfigError(
            f"{place}: keys do not belong here; put it into .env and name its variable: "
            "{env = 'NAME'}, or NAME=env:VARIABLE on the command line"
        )
    return given


def _is_secret(name: str, value: str) -> bool:
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return bool(words & _SECRET_WORDS) or _SECRET_TEXT.match(value) is not None


def _header_name(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise ConfigError(f"{shown(name)} is not the name of a header; write one such as X-Title")
    if name.lower() in _OURS:
        raise ConfigError(f"{shown(name)} is a header that the program sets; leave it out")


def _query_name(name: str) -> None:
    if not _QUERY_NAME.fullmatch(name):
        raise ConfigError(f"{shown(name)} is not the name of a parameter; write one such as api-version")


def parse_auth(value: object) -> str:
    """Return how the key is sent: `bearer`, `header:NAME` or `none`. Raises ConfigError."""
    text = value.strip() if isinstance(value, str) else ""
    kind, mark, name = text.partition(":")
    if text.lower() in ("bearer", "none"):
        return text.lower()
    if kind.lower() == "header" and mark and _TOKEN.fullmatch(name) and name.lower() not in _OURS:
        return f"header:{name}"
    raise ConfigError(f"{shown(value)} is not a way to send a key; {_AUTH_FIX}")


def parse_proxy(value: object) -> str | Secret | None:
    """Return the URL of a proxy, a Secret where it holds a password; `environment`; None for `none`.

    Raises ConfigError that never repeats a password.
    """
    text = value.strip() if isinstance(value, str) else ""
    if text.lower() in ("none", ENVIRONMENT):
        return ENVIRONMENT if text.lower() == ENVIRONMENT else None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
        secret = Secret(text)
    except ValueError:
        raise ConfigError(f"{shown(value)} is not the address of a proxy; {_PROXY_FIX}") from None
    if parts.scheme in ("socks", "socks4", "socks4a", "socks5", "socks5h"):
        raise ConfigError(f"{shown(value)} is a SOCKS proxy, which is not supported; {_PROXY_FIX}")
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.query:
        raise ConfigError(f"{shown(value)} is not the address of a proxy; {_PROXY_FIX}")
    return secret if "@" in parts.netloc else text


def proxy_secrets(proxy: str | Secret | None, environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """Return what no output may hold of a proxy: its URL with the password, and the password."""
    if proxy == ENVIRONMENT:
        names = ("https_proxy", "http_proxy", "all_proxy")
        return tuple(
            secret
            for name, value in environ.items()
            if name.lower() in names
            for secret in _secrets_of_url(value.strip())
        )
    return _secrets_of_url(proxy.reveal()) if isinstance(proxy, Secret) else ()


def _secrets_of_url(url: str) -> tuple[Secret, ...]:
    """The URL and its password, as written and as meant; empty without a password."""
    try:
        password = urlsplit(url if "//" in url else f"http://{url}").password
    except ValueError:
        return ()
    found: list[Secret] = []
    for text in dict.fromkeys((url, password, unquote(password))) if password else ():
        try:
            found.append(Secret(text))
        except ValueError:
            continue  # it holds what no header can, so that it is sent in another form
    return tuple(found)


def unused_proxy(base_url: str, environ: Mapping[str, str]) -> str | None:
    """Return the name of the variable with a proxy for `base_url`; None if there is none for it."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return None
    without = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").lower().split(",")
    if any(name == "*" or f".{host}".endswith(f".{name}") for each in without if (name := each.strip(" ."))):
        return None
    names = [f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"]
    return next((name for name in names if environ.get(name, "").strip()), None)


def readable_file(value: object) -> str:
    """Return the path of a file that can be read. Raises ConfigError."""
    text = str(value).strip() if isinstance(value, str | Path) else ""
    path = Path(text).expanduser()
    try:
        if text and path.is_file():
            with path.open("rb"):
                return str(path)
        why = "is not a file"
    except (OSError, ValueError) as error:
        why = f"cannot be read ({getattr(error, 'strerror', None) or 'not a path'})"
    raise ConfigError(f"{shown(value)} {why}; name a file of certificates in PEM")
