"""The settings of a run, from all their sources.

From strongest to weakest: command line; `LLMDASH_*` variables; `OPENAI_API_KEY` and `OPENAI_BASE_URL`; `.env`
in the folder the program starts in (there: `LLMDASH_*`, then `API_KEY` and `BASE_URL`, then `OPENAI_*`);
`llmdash.toml` in the same folder; `llmdash.toml` in the user's config folder. Each setting is taken from the
strongest source that gives it. With another dialect the provider's variables are its own: `ANTHROPIC_API_KEY`
and `ANTHROPIC_BASE_URL` for Anthropic.

`[[endpoint]]` tables in the stronger of the two files are the pool; without one, address, model and keys
above are its only endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from llmdash import locations
from llmdash.config.endpoints import EndpointSettings
from llmdash.config.key_file import KeyFile, stamp_of
from llmdash.config.keys import Variables
from llmdash.config.pool import Pool, pool_of
from llmdash.config.precedence import Chosen
from llmdash.config.sources import (
    ENDPOINT,
    KEYS,
    DotEnv,
    Layer,
    from_dotenv,
    from_environment,
    from_flags,
    misspelt,
    read_dotenv,
)
from llmdash.config.toml import from_toml
from llmdash.config.values import (
    MAX_RATE,
    parse_dialect,
    parse_number,
    parse_rate,
    parse_switch,
    parse_whole,
)
from llmdash.llms.dialects import DEFAULT_DIALECT, DIALECTS, DialectEntry
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Redactor, Secret

__all__ = ["RATE_PER_KEY", "SETTINGS", "Settings", "load_settings"]

DEFAULT_BASE_URL = DIALECTS[DEFAULT_DIALECT].base_url
DEFAULT_MODEL = DIALECTS[DEFAULT_DIALECT].model
DEFAULT_CONCURRENCY = 64
DEFAULT_FPS = 15
RATE_PER_KEY = 5.0
"""The default rate in requests a second for each key: what providers allow a new account."""

SETTINGS = (
    KEYS,
    "base_url",
    "model",
    "dialect",
    ENDPOINT,
    "rate",
    "concurrency",
    "limit",
    "temperature",
    "max_tokens",
    "stream",
    "fps",
    "allow_insecure",
    "connect_timeout",
    "first_byte_timeout",
    "stall_timeout",
    "total_timeout",
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
        """Return every key, those for PromptLayer included: no output may hold them."""
        reporting = [each.promptlayer_key for each in self.endpoints if each.promptlayer_key is not None]
        return tuple(dict.fromkeys((*self.keys, *_all_keys(self.endpoints), *reporting)))

    @property
    def without_keys(self) -> tuple[str, ...]:
        """Return the names of the endpoints that need a key and have none."""
        return tuple(each.name for each in self.endpoints if each.needs_key and not each.keys)


def load_settings(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    user_config: Path | None = None,
    redactor: Redactor | None = None,
) -> Settings:
    """Return the settings for a start in `cwd`.

    `flags` has options of the command line by setting, None where one was not given; keys cannot be given
    there. `user_config` is the user's own settings file, by default the one in the config folder; `redactor`
    learns every key. Nothing is put into the environment. Raises ConfigError, one line that names place, what
    was given, and the fix.
    """
    redactor = redactor or Redactor()
    key_path = cwd / locations.ENV_NAME
    stamp = stamp_of(key_path)  # taken before the file is read: a change meanwhile is one that is seen
    dotenv = read_dotenv(key_path)
    user_file = user_config or locations.config_file()
    sources = _Sources(
        from_flags(flags, [name for name in SETTINGS if name != KEYS]),
        environ,
        dotenv,
        (
            from_toml(cwd / locations.CONFIG_NAME, locations.CONFIG_NAME, SETTINGS),
            from_toml(user_file, str(user_file), SETTINGS),
        ),
    )
    # The dialect decides which provider's variables count.
    dialect = sources.chosen(DIALECTS[DEFAULT_DIALECT]).get("dialect", parse_dialect, DEFAULT_DIALECT)
    chosen = sources.chosen(DIALECTS[dialect])
    pool = pool_of(chosen, Variables(environ, dotenv), dialect)
    odd = misspelt(environ, SETTINGS) + misspelt(dotenv.values, SETTINGS)
    if pool.alone:
        odd += sources.mixed(chosen, DIALECTS[dialect])

    def reload() -> Settings:
        return load_settings(flags, environ=environ, cwd=cwd, user_config=user_config, redactor=redactor)

    settings = _settings(chosen, pool, dotenv.warnings + pool.warnings + odd, redactor)
    return replace(settings, key_file=KeyFile(key_path, stamp, reload))


@dataclass(frozen=True, slots=True)
class _Sources:
    """The sources that were read."""

    flags: Layer
    environ: Mapping[str, str] = field(repr=False)
    dotenv: DotEnv
    files: tuple[Layer, ...]

    def chosen(self, dialect: DialectEntry) -> Chosen:
        """The strongest entry for each setting, where the provider is that of `dialect`."""
        return Chosen(
            (
                self.flags,
                *from_environment(self.environ, SETTINGS, dialect.variables),
                *from_dotenv(self.dotenv, SETTINGS, dialect.variables),
                *self.files,
            )
        )

    def mixed(self, chosen: Chosen, dialect: DialectEntry) -> tuple[str, ...]:
        """Warnings where keys of the environment push aside those of `.env`, or go to its address."""
        keys, base_url = chosen.entry(KEYS), chosen.entry("base_url")
        name = self.dotenv.name
        if keys is None or keys.place.startswith(f"{name}:"):
            return ()
        warnings: list[str] = []
        if any(KEYS in layer for layer in from_dotenv(self.dotenv, SETTINGS, dialect.variables)):
            warnings.append(
                f"{keys.place}: is set in the environment and used in place of the keys in {name}"
            )
        if base_url is not None and base_url.place.startswith(f"{name}:"):
            warnings.append(
                f"{base_url.place}: gets the keys of {keys.place}; make sure that they belong together"
            )
        return tuple(warnings)


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
        timeouts=_timeouts(chosen),
        warnings=warnings,
        dialect=first.dialect,
        endpoints=pool.endpoints,
        redactor=redactor,
    )


def _usual_rate(endpoints: Sequence[EndpointSettings]) -> float | None:
    """5/s for each key, and for each endpoint that needs none."""
    keyless = sum(1 for endpoint in endpoints if not endpoint.needs_key)
    return min(MAX_RATE, RATE_PER_KEY * max(1, len(_all_keys(endpoints)) + keyless))


def _all_keys(endpoints: Sequence[EndpointSettings]) -> tuple[Secret, ...]:
    return tuple(dict.fromkeys(key for endpoint in endpoints for key in endpoint.keys))


def _timeouts(chosen: Chosen) -> Timeouts:
    seconds = _number(0.1, 86_400)
    standard = Timeouts()
    return Timeouts(
        connect=chosen.get("connect_timeout", seconds, standard.connect),
        first_byte=chosen.get("first_byte_timeout", seconds, standard.first_byte),
        stall=chosen.get("stall_timeout", seconds, standard.stall),
        total=chosen.get("total_timeout", seconds, standard.total),
    )


def _whole(low: int, high: int) -> Callable[[object], int]:
    return lambda value: parse_whole(value, low, high)


def _number(low: float, high: float) -> Callable[[object], float]:
    return lambda value: parse_number(value, low, high)
