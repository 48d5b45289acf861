"""`--workers N`: the requests are made by processes of this machine, and every account agrees."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.arrivals import Arrivals
from tests.cli.canaries import canary, found_in
from tests.cli.clusters import HEADLESS, Site, assert_rate_kept
from tests.cli.command import configure, llmdash, results
from tests.cli.terminal import Terminal
from tests.cli.test_mixed_endpoints import KEYS, POOL
from tests.simulated import Simulated
from tests.waiting import LONGEST_S, wait_for

Simulator = Callable[..., Simulated]
Server = Callable[..., Arrivals]
FAST = ("--rate", "unlimited")
_TIMES = {"worker", "ttft_s", "latency_s", "wait_s", "key"}
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def without_times(path: Path) -> list[dict[str, Any]]:
    """The results in their order, without what is never the same twice."""
    rows = sorted(results(path), key=lambda row: int(row["index"]))
    return [{name: value for name, value in row.items() if name not in _TIMES} for row in rows]


def assert_accounts_agree(site: Site, summary: dict[str, Any], requests: int, workers: int) -> None:
    """Server, journal, keys, workers and summary tell of the same requests."""
    sent = dict(site.ask("SELECT worker, COUNT(*) FROM attempts GROUP BY worker"))
    assert None not in sent
    assert 1 <= len(sent) <= workers  # one that was there first may have made them all
    assert sum(sent.values()) == requests == summary["attempts"]
    assert sum(key["sent"] for key in summary["keys"]) == requests
    done = Counter(row["worker"] for row in results(site.work / "r.jsonl"))
    assert {row["name"]: row["done"] for row in summary["workers"] if row["done"]} == done
    assert all(row["lost"] == 0 and row["host"] for row in summary["workers"])
    assert summary["done"] == summary["jobs"] == sum(done.values())


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_a_run_on_workers_has_the_results_of_one_without(
    stream: str, simulator: Simulator, site: Site
) -> None:
    endpoint = simulator(latency=0.1)
    site.keys(site.work, endpoint.base_url, *endpoint.keys)
    site.prompts(200)
    ended = site.run("--workers", 2, stream, "--rate", "150/s")
    assert (ended.code, ended.err) == (0, "")
    assert_accounts_agree(site, ended.summary, endpoint.stats()["requests"], workers=2)
    alone = ("--headless", "--json", "--out", "alone.jsonl", "--run-dir", "alone", stream, *FAST)
    assert llmdash("run", "p.txt", *alone, cwd=site.work, env=site.env()).code == 0
    assert without_times(site.work / "r.jsonl") == without_times(site.work / "alone.jsonl")
    assert site.family.processes() == []


def test_workers_speak_every_dialect_of_a_mixed_run(simulator: Simulator, site: Site) -> None:
    endpoint = simulator(keys=tuple(KEYS.values()), latency=0.1)
    configure(site.work, POOL.format(base_url=endpoint.base_url, root=endpoint.root), site.root)
    site.dotenv(site.work, **KEYS, PROMPTLAYER_API_KEY="pl-key")
    site.prompts(100)
    ended = site.run("--workers", 2, "--rate", "100/s")
    assert (ended.code, ended.err) == (0, "")
    server = endpoint.stats()
    assert_accounts_agree(site, ended.summary, server["requests"], workers=2)
    assert [server["by_key"][key]["ok"] for key in KEYS.values()] == [20, 20, 20, 40]
    assert server["tracked"]["requests"] == 20


@pytest.mark.parametrize(("before", "after"), [(("--workers", 2), ()), ((), ("--workers", 2))])
def test_a_run_goes_on_with_or_without_workers(
    before: tuple[object, ...], after: tuple[object, ...], server: Server, site: Site
) -> None:
    running = server(0.1)
    site.keys(site.work, running.base_url, "k-one")
    site.prompts(120)
    steady = ("--no-stream", "--rate", "50/s")
    with site.start("run", "p.txt", *HEADLESS, *steady, *before) as process:
        wait_for(lambda: len(running.times) >= 30, "the first requests")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LONGEST_S)
    ended = site.run("--resume", *steady, *after)
    assert (ended.code, ended.err) == (0, "")
    workers = set(site.ask("SELECT DISTINCT worker FROM attempts"))
    assert {(None,)} < workers <= {(None,), ("w1",), ("w2",)}
    assert len(results(site.work / "r.jsonl")) == ended.summary["done"] == 120
    assert len(running.times) == ended.summary["attempts"]
    assert_rate_kept(running.times, 50)


def test_the_simulator_needs_no_key_at_the_workers(site: Site) -> None:
    site.prompts(40)
    ended = site.run("--simulate", "--workers", 2, *FAST)
    assert (ended.code, ended.err) == (0, "")
    assert sum(row["done"] for row in ended.summary["workers"]) == ended.summary["done"] == 40


def test_no_key_is_in_the_command_line_or_environment_of_a_worker_and_nothing_is_left_behind(
    server: Server, site: Site
) -> None:
    running, keys = server(0.05), (canary(), canary())
    site.keys(site.work, running.base_url, *keys)
    site.prompts(200)
    env = site.env(OPENAI_API_KEY=",".join(keys), UNRELATED=f"Bearer {keys[0]}")
    with Terminal("run", "p.txt", *HEADLESS, "--workers", 2, "--rate", "60/s", cwd=site.work, env=env) as run:
        wait_for(lambda: len(running.times) >= 20, "the first requests")
        there = site.family.processes()
        wait_for(lambda: len(site.family.workers()) == 2, "both workers")
        for process in there:
            assert found_in(process.read("cmdline"), keys) == []
            if process.pid != run.process.pid:
                assert found_in(process.read("environ"), keys) == []
        assert run.wait() == 0
        assert found_in(bytes(run.raw), keys) == []
    wait_for(lambda: not site.family.processes(), "the workers to end")
    assert list(site.temporary.iterdir()) == []
    for path in (path for path in site.root.rglob("*") if path.is_file() and path.name != ".env"):
        assert found_in(path.read_bytes(), keys) == []


def test_nothing_listens_off_loopback(server: Server, site: Site) -> None:
    running = server(0.05)
    site.keys(site.work, running.base_url, "k-one")
    site.prompts(100)
    with site.start("run", "p.txt", *HEADLESS, "--workers", 2, "--rate", "50/s") as process:
        wait_for(lambda: len(running.times) >= 10, "the first requests")
        listening = {each.command[:60]: each.listens_on() for each in site.family.processes()}
        process.communicate(timeout=LONGEST_S)
    found = set().union(*listening.values())
    assert found, "the scheduler at least listens"
    assert found <= LOOPBACK, listening


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_run_however_it_ends(
    number: signal.Signals, server: Server, site: Site
) -> None:
    running = server(0.05)
    site.keys(site.work, running.base_url, "k-one")
    site.prompts(500)
    with site.start("run", "p.txt", *HEADLESS, "--workers", 2, "--rate", "20/s") as process:
        wait_for(lambda: len(running.times) >= 5, "the first requests")
        process.send_signal(number)
        process.communicate(timeout=LONGEST_S)
    wait_for(lambda: not site.family.processes(), "the workers to end")
    assert list(site.temporary.iterdir()) == []


def test_the_dashboard_tells_of_workers_that_join_and_of_what_they_make(site: Site) -> None:
    site.prompts(40)
    run = ("run", "p.txt", "--simulate", "--workers", 2, "--rate", "20/s")
    with Terminal(*run, cwd=site.work, env=site.env(), columns=200, rows=48) as terminal:
        terminal.wait_for(lambda screen: bool(re.search(r"Worker w\d joins|2 workers join", screen)))
        terminal.wait_for(lambda screen: bool(re.search(r"done +\w{4} w\d ", screen)))
        terminal.wait_for("✓ done")
        terminal.stop_run()
        assert terminal.wait() == 0
        assert terminal.is_clean
    wait_for(lambda: not site.family.processes(), "the workers to end")


def test_the_demo_can_be_watched_over_workers(site: Site) -> None:
    with Terminal("demo", "--workers", 2, cwd=site.work, env=site.env(), columns=160, rows=48) as terminal:
        terminal.wait_for("2 workers")
        terminal.signal(signal.SIGTERM)
        terminal.wait()
    wait_for(lambda: not site.family.processes(), "the workers to end")


BLOCKED = "import sys; {}; from llmdash.cli import main; main()"


def test_without_the_extra_a_run_goes_as_before_and_workers_say_what_to_install(
    server: Server, site: Site
) -> None:
    running = server(0.0)
    site.keys(site.work, running.base_url, "k-one")
    site.prompts(3)

    def blocked(
        *arguments: str, modules: tuple[str, ...] = ("distributed",)
    ) -> subprocess.CompletedProcess[str]:
        code = BLOCKED.format("; ".join(f"sys.modules[{module!r}] = None" for module in modules))
        command = [sys.executable, "-c", code, "run", "p.txt", "--headless", *arguments]
        return subprocess.run(command, cwd=site.work, env=site.env(), capture_output=True, text=True)

    assert blocked(modules=("distributed", "dask", "cryptography", "llmdash.cluster")).returncode == 0
    refused = blocked("--workers", "2")
    assert refused.returncode == 2
    assert "pip install 'llmdash[cluster]'" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
