"""What the scheduler of a run's workers gets to know: no key, no prompt, no answer."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Callable

import pytest

from tests.arrivals import Arrivals
from tests.cli.canaries import canary, found_in
from tests.cli.clusters import HEADLESS, Certificates, Cluster, Site
from tests.cli.processes import Process
from tests.waiting import PATIENCE_S, wait_for

Server = Callable[..., Arrivals]


def held_by(process: Process, texts: tuple[str, ...]) -> set[str]:
    """Which of the texts are in the memory, the command line or the environment of a process."""
    pieces = [process.read("cmdline"), process.read("environ"), *process.memory()]
    return {text for text in texts for piece in pieces if found_in(piece, (text,))}


@pytest.mark.parametrize("how", ["fingerprints", "--send-keys"])
def test_a_scheduler_holds_no_key_no_prompt_and_no_answer(how: str, server: Server, site: Site) -> None:
    key, prompt, answer = canary(), f"Prompt-{secrets.token_hex(12)}", f"Answer-{secrets.token_hex(12)}"
    running = server(0.1, answer)
    site.keys(site.work, running.base_url, key)
    folder = site.root / "worker"
    site.keys(folder, running.base_url, key if how == "fingerprints" else "another")
    cluster = Cluster(site, tls=Certificates(site.root / "certificates"))
    cluster.start_scheduler()
    cluster.start_worker("only", folder)
    cluster.wait_for_workers("only")
    site.prompts(6000, f"{prompt} {{}}?")
    more = () if how == "fingerprints" else ("--send-keys",)
    with site.start("run", "p.txt", *HEADLESS, *cluster.options, *more, "--rate", "40/s") as process:
        wait_for(lambda: len(running.times) >= 80, "the first requests")
        assert held_by(cluster.scheduler, (key, prompt, answer)) == set()
        (worker,) = site.family.workers()
        assert held_by(worker, (key, prompt, answer)) == {key, prompt, answer}, (
            "the search finds what is there"
        )
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert held_by(cluster.scheduler, (key, prompt, answer)) == set()
    for log in site.root.glob("*.log"):
        assert found_in(log.read_bytes(), (key, prompt, answer)) == []
