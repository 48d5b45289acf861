"""A run is known before it is sent, and bounded while it runs: `--forecast`, `--trial` and `--budget`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, configure, environment, llmdash
from tests.simulated import Simulated
from tests.waiting import wait_for

Simulator = Callable[..., Simulated]
PRICED = '[prices."gpt-4o-mini"]\ninput = 1000.0\noutput = 1000.0\n'
"""A tenth of a cent a token, so that a few answers cost something."""


def prompt_file(folder: Path, jobs: int) -> None:
    (folder / "p.txt").write_text("".join(f"What is {n} + 1?\n" for n in range(jobs)))


def test_a_run_that_was_begun_without_a_budget_has_that_of_the_settings_when_it_is_resumed(
    tmp_path: Path, simulator: Simulator
) -> None:
    endpoint = simulator()
    prompt_file(tmp_path, 40)
    configure(tmp_path, PRICED)
    env = environment(tmp_path, endpoint)
    begin = ("run", "p.txt", "--headless", "--run-dir", "run", "--limit", 3, "--concurrency", 1)
    assert llmdash(*begin, cwd=tmp_path, env=env).code == 0
    configure(tmp_path, f"budget = 0.1\n{PRICED}")
    resume = ("run", "--resume", "--headless", "--json", "--run-dir", "run", "--limit", 40)
    held = llmdash(*resume, cwd=tmp_path, env=env)
    assert (held.code, held.summary["budget"]["limit"]) == (9, 0.1)
    lifted = llmdash(*resume, "--budget", "none", cwd=tmp_path, env=env)
    assert (lifted.code, lifted.summary["done"], lifted.summary["budget"]) == (0, 40, None)


def test_a_forecast_is_printed_and_nothing_is_sent(tmp_path: Path, simulator: Simulator) -> None:
    endpoint = simulator()
    prompt_file(tmp_path, 3_000)
    configure(tmp_path, PRICED)
    env = environment(tmp_path, endpoint)
    told = llmdash("run", "p.txt", "--forecast", "--rate", "10/s", cwd=tmp_path, env=env)
    assert told.code == 0, told.err
    assert "jobs     3,000" in told.out
    assert "an estimate of four characters a token from 1,000 prompts" in told.out
    assert "cost     at least $" in told.out
    assert "time     about 5m00s, bound by the rate of 10/s" in told.out
    again = llmdash(
        "run", "-", "--forecast", "--json", "--max-tokens", "50", cwd=tmp_path, env=env, given="One?\nTwo?\n"
    )
    found = json.loads(again.out)
    assert (found["type"], found["jobs"], found["interval"]) == ("forecast", 2, None)
    assert found["output_tokens"] == {"low": 0, "middle": None, "high": 100}
    assert found["cost"]["low"] < found["cost"]["high"]
    assert endpoint.stats()["requests"] == 0
    assert not list(tmp_path.glob("**/journal.sqlite"))


def test_a_forecast_tells_of_what_the_run_would_refuse_or_leave_out(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"prompt": "One?"}\n{broken\n')
    command = ("run", "p.jsonl", "--forecast", "--simulate", "--batch")
    told = llmdash(*command, cwd=tmp_path, env={})
    assert (told.code, "p.jsonl:2: malformed JSON" in told.err) == (0, True)
    strict = llmdash(*command, "--strict", cwd=tmp_path, env={})
    assert (strict.code, "1 bad line, and --strict was given" in strict.err) == (2, True)
    late = llmdash(*command, "--batch-deadline", "soon", cwd=tmp_path, env={})
    assert (late.code, "'soon' is neither a span" in late.err) == (2, True)


def test_earlier_runs_of_the_model_tell_how_long_its_answers_are(
    tmp_path: Path, simulator: Simulator
) -> None:
    endpoint = simulator()
    prompt_file(tmp_path, 5)
    env = environment(tmp_path, endpoint)
    assert llmdash("run", "p.txt", "--headless", cwd=tmp_path, env=env).code == 0
    told = llmdash("run", "p.txt", "--forecast", "--json", cwd=tmp_path, env=env)
    found = json.loads(told.out)
    assert found["basis"] == "5 answers of 1 earlier run"
    assert 0 < found["output_tokens"]["middle"] <= found["output_tokens"]["high"]
    practice = llmdash("run", "p.txt", "--forecast", "--json", "--simulate", cwd=tmp_path, env=env)
    assert json.loads(practice.out)["output_tokens"] is None


def test_a_trial_of_two_thousand_prompts_sends_twenty_and_then_the_rest(
    tmp_path: Path, simulator: Simulator
) -> None:
    endpoint = simulator()
    prompt_file(tmp_path, 2_000)
    env = environment(tmp_path, endpoint)
    command = ("run", "p.txt", "--headless", "--json", "--rate", "unlimited", "--run-dir", "run")
    begun = llmdash(*command, "--trial", 20, cwd=tmp_path, env=env)
    assert begun.code == 9, begun.err
    assert (begun.summary["done"], begun.summary["pending"]) == (20, 1_980)
    assert begun.summary["held"] == "trial"
    assert begun.summary["forecast"]["jobs"] == 1_980
    assert begun.summary["forecast"]["interval"] == 0.8
    assert begun.summary["cost"] is None
    assert "llmdash run --resume --run-dir run --release" in begun.err
    assert endpoint.stats()["requests"] == 20

    shown = llmdash("runs", "show", "run", cwd=tmp_path, env=env).out
    assert "trial        20 of 2,000, the rest waits to be released" in shown
    assert "held by      its trial" in shown
    assert "go on        llmdash run --resume --run-dir run --release" in shown

    held = llmdash("run", "--resume", "--run-dir", "run", "--headless", cwd=tmp_path, env=env)
    assert held.code == 9
    assert "Trial held: the rest about" in held.out
    assert "; 20 of 2,000 done" in held.out
    assert "time     about" in held.out
    assert endpoint.stats()["requests"] == 20

    rest = llmdash(
        *("run", "--resume", "--run-dir", "run", "--headless", "--json", "--release"), cwd=tmp_path, env=env
    )
    assert rest.code == 0, rest.err
    assert rest.summary["done"] == 2_000
    assert "20 of 2,000, released" in llmdash("runs", "show", "run", cwd=tmp_path, env=env).out
    assert endpoint.stats()["requests"] == 2_000


def test_a_trial_on_the_simulator_shows_time_and_tokens_without_a_price(tmp_path: Path) -> None:
    held = llmdash(
        *("demo", "--trial", 5, "--headless", "--limit", 60, "--run-dir", "run"),
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert held.code == 9, held.err
    assert "the rest 55 jobs" in held.out
    assert "cost     none: a simulator answers" in held.out
    assert "out      about" in held.out


def test_a_budget_holds_a_run_and_a_larger_one_goes_on(tmp_path: Path, simulator: Simulator) -> None:
    endpoint = simulator()
    prompt_file(tmp_path, 200)
    configure(tmp_path, PRICED)
    env = environment(tmp_path, endpoint)
    command = ("run", "p.txt", "--headless", "--json", "--rate", "unlimited", "--run-dir", "run")
    held = llmdash(*command, "--max-tokens", 20, "--budget", "$1.50", cwd=tmp_path, env=env)
    assert held.code == 9, held.err
    assert held.summary["held"] == "budget"
    assert held.summary["budget"] == {"limit": 1.5, "reserved": 0.0}
    assert 0.9 < held.summary["cost"] <= 1.5
    assert "--resume --run-dir run --budget LARGER" in held.err
    sent = endpoint.stats()["requests"]
    shown = json.loads(llmdash("runs", "show", "run", "--json", cwd=tmp_path, env=env).out)
    assert shown["bounds"] == {"budget": 1.5, "held": "budget"}
    assert shown["cost"] == pytest.approx(held.summary["cost"])
    assert shown["go_on"][0] == "llmdash run --resume --run-dir run --budget LARGER"

    again = llmdash("run", "--resume", "--run-dir", "run", "--headless", cwd=tmp_path, env=env)
    assert again.code == 9
    assert endpoint.stats()["requests"] == sent

    free = llmdash(
        *("run", "--resume", "--run-dir", "run", "--headless", "--json", "--budget", "none"),
        cwd=tmp_path,
        env=env,
    )
    assert free.code == 0, free.err
    assert free.summary["done"] == 200
    assert free.summary["budget"] is None
    assert endpoint.stats()["requests"] == 200


def test_a_budget_may_be_a_setting(tmp_path: Path, simulator: Simulator) -> None:
    endpoint = simulator()
    prompt_file(tmp_path, 50)
    configure(tmp_path, "budget = 0.5\nmax_tokens = 20\n" + PRICED)
    held = llmdash("run", "p.txt", "--headless", cwd=tmp_path, env=environment(tmp_path, endpoint))
    assert held.code == 9, held.err
    assert "of $0.5" in held.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--budget", "5"), "budget: no price is known for gpt-4o-mini at"),
        (("--budget", "5"), 'write [prices."gpt-4o-mini"] into llmdash.toml with input and output'),
        (("--budget", "much"), "--budget: 'much' is not a budget; write dollars such as 5.00, or none"),
        (("--budget", "-1"), "is not a budget"),
        (("--release",), "--release needs --resume"),
        (("--resume", "--trial", "3"), "--trial begins a run"),
        (("--resume", "--forecast"), "--forecast is of a new run"),
    ],
)
def test_bounds_that_cannot_be_are_refused_before_anything_is_sent(
    tmp_path: Path, simulator: Simulator, arguments: tuple[Any, ...], said: str
) -> None:
    endpoint = simulator()
    prompt_file(tmp_path, 2)
    refused = llmdash(
        "run", "p.txt", "--headless", *arguments, cwd=tmp_path, env=environment(tmp_path, endpoint)
    )
    assert refused.code == 2
    assert said in refused.err
    assert endpoint.stats()["requests"] == 0


def test_a_detached_run_that_is_held_tells_its_user_and_goes_on_by_command(
    tmp_path: Path, simulator: Simulator
) -> None:
    endpoint, got = simulator(), tmp_path / "got.json"
    prompt_file(tmp_path, 40)
    configure(tmp_path, PRICED)
    env = environment(tmp_path, endpoint, XDG_RUNTIME_DIR=str(tmp_path))
    bounds = (
        "--trial",
        5,
        "--budget",
        "0.31",
        "--max-tokens",
        20,
        "--on-end",
        f"cat > '{got}.part' && mv '{got}.part' '{got}'",
    )
    begun = llmdash("run", "p.txt", "--detach", "--run-dir", "run", *bounds, cwd=tmp_path, env=env)
    assert begun.code == 0, begun.err

    def ctl(*order: object) -> Ended:
        return llmdash("ctl", "run", *order, cwd=tmp_path, env=env)

    try:
        wait_for(lambda: got.exists())
        said = json.loads(got.read_text())
        assert (said["why"], said["held"], said["done"], said["forecast"]["jobs"]) == ("held", "trial", 5, 35)
        assert ctl("release").code == 0
        wait_for(lambda: "Budget held" in ctl("status").out)
        assert endpoint.stats()["requests"] < 40
        assert ctl("budget", "much").code == 2
        assert ctl("budget").code == 2
        assert ctl("budget", "0.4").code == 0
        ctl("budget", "none")
        wait_for(lambda: endpoint.stats()["requests"] == 40)
    finally:
        ctl("stop")


def test_a_command_is_told_that_a_run_without_a_dashboard_was_held(
    tmp_path: Path, simulator: Simulator
) -> None:
    prompt_file(tmp_path, 40)
    env, got = environment(tmp_path, simulator()), tmp_path / "got.json"
    held = llmdash(
        *("run", "p.txt", "--headless", "--trial", 5, "--on-end", f"cat > '{got}'"), cwd=tmp_path, env=env
    )
    assert held.code == 9, held.err
    said = json.loads(got.read_text())
    assert (said["why"], said["held"], said["forecast"]["jobs"]) == ("held", "trial", 35)
