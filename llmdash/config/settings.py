"""Settings: all that was set for a run, checked, and the names of what can be set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any
from urllib.parse import urlsplit

from llmdash.config.connection import proxy_secrets
from llmdash.config.deciding import DecidingFile
from llmdash.config.endpoint import EndpointSettings, keys_of
from llmdash.config.extras import EXTRAS, SHARED, TIMEOUTS
from llmdash.config.kept import KEPT, KeptSettings
from llmdash.config.key_file import KeyFile
from llmdash.config.limits import LimitSettings
from llmdash.config.reuse import ReuseSettings
from llmdash.config.sources import ENDPOINT, KEYS, SHARED_LIMIT
from llmdash.config.telling import TELLING, TellingSettings
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DEFAULT_DIALECT, DIALECTS
from llmdash.llms.options import merge_options
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Redactor, Secret

__all__ = ["DEFAULT_CONCURRENCY", "DEFAULT_FPS", "OPTIONS", "RATE_PER_KEY", "SETTINGS", "Settings"]

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
    "auto",
    "concurrency",
    "limit",
    "budget",
    SHARED_LIMIT,
    "temperature",
    "max_tokens",
    "stream",
    "fps",
    "allow_insecure",
    *TIMEOUTS,
    OPTIONS,
    *KEPT,
    *TELLING,
    *EXTRAS,
    *SHARED,
    "reuse",
    "dedupe",
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
    auto: bool = False
    """True to find the rate by itself; `rate` is then the most, and None where it is not given."""
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
    kept: KeptSettings = field(default_factory=KeptSettings)
    reuse: ReuseSettings | None = None
    """Which kept runs answers are taken from."""
    dedupe: ReuseSettings | None = None
    """Whether equal requests of a run are asked once."""
    budget: float | None = None
    """Dollars that a run may spend in all; None for no budget."""
    limits: tuple[LimitSettings, ...] = ()
    """The limits that endpoints may share with those of other runs."""
    telling: TellingSettings = field(default_factory=TellingSettings)

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
            keys=keys_of(endpoints),
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

    @property
    def wires(self) -> frozenset[str]:
        """Return the wire formats of the endpoints; none if one of them has no format that is known here."""
        wires = {DIALECTS[endpoint.dialect].wire for endpoint in self.endpoints}
        return frozenset() if "" in wires else frozenset(wires)
