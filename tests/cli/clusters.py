"""Runs on workers as a shell starts them: a folder with its `.env`, a scheduler, workers, certificates."""

from __future__ import annotations

import datetime
import json
import secrets
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.arrivals import most_in_a_second
from tests.cli.command import Ended, environment, start
from tests.cli.processes import Family, Process
from tests.waiting import LONGEST_S, wait_for
from tests.warm.popen import WarmPopen

__all__ = ["HEADLESS", "Certificates", "Cluster", "Site", "alerts", "assert_rate_kept", "free_port"]

HEADLESS = ("--headless", "--json", "--out", "r.jsonl", "--run-dir", "kept")


class Certificates:
    """An authority of its own, and a certificate by it for this machine and `addresses`; PEM in `folder`."""

    def __init__(self, folder: Path, *addresses: str) -> None:
        folder.mkdir(parents=True)
        self.ca, self.cert, self.key = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
        authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root = _certificate("authority", "authority", authority, authority, ())
        mine = _certificate("llmdash", "authority", key, authority, ("127.0.0.1", *addresses))
        self.ca.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self.cert.write_bytes(mine.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    @property
    def options(self) -> tuple[object, ...]:
        """As `llmdash` takes them."""
        return ("--tls-ca", self.ca, "--tls-cert", self.cert, "--tls-key", self.key)


def _certificate(
    name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    addresses: Sequence[str],
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    building = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
    )
    if addresses:
        names = [x509.IPAddress(ip_address(address)) for address in addresses]
        building = building.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return building.sign(signing, hashes.SHA256())


def free_port() -> int:
    """A port that nobody listens on, and that no connection is given while nobody does."""
    for port in secrets.SystemRandom().sample(
        range(20_000, 32_000), 100
    ):  # below those that connections are given
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("every port is taken")


class Site:
    """A folder for runs with its `.env`, and all processes of the test: none outlives `close`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work, self.temporary = root / "work", root / "tmp"
        for folder in (self.work, self.temporary):
            folder.mkdir()
        self.family = Family()
        self._started: list[subprocess.Popen[bytes]] = []

    def env(self, **more: str) -> dict[str, str]:
        """An environment without any key."""
        return environment(self.root, TMPDIR=str(self.temporary), **self.family.env, **more)

    def keys(self, folder: Path, base_url: str, *keys: str) -> None:
        """Write a `.env` with an endpoint and its keys."""
        self.dotenv(folder, OPENAI_API_KEY=",".join(keys), OPENAI_BASE_URL=base_url)

    def dotenv(self, folder: Path, **values: str) -> None:
        """Write a `.env`."""
        folder.mkdir(exist_ok=True)
        path = folder / ".env"
        path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        path.chmod(0o600)

    def prompts(self, count: int, text: str = "What is {} + 1?") -> None:
        """Write `p.txt` with so many prompts."""
        (self.work / "p.txt").write_text("".join(text.format(number) + "\n" for number in range(count)))

    def start(
        self, *arguments: object, cwd: Path | None = None
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        """`llmdash`, running; see `tests.cli.command.start`."""
        return start(*arguments, cwd=cwd or self.work, env=self.env())

    def run(self, *arguments: object, within_s: float = LONGEST_S) -> Ended:
        """A headless run of `p.txt` to its end."""
        with self.start("run", "p.txt", *HEADLESS, *arguments) as process:
            out, err = process.communicate(timeout=within_s)
        return Ended(process.returncode, out, err)

    def ask(self, question: str, run: str = "kept") -> list[tuple[Any, ...]]:
        """What the journal of a run says to an SQL question."""
        path = self.work / run / "journal.sqlite"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            return db.execute(question).fetchall()

    def count(self, question: str, run: str = "kept") -> int:
        """The number that the journal says; 0 before there is one."""
        try:
            return int(self.ask(question, run)[0][0])
        except sqlite3.OperationalError:
            return 0

    @property
    def results(self) -> int:
        """The jobs that have a result on disk."""
        return self.count("SELECT COUNT(*) FROM results")

    def spawn(self, command: Sequence[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a program whose output goes into `log`."""
        with log.open("wb") as output:
            process = WarmPopen(
                command,
                cwd=folder,
                env=self.env(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End all processes."""
        self.family.end()
        for process in self._started:
            process.wait()


class Cluster:
    """A `dask scheduler` of our own, on a port that stays, with workers that `llmdash worker` starts."""

    def __init__(self, site: Site, *, tls: Certificates | None = None, host: str = "127.0.0.1") -> None:
        self.site, self.tls = site, tls
        self.port = free_port()
        self.host = host
        self.address = f"{'tls' if tls else 'tcp'}://{host}:{self.port}"
        self.inside: tuple[str, ...] = ()
        """The command in front of the next command: it runs that in another network."""
        self._said: dict[str, Path] = {}

    @property
    def options(self) -> tuple[object, ...]:
        """What a run needs to work here."""
        return ("--cluster", self.address, *(self.tls.options if self.tls else ()))

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        """Start it, or start it again; returns when it listens."""
        files = ("--tls-ca-file", "--tls-cert", "--tls-key")
        paths = (self.tls.ca, self.tls.cert, self.tls.key) if self.tls else ()
        options = [str(part) for pair in zip(files, paths, strict=False) for part in pair]
        where = ["--host", self.host, "--port", str(self.port), "--protocol", self.address[:3]]
        quiet = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        module = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
        running = self._started([*module, *where, *quiet, *options], "scheduler", self.site.root)
        wait_for(lambda: "Scheduler at" in self.said("scheduler"), "the scheduler")
        return running

    def start_worker(self, name: str, folder: Path | None = None) -> subprocess.Popen[bytes]:
        """Start `llmdash worker` in a folder; returns at once."""
        files = [str(part) for part in (self.tls.options if self.tls else ())]
        command = [sys.executable, "-m", "llmdash", "worker", self.address, "--name", name, *files]
        return self._started(command, name, folder or self.site.work)

    def _started(self, command: Sequence[str], name: str, folder: Path) -> subprocess.Popen[bytes]:
        self._said[name] = self.site.root / f"{name}.log"
        return self.site.spawn([*self.inside, *command], folder, self._said[name])

    def said(self, name: str) -> str:
        """What a process has written."""
        return self._said[name].read_text(errors="replace")

    def wait_for_workers(self, *names: str) -> None:
        """Wait until these have joined."""
        for name in names:
            wait_for(lambda name=name: "works for" in self.said(name), f"{name} to join")  # type: ignore[misc]

    @property
    def scheduler(self) -> Process:
        """The process of the scheduler."""
        (found,) = self.site.family.named("dask_scheduler")
        return found


def alerts(out: str) -> set[str]:
    """The texts of all alerts in the progress of a run."""
    lines = [json.loads(line) for line in out.splitlines()]
    return {alert["text"] for line in lines for alert in line.get("alerts", ())}


def assert_rate_kept(times: Sequence[float], rate: float) -> None:
    """No second has more arrivals than the rate and its tolerance."""
    ordered = sorted(times)
    most = most_in_a_second(ordered)
    if most > rate + max(1.0, 0.05 * rate):
        peaks = [
            f"{at - ordered[0]:.2f}" for at in ordered if most_in_a_second(ordered, at, at + 1e-6) == most
        ]
        first = [f"{at - ordered[0]:.3f}" for at in ordered[:80]]
        raise AssertionError(f"{most} at {rate}/s, from {peaks} s on; {len(ordered)} began {first}")
