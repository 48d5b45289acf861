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
from dataclasses import field, replace
from pathlib import Path

from llmdash import locations
from llmdash.config.connection import proxy_secrets, unused_proxy
from llmdash.config.deciding import DecidingFile, deciding_table_file
from llmdash.config.deciding_dotenv import decides_for_others, deciding_dotenv
from llmdash.config.dotenv import DotEnv, read_dotenv
from llmdash.config.endpoint import EndpointSettings, keys_of
from llmdash.config.extras import parse_timeouts
from llmdash.config.gathered import Sources
from llmdash.config.kept import kept_settings
from llmdash.config.key_file import KeyFile, stamp_of
from llmdash.config.keys import Variables
from llmdash.config.limits import parse_limits
from llmdash.config.options import merged_options
from llmdash.config.pool import Pool, pool_of
from llmdash.config.precedence import Chosen
from llmdash.config.reuse import parse_dedupe, parse_reuse
from llmdash.config.settings import (
    DEFAULT_CONCURRENCY,
    DEFAULT_FPS,
    OPTIONS,
    RATE_PER_KEY,
    SETTINGS,
    Settings,
)
from llmdash.config.sources import KEYS, Layer, VariableSource, from_flags, misspelt
from llmdash.config.telling import telling_settings
from llmdash.config.toml import TABLES, from_toml
from llmdash.config.values import (
    MAX_RATE,
    ConfigError,
    parse_budget,
    parse_dialect,
    parse_number,
    parse_rate,
    parse_switch,
    parse_whole,
    shown,
)
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DEFAULT_DIALECT, DIALECTS
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Redactor

__all__ = ["load_settings"]


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
    return _Start(dict(flags), dict(environ), cwd, user_config, config, redactor or Redactor()).settings()


@dataclass(frozen=True, slots=True)
class _Start:
    """What a start is given; a value that another process can be given."""

    flags: Mapping[str, object]
    environ: Mapping[str, str] = field(repr=False)
    cwd: Path
    user_config: Path | None
    config: Path | None
    redactor: Redactor

    def settings(self) -> Settings:
        """Read the settings. Raises ConfigError."""
        key_path = self.cwd / locations.ENV_NAME
        stamp = stamp_of(key_path)  # taken before the file is read: a change meanwhile is one that is seen
        dotenv = read_dotenv(key_path)
        files = self._files()
        sources = self._sources(dotenv, files)
        chosen = sources.chosen(DIALECTS[_dialect_of(sources)])
        settings = self._checked(sources, chosen, dotenv, files)
        of_dotenv = deciding_dotenv(dotenv, settings, sources)
        trustable = tuple(each for each in (files.deciding, of_dotenv) if each is not None)
        counts = decides_for_others(dotenv, chosen, settings, sources)
        deciding = tuple(each for each in trustable if counts or each is not of_dotenv)
        key_file = KeyFile(key_path, stamp, _Reload(self, deciding))
        return replace(settings, key_file=key_file, deciding=deciding, trustable=trustable)

    def _files(self) -> _Files:
        users = self.user_config or locations.config_file()
        if self.config is None:
            path, name = self.cwd / locations.CONFIG_NAME, locations.CONFIG_NAME
        elif self.config.is_file():
            path, name = self.config, str(self.config)
        else:
            raise ConfigError(f"--config: {shown(self.config)} is not a file; name an llmdash.toml")
        trusted = self.config is not None or path.resolve() == users.resolve()
        own = from_toml(path, name, SETTINGS)
        return _Files(path, own, from_toml(users, str(users), SETTINGS), trusted)

    def _sources(self, dotenv: DotEnv, files: _Files) -> Sources:
        return Sources(
            from_flags(self.flags, [name for name in SETTINGS if name != KEYS]),
            VariableSource.of_environment(self.environ),
            VariableSource.of_dotenv(dotenv),
            (files.folder, files.users),
            SETTINGS,
        )

    def _checked(self, sources: Sources, chosen: Chosen, dotenv: DotEnv, files: _Files) -> Settings:
        """The settings, but for what the files decide. The redactor learns what the proxies' URLs hold."""
        dialect = _dialect_of(sources)
        limits = parse_limits(sources.files)
        pool = pool_of(chosen, Variables(sources.environ, sources.dotenv), dialect, limits)
        kept = kept_settings(chosen, sources.of_user(folder_counts=files.is_trusted))
        warnings = (
            *dotenv.warnings,
            *pool.warnings,
            *misspelt(sources.environ, SETTINGS),
            *misspelt(sources.dotenv, SETTINGS),
            *sources.notes(chosen, pool, DIALECTS[dialect]),
            *_proxy_warnings(pool, self.environ, chosen),
            *kept.warnings,
        )
        settings = _settings(chosen, pool, warnings, self.redactor)
        for endpoint in pool.endpoints:
            self.redactor.learn(proxy_secrets(endpoint.connection.proxy, self.environ))
        return replace(settings, limits=limits, kept=kept, telling=telling_settings(chosen))


@dataclass(frozen=True, slots=True)
class _Files:
    """The settings files: that of the folder, or the one named in its place, and the user's own."""

    path: Path
    folder: Layer
    users: Layer
    is_trusted: bool
    """True if the first is one that the user named, or his own."""

    @property
    def deciding(self) -> DecidingFile | None:
        return None if self.is_trusted else deciding_table_file(self.path, self.folder)


@dataclass(frozen=True, slots=True)
class _Reload:
    """Reads the settings of a start again; a value that another process can be given."""

    start: _Start
    deciding: tuple[DecidingFile, ...]

    def __call__(self) -> Settings:
        again = self.start.settings()
        if again.deciding != self.deciding:
            raise ConfigError("where keys are sent was changed meanwhile; start the run anew")
        return again


def _dialect_of(sources: Sources) -> str:
    """The dialect without tables: it decides which provider's variables count."""
    return sources.chosen(DIALECTS[DEFAULT_DIALECT]).get("dialect", parse_dialect, DEFAULT_DIALECT)


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
    first, auto = pool.endpoints[0], chosen.get("auto", parse_switch, False)
    return Settings(
        base_url=first.base_url,
        model=first.model,
        keys=keys_of(pool.endpoints),
        rate=chosen.get("rate", parse_rate, None if auto else _usual_rate(pool.endpoints)),
        rate_given=chosen.entry("rate") is not None,
        auto=auto,
        concurrency=chosen.get("concurrency", _whole(1, 10_000), DEFAULT_CONCURRENCY),
        concurrency_given=chosen.entry("concurrency") is not None,
        limit=chosen.get("limit", _whole(1, 1_000_000_000), None),
        budget=chosen.get("budget", parse_budget, None),
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
        reuse=chosen.get("reuse", parse_reuse, None),
        dedupe=chosen.get("dedupe", parse_dedupe, None),
        given=frozenset(name for name in (*SETTINGS, TABLES) if chosen.entry(name) is not None),
    )


def _usual_rate(endpoints: Sequence[EndpointSettings]) -> float | None:
    """5/s for each key, and for each endpoint that needs none."""
    keyless = sum(1 for endpoint in endpoints if not endpoint.needs_key)
    return min(MAX_RATE, RATE_PER_KEY * max(1, len(keys_of(endpoints)) + keyless))


def _whole(low: int, high: int) -> Callable[[object], int]:
    return lambda value: parse_whole(value, low, high)


def _number(low: float, high: float) -> Callable[[object], float]:
    return lambda value: parse_number(value, low, high)
