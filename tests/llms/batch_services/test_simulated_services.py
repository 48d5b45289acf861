"""The batch services of the simulator, from the file of requests to the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmdash.llms.batches import BatchAnswer, BatchDraft, BatchEnd, Batches, BatchStatus
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure, FailureKind
from tests.llms.batch_services.services import KINDS, names_in, service, written_file
from tests.simulated import Simulated
from tests.waiting import PATIENCE_S

Simulators = Callable[..., Simulated]
SPEED = 360_000.0
WIRES = pytest.mark.parametrize("wire", KINDS)


@asynccontextmanager
async def asking(wire: str, simulated: Simulated) -> AsyncIterator[Batches]:
    client = HttpClient()
    yield service(
        wire, client=client, base_url=simulated.base_url, api_key=simulated.keys[0], model="sim-small"
    )
    await client.aclose()


async def created(found: Batches, folder: Path, count: int = 3) -> BatchStatus:
    """A batch of that many sums, which has been created."""
    lines = [found.line(f"r-{number}", f"What is {number} + 1?", None, {}) for number in range(count)]
    file = written_file(found, folder / "in.jsonl", *lines)
    file_id = await found.upload(file, "r1-b1.jsonl") if found.takes_files else ""
    return await found.create(BatchDraft(file, "r1-b1", "sim-small", count, file_id))


async def ended(found: Batches, batch: BatchStatus) -> BatchStatus:
    async with asyncio.timeout(PATIENCE_S):
        while (status := await found.status(batch.id)).end is BatchEnd.NOT_YET:  # noqa: ASYNC110 - it ends elsewhere
            await asyncio.sleep(0.01)
    return status


async def answers(found: Batches, status: BatchStatus, folder: Path) -> dict[str | None, BatchAnswer]:
    read: dict[str | None, BatchAnswer] = {}
    for number, source in enumerate(status.results):
        await found.download(source, folder / f"out-{number}")
        read |= {one.custom_id: one for one in map(found.read, found.lines(folder / f"out-{number}"))}
    return read


def text_of(one: BatchAnswer) -> str:
    return "".join(delta.text for delta in one.deltas)


@WIRES
async def test_what_is_asked_in_a_batch_is_answered_as_a_call_is(
    simulator: Simulators, wire: str, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED, wrong_rate=0.0)
    async with asking(wire, simulated) as found:
        batch = await created(found, tmp_path)
        assert [one.id for one in (await found.look()).batches] == [batch.id]
        status = await ended(found, batch)
        assert (status.end, status.requests, status.done, status.failed) == (BatchEnd.COMPLETED, 3, 3, 0)
        read = await answers(found, status, tmp_path)
        assert {name: text_of(one) for name, one in read.items()} == {
            f"r-{number}": f"{number} + 1 = {number + 1}." for number in range(3)
        }
        for one in read.values():
            assert one.failure is None
            assert one.deltas[-1].usage is not None
            assert one.deltas[-1].finish_reason in ("stop", "end_turn")
        await found.forget(status)
        await found.forget(status)
        assert simulated.batches()["files"] == []
        gone = tmp_path / "gone"
        with pytest.raises(Failure) as caught:
            await found.download(status.results[0], gone)
        assert caught.value.status == 404


@WIRES
async def test_of_a_batch_that_expires_the_rest_never_ran(
    simulator: Simulators, wire: str, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(expired=0.4)
    async with asking(wire, simulated) as found:
        status = await ended(found, await created(found, tmp_path, 10))
        read = await answers(found, status, tmp_path)
    assert status.end is BatchEnd.EXPIRED
    assert len(read) == 10
    unrun = [one for one in read.values() if not one.ran]
    assert len(unrun) == 6
    assert {one.failure.kind for one in unrun if one.failure} == {FailureKind.TRANSIENT}
    assert simulated.executions()["batch"] == 4


async def test_a_full_queue_is_a_limit_and_not_the_fault_of_the_file(
    simulator: Simulators, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(queue_full=1)
    async with asking("chat", simulated) as found:
        status = await ended(found, await created(found, tmp_path))
    assert status.end is BatchEnd.INVALID
    assert status.problem is not None
    assert (status.problem.kind, status.problem.code) == (FailureKind.THROTTLE, "token_limit_exceeded")


@pytest.mark.parametrize("wire", ["chat", "messages"])
async def test_a_download_that_is_cut_is_told_and_made_anew(
    simulator: Simulators, wire: str, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    async with asking(wire, simulated) as found:
        status = await ended(found, await created(found, tmp_path))
        simulated.order_batches(cuts=[100])
        with pytest.raises(Failure) as caught:
            await answers(found, status, tmp_path)
        assert caught.value.kind is FailureKind.TRANSIENT
        assert names_in(tmp_path) == ["in.jsonl"]
        assert len(await answers(found, status, tmp_path)) == 3


@pytest.mark.parametrize("wire", ["chat", "messages"])
async def test_a_lost_answer_to_a_creation_has_no_status(
    simulator: Simulators, wire: str, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(lost={"create": 1})
    async with asking(wire, simulated) as found:
        with pytest.raises(Failure) as caught:
            await created(found, tmp_path)
        assert (caught.value.kind, caught.value.status) == (FailureKind.TRANSIENT, None)
        listed = await found.look()
    assert len(listed.batches) == 1
    assert listed.at is not None


async def test_a_batch_is_cancelled_by_its_id(simulator: Simulators, tmp_path: Path) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(stuck=True)
    async with asking("messages", simulated) as found:
        batch = await created(found, tmp_path)
        cancelled = await found.cancel(batch.id)
        assert cancelled.is_cancelling or cancelled.end is BatchEnd.CANCELLED
