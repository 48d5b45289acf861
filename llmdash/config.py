"""The settings of a run, put together from every place they may be given.

From strongest to weakest: command line; `LLMDASH_*` variables; `OPENAI_API_KEY` and `OPENAI_BASE_URL`; `.env`
in the folder the program starts in (there: `LLMDASH_*`, then `API_KEY` and `BASE_URL`, then `OPENAI_*`);
`llmdash.toml` in the same folder; `llmdash.toml` in the user's config folder. Each setting is taken from the
strongest that gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from llmdash import locations
from llmdash.config_sources import (
    KEYS,
    KEYS_FROM,
    DotEnv,
    Entry,
    Layer,
    from_dotenv,
    from_environment,
    from_flags,
    from_toml,
    misspelt,
    read_dotenv,
)
from llmdash.config_values import (
    MAX_RATE,
    MIN_RATE,
    ConfigError,
    parse_base_url,
    parse_keys,
    parse_number,
    parse_rate,
    parse_switch,
    parse_text,
    parse_whole,
)
from llmdash.llms.timeouts import Timeouts
from llmdash.secrets import Secret

__all__ = [
    "DEFAULT_BASE_URL",
    "DEFAULT_CONCURRENCY",
    "DEFAULT_FPS",
    "DEFAULT_MODEL",
    "MAX_RATE",
    "MIN_RATE",
    "RATE_PER_KEY",
    "ConfigError",
    "Settings",
    "Timeouts",
    "load_settings",
    "parse_rate",
]

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4o-mini"
DEFAULT_CONCURRENCY = 64
DEFAULT_FPS = 15
RATE_PER_KEY = 5.0
"""Requests a second and key where no rate is given: what providers let a new account do without a ban."""

SETTINGS = (
    KEYS,
    "base_url",
    "model",
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

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings. `rate` is in requests a second, None lifts the limit; `limit` is a number of jobs."""

    base_url: str = DEFAULT_BASE_URL
    model: str = DEFAULT_MODEL
    keys: tuple[Secret, ...] = ()
    rate: float | None = RATE_PER_KEY
    rate_given: bool = False
    """False if `rate` is the default: 5/s for each key."""
    base_url_given: bool = False
    model_given: bool = False
    concurrency: int = DEFAULT_CONCURRENCY
    limit: int | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stream: bool = True
    fps: int = DEFAULT_FPS
    allow_insecure: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    warnings: tuple[str, ...] = ()
    """What the user should know, one line each; never a key."""


def load_settings(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    user_config: Path | None = None,
) -> Settings:
    """The settings that hold for a start in `cwd`.

    `flags` has options of the command line by setting, None where one was not given; keys cannot be given
    there. `user_config` is the user's own settings file, by default the one in the config folder. Nothing is
    put into the environment. Raises ConfigError, one line that names place, what was given, and the mend.
    """
    dotenv = read_dotenv(cwd / locations.ENV_NAME)
    user_file = user_config or locations.config_file()
    chosen = _Chosen(
        (
            from_flags(flags, [name for name in SETTINGS if name != KEYS]),
            *from_environment(environ, SETTINGS),
            *from_dotenv(dotenv, SETTINGS),
            from_toml(cwd / locations.CONFIG_NAME, locations.CONFIG_NAME, SETTINGS),
            from_toml(user_file, str(user_file), SETTINGS),
        )
    )
    keys, warnings = _keys(chosen, environ, dotenv)
    odd = misspelt(environ, SETTINGS) + misspelt(dotenv.values, SETTINGS) + _mixed_sources(chosen, dotenv)
    return _settings(chosen, keys, dotenv.warnings + warnings + odd)


def _settings(chosen: _Chosen, keys: tuple[Secret, ...], warnings: tuple[str, ...]) -> Settings:
    insecure = chosen.get("allow_insecure", parse_switch, False)
    default_rate: float | None = min(MAX_RATE, RATE_PER_KEY * max(1, len(keys)))
    return Settings(
        base_url=chosen.get(
            "base_url", lambda value: parse_base_url(value, allow_insecure=insecure), DEFAULT_BASE_URL
        ),
        model=chosen.get("model", parse_text, DEFAULT_MODEL),
        keys=keys,
        rate=chosen.get("rate", parse_rate, default_rate),
        rate_given=chosen.entry("rate") is not None,
        base_url_given=chosen.entry("base_url") is not None,
        model_given=chosen.entry("model") is not None,
        concurrency=chosen.get("concurrency", _whole(1, 10_000), DEFAULT_CONCURRENCY),
        limit=chosen.get("limit", _whole(1, 1_000_000_000), None),
        temperature=chosen.get("temperature", _number(0, 2), None),
        max_tokens=chosen.get("max_tokens", _whole(1, 10_000_000), None),
        stream=chosen.get("stream", parse_switch, True),
        fps=chosen.get("fps", _whole(5, 30), DEFAULT_FPS),
        allow_insecure=insecure,
        timeouts=_timeouts(chosen),
        warnings=warnings,
    )


def _timeouts(chosen: _Chosen) -> Timeouts:
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


class _Chosen:
    """The strongest entry for each setting."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        merged: dict[str, Entry] = {}
        for layer in reversed(layers):
            merged.update(layer)
        self._entries = MappingProxyType(merged)

    def entry(self, name: str) -> Entry | None:
        return self._entries.get(name)

    def get(self, name: str, parse: Callable[[object], T], default: T) -> T:
        """The checked value of a setting; ConfigError with its place in front if it is wrong."""
        entry = self.entry(name)
        if entry is None:
            return default
        try:
            return parse(entry.value)
        except ConfigError as error:
            raise ConfigError(f"{entry.place}: {error}") from None


def _keys(
    chosen: _Chosen, environ: Mapping[str, str], dotenv: DotEnv
) -> tuple[tuple[Secret, ...], tuple[str, ...]]:
    """The keys of the strongest source, or those that `api_key_env` in a settings file points to."""
    entry = chosen.entry(KEYS) or _pointed_at(chosen.entry(KEYS_FROM), environ, dotenv)
    if entry is None:
        return (), ()
    try:
        keys, warnings = parse_keys(str(entry.value))
    except ConfigError as error:
        raise ConfigError(f"{entry.place}: {error}") from None
    return keys, tuple(f"{entry.place}: {warning}" for warning in warnings)


def _pointed_at(entry: Entry | None, environ: Mapping[str, str], dotenv: DotEnv) -> Entry | None:
    """What the variable holds that `entry` names. Its name is not repeated: it might be a key, by mistake."""
    if entry is None:
        return None
    variable = entry.value
    if not isinstance(variable, str) or not variable.isidentifier():
        raise ConfigError(f"{entry.place}: is not the name of a variable; write one such as 'OPENAI_API_KEY'")
    if environ.get(variable, "").strip():
        return Entry(environ[variable], f"{entry.place}: the variable it names")
    if dotenv.values.get(variable, "").strip():
        return Entry(dotenv.values[variable], f"{dotenv.name}:{dotenv.lines[variable]}: {variable}")
    raise ConfigError(f"{entry.place}: the variable it names is not set; set it, or put it into .env")


def _mixed_sources(chosen: _Chosen, dotenv: DotEnv) -> tuple[str, ...]:
    """Warnings where keys of the environment push aside those of `.env`, or go to the endpoint it names."""
    keys, base_url = chosen.entry(KEYS), chosen.entry("base_url")
    inside = f"{dotenv.name}:"
    if keys is None or keys.place.startswith(inside):
        return ()
    warnings: list[str] = []
    if any(KEYS in layer for layer in from_dotenv(dotenv, SETTINGS)):
        warnings.append(
            f"{keys.place}: is set in the environment and used in place of the keys in {dotenv.name}"
        )
    if base_url is not None and base_url.place.startswith(inside):
        warnings.append(
            f"{base_url.place}: gets the keys of {keys.place}; make sure that they belong together"
        )
    return tuple(warnings)
