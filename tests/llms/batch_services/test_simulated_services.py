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
OTHERS = {"together": "/together/v1", "gemini": "/v1beta/openai"}
"""Services that take chats only, by where the simulator has them."""
WIRES = pytest.mark.parametrize("wire", KINDS)
ALL = pytest.mark.parametrize("wire", [*KINDS, *OTHERS])


@asynccontextmanager
async def asking(wire: str, simulated: Simulated) -> AsyncIterator[Batches]:
    client = HttpClient()
    base_url = simulated.root + OTHERS.get(wire, "/v1")
    kind = "chat" if wire in OTHERS else wire
    yield service(kind, client=client, base_url=base_url, api_key=simulated.keys[0], model="sim-small")
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


@ALL
async def test_what_is_asked_in_a_batch_is_answered_as_a_call_is(
    simulator: Simulators, wire: str, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED, wrong_rate=0.0)
    async with asking(wire, simulated) as found:
        batch = await created(found, tmp_path)
        assert [one.id for one in (await found.look()).batches] == [batch.id]
        status = await ended(found, batch)
        counts = (None, None, None) if wire == "together" else (3, 3, 0)
        assert (status.end, status.requests, status.done, status.failed) == (BatchEnd.COMPLETED, *counts)
        assert (status.file_id is None) == (wire == "messages")
        assert status.created_at is not None
        assert status.expires_at is not None
        assert status.created_at <= status.expires_at
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


@pytest.mark.parametrize(("wire", "answered", "told"), [("together", 4, None), ("gemini", 0, 4)])
async def test_where_what_expires_has_no_lines_counts_say_whether_answers_are_lost(
    simulator: Simulators, wire: str, answered: int, told: int | None, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(expired=0.4)
    async with asking(wire, simulated) as found:
        status = await ended(found, await created(found, tmp_path, 10))
        read = await answers(found, status, tmp_path)
    assert (status.end, len(read), status.done) == (BatchEnd.EXPIRED, answered, told)
    assert simulated.executions()["batch"] == 4


@pytest.mark.parametrize("wire", ["chat", *OTHERS])
async def test_a_file_whose_upload_was_not_answered_is_found_by_its_name_and_size(
    simulator: Simulators, wire: str, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(lost={"upload": 1})
    async with asking(wire, simulated) as found:
        file = written_file(found, tmp_path / "in", found.line("a", "What is 1 + 1?", None, {}))
        with pytest.raises(Failure) as caught:
            await found.upload(file, "r1-b1.jsonl")
        assert (caught.value.kind, caught.value.status) == (FailureKind.TRANSIENT, None)
        (there,) = (await found.files(0.0)).files
        assert (there.name, there.bytes) == ("r1-b1.jsonl", file.stat().st_size)
        batch = await found.create(BatchDraft(file, "r1-b1", "sim-small", 1, there.id))
        assert batch.file_id == there.id
        assert (await ended(found, batch)).end is BatchEnd.COMPLETED


@pytest.mark.parametrize("wire", OTHERS)
@pytest.mark.parametrize(("status", "kind"), [(400, FailureKind.REQUEST), (503, FailureKind.TRANSIENT)])
async def test_a_request_that_fails_in_a_batch_fails_as_a_call_would(
    simulator: Simulators, wire: str, status: int, kind: FailureKind, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(partial=0.5, partial_status=status)
    async with asking(wire, simulated) as found:
        batch = await ended(found, await created(found, tmp_path, 4))
        read = await answers(found, batch, tmp_path)
    assert batch.end is BatchEnd.COMPLETED
    assert len(read) == 4
    assert [one.failure.kind for one in read.values() if one.failure] == [kind, kind]


@pytest.mark.parametrize("wire", OTHERS)
async def test_a_refused_file_and_a_refused_key_are_told_in_words_of_their_own(
    simulator: Simulators, wire: str, tmp_path: Path
) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(invalid=True)
    async with asking(wire, simulated) as found:
        batch = await ended(found, await created(found, tmp_path))
    assert batch.end is BatchEnd.INVALID
    assert batch.problem is not None
    assert batch.problem.kind is FailureKind.REQUEST
    assert "not parseable as valid JSON" in batch.problem.message
    strange = service(
        "chat", client=HttpClient(), base_url=simulated.root + OTHERS[wire], api_key="nobody-nobody"
    )
    with pytest.raises(Failure) as caught:
        await strange.look()
    assert caught.value.kind is FailureKind.AUTH


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


@pytest.mark.parametrize("wire", ["chat", "messages", *OTHERS])
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
        (batch,) = listed.batches
        files = [each.id for each in (await found.files()).files] if found.takes_files else [None]
    assert batch.file_id in files
    assert listed.at is not None


@pytest.mark.parametrize("wire", ["messages", *OTHERS])
async def test_a_batch_is_cancelled_by_its_id(simulator: Simulators, wire: str, tmp_path: Path) -> None:
    simulated = simulator(batch_speed=SPEED)
    simulated.order_batches(stuck=True)
    async with asking(wire, simulated) as found:
        batch = await created(found, tmp_path)
        cancelled = await found.cancel(batch.id)
        assert cancelled.id == batch.id
        assert cancelled.is_cancelling or cancelled.end is BatchEnd.CANCELLED or wire == "gemini"
        assert (await ended(found, batch)).end is BatchEnd.CANCELLED
