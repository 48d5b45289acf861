"""The tables about speed: made from what was measured, and in the page and the README."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.cases.p1_p2_batch import WHAT as BATCH
from tests.benchmarks.layers import LAYERS
from tests.manual import speed_page


def row(
    what: str, who: str, unit: str, median: float, ratio: float | None = None, bar: float = 0
) -> dict[str, Any]:
    goal = {"bar": bar, "stretch": None} if bar else None
    return {"what": what, "who": who, "unit": unit, "median": median, "ratio": ratio, "goal": goal}


BENCH = {
    "python": "3.12.1",
    "processors": 2,
    "rounds": 5,
    "scale": 1.0,
    "versions": {"tree": {"httpx": "0.28.1"}, "libraries": {"openai": "3.0"}},
    "rows": [
        row(BATCH, "llmdash", "jobs/s", 5_000.0),
        row(BATCH, "LangChain abatch", "jobs/s", 500.0, 10.0, 8),
        row(BATCH, "LangChain abatch", "cpu µs/job", 500.0, 9.0),
        row("P6: key to picture", "a page", "ms, p50", 24.5, None, 30),
        row("P9: llmdash --help", "llmdash", "ms", 70.0, None, 150),
    ],
}


def test_the_ratios_stand_by_peer_and_what_was_not_measured_is_a_dash() -> None:
    title, _, first, *rest = speed_page.ratios(BENCH)
    assert title == "| | LangChain | httpx | openai SDK | litellm | cookbook | aiperf | guidellm |"
    assert first == "| jobs a second: 64 in flight, answers at once | 10.0x | - | - | - | - | - | - |"
    assert rest[-1] == (
        "llmdash over each, medians of 5 interleaved rounds; 2 processors, Python 3.12.1; "
        "httpx 0.28.1, openai 3.0."
    )


def test_what_was_only_tried_out_is_not_written(tmp_path: Path) -> None:
    found = tmp_path / "bench.json"
    found.write_text(json.dumps(BENCH))
    assert speed_page.whole(found) == BENCH
    found.write_text(json.dumps({**BENCH, "scale": 0.05}))
    with pytest.raises(SystemExit, match=r"tried out with 0.05 of the jobs"):
        speed_page.whole(found)


def test_figures_without_a_ratio_stand_beside_their_bars() -> None:
    assert speed_page.bars(BENCH)[2:] == [
        "| key to picture: a page | 24.5 ms, p50 | 30 |",
        "| llmdash --help | 70.0 ms | 150 |",
    ]


def test_every_layer_has_a_line_with_what_it_does() -> None:
    costs = dict.fromkeys((layer.name for layer in LAYERS), 12.3)
    lines = speed_page.costs(
        {
            "python": "3.12.1",
            "processors": 2,
            "job_us": costs,
            "chunk_us": costs,
            "second_ms": {"paint": 99.6},
        }
    )
    assert lines[2] == f"| {LAYERS[0].name} | 12 | 12 | {LAYERS[0].what} |"
    assert lines[-1] == "Python 3.12.1, 2 processors. While chunks stream, of a second: paint 100 ms."
    assert len(lines) == 2 + len(LAYERS) + 3


@pytest.mark.parametrize("table", speed_page.TABLES)
def test_each_file_has_one_place_for_its_tables(table: str) -> None:
    """What is written there again replaces what was there, and nothing else."""
    for path in speed_page.TABLES[table]:
        text = path.read_text(encoding="utf-8")
        once = speed_page.between(text, table, ["| new |"])
        assert once.count("| new |") == 1
        assert speed_page.between(once, table, ["| new |"]) == once
        assert [text.count(mark) for mark in speed_page.marks(table)] == [1, 1]


def test_a_file_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks of bars"):
        speed_page.between("# Speed\n", "bars", [])
