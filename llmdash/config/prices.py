"""Prices of tokens: the user's own first, then those of the package `genai-prices`, if it is installed.

Own prices are set in `llmdash.toml`, in the folder the program starts in or in the user's config
folder, in dollars per million tokens:

    [prices."gpt-4o-mini"]
    input = 0.15
    output = 0.60
    cached = 0.075        # input read from a cache; without it, the price of input
    cache_write = 0.15    # input written to one; without it, the price of input
    reasoning = 0.60      # without it, the price of output
    batch = 0.5           # what a batch costs, as a share of all these; without it, as much as one by one

Where no price is known the cost is None, never 0.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import json
import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from llmdash import locations
from llmdash.config.dotenv import read_text
from llmdash.config.values import ConfigError, is_on_this_machine, parse_number, shown
from llmdash.lean_dataclass import dataclass

__all__ = ["Price", "Prices", "load_prices", "price_of", "way_to_price"]

_MODULE = "genai_prices"
"""The module with the prices of the providers: an extra of this package."""
_TABLE = "prices"
_SIDES = ("input", "output")
_PARTS = ("cached", "cache_write", "reasoning")
_BATCH = "batch"
_KNOWN = (*_SIDES, *_PARTS, _BATCH)
_MOST = 1_000_000.0
_MILLION = 1_000_000.0
_FIX = 'write [prices."gpt-4o-mini"] with input = 0.15 and output = 0.60, in dollars per million tokens'


Counts = tuple[int, int, int, int, int]
"""Tokens: input, output; and of these cached, written to a cache, spent on reasoning."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars per million tokens. A part without a price of its own has that of its side."""

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None
    reasoning: float | None = None
    batch: float | None = None
    """The share of the price that a batch costs; None where that is not known: then at most all of it."""

    def cost(self, tokens: Counts, *, in_batch: bool = False) -> float:
        """Return the dollars for these tokens."""
        asked, said, cached, written, reasoning = tokens
        total = asked * self.input + said * self.output
        for count, price, side in (
            (cached, self.cached, self.input),
            (written, self.cache_write, self.input),
            (reasoning, self.reasoning, self.output),
        ):
            total += 0.0 if price is None else count * (price - side)
        return total / _MILLION * (self.batch if in_batch and self.batch is not None else 1.0)


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices for a start: `own` by model name; `genai-prices` has those of the providers."""

    own: Mapping[str, Price] = field(default_factory=dict)

    def cost(
        self,
        model: str,
        tokens: Counts,
        provider: str | None = None,
        *,
        in_batch: bool = False,
        parts: int = 1,
    ) -> float | None:
        """Return the dollars for these tokens of `model`; None where no price is known. For a batch without a
        price of its own they are those of requests one by one: at most so much.

        Tokens of several requests are priced in that many equal `parts`: a long one may cost more a token.

        `provider` is a name such as `openai` or the base URL of an endpoint; with it the price is that of
        this provider or None, without it that of any provider known for the model.
        """
        own = self.own.get(model)
        if own is not None:
            return own.cost(tokens, in_batch=in_batch)
        if provider is not None and is_on_this_machine(provider):
            return None  # no provider: the package, which takes long to load, need not be asked
        if parts == 1:
            return _published(model, tokens, provider, in_batch=in_batch)
        part = _divided(tokens, parts)
        rest = _without(tokens, part, parts - 1)
        costs = [_published(model, each, provider, in_batch=in_batch) for each in (part, rest)]
        return None if costs[0] is None or costs[1] is None else costs[0] * (parts - 1) + costs[1]

    def has_batch_price(self, model: str, provider: str | None = None) -> bool:
        """True if a batch has a price of its own, so that its cost is known and not only at most so much."""
        own = self.own.get(model)
        if own is not None:
            return own.batch is not None
        one = (1_000, 1_000, 0, 0, 0)
        return self.cost(model, one, provider) != self.cost(model, one, provider, in_batch=True)


def price_of(model: str, input_tokens: int, output_tokens: int, provider: str | None = None) -> float | None:
    """Return `load_prices().cost(...)`; reads the settings files each time.

    Raises ConfigError for an invalid price.
    """
    return load_prices().cost(model, (input_tokens, output_tokens, 0, 0, 0), provider)


def load_prices(*, cwd: Path | None = None, user_config: Path | None = None) -> Prices:
    """Return the prices for a start in `cwd`; those in its `llmdash.toml` override the user's.

    Raises ConfigError, one line that names file, key and fix.
    """
    user_file = user_config or locations.config_file()
    own = _read(user_file, str(user_file))
    own.update(_read((cwd or Path.cwd()) / locations.CONFIG_NAME, locations.CONFIG_NAME))
    return Prices(own)


def _read(path: Path, name: str) -> dict[str, Price]:
    try:
        document = tomllib.loads(read_text(path, name) or "")
    except ConfigError:
        raise
    except (ValueError, RecursionError):  # not TOML, a huge number, brackets nested too deep
        raise ConfigError(f"{name}: this is not TOML; {_FIX}") from None
    table = document.get(_TABLE, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{name}: {_TABLE}: {shown(table)} is not a table; {_FIX}")
    return {model: _price(f"{name}: {_TABLE}.{_quoted(model)}", entry) for model, entry in table.items()}


def _price(place: str, entry: object) -> Price:
    if not isinstance(entry, dict):
        raise ConfigError(f"{place}: {shown(entry)} is not a table; {_FIX}")
    for side in entry:
        if side not in _KNOWN:
            near = difflib.get_close_matches(side, _KNOWN, 1, 0.5)
            fix = f"did you mean {near[0]}?" if near else f"known are {', '.join(_KNOWN)}"
            raise ConfigError(f"{place}: {shown(side)} is not a field of a price; {fix}")
    parts = {part: _side(place, entry, part) for part in _PARTS if part in entry}
    if _BATCH in entry:
        parts[_BATCH] = _share(place, entry)
    return Price(*(_side(place, entry, side) for side in _SIDES), **parts)


def _side(place: str, entry: Mapping[str, Any], side: str) -> float:
    if side not in entry:
        raise ConfigError(f"{place}: {side} is missing; {_FIX}")
    try:
        return parse_number(entry[side], 0.0, _MOST)
    except ConfigError as error:
        raise ConfigError(f"{place}.{side}: {error}") from None


def _share(place: str, entry: Mapping[str, Any]) -> float:
    try:
        return parse_number(entry[_BATCH], 0.0, 1.0)
    except ConfigError as error:
        raise ConfigError(f"{place}.{_BATCH}: {error}") from None


def _quoted(model: str) -> str:
    return '"' + shown(model)[1:-1] + '"'


def way_to_price(model: str) -> str:
    """Return what to do where no price is known for `model`, whose name is clean, in one line."""
    own = (
        f"write [prices.{json.dumps(model)}] into {locations.CONFIG_NAME} with input and output, in dollars "
        "per million tokens"
    )
    if importlib.util.find_spec(_MODULE) is not None:
        return own
    return f"for the providers' prices: pip install 'llmdash[prices]'; or {own}"


def _divided(tokens: Counts, parts: int) -> Counts:
    asked, said, cached, written, reasoning = (each // parts for each in tokens)
    return asked, said, cached, written, reasoning


def _without(tokens: Counts, part: Counts, parts: int) -> Counts:
    asked, said, cached, written, reasoning = (
        whole - parts * each for whole, each in zip(tokens, part, strict=True)
    )
    return asked, said, cached, written, reasoning


def _published(model: str, tokens: Counts, provider: str | None, *, in_batch: bool) -> float | None:
    """The provider's price, from `genai-prices`."""
    try:
        published = importlib.import_module(_MODULE)
    except ImportError:
        return None
    which = {} if provider is None else {_provider_field(provider): provider}
    asked, said, cached, written, _ = tokens
    usage = published.Usage(
        input_tokens=asked,
        output_tokens=said,
        cache_read_tokens=cached or None,
        cache_write_tokens=written or None,
    )
    try:
        context = {"processing": "batch"} if in_batch else None
        price = published.calc_price(usage, model_ref=model, price_context=context, **which)
        return float(price.total_price)
    except (LookupError, ValueError):  # no such provider, no such model, or no price for what was used
        return None


def _provider_field(provider: str) -> str:
    return "provider_api_url" if "://" in provider else "provider_id"
