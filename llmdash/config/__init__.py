"""Settings from all their sources, checked: options, variables, `.env`, `llmdash.toml`; and prices.

`launch` and `cli` import it; it imports only `llms`, `secrets`, `sanitize` and `locations`. It never changes
the environment, and never shows a key.
"""

from llmdash.config.endpoint import EndpointSettings
from llmdash.config.loading import load_settings
from llmdash.config.settings import RATE_PER_KEY, SETTINGS, Settings
from llmdash.config.values import MAX_RATE, MIN_RATE, ConfigError, parse_rate
from llmdash.llms.transport.timeouts import Timeouts

__all__ = [
    "MAX_RATE",
    "MIN_RATE",
    "RATE_PER_KEY",
    "SETTINGS",
    "ConfigError",
    "EndpointSettings",
    "Settings",
    "Timeouts",
    "load_settings",
    "parse_rate",
]
