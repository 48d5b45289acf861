"""Runs that share a limit by way of the file: what they send, and what their frames say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from llmdash.engine.dispatch.leases import Claim, Limit, Share, Sharer
from llmdash.engine.dispatch.shared_rate import SharedRate
from llmdash.engine.model.commands import Pause, Resume
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import AlertKind, Binding, JobState, RunState, Severity, WaitReason
from llmdash.engine.model.view import View
from llmdash.locations import private_dir
from llmdash.shared_limits.lease_file import LeaseFile
from tests.engine.scripted import Server, plan, prompts, run, started, until, whole
from tests.waiting import PATIENCE_S, wait_for


@pytest.fixture
def leases(tmp_path: Path) -> LeaseFile:
    return LeaseFile(tmp_path / "limits" / "leases.db")


@pytest.fixture
def server() -> Iterator[Server]:
    yield Server()


def share(leases: LeaseFile, name: str, rate: float = 40.0, tpm: float = float("inf")) -> SharedRate:
    return SharedRate(Limit("org-a", rate, tpm), Sharer(name, name, "here", 1), leases)


def in_place_of(path: Path) -> None:
    """Make a folder where the lease file is; who asks meanwhile makes the file anew."""

    def is_made() -> bool:
        path.unlink(missing_ok=True)
        with suppress(FileExistsError):
            path.mkdir()
        return path.is_dir()

    wait_for(is_made, "a folder in place of the file")


def of_limit(frame: Frame) -> tuple[float | None, float | None]:
    [row] = frame.limits
    return row.share, row.free


def test_a_run_that_is_held_up_by_the_limit_says_so(
    tmp_path: Path, server: Server, leases: LeaseFile
) -> None:
    with started(plan(tmp_path, server, prompts(20_000), limit=share(leases, "mine"))) as session:
        frame = until(
            session, lambda frame: frame.rate.binding is Binding.SHARED and of_limit(frame) == (40.0, 0.0)
        )
        assert frame.run.state is RunState.RUNNING
        assert frame.endpoints[0].limit == "org-a"
        waits = until(
            session, lambda frame: any(row.reason is WaitReason.SHARED for row in frame.jobs.rows)
        )  # after a second in which nobody ran the limit holds nobody up, until it is asked again
        [row] = [row for row in waits.jobs.rows if row.reason is WaitReason.SHARED]
        assert row.state is JobState.KEY
        assert not waits.alerts


def test_all_jobs_of_all_runs_are_done_and_the_shares_given_back(tmp_path: Path, leases: LeaseFile) -> None:
    met = threading.Event()
    servers = [Server(lambda _key, prompt, _before: [met, *whole(prompt)]) for _ in range(2)]
    with ExitStack() as stack:
        sessions = [
            stack.enter_context(
                started(
                    plan(
                        private_dir(tmp_path / f"run-{n}"),
                        server,
                        prompts(30),
                        limit=share(leases, f"run-{n}"),
                    )
                )
            )
            for n, server in enumerate(servers)
        ]
        until(sessions[0], lambda frame: bool(frame.limits and frame.limits[0].others))
        met.set()
        for session in sessions:
            assert session.join(PATIENCE_S)
            assert session.frame(View()).run.done == 30
    assert [row.wish.rate for row in leases.rows()] in ([], [0.0], [0.0, 0.0])
    assert all(row.held.rate == 0.0 for row in leases.rows())


def test_a_run_that_pauses_gives_its_share_to_the_others(
    tmp_path: Path, server: Server, leases: LeaseFile
) -> None:
    with started(plan(tmp_path, server, prompts(500), limit=share(leases, "mine"))) as session:
        until(session, lambda frame: frame.run.done > 3)
        session.command(Pause())
        until(session, lambda _: all(row.held.rate == 0.0 for row in leases.rows()))
        session.command(Resume())
        until(session, lambda frame: of_limit(frame) == (40.0, 0.0))


def test_a_run_whose_share_cannot_be_renewed_waits_says_so_and_goes_on_by_itself(
    tmp_path: Path, server: Server, leases: LeaseFile
) -> None:
    with started(plan(tmp_path, server, prompts(500), limit=share(leases, "mine"))) as session:
        until(session, lambda frame: frame.run.done > 3)
        path = tmp_path / "limits" / "leases.db"
        in_place_of(path)
        frame = until(session, lambda frame: any(alert.severity is Severity.ERROR for alert in frame.alerts))
        [alert] = frame.alerts
        assert alert.kind is AlertKind.LIMIT
        assert "Limit org-a has no share, nothing is sent: the lease file cannot be written" in alert.text
        assert frame.rate.binding is Binding.SHARED
        assert frame.limits[0].is_over
        done = frame.run.done
        path.rmdir()
        until(session, lambda frame: frame.run.done > done and not frame.alerts)


def test_a_limit_of_tokens_makes_requests_estimate_theirs(
    tmp_path: Path, server: Server, leases: LeaseFile
) -> None:
    limit = share(leases, "mine", rate=float("inf"), tpm=600_000.0)
    session = run(plan(tmp_path, server, prompts(10), limit=limit))
    frame = session.frame(View())
    assert frame.run.done == 10
    assert (frame.limits[0].rate, frame.limits[0].tpm) == (None, 600_000.0)


def test_a_run_without_a_shared_limit_says_nothing_of_one(tmp_path: Path, server: Server) -> None:
    frame = run(plan(tmp_path, server, prompts(3))).frame(View())
    assert frame.limits == ()
    assert frame.endpoints[0].limit == ""


class ThreeASecond:
    """Leases that give three requests in any second, however many permits."""

    async def share(self, claim: Claim) -> Share:
        return Share(1_000.0, 3.0, float("inf"), 1.4, claim.limit)

    async def release(self, claim: Claim) -> None:
        """Nobody else needs it."""


def test_requests_that_have_a_key_wait_for_their_slot_and_go_back_if_the_run_pauses(
    tmp_path: Path, server: Server
) -> None:
    limit = SharedRate(Limit("org-a", 3.0), Sharer("mine", "mine", "here", 1), ThreeASecond())
    with started(plan(tmp_path, server, prompts(500), limit=limit)) as session:
        until(session, lambda frame: frame.run.done >= 3 and sum(key.in_flight for key in frame.keys) > 0)
        session.command(Pause())
        frame = until(
            session,
            lambda frame: (
                frame.run.state is RunState.PAUSED and sum(key.in_flight for key in frame.keys) == 0
            ),
        )
        assert sum(key.sent for key in frame.keys) == frame.run.done == len(server.arrivals)
        session.command(Resume())
        until(session, lambda frame: frame.run.done >= 9)
    times = [at for at, _ in server.arrivals]
    assert all(after - before >= 1.0 for before, after in zip(times, times[3:], strict=False))
