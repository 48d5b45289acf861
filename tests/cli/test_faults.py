"""Servers that fail as a whole, and keys that do: what the run does, what it says, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, environment, llmdash, results, start
from tests.simulated import Simulated
from tests.waiting import LONGEST_S, wait_for

HEADLESS = ("--headless", "--json", "--out", "results.jsonl", "--run-dir", "kept", "--rate", "unlimited")


@pytest.fixture
def faulty() -> Iterator[str]:
    """The address of a fault server."""
    command = [sys.executable, "-m", "tests.fault_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def fetch(url: str, body: Any = None) -> Any:
    """The JSON at `url`; POSTs `body` if there is one."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data) as answer:  # noqa: S310 - on loopback
        return json.load(answer)


def requests_at(address: str) -> int:
    found: int = fetch(f"{address}/__stats__")["requests"]
    return found


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "sums.toml"
    path.write_text('name = "sums"\ntask = "arithmetic"\n[arithmetic]\ncount = 1000\nseed = 5\n')
    return path


def at(home: Path, address: str) -> dict[str, str]:
    return environment(home, None, OPENAI_API_KEY="sk-one,sk-two", OPENAI_BASE_URL=address)


def notices(ended: Ended) -> list[str]:
    lines = [json.loads(line) for line in ended.out.splitlines()]
    return [line["text"] for line in lines if line["type"] == "notice"]


def alerts(ended: Ended) -> list[str]:
    lines = [json.loads(line) for line in ended.out.splitlines()]
    return [alert["text"] for line in lines if line["type"] == "progress" for alert in line["alerts"]]


def test_a_wrong_model_name_does_not_burn_the_batch(faulty: str, sums: Path, tmp_path: Path) -> None:
    ended = llmdash(
        "run", sums, *HEADLESS, "--concurrency", 8, cwd=tmp_path, env=at(tmp_path, f"{faulty}/404/v1")
    )
    assert ended.code == 4
    summary = ended.summary
    assert 20 <= summary["failed"] <= 20 + 8
    assert summary["pending"] == 1000 - summary["failed"]
    assert requests_at(faulty) == summary["attempts"]
    assert summary["failed"] <= summary["attempts"] <= summary["failed"] + 2 * 8  # tried once elsewhere
    assert any("20 in a row refused: 404" in text for text in alerts(ended))
    env = at(tmp_path, f"{faulty}/v1")
    resume = ("--resume", "--retry-failed", "--changed", "ok")  # the address is another one
    again = llmdash("run", sums, *HEADLESS, *resume, cwd=tmp_path, env=env)
    assert (again.code, again.summary["done"]) == (0, 1000)


@pytest.mark.parametrize("fault", ["302", "308"])
def test_an_endpoint_that_is_somewhere_else_is_left_alone_and_the_fix_is_named(
    faulty: str, sums: Path, tmp_path: Path, fault: str
) -> None:
    env = at(tmp_path, f"{faulty}/{fault}/v1")
    ended = llmdash("run", sums, *HEADLESS, "--concurrency", 8, cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["failed"], ended.summary["pending"]) == (5, 0, 1000)
    assert requests_at(faulty) <= 8
    assert any("set base_url" in text for text in alerts(ended))


def test_three_keys_of_four_revoked_in_the_middle_cost_no_job(
    simulator: Callable[..., Simulated], tmp_path: Path, sums: Path
) -> None:
    keys = ("sk-a", "sk-b", "sk-c", "sk-d")
    endpoint = simulator(keys=keys, latency=0.02, answers=700)
    concurrency = 16

    def revoke(key: str, after: int) -> None:
        wait_for(lambda: endpoint.stats()["requests"] >= after)
        endpoint.control(key, refuse=True)

    def revoke_three() -> None:
        for number, key in enumerate(keys[:3]):
            revoke(key, 200 * (number + 1))
        endpoint.let_go()

    revoking = threading.Thread(target=revoke_three)
    revoking.start()
    env = environment(tmp_path, endpoint)
    ended = llmdash("run", sums, *HEADLESS, "--concurrency", concurrency, cwd=tmp_path, env=env)
    revoking.join()
    server: dict[str, Any] = endpoint.stats()
    assert (ended.code, ended.summary["done"]) == (0, 1000)
    assert len({line["index"] for line in results(tmp_path / "results.jsonl")}) == 1000
    states = [key["state"] for key in ended.summary["keys"]]
    assert states == ["dead", "dead", "dead", "healthy"]
    for key in keys[:3]:
        assert server["by_key"][key]["refused"] <= 2 + concurrency
    assert ended.summary["attempts"] == server["requests"]


def test_a_key_without_quota_is_asked_no_more_and_left_alone_after_a_resume(
    faulty: str, sums: Path, tmp_path: Path
) -> None:
    fetch(f"{faulty}/__plan__", {"share": 0.0, "keys": {"sk-one": "429-quota"}})
    env = at(tmp_path, f"{faulty}/v1")
    with start("run", sums, *HEADLESS, "--concurrency", 4, cwd=tmp_path, env=env) as process:
        wait_for(lambda: requests_at(faulty) >= 300)
        process.kill()
    ended = llmdash("run", sums, *HEADLESS, "--resume", cwd=tmp_path, env=env)
    assert (ended.code, ended.summary["done"]) == (0, 1000)
    of_key = fetch(f"{faulty}/__stats__")["by_key"]["sk-one"]
    assert of_key["requests"] <= 1 + 4
    assert ended.summary["keys"][0]["state"] == "quarantined"


def test_a_key_that_is_put_into_the_env_file_joins_the_run(
    simulator: Callable[..., Simulated], tmp_path: Path, sums: Path
) -> None:
    endpoint = simulator(keys=("sk-old-1111", "sk-new-2222"), latency=0.05)
    file = tmp_path / ".env"
    file.write_text(f"API_KEY=sk-old-1111\nBASE_URL={endpoint.base_url}\n")
    file.chmod(0o600)
    env = environment(tmp_path)
    with start("run", sums, *HEADLESS, "--concurrency", 4, cwd=tmp_path, env=env) as process:
        wait_for(lambda: endpoint.stats()["requests"] >= 50)
        file.write_text(f"API_KEY=sk-old-1111,sk-new-2222\nBASE_URL={endpoint.base_url}\n")
        out, err = process.communicate(timeout=LONGEST_S)
    ended = Ended(process.returncode, out, err)
    server = endpoint.stats()
    assert (ended.code, ended.summary["done"]) == (0, 1000)
    _, added = ended.summary["keys"]
    assert notices(ended) == [f"Key {added['label']} joins the pool"]
    asked = [server["by_key"][key]["requests"] for key in ("sk-old-1111", "sk-new-2222")]
    assert [key["sent"] for key in ended.summary["keys"]] == asked
    assert asked[1] > 100
