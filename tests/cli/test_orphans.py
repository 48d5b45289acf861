"""Requests that nobody waits for any more: workers cut them off, and send nothing that is stale."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.arrivals import Arrivals
from tests.cli.clusters import HEADLESS, Certificates, Cluster, Site
from tests.cli.command import results
from tests.cli.faulted import Faulted
from tests.waiting import LONGEST_S, wait_for

Server = Callable[..., Arrivals]
SLOW_S = 60.0
LEASE_S = 5.0
LOOK_S = 0.01
JOBS = 50


@pytest.fixture
def cluster(site: Site) -> Cluster:
    """A scheduler with two workers; the folder of the run has their keys."""
    cluster = Cluster(site, tls=Certificates(site.root / "certificates"))
    cluster.start_scheduler()
    for name in ("a", "b"):
        cluster.start_worker(name)
    site.prompts(JOBS)
    return cluster


def in_flight(running: Arrivals, site: Site, cluster: Cluster) -> tuple[object, ...]:
    """The arguments of a run whose requests will all be in flight at once."""
    site.keys(site.work, running.base_url, "k-one")
    cluster.wait_for_workers("a", "b")
    return ("run", "p.txt", *HEADLESS, *cluster.options, "--no-stream", "--rate", "unlimited")


def test_the_requests_of_a_run_that_is_killed_are_cut_off_at_once(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(SLOW_S)
    with site.start(*in_flight(running, site, cluster)) as process:
        wait_for(lambda: len(running.times) == JOBS, "the requests")
        process.kill()
        looks = iter(range(int((LEASE_S - 1) / LOOK_S)))  # while the machine stands still there is none
        wait_for(lambda: running.cut == JOBS or next(looks, None) is None, "a cut", every_s=LOOK_S)
        assert running.cut == JOBS
    assert len(running.times) == JOBS


def test_the_requests_of_a_run_that_is_stopped_are_cut_off_with_its_lease_and_made_again(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(SLOW_S)
    with site.start(*in_flight(running, site, cluster)) as process:
        wait_for(lambda: len(running.times) == JOBS, "the requests")
        stopped_at = time.monotonic()
        process.send_signal(signal.SIGSTOP)
        try:
            while (cut := running.cut, time.monotonic())[1] - stopped_at < LEASE_S - 2:
                assert cut == 0, "a run may be silent for a while"
                time.sleep(LOOK_S)
            wait_for(lambda: running.cut == JOBS, "them to be cut off", within_s=SLOW_S / 2)
            running.latency = 0.05
        finally:
            process.send_signal(signal.SIGCONT)
        _, err = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, err) == (0, "")
    assert len(results(site.work / "r.jsonl")) == JOBS
    assert len(running.times) == 2 * JOBS
    states = dict(site.ask("SELECT state, COUNT(*) FROM attempts GROUP BY state"))
    assert states == {"ok": JOBS, "unknown": JOBS}


@pytest.mark.parametrize("stopped_s", [2.5, pytest.param(7.0, marks=pytest.mark.slow)])
def test_a_worker_that_was_stopped_sends_nothing_that_is_stale(
    stopped_s: float, server: Server, site: Site
) -> None:
    """Whatever it had not sent when it was stopped would come on top of what is sent by then."""

    def stop(_: random.Random) -> None:
        (worker,) = site.family.workers()
        worker.send(signal.SIGSTOP)
        time.sleep(stopped_s)
        worker.send(signal.SIGCONT)

    run = Faulted(site, server(0.2), 0.2, 350, 100, ("--workers", 1), stop, least=60, most=120)
    run.assert_nothing_lost_or_doubled(run.run(1))
