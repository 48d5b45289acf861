"""The settings of a run, from all their sources.

From strongest to weakest: command line; variables of the environment (`LLMDASH_*`, then `API_KEY` and
`BASE_URL`, then `OPENAI_API_KEY` and `OPENAI_BASE_URL`); `.env` in the folder the program starts in, in the
same order; `llmdash.toml` in the same folder, or the file named in its place; `llmdash.toml` in the user's
config folder. Each setting is taken from the strongest source that gives it, each request option too. With
another dialect the provider's variables are its own: `ANTHROPIC_API_KEY` and `ANTHROPIC_BASE_URL` for
Anthropic.

`[[endpoint]]` tables in the stronger of the two files are the pool; without one, address, model and keys
above are its only endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmdash import locations
from llmdash.config.connection import proxy_secrets, unused_proxy
from llmdash.config.deciding import DECIDING, DecidingFile, deciding_file, deciding_table_file, is_home
from llmdash.config.dotenv import DotEnv, read_dotenv
from llmdash.config.endpoint import EndpointSettings
from llmdash.config.endpoints import PROMPTLAYER_URL
from llmdash.config.extras import EXTRAS, SHARED, TIMEOUTS, parse_timeouts
from llmdash.config.gathered import Sources
from llmdash.config.key_file import KeyFile, stamp_of
from llmdash.config.keys import Variables
from llmdash.config.limits import LimitSettings, parse_limits
from llmdash.config.options import merged_options
from llmdash.config.pool import Pool, pool_of
from llmdash.config.precedence import Chosen
from llmdash.config.sources import (
    BASE_URL,
    ENDPOINT,
    KEYS,
    SHARED_LIMIT,
    VariableSource,
    from_flags,
    from_variables,
    misspelt,
)
from llmdash.config.toml import TABLES, from_toml
from llmdash.config.values import (
    MAX_RATE,
    ConfigError,
    parse_dialect,
    parse_number,
    parse_rate,
    parse_switch,
    parse_whole,
    shown,
)
from llmdash.llms.dialects import DEFAULT_DIALECT, DIALECTS
from llmdash.llms.options import merge_options
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Redactor, Secret

__all__ = ["RATE_PER_KEY", "SETTINGS", "Settings", "load_settings"]

DEFAULT_BASE_URL = DIALECTS[DEFAULT_DIALECT].base_url
DEFAULT_MODEL = DIALECTS[DEFAULT_DIALECT].model
DEFAULT_CONCURRENCY = 64
DEFAULT_FPS = 15
RATE_PER_KEY = 5.0
"""The default rate in requests a second for each key: what providers allow a new account."""

OPTIONS = "options"

SETTINGS = (
    KEYS,
    "base_url",
    "model",
    "dialect",
    ENDPOINT,
    "rate",
    "concurrency",
    "limit",
    SHARED_LIMIT,
    "temperature",
    "max_tokens",
    "stream",
    "fps",
    "allow_insecure",
    *TIMEOUTS,
    OPTIONS,
    *EXTRAS,
    *SHARED,
)
"""Every setting; `LLMDASH_` and its name in capitals is the variable, `--` and its name the option."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. `rate` is in requests a second, None lifts the limit; `limit` is a number of jobs.

    `endpoints` is never empty. With one, `base_url`, `model`, `keys` and `dialect` are its own, and changing
    them with `replace` changes it; with several they are those of the first, and `keys` those of all.
    """

    base_url: str = DEFAULT_BASE_URL
    model: str = DEFAULT_MODEL
    keys: tuple[Secret, ...] = ()
    rate: float | None = RATE_PER_KEY
    rate_given: bool = False
    """False if `rate` is the default: 5/s for each key."""
    concurrency: int = DEFAULT_CONCURRENCY
    concurrency_given: bool = False
    limit: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stream: bool = True
    fps: int = DEFAULT_FPS
    allow_insecure: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    warnings: tuple[str, ...] = ()
    """Warnings for the user, one line each; never a key."""
    dialect: str = DEFAULT_DIALECT
    endpoints: tuple[EndpointSettings, ...] = ()
    """The pool. Left out, it is the one endpoint that the other settings make."""
    redactor: Redactor = field(default_factory=Redactor, compare=False, repr=False)
    """Knows every key of these settings, and of those they are read anew as."""
    key_file: KeyFile[Settings] | None = field(default=None, compare=False, repr=False)
    """Where more keys may come from while a run goes on."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Request options of the run by their names in the body, which JSON can hold; those of endpoints, prompt
    sets and rows go before them."""
    deciding: tuple[DecidingFile, ...] = field(default=(), compare=False)
    """The files of the folder that decide where keys are sent."""
    trustable: tuple[DecidingFile, ...] = field(default=(), compare=False)
    """Those, and what would be one with other keys: `.env`, whose own keys go where it says."""
    given: frozenset[str] = field(default=frozenset(), compare=False)
    """The names of the settings that some source gives; `TABLES` for endpoints in tables."""
    limits: tuple[LimitSettings, ...] = ()
    """The limits that endpoints may share with those of other runs."""

    def __post_init__(self) -> None:
        if not self.endpoints:
            name = urlsplit(self.base_url).netloc or self.dialect
            alone = EndpointSettings(name, self.dialect, self.base_url, self.model, self.keys)
            object.__setattr__(self, "endpoints", (alone,))
        elif len(self.endpoints) == 1:
            alone = replace(
                self.endpoints[0],
                dialect=self.dialect,
                base_url=self.base_url,
                model=self.model,
                keys=self.keys,
            )
            object.__setattr__(self, "endpoints", (alone,))
        self.redactor.learn(self.secrets)

    def with_endpoints(self, endpoints: Sequence[EndpointSettings]) -> Settings:
        """Return these settings with another pool, of at least one endpoint."""
        first = endpoints[0]
        return replace(
            self,
            endpoints=tuple(endpoints),
            dialect=first.dialect,
            base_url=first.base_url,
            model=first.model,
            keys=_all_keys(endpoints),
        )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return every key, those in headers and for PromptLayer included: no output may hold them."""
        of_endpoints = [secret for each in self.endpoints for secret in each.secrets]
        of_proxies = [
            secret for each in self.endpoints for secret in proxy_secrets(each.connection.proxy, {})
        ]
        return tuple(dict.fromkeys((*self.keys, *of_endpoints, *of_proxies)))

    @property
    def run_options(self) -> Mapping[str, Any]:
        """Return the request options of the run, `temperature` and `max_tokens` among them."""
        plain = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        return merge_options(
            {name: value for name, value in plain.items() if value is not None}, self.options
        )

    @property
    def without_keys(self) -> tuple[EndpointSettings, ...]:
        """Return the endpoints that need a key and have none."""
        return tuple(each for each in self.endpoints if each.needs_key and not each.keys)


def load_settings(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    user_config: Path | None = None,
    redactor: Redactor | None = None,
    config: Path | None = None,
) -> Settings:
    """Return the settings for a start in `cwd`.

    `flags` has options of the command line by setting, None where one was not given; keys cannot be given
    there. `user_config` is the user's own settings file, by default the one in the config folder; `config`
    is read in place of the one in `cwd`; `redactor` learns every key. Nothing is put into the environment.
    Raises ConfigError, one line that names place, what was given, and the fix.
    """
    redactor = redactor or Redactor()
    key_path = cwd / locations.ENV_NAME
    stamp = stamp_of(key_path)  # taken before the file is read: a change meanwhile is one that is seen
    dotenv = read_dotenv(key_path)
    user_file = user_config or locations.config_file()
    if config is not None and not config.is_file():
        raise ConfigError(f"--config: {shown(config)} is not a file; name an llmdash.toml")
    found = cwd / locations.CONFIG_NAME if config is None else config
    own = from_toml(found, locations.CONFIG_NAME if config is None else str(config), SETTINGS)
    sources = Sources(
        from_flags(flags, [name for name in SETTINGS if name != KEYS]),
        VariableSource.of_environment(environ),
        VariableSource.of_dotenv(dotenv),
        (own, from_toml(user_file, str(user_file), SETTINGS)),
        SETTINGS,
    )
    # The dialect decides which provider's variables count.
    dialect = sources.chosen(DIALECTS[DEFAULT_DIALECT]).get("dialect", parse_dialect, DEFAULT_DIALECT)
    chosen = sources.chosen(DIALECTS[dialect])
    limits = parse_limits(sources.files)
    pool = pool_of(chosen, Variables(sources.environ, sources.dotenv), dialect, limits)
    warnings = (
        *dotenv.warnings,
        *pool.warnings,
        *misspelt(sources.environ, SETTINGS),
        *misspelt(sources.dotenv, SETTINGS),
        *sources.notes(chosen, pool, DIALECTS[dialect]),
        *_proxy_warnings(pool, environ, chosen),
    )
    settings = replace(_settings(chosen, pool, warnings, redactor), limits=limits)
    for endpoint in pool.endpoints:
        redactor.learn(proxy_secrets(endpoint.connection.proxy, environ))
    trusted = config is not None or found.resolve() == user_file.resolve()
    of_table = None if trusted else deciding_table_file(found, own)
    of_dotenv = _deciding_dotenv(dotenv, settings, sources)
    trustable = tuple(each for each in (of_table, of_dotenv) if each is not None)
    meets_foreign = _decides_for_others(dotenv, chosen, settings, sources)
    deciding = tuple(each for each in trustable if each is not of_dotenv or meets_foreign)

    def reload() -> Settings:
        again = load_settings(
            flags, environ=environ, cwd=cwd, user_config=user_config, redactor=redactor, config=config
        )
        if again.deciding != deciding:
            raise ConfigError("where keys are sent was changed meanwhile; start the run anew")
        return again

    return replace(
        settings, key_file=KeyFile(key_path, stamp, reload), deciding=deciding, trustable=trustable
    )


def _deciding_dotenv(dotenv: DotEnv, settings: Settings, sources: Sources) -> DecidingFile | None:
    """All deciding variables of a `.env`, also those that something stronger replaces in this start: what is
    trusted holds for every start.
    """
    if dotenv.path is None:
        return None
    own = Chosen(from_variables(sources.dotenv, sources.known, DIALECTS[settings.dialect].variables))
    entries = {name: own.entry(name) for name in DECIDING}
    entries["promptlayer_base_url"] = sources.dotenv.find(PROMPTLAYER_URL)
    found = [(name, entry.value) for name, entry in entries.items() if entry is not None]
    if all(name == BASE_URL and is_home(value, settings.dialect) for name, value in found):
        return None
    return deciding_file(dotenv.path, found)


def _decides_for_others(dotenv: DotEnv, chosen: Chosen, settings: Settings, sources: Sources) -> bool:
    """True if a key that the `.env` does not hold itself goes where it says."""
    held = [line.value for lines in dotenv.every.values() for line in lines]
    foreign = [key for key in settings.secrets if not any(key.reveal() in value for value in held)]
    entries = [chosen.entry(name) for name in DECIDING]
    if any(endpoint.promptlayer_key in foreign for endpoint in settings.endpoints):
        entries.append(Variables(sources.environ, sources.dotenv).find(PROMPTLAYER_URL))
    place = f"{dotenv.name}:"
    return bool(foreign) and any(entry is not None and entry.place.startswith(place) for entry in entries)


def _proxy_warnings(pool: Pool, environ: Mapping[str, str], chosen: Chosen) -> Iterator[str]:
    """Warnings where the environment names a proxy that no request goes through."""
    if chosen.entry("proxy") is not None:
        return
    for endpoint in pool.endpoints:
        name = unused_proxy(endpoint.base_url, environ) if endpoint.connection.proxy is None else None
        if name is not None:
            yield (f'{name} is set and not used; write proxy = "environment" to use it, or proxy = "none"')
            return


def _settings(chosen: Chosen, pool: Pool, warnings: tuple[str, ...], redactor: Redactor) -> Settings:
    first = pool.endpoints[0]
    return Settings(
        base_url=first.base_url,
        model=first.model,
        keys=_all_keys(pool.endpoints),
        rate=chosen.get("rate", parse_rate, _usual_rate(pool.endpoints)),
        rate_given=chosen.entry("rate") is not None,
        concurrency=chosen.get("concurrency", _whole(1, 10_000), DEFAULT_CONCURRENCY),
        concurrency_given=chosen.entry("concurrency") is not None,
        limit=chosen.get("limit", _whole(1, 1_000_000_000), None),
        temperature=chosen.get("temperature", _number(0, 2), None),
        max_tokens=chosen.get("max_tokens", _whole(1, 10_000_000), None),
        stream=chosen.get("stream", parse_switch, True),
        fps=chosen.get("fps", _whole(5, 30), DEFAULT_FPS),
        allow_insecure=chosen.get("allow_insecure", parse_switch, False),
        timeouts=parse_timeouts(chosen.entries, Timeouts()),
        warnings=warnings,
        dialect=first.dialect,
        endpoints=pool.endpoints,
        redactor=redactor,
        options=merged_options(chosen.entries(OPTIONS)),
        given=frozenset(name for name in (*SETTINGS, TABLES) if chosen.entry(name) is not None),
    )


def _usual_rate(endpoints: Sequence[EndpointSettings]) -> float | None:
    """5/s for each key, and for each endpoint that needs none."""
    keyless = sum(1 for endpoint in endpoints if not endpoint.needs_key)
    return min(MAX_RATE, RATE_PER_KEY * max(1, len(_all_keys(endpoints)) + keyless))


def _all_keys(endpoints: Sequence[EndpointSettings]) -> tuple[Secret, ...]:
    return tuple(dict.fromkeys(key for endpoint in endpoints for key in endpoint.keys))


def _whole(low: int, high: int) -> Callable[[object], int]:
    return lambda value: parse_whole(value, low, high)


def _number(low: float, high: float) -> Callable[[object], float]:
    return lambda value: parse_number(value, low, high)
