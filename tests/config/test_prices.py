"""What tokens cost: own prices, published ones, and none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config.prices import Price, Prices, load_prices, price_of, way_to_price
from llmdash.config.values import ConfigError
from llmdash.engine.pool.costs import Spending
from llmdash.llms.messages import Usage

OWN = '[prices."my-model"]\ninput = 0.15\noutput = 0.60\n'


def tokens(asked: int, said: int, *parts: int) -> tuple[int, int, int, int, int]:
    cached, written, reasoning = parts or (0, 0, 0)
    return asked, said, cached, written, reasoning


def load(tmp_path: Path, here: str = "", users: str = "") -> Prices:
    """The prices of a folder whose settings file, and the user's, hold these texts."""
    for name, text in (("llmdash.toml", here), ("user.toml", users)):
        if text:
            (tmp_path / name).write_text(text)
    return load_prices(cwd=tmp_path, user_config=tmp_path / "user.toml")


def test_own_prices_are_dollars_per_million_tokens(tmp_path: Path) -> None:
    assert load(tmp_path, OWN).cost("my-model", tokens(1_000_000, 500_000)) == pytest.approx(0.45)


def test_cached_and_reasoning_tokens_have_prices_of_their_own(tmp_path: Path) -> None:
    text = f"{OWN}cached = 0.015\ncache_write = 0.3\nreasoning = 1.2\n"
    million = 1_000_000
    cost = load(tmp_path, text).cost("my-model", tokens(million, million, 800_000, 100_000, 500_000))
    assert cost == pytest.approx(0.1 * 0.15 + 0.8 * 0.015 + 0.1 * 0.3 + 0.5 * 0.60 + 0.5 * 1.2)


def test_without_a_price_of_their_own_they_cost_what_their_side_costs(tmp_path: Path) -> None:
    cost = load(tmp_path, OWN).cost("my-model", tokens(1_000_000, 500_000, 900_000, 9, 400_000))
    assert cost == pytest.approx(0.45)


def test_a_published_price_of_cached_input_is_used() -> None:
    pytest.importorskip("genai_prices")
    whole = Prices().cost("gpt-4o-mini", tokens(1_000_000, 0), "openai")
    cached = Prices().cost("gpt-4o-mini", tokens(1_000_000, 0, 1_000_000, 0, 0), "openai")
    assert whole is not None
    assert cached == pytest.approx(whole / 2)


def test_the_folder_s_price_goes_over_the_user_s_and_both_are_read(tmp_path: Path) -> None:
    users = '[prices."my-model"]\ninput = 9\noutput = 9\n[prices.other]\ninput = 1\noutput = 2\n'
    prices = load(tmp_path, OWN, users)
    assert prices.own == {"my-model": Price(0.15, 0.60), "other": Price(1.0, 2.0)}


def test_other_settings_in_the_file_are_let_alone(tmp_path: Path) -> None:
    assert load(tmp_path, "model = 'x'\nrate = '5/s'\n").own == {}


def test_an_own_price_goes_over_a_published_one(tmp_path: Path) -> None:
    prices = load(tmp_path, '[prices."gpt-4o-mini"]\ninput = 100\noutput = 0\n')
    assert prices.cost("gpt-4o-mini", tokens(1_000_000, 7), "https://api.openai.com/v1") == pytest.approx(
        100.0
    )


def test_a_price_that_nobody_knows_is_none_and_never_nothing() -> None:
    assert Prices().cost("no-such-model-at-all", tokens(1000, 1000)) is None


def test_a_published_price_is_known_by_model_provider_and_base_url() -> None:
    pytest.importorskip("genai_prices")
    costs = {
        Prices().cost("gpt-4o-mini", tokens(1_000_000, 0), provider)
        for provider in (None, "openai", "https://api.openai.com/v1")
    }
    assert costs == {0.15}


@pytest.mark.parametrize(
    "provider",
    ["http://127.0.0.1:8000/v1", "http://[::1]/v1", "http://[", "https://gateway.example/v1", "nobody"],
)
def test_a_provider_nobody_knows_has_no_price_even_for_a_known_model(provider: str) -> None:
    assert Prices().cost("gpt-4o-mini", tokens(1000, 1000), provider) is None


def test_without_the_extra_only_own_prices_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry of None is how the import system says that a module cannot be had."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    prices = load(tmp_path, OWN)
    assert prices.cost("gpt-4o-mini", tokens(1000, 1000)) is None
    assert prices.cost("my-model", tokens(1_000_000, 0)) == pytest.approx(0.15)


def test_price_of_reads_the_folder_the_program_starts_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmdash.toml").write_text(OWN)
    assert price_of("my-model", 0, 1_000_000) == pytest.approx(0.60)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prices = 3\n", ["prices", "'3'", "is not a table"]),
        ("[prices]\nx = 3\n", ['prices."x"', "'3'", "is not a table"]),
        ("[prices.x]\ninput = 3\n", ['prices."x"', "output is missing"]),
        ("[prices.x]\ninput = 'dear'\noutput = 1\n", ['prices."x".input', "'dear'", "not a number"]),
        ("[prices.x]\ninput = -1\noutput = 1\n", ['prices."x".input', "'-1'", "out of range"]),
        ("[prices.x]\ninput = inf\noutput = 1\n", ['prices."x".input', "not a number"]),
        ("[prices.x]\ninput = true\noutput = 1\n", ['prices."x".input', "not a number"]),
        ("[prices.x]\ninput = 1\noutptu = 1\n", ['prices."x"', "'outptu'", "did you mean output?"]),
        ("[prices.x]\ninput = 1\ncached = 1\n", ['prices."x"', "output is missing"]),
        ("[prices.x]\ninput = 1\naudio = 1\n", ['prices."x"', "'audio'", "known are input, output, cached"]),
        ('[prices."a\\u001b[2J"]\ninput = 1\n', ["output is missing"]),
        ("prices = \n", ["not TOML"]),
        (f"n = {'9' * 5000}\n", ["not TOML"]),
    ],
)
def test_a_price_that_cannot_be_gets_one_line_with_file_and_key(
    tmp_path: Path, text: str, told: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    said = str(caught.value)
    assert said.startswith("llmdash.toml: ")
    assert said.isprintable()
    assert [part for part in told if part not in said] == []


@given(
    st.text(max_size=200),
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.none() | st.text(max_size=50) | st.text(max_size=50).map("https://{}".format),
)
def test_no_name_of_a_model_or_provider_breaks_the_look_up(
    model: str, given_in: int, out: int, provider: str | None
) -> None:
    cost = Prices().cost(model, tokens(given_in, out), provider)
    assert cost is None or cost >= 0


@pytest.mark.parametrize("installed", [True, False])
def test_where_there_is_no_price_the_extra_is_named_unless_it_is_there(
    monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    if installed:
        pytest.importorskip("genai_prices")
    else:
        monkeypatch.setitem(sys.modules, "genai_prices", None)
    way = way_to_price("my-model")
    assert ("pip install 'llmdash[prices]'" in way) is not installed
    assert 'write [prices."my-model"] into llmdash.toml with input and output' in way


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "gemini-2.5-pro"])
def test_many_short_requests_cost_as_much_as_one_by_one_however_long_they_are_together(model: str) -> None:
    prices, spending = Prices(), Spending()
    for asked in (100_000, 7, 31_999):
        spending.add("k", model, Usage(asked, 999))
    spending.add("k", model, Usage(300_000, 999))
    spending.add("k", model, Usage(310_000, 1))
    one_by_one = [(100_000, 999), (7, 999), (31_999, 999), (300_000, 999), (310_000, 1)]
    costs = [prices.cost(model, tokens(*each)) or 0.0 for each in one_by_one]
    sums = [prices.cost(model, each[:5], parts=each.parts) or 0.0 for _, _, each in spending]
    assert sum(sums) == pytest.approx(sum(costs), rel=1e-9)
    assert sum(costs) > 0
