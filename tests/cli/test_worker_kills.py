"""Workers, schedulers and runs that are killed or stopped at random moments: nothing is lost or doubled.

The full form prints its figures: `python -m pytest tests/cli/test_worker_kills.py -m slow -s`.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.arrivals import Arrivals
from tests.cli.clusters import Certificates, Cluster, Site
from tests.cli.command import Ended
from tests.cli.faulted import Faulted
from tests.waiting import LONGEST_S, wait_for

Server = Callable[..., Arrivals]
HERE = ("--workers", 3)
WORKERS = ("a", "b", "c")
STOPPED_S = 8.0


class Size(NamedTuple):
    """How many faults, after how many more requests each, and what each request takes; `soon_s` as Faulted
    has it.
    """

    faults: int
    least: int
    most: int
    latency: float
    jobs: int
    soon_s: float = 2.0
    within_s: float = LONGEST_S


SHORT = Size(1, 60, 120, 0.2, 300)
LONG = Size(50, 200, 350, 0.5, 18_000, 0.3, 300.0)
SIZES = [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.slow)]


def faulted(
    site: Site,
    running: Arrivals,
    size: Size,
    options: tuple[object, ...],
    strike: Callable[[random.Random], None],
) -> Faulted:
    """A run at 100 requests a second."""
    needs = (size.latency, size.jobs, 100, options, strike, size.least, size.most, size.soon_s)
    return Faulted(site, running, *needs)


def end(run: Faulted, size: Size, kind: str, start: Callable[[Faulted, int, float], Ended]) -> None:
    """Let it run to its end with its faults, print its figures, and check its accounts."""
    ended = start(run, size.faults, size.within_s)
    print(run.report(kind, ended))
    run.assert_nothing_lost_or_doubled(ended)


def own_cluster(site: Site) -> Cluster:
    """A scheduler with three workers that have the keys."""
    cluster = Cluster(site, tls=Certificates(site.root / "certificates"))
    cluster.start_scheduler()
    for name in WORKERS:
        cluster.start_worker(name)
    cluster.wait_for_workers(*WORKERS)
    return cluster


@pytest.mark.parametrize("size", SIZES)
def test_workers_that_are_killed(size: Size, server: Server, site: Site) -> None:
    def kill(chance: random.Random) -> None:
        chance.choice(site.family.workers()).send(signal.SIGKILL)

    run = faulted(site, server(size.latency), size, HERE, kill)
    end(run, size, "kill -9 of a worker", Faulted.run)
    assert site.count("SELECT COUNT(*) FROM attempts WHERE state = 'unknown' AND worker IS NULL") == 0


@pytest.mark.parametrize("size", SIZES)
def test_the_scheduler_of_this_machine_that_is_killed_is_started_again(
    size: Size, server: Server, site: Site
) -> None:
    def kill(_: random.Random) -> None:
        (scheduler,) = site.family.named("local_main")
        scheduler.send(signal.SIGKILL)

    run = faulted(site, server(size.latency), size, HERE, kill)
    end(run, size, "kill -9 of the scheduler of --workers", Faulted.run)
    wait_for(lambda: not site.family.processes(), "the workers to end")
    assert list(site.temporary.iterdir()) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_scheduler_that_is_killed_and_started_again(size: Size, server: Server, site: Site) -> None:
    running = server(size.latency)
    site.keys(site.work, running.base_url, "k-one", "k-two")
    cluster = own_cluster(site)

    def kill(chance: random.Random) -> None:
        cluster.scheduler.send(signal.SIGKILL)
        time.sleep(chance.uniform(0.0, 2.0))
        cluster.start_scheduler()

    run = faulted(site, running, size, cluster.options, kill)
    end(run, size, "kill -9 of a scheduler of our own", Faulted.run)


@pytest.mark.parametrize("size", SIZES)
def test_a_run_that_is_killed_and_resumed(size: Size, server: Server, site: Site) -> None:
    running = server(size.latency)
    site.keys(site.work, running.base_url, "k-one", "k-two")
    cluster = own_cluster(site)
    run = faulted(site, running, size, cluster.options, lambda _: None)
    end(run, size, "kill -9 of the run", Faulted.run_killed)


@pytest.mark.parametrize(("at_once", "size"), [(1, SHORT), pytest.param(2, LONG, marks=pytest.mark.slow)])
def test_workers_that_are_stopped_and_go_on(at_once: int, size: Size, server: Server, site: Site) -> None:
    def stop(chance: random.Random) -> None:
        stopped = chance.sample(site.family.workers(), at_once)
        for worker in stopped:
            worker.send(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        for worker in stopped:
            worker.send(signal.SIGCONT)

    strikes = size.faults // at_once
    size = size._replace(faults=strikes, jobs=int(strikes * (STOPPED_S * 100 + size.most * at_once**2)))
    apart = size._replace(least=size.least * at_once**2, most=size.most * at_once**2)
    run = faulted(site, server(size.latency), apart, HERE, stop)
    end(run, size, f"SIGSTOP of {at_once} of 3 workers for {STOPPED_S:.0f} s", Faulted.run)
