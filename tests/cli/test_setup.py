"""`llmdash check` says which keys work and what to do about the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, configure, environment, llmdash
from tests.simulated import Simulated

Simulator = Callable[..., Simulated]

FINE, THROTTLED, REFUSED = ("sk-canary-fine-0001aaaa", "sk-canary-slow-0002bbbb", "sk-canary-gone-0003cccc")


@pytest.fixture
def mixed(simulator: Simulator) -> Simulated:
    """Three keys: one works, one is rate limited (429), one is refused."""
    sim = simulator(keys=(FINE, THROTTLED, REFUSED), rpm=600, tpm=60_000)
    sim.control(THROTTLED, throttle_s=60)
    sim.control(REFUSED, refuse=True)
    return sim


def shows_no_key(ended: Ended) -> bool:
    return not any(key in ended.out + ended.err for key in (FINE, THROTTLED, REFUSED))


def records(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def test_each_key_is_tried_once_and_told(mixed: Simulated, tmp_path: Path) -> None:
    ended = llmdash("check", cwd=tmp_path, env=environment(tmp_path, mixed))
    assert (ended.code, ended.err) == (3, "")
    head, fine, throttled, refused, *rest = ended.out.splitlines()
    assert head.split()[:4] == ["endpoint", "key", "works", "latency"]
    assert fine.split()[1:3] == ["aaaa", "yes"]
    assert throttled.split()[1:4] == ["bbbb", "rate", "limited"]
    assert refused.split()[1:4] == ["cccc", "key", "refused"]
    told = "\n".join(rest)
    assert "fix: check the key in .env" in told
    assert "and check again; the key is known, but rate limited (429)" in told
    assert rest[-1] == "1 of 3 keys work."
    assert shows_no_key(ended)
    assert [key["requests"] for key in mixed.stats()["by_key"].values()] == [1, 1, 1]


def test_scripts_get_an_object_a_line(mixed: Simulated, tmp_path: Path) -> None:
    ended = llmdash("check", "--json", cwd=tmp_path, env=environment(tmp_path, mixed))
    assert (ended.code, shows_no_key(ended)) == (3, True)
    fine, throttled, refused = records(ended)
    assert (fine["key"], fine["works"], fine["failure"], fine["fix"]) == ("aaaa", True, None, None)
    assert fine["latency_s"] >= 0
    assert fine["limits"]["limit_requests"] == 600
    assert fine["limits"]["remaining_requests"] == 599
    assert (throttled["failure"], throttled["status"], throttled["works"]) == ("throttle", 429, False)
    assert (refused["failure"], refused["status"], refused["limits"]) == ("auth", 401, None)


def test_the_exit_code_tells_all_some_or_none(simulator: Simulator, tmp_path: Path) -> None:
    sim = simulator(keys=(FINE, REFUSED))
    env = environment(tmp_path, sim)
    assert llmdash("check", cwd=tmp_path, env=env).code == 0
    sim.control(REFUSED, refuse=True)
    assert llmdash("check", cwd=tmp_path, env=env).code == 3
    sim.control(FINE, refuse=True)
    assert llmdash("check", cwd=tmp_path, env=env).code == 5


def test_without_a_key_the_fix_is_named(tmp_path: Path) -> None:
    ended = llmdash("check", cwd=tmp_path, env=environment(tmp_path))
    assert ended.code == 5
    assert "fix: put API_KEY=... into .env, or set OPENAI_API_KEY" in ended.out


def test_a_wrong_address_is_named(simulator: Simulator, tmp_path: Path) -> None:
    sim = simulator(keys=(FINE,))
    wrong = sim.base_url + "/nowhere"
    ended = llmdash("check", "--base-url", wrong, cwd=tmp_path, env=environment(tmp_path, sim))
    assert ended.code == 5
    assert f"base_url tried is {wrong}" in ended.out
    nobody = llmdash(
        "check", "--base-url", "http://127.0.0.1:9/v1", cwd=tmp_path, env=environment(tmp_path, sim)
    )
    assert nobody.code == 5
    assert "fix: see whether a server answers there; base_url tried is http://127.0.0.1:9/v1" in nobody.out
    assert shows_no_key(ended)


def test_every_endpoint_of_a_file_is_checked_or_the_one_picked(simulator: Simulator, tmp_path: Path) -> None:
    one, two = simulator(keys=(FINE, REFUSED)), simulator(keys=(THROTTLED,))
    two.control(THROTTLED, refuse=True)
    configure(
        tmp_path,
        f"[[endpoint]]\nname = 'one'\nbase_url = '{one.base_url}'\napi_key_env = ['A', 'B']\n"
        f"[[endpoint]]\nname = 'two'\ndialect = 'anthropic'\nbase_url = '{two.base_url}'\n"
        "api_key_env = 'C'\n",
    )
    (tmp_path / ".env").write_text(f"A={FINE}\nB={REFUSED}\nC={THROTTLED}\n")
    (tmp_path / ".env").chmod(0o600)
    env = environment(tmp_path)
    ended = llmdash("check", "--json", cwd=tmp_path, env=env)
    assert (ended.code, ended.err) == (3, "")
    assert [(each["endpoint"], each["key"], each["works"]) for each in records(ended)] == [
        ("one", "aaaa", True),
        ("one", "cccc", True),
        ("two", "bbbb", False),
    ]
    assert llmdash("check", "--endpoint", "one", cwd=tmp_path, env=env).code == 0
    assert llmdash("check", "--endpoint", "two", cwd=tmp_path, env=env).code == 5
    wrong = llmdash("check", "--endpoint", "tow", cwd=tmp_path, env=env)
    assert (wrong.code, wrong.err) == (
        2,
        "llmdash: --endpoint: 'tow' is not an endpoint; did you mean two?\n",
    )
    assert shows_no_key(ended)


def test_the_dotenv_of_the_write_up_is_checked_as_it_stands(simulator: Simulator, tmp_path: Path) -> None:
    sim = simulator(keys=(FINE, THROTTLED, REFUSED))
    (tmp_path / ".env").write_text(f"API_KEY={FINE},{THROTTLED},{REFUSED}\nBASE_URL={sim.base_url}\n")
    (tmp_path / ".env").chmod(0o600)
    ended = llmdash("check", cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith("3 of 3 keys work.\n")
