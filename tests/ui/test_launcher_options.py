"""What stands on the start screen at first: what the settings say, else what was chosen last time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmdash.config import EndpointSettings, Settings
from llmdash.launch.start import SettingsLauncher
from llmdash.secrets import Secret
from llmdash.ui.launcher import Forecast, Launch, LaunchError
from llmdash.ui.settings.preferences import Preferences, PreferencesFile


def configured(tmp_path: Path, prices: str = "") -> SettingsLauncher:
    """A launcher with one endpoint that costs money, at prices of the user's own."""
    (tmp_path / "llmdash.toml").write_text(prices)
    keys = (Secret("sk-canary-0123456789abcdef"),)
    endpoint = EndpointSettings("real", "openai-chat", "https://llm.test/v1", "m-1", keys)
    return SettingsLauncher(replace(Settings(model="m-1", rate=5.0), endpoints=(endpoint,), keys=keys))


@pytest.mark.case("engine", "start-screen-enter")
def test_only_the_simulator_costs_nothing(tmp_path: Path) -> None:
    options = configured(tmp_path).options()
    assert [(choice.name, choice.spends) for choice in options.endpoints] == [
        ("configured", True),
        ("simulator", False),
    ]


@pytest.mark.case("engine", "start-screen-enter")
def test_a_forecast_counts_prompts_time_tokens_and_what_they_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    launcher = configured(tmp_path, "[prices.'m-1']\ninput = 2.0\noutput = 8.0\n")
    path = tmp_path / "p.jsonl"
    path.write_text("".join(f'{{"prompt": "{"x" * 400}"}}\n' for _ in range(1000)))
    launch = Launch(path, "configured", "m-1", 5.0, 64)
    assert launcher.forecast(launch) == Forecast(1000, True, 200.0, 100_000, None, 0.2, None)
    assert launcher.forecast(replace(launch, rate=None)).seconds is None
    free = launcher.forecast(replace(launch, endpoint="simulator"))
    assert (free.spends, free.cost_of_prompts) == (False, None)
    path.write_text("one\n")
    with pytest.raises(LaunchError):
        launcher.forecast(launch)
    with pytest.raises(LaunchError, match="absent"):
        launcher.forecast(replace(launch, prompt_path=tmp_path / "absent.txt"))


@pytest.mark.parametrize(
    ("settings", "remembered", "offered"),
    [
        (Settings(rate=15.0), Preferences(), (15.0, 64)),
        (Settings(rate=15.0), Preferences(rate=2.5, concurrency=8), (2.5, 8)),
        (Settings(rate=15.0), Preferences(rate=0.0), (None, 64)),
        (Settings(rate=30.0, rate_given=True), Preferences(rate=2.5, concurrency=8), (30.0, 8)),
        (Settings(concurrency=3, concurrency_given=True), Preferences(rate=2.5, concurrency=8), (2.5, 3)),
    ],
)
def test_a_choice_is_remembered_unless_the_settings_name_another(
    tmp_path: Path, settings: Settings, remembered: Preferences, offered: tuple[float | None, int]
) -> None:
    file = PreferencesFile(tmp_path / "preferences.toml")
    file.save(remembered)
    options = SettingsLauncher(settings, file).options()
    assert (options.rate, options.concurrency) == offered


def test_an_endpoint_that_needs_no_key_is_offered(tmp_path: Path) -> None:
    endpoint = EndpointSettings("local", "openai-chat", "http://127.0.0.1:8000/v1", "m", auth="none")
    offered = SettingsLauncher(Settings().with_endpoints([endpoint])).options().endpoints
    assert offered[0].detail == "http://127.0.0.1:8000/v1, no key needed"
    assert len(SettingsLauncher(Settings()).options().endpoints) == 1
