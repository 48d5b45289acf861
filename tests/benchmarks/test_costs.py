"""What each layer costs: whose time a moment is, and what the table makes of it."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
from pathlib import Path

import pytest

import llmdash
from llmdash.llms.wire.chat import ChatReader
from llmdash.llms.wire.failures import Failure
from tests.benchmarks.costs import Ran, by_layer, cost_table, costs_of
from tests.benchmarks.layers import LAYERS, LOOP, layer_of, layer_of_frame

OWN = str(Path(llmdash.__file__).parents[1])
INSTALLED, PYTHON = sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")


@pytest.mark.parametrize(
    ("innermost_first", "layer"),
    [
        ((f"{PYTHON}/json/decoder.py", f"{OWN}/llmdash/llms/wire/chat.py"), "parser"),
        ((f"{PYTHON}/asyncio/events.py", f"{INSTALLED}/aiohttp/client.py"), "transport"),
        ((f"{PYTHON}/asyncio/selector_events.py", f"{PYTHON}/asyncio/events.py"), "transport"),
        (
            (f"{OWN}/llmdash/engine/dispatch/limiter.py", f"{OWN}/llmdash/engine/dispatch/runner.py"),
            "limiter",
        ),
        ((f"{PYTHON}/selectors.py", f"{PYTHON}/asyncio/base_events.py"), LOOP),
        (("<string>",), LOOP),
    ],
    ids=["general code", "by whom it waits", "sockets", "longest name", "nothing to do", "nobody's"],
)
def test_a_moment_is_of_the_innermost_layer(innermost_first: tuple[str, ...], layer: str) -> None:
    """What layers call, as json, works for them; the event loop, which is in every stack, is the last."""
    assert layer_of(iter(innermost_first)) == layer


async def test_what_is_at_work_in_a_task_is_seen_by_its_files() -> None:
    def looks(_text: str) -> str:
        found.append(layer_of_frame(sys._getframe()))
        return ""

    async def read() -> None:
        reader = ChatReader({}, looks)
        list(reader.feed(b'data: {"error": {"message": "no"}}\n\n', 0.0))

    found: list[str] = []
    with pytest.raises(Failure):
        await asyncio.create_task(read())
    assert set(found) == {"parser"}


def test_every_module_of_the_engine_and_of_llms_is_of_a_layer() -> None:
    named = [
        layer_of(iter([str(path)]))
        for part in ("engine/dispatch", "engine/pool", "engine/journal", "engine/store", "llms", "prompts")
        for path in (Path(OWN) / "llmdash" / part).rglob("*.py")
    ]
    assert LOOP not in named
    assert set(named) < {layer.name for layer in LAYERS}


def test_every_file_that_a_layer_names_is_there() -> None:
    ours = [file for layer in LAYERS for file in layer.files if file.startswith("llmdash/")]
    folders = {str(path.relative_to(OWN)) for path in (Path(OWN) / "llmdash").rglob("*.py")}
    assert [file for file in ours if not any(path.startswith(file) for path in folders)] == []


def test_a_layer_takes_its_share_of_the_requests_and_the_threads_of_its_own() -> None:
    threads = {"requests": 200.0, "llmdash-journal": 30.0, "llmdash-other": 9.0}
    found = by_layer(threads, {"journal": 0.1, "transport": 0.5})
    assert (found["journal"], found["transport"], found["frame"]) == (50.0, 100.0, 0.0)


def test_a_chunk_costs_what_a_stream_adds_to_a_job_and_pictures_are_paid_by_the_second() -> None:
    nothing = dict.fromkeys((layer.name for layer in LAYERS), 0.0)
    whole = Ran({**nothing, "parser": 20.0, "pool": 90.0, "paint": 50.0}, {"paint": 500.0})
    streamed = Ran({**nothing, "parser": 320.0, "pool": 80.0, "paint": 9.0}, {"paint": 100.0})
    costs = costs_of(whole, streamed)
    assert (costs.chunk_us["parser"], costs.chunk_us["pool"]) == (3.0, 0.0)
    assert costs.chunk_us["paint"] == 25.0  # a tenth of a core, by 4,000 chunks a second
    assert cost_table(costs)[-1][:3] == ("all", "160", "28")
