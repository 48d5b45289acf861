"""`--cluster` and `llmdash worker`: a scheduler of our own, over TLS, and workers with their own keys."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest

from tests.arrivals import Arrivals
from tests.cli.clusters import HEADLESS, Certificates, Cluster, Site, alerts, assert_rate_kept
from tests.cli.command import configure, llmdash, results
from tests.waiting import LONGEST_S, PATIENCE_S, wait_for

Server = Callable[..., Arrivals]


@pytest.fixture
def cluster(site: Site) -> Cluster:
    """A cluster over TLS; nothing of it is started yet."""
    return Cluster(site, tls=Certificates(site.root / "certificates"))


def two_workers(cluster: Cluster, base_url: str, of_a: tuple[str, ...], of_b: tuple[str, ...]) -> None:
    """A scheduler with the workers `a` and `b`, each in a folder of its own with these keys."""
    cluster.start_scheduler()
    for name, keys in (("a", of_a), ("b", of_b)):
        cluster.site.keys(cluster.site.root / name, base_url, *keys)
        cluster.start_worker(name, cluster.site.root / name)
    cluster.wait_for_workers("a", "b")


def made_by(site: Site) -> dict[str, int]:
    """How many attempts each worker made."""
    return dict(site.ask("SELECT worker, COUNT(*) FROM attempts GROUP BY worker"))


def test_workers_find_keys_by_their_fingerprints_and_one_that_lacks_a_key_gets_none_of_its_work(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(0.1)
    site.keys(site.work, running.base_url, "key-one", "key-two")
    two_workers(cluster, running.base_url, of_a=("other", "key-one"), of_b=("key-two", "key-one"))
    site.prompts(320)
    ended = site.run(*cluster.options, "--rate", "50/s")
    assert (ended.code, ended.err) == (0, "")
    assert {row["name"] for row in ended.summary["workers"]} == {"a", "b"}
    first, second = (row["label"] for row in ended.summary["keys"])
    made = set(site.ask("SELECT DISTINCT key, worker FROM attempts"))
    assert made == {(first, "a"), (first, "b"), (second, "b")}
    assert f"worker a lacks key {second} and gets none of its work" in alerts(ended.out)
    assert len(running.times) == ended.summary["attempts"] == ended.summary["done"] == 320
    assert running.keys.count("key-two") == 160
    assert_rate_kept(running.times, 50)


def test_keys_are_sent_if_the_user_wants_them_to_be(server: Server, site: Site, cluster: Cluster) -> None:
    running = server(0.05)
    site.keys(site.work, running.base_url, "key-one")
    two_workers(cluster, running.base_url, of_a=("other",), of_b=("another",))
    site.prompts(60)
    lacking = site.run(*cluster.options, "--patience", 12, "--rate", "50/s")
    (label,) = (row["label"] for row in lacking.summary["keys"])
    lacks = "lacks key {} and gets none of its work"
    assert {f"worker {name} {lacks.format(label)}" for name in "ab"} <= alerts(lacking.out)
    assert "No worker came in time: no worker has a key of this run" in lacking.out
    assert (lacking.code, lacking.summary["pending"], len(running.times)) == (5, 60, 0)
    ended = site.run(*cluster.options, "--resume", "--send-keys", "--rate", "50/s")
    assert (ended.code, ended.err) == (0, "")
    assert made_by(site).keys() <= {"a", "b"}
    assert len(results(site.work / "r.jsonl")) == len(running.times) == 60


def test_a_run_waits_for_a_scheduler_and_workers_that_come_late(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(0.05)
    site.keys(site.work, running.base_url, "key-one")
    site.prompts(30)
    with site.start("run", "p.txt", *HEADLESS, *cluster.options, "--rate", "50/s") as process:
        time.sleep(3)
        assert process.poll() is None
        cluster.start_scheduler()
        cluster.start_worker("late")
        _, err = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, err) == (0, "")
    assert made_by(site) == {"late": 30}


def test_without_a_scheduler_a_run_ends_after_its_patience_and_can_be_resumed(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(0.0)
    site.keys(site.work, running.base_url, "key-one")
    site.prompts(10)
    ended = site.run(*cluster.options, "--patience", 5)
    assert ended.code == 5
    assert (ended.summary["pending"], ended.summary["done"]) == (10, 0)
    assert f"No worker came in time: {cluster.address} does not answer (" in ended.out
    assert "resume it with: llmdash run --resume" in ended.err
    resumed = site.run("--resume")
    assert (resumed.code, resumed.summary["done"]) == (0, 10)
    assert len(running.times) == 10


def test_other_certificates_are_not_trusted(server: Server, site: Site, cluster: Cluster) -> None:
    running = server(0.0)
    site.keys(site.work, running.base_url, "key-one")
    two_workers(cluster, running.base_url, ("key-one",), ("key-one",))
    site.prompts(5)
    other = Certificates(site.root / "other")
    ended = site.run("--cluster", cluster.address, *other.options, "--patience", 5)
    assert (ended.summary["pending"], len(running.times)) == (5, 0)
    assert f"No worker came in time: {cluster.address} does not answer (" in ended.out
    assert "certificate verify failed" in ended.out.lower()


@pytest.mark.parametrize(
    ("address", "fix"),
    [
        ("nonsense", "write one such as tls://host:8786"),
        ("http://127.0.0.1:8786", "write one such as tls://host:8786"),
        ("tcp://127.0.0.1:99999", "write one such as tls://host:8786"),
        ("tcp://[::1", "write one such as tls://host:8786"),
        ("", "write one such as tls://host:8786"),
        ("tls://10.0.0.1:8786", "--tls-ca FILE"),
        ("tcp://10.0.0.1:8786", "--allow-insecure"),
        ("tcp://127.0.0.1.example.org:8786", "--allow-insecure"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_the_fix(address: str, fix: str, site: Site) -> None:
    site.keys(site.work, "http://127.0.0.1:1/v1", "key-one")
    site.prompts(1)
    ended = site.run("--cluster", address)
    assert (ended.code, ended.out) == (2, "")
    assert fix in ended.err
    assert not (site.work / "kept").exists()
    with site.start("worker", address) as process:
        _, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 2
    assert fix in err


def test_without_encryption_workers_on_this_machine_serve_but_get_no_keys(server: Server, site: Site) -> None:
    running = server(0.0)
    site.keys(site.work, running.base_url, "key-one")
    plain = Cluster(site)
    plain.start_scheduler()
    plain.start_worker("plain")
    site.prompts(20)
    refused = site.run(*plain.options, "--send-keys")
    assert refused.code == 2
    assert "encrypted lines only" in refused.err
    ended = site.run(*plain.options, "--rate", "unlimited")
    assert (ended.code, ended.err, ended.summary["done"]) == (0, "", 20)


def steer(site: Site, action: str) -> None:
    """Steer the run that is at work."""
    assert llmdash("ctl", "kept", action, cwd=site.work, env=site.env()).code == 0


def test_a_worker_that_joins_helps_and_one_that_leaves_finishes_its_requests(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(0.5)
    site.keys(site.work, running.base_url, "key-one")
    cluster.start_scheduler()
    first = cluster.start_worker("first")
    cluster.wait_for_workers("first")
    site.prompts(350)
    with site.start("run", "p.txt", *HEADLESS, *cluster.options, "--rate", "50/s") as process:
        wait_for(lambda: len(running.times) >= 30, "the first requests")
        steer(site, "pause")  # so that it has not ended before the other is there, however long that takes
        cluster.start_worker("second")
        cluster.wait_for_workers("second")
        steer(site, "resume")
        wait_for(lambda: site.count("SELECT COUNT(*) FROM results WHERE worker = 'second'") >= 10, "its help")
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=PATIENCE_S) == 0
        known = site.count("SELECT COUNT(*) FROM attempts WHERE worker = 'first'")
        _, err = process.communicate(timeout=LONGEST_S)
    assert (process.returncode, err) == (0, "")
    # What the run had meant for it before it knew that it leaves comes back unsent, and another makes it.
    made = site.count("SELECT COUNT(*) FROM attempts WHERE worker = 'first' AND state = 'ok'")
    assert 0 < made <= known
    assert site.count("SELECT COUNT(*) FROM attempts WHERE state NOT IN ('ok', 'unsent')") == 0
    assert len(results(site.work / "r.jsonl")) == len(running.times) == 350
    assert_rate_kept(running.times, 50)


def test_a_second_signal_gives_up_the_requests_of_a_worker(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(PATIENCE_S)
    site.keys(site.work, running.base_url, "key-one")
    cluster.start_scheduler()
    worker = cluster.start_worker("only")
    cluster.wait_for_workers("only")
    site.prompts(5)
    with site.start("run", "p.txt", *HEADLESS, *cluster.options, "--rate", "unlimited") as process:
        wait_for(lambda: len(running.times) == 5, "the requests")
        worker.send_signal(signal.SIGINT)
        wait_for(lambda: "waiting for the requests in flight" in cluster.said("only"))
        worker.send_signal(signal.SIGINT)
        assert worker.wait(timeout=PATIENCE_S) == 1
        wait_for(lambda: not site.family.workers(), "its process to end")
        wait_for(lambda: site.count("SELECT COUNT(*) FROM attempts WHERE state = 'unknown'") == 5, "the loss")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
    assert site.results == 0


def test_runs_on_the_same_cluster_share_a_limit_by_way_of_its_scheduler(
    server: Server, site: Site, cluster: Cluster
) -> None:
    running = server(0.1)
    site.keys(site.work, running.base_url, "key-one")
    configure(site.work, 'shared_limit = "org-a"\n[limits."org-a"]\nrate = "20/s"\n', home=site.root)
    two_workers(cluster, running.base_url, of_a=("key-one",), of_b=("key-one",))
    site.prompts(120)
    runs = [
        (*cluster.options, "--rate", "unlimited", "--headless", "--json", "--run-dir", name)
        for name in ("one", "other")
    ]
    with site.start("run", "p.txt", *runs[0]) as one, site.start("run", "p.txt", *runs[1]) as other:
        sent = "SELECT COUNT(*) FROM attempts"
        for name in ("one", "other"):
            wait_for(lambda name=name: site.count(sent, name) > 0, f"the run {name}")  # type: ignore[misc]
        with site.start("limits", "--json", *cluster.options) as asking:
            (limit,) = json.loads(asking.communicate(timeout=PATIENCE_S)[0])
        ended = [process.communicate(timeout=LONGEST_S)[0] for process in (one, other)]
    assert (one.returncode, other.returncode) == (0, 0)
    assert (limit["name"], limit["rate"], len(limit["runs"])) == ("org-a", 20.0, 2)
    shares = [run["share"] for run in limit["runs"]]
    assert min(shares) > 0
    assert sum(shares) <= 20.01
    assert [json.loads(out.splitlines()[-1])["done"] for out in ended] == [120, 120]
    assert len(running.times) == 240
    assert_rate_kept(running.times, 20)
