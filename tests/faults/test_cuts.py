"""An answer cut at every byte, on the real transport: whole or a Failure, and no part of it an answer."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from llmdash.llms.wire.failures import FailureKind
from tests.faults.calls import ask, connected, model, nothing_left
from tests.faults.scene import DIALECTS, FRAMINGS, Scene, in_frame, scene_of, whole_from
from tests.llms.raw_server import reset, serving

TEXT = "a\N{SNOWMAN}b 7"
"""Two chunks, one with a character of several bytes."""

_AT_ONCE = 16


class Cutter:
    """Serves the same answer, cut behind as many bytes as the prompt says, in the way that `framing` and
    `torn` say: by an orderly end of the connection or by a RST.
    """

    def __init__(self, framing: str, *, torn: bool) -> None:
        self._framing = framing
        self._torn = torn
        self.size = 0
        self.whole_from = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
        dialect = next(dialect for end, dialect in DIALECTS.items() if path.endswith(end))
        headers = [(b"anthropic-version", b"2023-06-01")]
        scene = scene_of(dialect, headers, body, (reader, writer), rng=random.Random(0), identity="1")
        at = int(scene.reply.questions[0].text)
        raw = self.raw(scene.answering(TEXT))
        await (reset(writer, raw[:at]) if self._torn else scene.close(raw[:at]))

    def raw(self, scene: Scene) -> bytes:
        raw = in_frame(self._framing, scene.parts())
        self.size, self.whole_from = len(raw), whole_from(raw, scene.streamed)
        return raw


async def cut_all(framing: str, which: int, step: int, *, torn: bool = False) -> Counter[str]:
    """Ask for the answer cut at every `step`-th byte; counts what came of it. A cut behind which the answer
    is whole may give either; one before may not.
    """
    cutter, outcomes = Cutter(framing, torn=torn), Counter[str]()
    async with nothing_left(), serving(cutter.serve) as port, connected() as client:
        llm = model(client, f"http://127.0.0.1:{port}/v1", which)
        assert (await ask(llm, "1000000")).text == TEXT
        offsets = iter([*range(which % step, cutter.size, step), cutter.whole_from - 1, cutter.whole_from])

        async def work() -> None:
            for at in offsets:
                asked = await ask(llm, f"{at}")
                if asked.failure is not None:
                    assert asked.failure.kind is FailureKind.TRANSIENT, (at, asked.failure)
                    outcomes["failures"] += 1
                else:
                    assert asked.text == TEXT, (at, asked)
                    assert at >= cutter.whole_from, (at, cutter.whole_from)
                    outcomes["whole"] += 1

        await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return outcomes


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_an_answer_cut_at_every_seventeenth_byte_is_whole_or_a_failure(framing: str) -> None:
    """Each dialect, streamed and plain."""
    for which in range(8):
        outcomes = await cut_all(framing, which, 17)
        assert outcomes["failures"] > 8


@pytest.mark.slow
@pytest.mark.parametrize("torn", [False, True], ids=["ended", "reset"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("which", range(8))
async def test_an_answer_cut_at_every_byte_is_whole_or_a_failure(
    which: int, framing: str, torn: bool
) -> None:
    outcomes = await cut_all(framing, which, 1, torn=torn)
    print(framing, which, torn, dict(outcomes))
    assert outcomes["failures"] > 200
