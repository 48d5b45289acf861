"""Two hosts, as network namespaces with a cable between them: the run here, its workers there."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.arrivals import Arrivals
from tests.cli.clusters import Certificates, Cluster, Site
from tests.cli.command import configure
from tests.cli.faulted import Faulted

Server = Callable[..., Arrivals]
UNPLUGGED_S = 8.0


@dataclass
class Cable:
    """From `here`, an address of this host, to a host by the name of `other`."""

    here: str
    other: str
    device: str

    def plug(self, way: str) -> None:
        """`up` or `down`."""
        ip("link", "set", self.device, way)

    @property
    def command(self) -> tuple[str, ...]:
        """In front of a command it runs that there."""
        return ("ip", "netns", "exec", self.other)


def ip(*arguments: str) -> None:
    """Change the network."""
    subprocess.run(["/usr/bin/env", "ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def cable() -> Iterator[Cable]:
    """A second host; skips where the system does not allow that."""
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need root and iproute2")
    name, net = f"ld{secrets.token_hex(4)}", f"10.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
    here, there = f"{name}h", f"{name}t"
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces: {error.stderr.decode()[:100]}")
    try:
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        ip("addr", "add", f"{net}.1/24", "dev", here)
        ip("link", "set", here, "up")
        ip("-n", name, "addr", "add", f"{net}.2/24", "dev", there)
        ip("-n", name, "link", "set", there, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield Cable(f"{net}.1", name, here)
    finally:
        ip("netns", "del", name)


def test_a_run_goes_on_when_the_cable_to_its_workers_is_plugged_in_again(
    cable: Cable, server: Server, site: Site
) -> None:
    running = server(0.2, "4", cable.here)
    site.keys(site.work, running.base_url, "k-one", "k-two")
    configure(site.work, "allow_insecure = true\n", site.root)
    certificates = Certificates(site.root / "certificates", cable.here)
    cluster = Cluster(site, tls=certificates, host=cable.here)
    cluster.start_scheduler()
    cluster.inside = cable.command
    for name in ("there", "there too"):
        cluster.start_worker(name)
    cluster.wait_for_workers("there", "there too")

    def pull(_: object) -> None:
        cable.plug("down")
        time.sleep(UNPLUGGED_S)
        cable.plug("up")

    run = Faulted(site, running, 0.2, 200, 50, cluster.options, pull, least=60, most=90)
    ended = run.run(1)
    run.assert_nothing_lost_or_doubled(ended)
    assert {row["name"] for row in ended.summary["workers"]} == {"there", "there too"}
