"""What a batch costs, against a table that was computed by hand: forecast, running and final figure alike."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from llmdash.config.prices import Prices
from llmdash.config.values import ConfigError
from llmdash.engine.pool.costs import Spending, Tokens
from llmdash.llms.messages import Usage
from tests.config.test_prices import OWN, load, tokens

ASKED, CACHED, SAID = 100_000, 40_000, 10_000
"""Of the 100,000 tokens in, 40,000 came from a cache; so 60,000 are at the full price of the input."""

XAI = '[prices."grok-4"]\ninput = 3.0\noutput = 15.0\ncached = 0.75\nbatch = 0.8\n'


class HandPriced(NamedTuple):
    """A model at a provider, and the dollars by hand: in batches, and one by one."""

    provider: str
    model: str
    batch: float
    live: float


# Dollars per million tokens, input / cached / output, in a batch and live; then
# 0.06 x input + 0.04 x cached + 0.01 x output.
TABLE = (
    # 0.075 / 0.075 / 0.30: 0.0045 + 0.0030 + 0.0030; live 0.15 / 0.075 / 0.60: 0.0090 + 0.0030 + 0.0060
    HandPriced("openai", "gpt-4o-mini", 0.0105, 0.0180),
    # 1.00 / 0.50 / 4.00: 0.060 + 0.020 + 0.040; live 2.00 / 0.50 / 8.00: 0.120 + 0.020 + 0.080
    HandPriced("openai", "gpt-4.1", 0.120, 0.220),
    # 0.50 / 0.05 / 2.50: 0.030 + 0.002 + 0.025; live 1.00 / 0.10 / 5.00: 0.060 + 0.004 + 0.050
    HandPriced("anthropic", "claude-haiku-4-5", 0.057, 0.114),
    # 1.50 / 0.15 / 7.50: 0.090 + 0.006 + 0.075; live 3.00 / 0.30 / 15.00: 0.180 + 0.012 + 0.150
    HandPriced("anthropic", "claude-sonnet-4-5", 0.171, 0.342),
    # 0.15 / 0.03 / 1.25: 0.0090 + 0.0012 + 0.0125; live 0.30 / 0.03 / 2.50: 0.0180 + 0.0012 + 0.0250
    HandPriced("google", "gemini-2.5-flash", 0.0227, 0.0442),
    # 0.075 / 0.0075 / 0.30: 0.0045 + 0.0003 + 0.0030; live 0.15 / 0.015 / 0.60: 0.0090 + 0.0006 + 0.0060
    HandPriced("mistral", "mistral-small-latest", 0.0078, 0.0156),
    # 0.0375 / 0.0375 / 0.15: 0.00225 + 0.0015 + 0.0015; live 0.075 / 0.0375 / 0.30: 0.0045 + 0.0015 + 0.0030
    HandPriced("groq", "openai/gpt-oss-20b", 0.00525, 0.0090),
    # 0.8 x (0.180 + 0.030 + 0.150); live 3.00 / 0.75 / 15.00: 0.180 + 0.030 + 0.150
    HandPriced("x-ai", "grok-4", 0.288, 0.360),
)
of_each = pytest.mark.parametrize("priced", TABLE, ids=lambda priced: priced.model)


@pytest.fixture
def prices(tmp_path: Path) -> Prices:
    pytest.importorskip("genai_prices")
    return load(tmp_path, XAI)


@of_each
def test_a_batch_costs_what_the_table_says(prices: Prices, priced: HandPriced) -> None:
    used = tokens(ASKED, SAID, CACHED, 0, 0)
    assert prices.cost(priced.model, used, priced.provider, in_batch=True) == pytest.approx(priced.batch)
    assert prices.cost(priced.model, used, priced.provider) == pytest.approx(priced.live)
    assert prices.has_batch_price(priced.model, priced.provider)


@of_each
def test_a_hundred_answers_of_a_batch_cost_together_what_it_costs(prices: Prices, priced: HandPriced) -> None:
    running, final = Spending(), Spending()
    for _ in range(100):
        running.add("k", priced.model, Usage(ASKED // 100, SAID // 100, cached_tokens=CACHED // 100))
    final.restore("k", priced.model, Tokens(ASKED, SAID, CACHED))  # as the journal has it
    for spending in (running, final):
        ((_, model, used),) = spending
        dollars = prices.cost(model, used[:5], priced.provider, in_batch=True)
        assert dollars == pytest.approx(priced.batch)


def test_a_batch_of_a_model_without_a_price_for_batches_costs_at_most_the_full_price(tmp_path: Path) -> None:
    prices, used = load(tmp_path, OWN), tokens(1_000_000, 500_000)
    assert prices.cost("my-model", used, in_batch=True) == prices.cost("my-model", used)
    assert not prices.has_batch_price("my-model")


@pytest.mark.parametrize(("share", "dollars"), [(0.5, 0.225), (0.8, 0.36), (1, 0.45), (0, 0.0)])
def test_the_share_of_a_price_that_a_batch_costs_can_be_set(
    tmp_path: Path, share: float, dollars: float
) -> None:
    prices, used = load(tmp_path, f"{OWN}batch = {share}\n"), tokens(1_000_000, 500_000)
    assert prices.cost("my-model", used, in_batch=True) == pytest.approx(dollars)
    assert prices.cost("my-model", used) == pytest.approx(0.45)
    assert prices.has_batch_price("my-model")


@pytest.mark.parametrize("share", ["1.5", "-0.1", '"half"', "true"])
def test_a_share_that_is_none_is_refused_by_name(tmp_path: Path, share: str) -> None:
    with pytest.raises(ConfigError, match=r'prices."my-model".batch: '):
        load(tmp_path, f"{OWN}batch = {share}\n")
