"""A forecast before anything is sent: each prompt with its own model and token limit, at each endpoint."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from llmdash.config import EndpointSettings, Settings
from llmdash.config.prices import Price, Prices
from llmdash.engine.model.forecast import ForecastPart, Range
from llmdash.launch.earlier import EarlierAnswers
from llmdash.launch.forecast import forecast_of
from llmdash.prompts.source import InputError, Prompt, PromptList
from llmdash.reports.forecast import forecast_record, forecast_report

PRICES = Prices({"small": Price(1.0, 2.0), "large": Price(100.0, 200.0), "free": Price(0.0, 0.0)})
"""Dollars per million tokens."""
MILLION = 1_000_000


def endpoint(name: str, model: str, *models: str, **more: Any) -> EndpointSettings:
    return EndpointSettings(name, "openai-chat", f"https://{name}.test/v1", model, models=models, **more)


def settings(*endpoints: EndpointSettings, **more: Any) -> Settings:
    return replace(
        Settings(rate=None, **more).with_endpoints(endpoints or (endpoint("e", "small"),)), rate=None
    )


def prompts(*options: dict[str, Any]) -> PromptList:
    """A prompt of ten tokens for each of these options."""
    asked = [Prompt(f"p{n}", (("user", "x" * 40),), options=each) for n, each in enumerate(options)]
    return PromptList("prompts", "f" * 64, asked)


def forecast(source: PromptList, of: Settings, **more: Any) -> ForecastPart:
    return forecast_of(source, of, PRICES, spends=True, **more)


def dollars(tokens_in: float, tokens_out: float, times: float = 1.0) -> Any:
    return pytest.approx((tokens_in * 1.0 + tokens_out * 2.0) * times / MILLION)


def test_the_token_limits_of_the_prompts_count() -> None:
    found = forecast(prompts({"max_tokens": 100}, {"max_completion_tokens": 900}), settings(max_tokens=5))
    assert found.output_tokens == Range(0, 1000)
    assert found.basis == "token limits from 100 to 900 an answer"
    assert found.cost is not None
    assert (found.cost.low, found.cost.high) == (dollars(20, 0), dollars(20, 1000))


def test_a_prompt_without_a_limit_among_others_has_no_end() -> None:
    found = forecast(prompts({"max_tokens": 100}, {}), settings())
    assert found.output_tokens is None
    assert found.basis == "answers without a token limit"
    assert found.cost is not None
    assert math.isinf(found.cost.high)
    record = forecast_record(found)
    assert record["cost"] == {"low": pytest.approx(20 / MILLION), "middle": None, "high": None}


@pytest.mark.parametrize(
    ("share", "times", "words"),
    [
        (0.5, 0.5, " with --batch, mostly within 24 hours"),
        (None, 1.0, "batch    at most the same with --batch: no price for batches is known"),
    ],
)
def test_what_batches_would_cost_stands_beside_it(share: float | None, times: float, words: str) -> None:
    limit, prices = {"max_tokens": 100}, Prices({"small": Price(1.0, 2.0, batch=share)})
    found = forecast_of(prompts(limit), settings(), prices, spends=True, in_batches=True)
    assert found.batch_cost is not None
    assert (found.batch_cost.low, found.batch_cost.high) == (dollars(10, 0, times), dollars(10, 100, times))
    assert words in forecast_report(found, "")
    assert forecast_record(found)["batch_cost"]["high"] == pytest.approx(found.batch_cost.high)
    assert forecast(prompts(limit), settings()).batch_cost is None


def test_the_model_that_a_prompt_names_has_its_own_price() -> None:
    limit = {"max_tokens": 100}
    two = endpoint("a", "small"), endpoint("b", "large")
    named = forecast(prompts(limit, {**limit, "model": "large"}), settings(*two[:1]))
    assert named.cost is not None
    assert named.cost.high == dollars(10, 100, 101)
    divided = forecast(prompts({**limit, "model": "large"}), settings(*two))
    assert divided.cost is not None
    assert (divided.cost.low, divided.cost.high) == (dollars(10, 0, 100), dollars(10, 100, 100))
    assert forecast(prompts({**limit, "model": "unpriced"}), settings()).cost is None


def test_a_cost_goes_from_the_cheapest_endpoint_to_the_dearest() -> None:
    both = settings(endpoint("a", "small", options={"max_tokens": 50}), endpoint("b", "large"), max_tokens=10)
    found = forecast(prompts({}), both)
    assert found.cost is not None
    assert found.output_tokens == Range(0, 50)
    assert (found.cost.low, found.cost.high) == (dollars(10, 0), dollars(10, 10, 100))
    assert forecast(prompts({}), settings(endpoint("a", "small"), endpoint("b", "unpriced"))).cost is None


def test_what_costs_nothing_costs_nothing_however_long_it_is() -> None:
    found = forecast(prompts({}), settings(endpoint("e", "free")))
    assert found.cost == Range(0.0, 0.0)


def test_earlier_answers_are_cut_at_the_limit_of_each_prompt() -> None:
    earlier = EarlierAnswers(answers=7, runs=1, mean=100.5, p95=400.0, latency_s=2.0)
    found = forecast(prompts({}, {"max_tokens": 50}), settings(concurrency=4), earlier=earlier)
    assert found.output_tokens == Range(150.5, 450.0, 150.5)
    assert found.cost is not None
    assert found.cost.middle == dollars(20, 150.5)
    assert found.basis == "7 answers of 1 earlier run"
    assert found.seconds is not None
    assert found.binds == "4 in flight: answers take 2 s"


def test_a_rate_that_is_to_be_found_tells_the_least_time() -> None:
    found = forecast(prompts(*[{}] * 100), settings(auto=True))
    assert found.seconds is not None
    assert (round(found.seconds.low), found.seconds.is_open) == (22, True)
    assert found.binds == "the rate found by itself: 2/s at first, doubled every 10 s"
    assert "time     at least 22s, bound by the rate found by itself" in forecast_report(found, "")
    assert forecast_record(found)["seconds"] == {"low": 21.589, "middle": None, "high": None}


def test_a_dialect_that_always_sets_a_limit_is_known_for_it() -> None:
    claude = EndpointSettings("e", "anthropic", "https://e.test", "small")
    found = forecast(prompts({}), settings(claude))
    assert found.output_tokens is not None
    assert 0 < found.output_tokens.high < 10**6


@pytest.mark.parametrize("jobs", [0, 1, 1_999, 2_000, 100_000])
def test_every_size_of_a_file_has_a_forecast(jobs: int) -> None:
    found = forecast(prompts(*[{"max_tokens": 3}] * jobs), settings())
    assert found.input_tokens == Range(10 * jobs, 10 * jobs, 10 * jobs)
    assert found.sampled < 2_000
    report = forecast_report(found, "write one")
    assert "nan" not in report
    assert "inf" not in report


def test_a_prompt_that_cannot_be_read_is_left_to_the_run() -> None:
    class Torn(PromptList):
        def prompt(self, index: int) -> Prompt:
            if index == 1:
                raise InputError("line 2 has changed")
            return super().prompt(index)

    source = Torn("torn", "f" * 64, [Prompt(f"p{n}", (("user", "x" * 40),)) for n in range(3)])
    assert forecast(source, settings()).input_tokens == Range(20, 20, 20)
