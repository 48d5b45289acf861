"""Every fault of the catalogue against one LLM on the real transport: right class, no hang, nothing left."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable

import pytest

from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import FailureKind
from tests.fault_server import FaultServer, fault_server
from tests.faults.breaks import BREAKS
from tests.faults.calls import (
    LONG,
    SHORT,
    SHORT_CONNECT,
    Asked,
    ask,
    connected,
    fine_text,
    model,
    nothing_left,
)
from tests.faults.catalogue import CATALOGUE, WHOLE
from tests.faults.errors import ERRORS
from tests.faults.fault import Fault, Place
from tests.faults.floods import FLOODS
from tests.faults.scene import separated

_LONGEST_S = 60.0
_NEXT = "What is 7 x 70?"
_BIG = "x" * 3_000_000


def wrong(fault: Fault, prompt: str, asked: Asked) -> str | None:
    """What is not as the catalogue says; None if all is."""
    if fault.kind is None:
        text = fine_text(prompt)
        text = separated(text) if fault.name == "separators" else text
        return None if asked.text == text else f"{asked} is not {text!r}"
    failure = asked.failure
    if failure is None:
        return f"answered {asked.text!r}"
    if failure.kind is not fault.kind:
        return f"{failure.kind}: {failure}"
    if failure.reached is not (fault.place is Place.HTTP):
        return f"reached: {failure.reached}"
    if fault.hint_s is not None and failure.retry_after != pytest.approx(fault.hint_s):
        return f"hint {failure.retry_after}"
    if fault.hint_s is None and failure.retry_after is not None:
        return f"hint {failure.retry_after} out of nothing"
    return None


def limits_for(fault: Fault) -> Timeouts:
    """Short ones where only they end it; of the others, none is to be met by a busy machine."""
    if fault.place is Place.FULL:
        return SHORT_CONNECT
    return SHORT if fault.waits else LONG


async def strike(server: FaultServer, fault: Fault, seed: int) -> str | None:
    """One call that meets the fault, on connections of its own, and one that does not, as the fault must
    leave no trace. What was wrong, if anything was.
    """
    prompt = f"What is {seed} + {len(fault.name)}?"
    async with connected(limits_for(fault)) as client, asyncio.timeout(_LONGEST_S):
        struck = model(client, server.base_url(fault.name), seed)
        if fault.second:
            assert (await ask(struck, prompt)).text == fine_text(prompt)
        asked = await ask(struck, prompt if fault.reads_body else prompt + _BIG)
        if not fault.waits and fault.name != "keep-alive-closed-behind":
            after = await ask(model(client, server.base_url(), seed), _NEXT)
            assert after.text == fine_text(_NEXT), (fault.name, seed, after)
    found = wrong(fault, prompt, asked)
    return None if found is None else f"seed {seed}: {found}"


async def strike_all(faults: Iterable[Fault], seeds: Iterable[int]) -> None:
    """Each fault with each seed, all at once."""
    async with nothing_left(), fault_server() as server:
        pairs = list(itertools.product(faults, seeds))
        found = await asyncio.gather(*(strike(server, fault, seed) for fault, seed in pairs))
        wrong = [f"{fault.name}: {each}" for (fault, _), each in zip(pairs, found, strict=True) if each]
        assert wrong == []
        assert server.counts.elsewhere == [], "a redirect was followed"


GROUPS = {"whole": WHOLE, "breaks": BREAKS, "errors": ERRORS, "floods": FLOODS}


@pytest.mark.parametrize("faults", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("first_seed", [0, 4], ids=["streamed", "plain"])
async def test_a_fault_becomes_the_failure_of_its_class_and_leaves_nothing(
    faults: list[Fault], first_seed: int
) -> None:
    """A seed of each fault, and four in a group, so that it meets all dialects."""
    for part in range(4):
        await strike_all(faults[part::4], [first_seed + part])


@pytest.mark.slow
@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=CATALOGUE)
async def test_a_fault_with_any_seed_becomes_the_failure_of_its_class(fault: Fault) -> None:
    await strike_all([fault], range(50))


async def test_a_connection_closed_as_the_next_request_leaves_gives_a_whole_answer_or_a_transient() -> None:
    """Who was first, nobody can say; nothing hangs, and no answer is half of one."""
    async with nothing_left(), fault_server() as server, connected() as client:
        llm = model(client, server.base_url("keep-alive-closed-behind"), 0)
        for number in range(60):
            asked = await ask(llm, f"What is {number} + 1?")
            if asked.failure is None:
                assert asked.text == f"{number} + 1 = {number + 1}."
            else:
                assert asked.failure.kind is FailureKind.TRANSIENT
