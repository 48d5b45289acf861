"""`llmdash compare` from outside: the same prompts one after the other and at once."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Ended, environment, llmdash, start
from tests.cli.terminal import Terminal
from tests.cli.test_terminal import done
from tests.llms.raw_server import framed, raw_server, send
from tests.recording import Body, Recorder
from tests.simulated import Simulated
from tests.waiting import LONGEST_S, wait_for

Simulator = Callable[..., Simulated]
SIMULATED = ("compare", "--simulate", "--json", "--latency", "0.37")
"""A tenth of the latency of the write-up."""


def rows(ended: Ended) -> dict[str, dict[str, Any]]:
    """The rows of JSON output by their names; a summary stands last."""
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert [record["type"] for record in records] == ["row"] * (len(records) - 1) + ["summary"]
    return {record["name"]: record for record in records[:-1]}


def most_at_once(folder: Path) -> int:
    """The most requests that the journal of a run has on the wire at the same time."""
    db = sqlite3.connect(folder / "journal.sqlite")
    spans = db.execute("SELECT sent_at, sent_at + latency_s FROM attempts").fetchall()
    db.close()
    turns = sorted([(begun, 1) for begun, _ in spans] + [(ended, -1) for _, ended in spans])
    flying = [sum(step for _, step in turns[: place + 1]) for place in range(len(turns))]
    return max(flying)


def at_once(folder: Path, row: dict[str, Any], calls: int, times: float) -> bool:
    """True if so many requests were on the wire at the same time, and took together so many times as long as
    the slowest of them.
    """
    return most_at_once(folder) == calls and row["calls_s"] / row["slowest_s"] >= times


def tries(folder: Path) -> Iterator[Path]:
    """Folders for the same comparison, as the machine may stand still while requests are sent."""
    return (folder / f"kept-{number}" for number in range(10))


def test_ninety_calls_at_once_take_as_long_as_the_slowest_and_not_as_all_of_them(tmp_path: Path) -> None:
    """The latencies are the simulator's; what they would take one after the other is their sum."""
    skipped = ("--skip", "serial", "--skip", "limited")
    for folder in tries(tmp_path):
        ended = llmdash(*SIMULATED, *skipped, "--run-dir", folder, cwd=tmp_path, env=environment(tmp_path))
        found = rows(ended)
        assert (ended.code, list(found)) == (0, ["one-key", "all-keys"])
        for row in found.values():
            assert (row["jobs"], row["done"], row["concurrency"]) == (90, 90, 90)
        if all(at_once(folder / name, row, 90, 20) for name, row in found.items()):
            break
    else:
        raise AssertionError(f"the calls were never made at once: {found}")
    assert found["one-key"]["right"] == found["all-keys"]["right"] > 80


def test_serial_has_one_request_at_a_time_and_the_ratio_is_told(tmp_path: Path) -> None:
    for folder in tries(tmp_path):
        given = (*SIMULATED, "--greetings", "--run-dir", folder)
        ended = llmdash(*given, cwd=tmp_path, env=environment(tmp_path))
        found = rows(ended)
        assert (ended.code, list(found)) == (0, ["serial", "one-key"])
        serial, together = found["serial"], found["one-key"]
        assert most_at_once(folder / "serial") == 1
        assert serial["wall_s"] >= serial["calls_s"]
        assert together["speed_up"] == pytest.approx(serial["wall_s"] / together["wall_s"], rel=0.01)
        assert json.loads(ended.out.splitlines()[-1])["speed_up"] == together["speed_up"]
        if at_once(folder / "one-key", together, 10, 4):
            break
    else:
        raise AssertionError(f"the calls were never made at once: {found}")


@pytest.mark.slow
def test_the_experiment_of_the_write_up_at_a_tenth_of_its_latency(tmp_path: Path) -> None:
    found = rows(llmdash(*SIMULATED, "--skip", "limited", cwd=tmp_path, env=environment(tmp_path)))
    for name in ("one-key", "all-keys"):
        assert found[name]["speed_up"] >= 20
        assert found[name]["wall_s"] <= 1.1 * found[name]["slowest_s"]


def test_each_way_uses_the_keys_and_the_rate_it_says(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator()
    ended = llmdash(
        "compare",
        "--json",
        "--limit",
        12,
        "--rate",
        "40/s",
        cwd=tmp_path,
        env=environment(tmp_path, endpoint),
    )
    found = rows(ended)
    assert (ended.code, list(found)) == (0, ["serial", "one-key", "all-keys", "limited"])
    assert [row["keys"] for row in found.values()] == [1, 1, 3, 3]
    assert [row["concurrency"] for row in found.values()] == [1, 12, 12, 12]
    assert [row["rate"] for row in found.values()] == [None, None, None, 40.0]
    assert [key["requests"] for key in endpoint.stats()["by_key"].values()] == [12 + 12 + 4 + 4, 8, 8]
    assert [row["accuracy"] for row in found.values()] == [1.0] * 4


def test_with_one_key_all_keys_is_not_paid_for_again(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator(keys=("only",)))
    ended = llmdash("compare", "--json", "--limit", 3, "--rate", "unlimited", cwd=tmp_path, env=env)
    assert list(rows(ended)) == ["serial", "one-key"]
    assert "compare 1/2 · serial, one key" in ended.err.splitlines()[0]


def test_models_are_compared_on_the_same_prompts_whatever_those_ask_for(
    simulator: Simulator, tmp_path: Path
) -> None:
    lines = [{"id": str(n), "prompt": f"What is {n} + 1?", "expected": str(n + 1)} for n in range(6)]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, lines)))
    env = environment(tmp_path, simulator())
    ended = llmdash(
        "compare", "p.jsonl", "--json", "--models", "small, org/large,small", cwd=tmp_path, env=env
    )
    found = rows(ended)
    assert (ended.code, ended.err.count("Traceback"), list(found)) == (0, 0, ["small", "org/large"])
    assert [row["model"] for row in found.values()] == ["small", "org/large"]
    assert [(row["done"], row["keys"], row["speed_up"]) for row in found.values()] == [(6, 3, None)] * 2


def test_the_table_is_plain_without_a_terminal_and_markdown_if_asked_for(tmp_path: Path) -> None:
    few = ("compare", "--simulate", "--latency", "0", "--limit", "4")
    plain = llmdash(*few, cwd=tmp_path, env=environment(tmp_path))
    lines = plain.out.splitlines()
    assert (plain.code, len(lines), lines[0].split()[:4]) == (0, 7, ["what", "keys", "wall", "time"])
    for number in range(1, 5):
        assert re.search(rf"compare {number}/4 .* 4/4 100", plain.err), "each is shown to its end"
    marked = llmdash(*few, "--markdown", cwd=tmp_path, env=environment(tmp_path))
    assert [line[:6] for line in marked.out.splitlines()[:3]] == ["| what", "| ----", "| seri"]


@pytest.mark.case("engine", "wrong model list")
def test_prompts_come_from_standard_input_and_the_answers_are_kept_like_any_run(tmp_path: Path) -> None:
    env = {**environment(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    ended = llmdash(
        "compare", "-", "--simulate", "--latency", "0", "--json", cwd=tmp_path, env=env, given="one\ntwo\n"
    )
    assert [row["done"] for row in rows(ended).values()] == [2, 2, 2, 2]
    kept = {Path(row["run_dir"]) for row in rows(ended).values()}
    assert {path.parent for path in tmp_path.rglob("journal.sqlite")} == kept
    assert {folder.parent for folder in kept} == {tmp_path / "data" / "llmdash" / "runs"}
    for folder in kept:
        assert str(folder) in ended.err
        assert llmdash("doctor", folder, cwd=tmp_path, env=env).code == 0
        with sqlite3.connect(folder / "journal.sqlite") as db:
            assert db.execute("SELECT COUNT(text) FROM results").fetchone() == (2,)
        db.close()


@pytest.mark.case("engine", "wrong model list")
def test_the_answers_of_a_model_that_does_not_exist_are_kept_as_failures(
    simulator: Simulator, tmp_path: Path
) -> None:
    env = {**environment(tmp_path, simulator()), "XDG_DATA_HOME": str(tmp_path / "data")}
    arguments = ("compare", "--json", "--limit", 3, "--models", "small, other")
    found = rows(llmdash(*arguments, cwd=tmp_path, env=env))
    for name in ("small", "other"):
        out = llmdash("doctor", found[name]["run_dir"], "--out", f"{name}.jsonl", cwd=tmp_path, env=env)
        assert out.code == 0
        assert len((tmp_path / f"{name}.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], ["no API key", "--simulate"]),
        (["none.txt", "--simulate"], ["none.txt"]),
        (["--simulate", "--json", "--markdown"], ["--json and --markdown"]),
        (["--simulate", "--greetings", "p.txt"], ["--greetings", "FILE"]),
        (["--simulate", "--greetings", "--models", "a"], ["--greetings", "--models"]),
        (["--simulate", "--models", " , "], ["--models", "a,b"]),
        (["--simulate", "--models", "a, a"], ["--models compares two models or more"]),
        (["--simulate", "--greetings", "--skip", "serial", "--skip", "one-key"], ["--skip"]),
    ],
)
def test_a_wrong_start_gets_one_line_and_code_2(
    tmp_path: Path, arguments: list[str], told: list[str]
) -> None:
    ended = llmdash("compare", *arguments, cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert [part for part in told if part not in ended.err] == []


def test_a_table_of_questions_is_read_and_scored_as_by_a_run(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "sums.csv").write_text("id,question,expected\na,1 + 1 =,2\nb,2 + 3 =,5\n")
    given = ("--prompt-column", "question", "--check", "number", "--models", "small,large", "--json")
    env = environment(tmp_path, simulator())
    ended = llmdash("compare", "sums.csv", *given, "--run-dir", "kept", cwd=tmp_path, env=env)
    assert ended.code == 0, ended.err
    assert {name: row["right"] for name, row in rows(ended).items()} == {"small": 2, "large": 2}
    assert "llmdash: prompt by prompt: llmdash runs compare kept/small kept/large\n" in ended.err
    both = llmdash("runs", "compare", "kept/small", "kept/large", cwd=tmp_path, env=env)
    assert "2 prompts in both" in both.out


async def test_failed_jobs_end_with_code_3(tmp_path: Path) -> None:
    refusal = framed(
        b'{"error": {"message": "no", "type": "invalid_request_error"}}', status=b"400 Bad Request"
    )
    async with raw_server(send(refusal)) as server:
        keys = {"OPENAI_API_KEY": "k-one", "OPENAI_BASE_URL": server.base_url}
        arguments = ("compare", "--json", "--limit", 2, "--skip", "limited")
        env = {**environment(tmp_path), **keys}
        ended = await asyncio.to_thread(llmdash, *arguments, cwd=tmp_path, env=env)
    assert (ended.code, [row["failed"] for row in rows(ended).values()]) == (3, [2, 2])


def test_with_every_key_dead_no_further_way_is_tried_and_the_code_is_5(
    simulator: Simulator, tmp_path: Path
) -> None:
    endpoint = simulator()
    env = environment(tmp_path, endpoint)
    for key in endpoint.keys:
        endpoint.control(key, refuse=True)
    ended = llmdash("compare", "--json", "--limit", 3, cwd=tmp_path, env=env)
    found = rows(ended)
    assert (ended.code, list(found), found["serial"]["whole"]) == (5, ["serial"], False)


def test_an_interrupt_ends_the_comparison_and_prints_what_there_is(tmp_path: Path) -> None:
    arguments = (*SIMULATED, "--limit", "40", "--run-dir", "kept", "--skip", "one-key")
    with start(*arguments, cwd=tmp_path, env=environment(tmp_path)) as process:
        assert process.stderr is not None
        while not re.search(r"[1-9] saved", process.stderr.readline()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=LONGEST_S)
    ended = Ended(process.returncode, out, err)
    found = rows(ended)
    assert (ended.code, list(found), found["serial"]["whole"]) == (130, ["serial"], False)
    assert found["serial"]["speed_up"] is None
    assert "Traceback" not in err


def test_the_dashboard_shows_each_way_in_turn_and_the_table_comes_after_it(tmp_path: Path) -> None:
    """No way is answered before it is on screen."""
    asked, shown = itertools.count(), [0]

    def answer(_: Body) -> str:
        way = next(asked) // 12 + 1
        wait_for(lambda: shown[0] >= way, "its way to be shown")
        return "OK"

    with ExitStack() as stack:
        server = stack.enter_context(Recorder(answer))
        env = environment(tmp_path, OPENAI_API_KEY="k-one,k-two", OPENAI_BASE_URL=f"{server.root}/v1")
        terminal = stack.enter_context(Terminal("compare", "--limit", "12", cwd=tmp_path, env=env))
        for place in range(1, 5):
            terminal.wait_for(f"compare {place}/4")
            shown[0] = place
        terminal.wait_for("12 / 12")
        terminal.wait_for("done")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.is_clean
        after = terminal.raw[terminal.raw.rfind(b"\x1b[?1049l") :].decode()
    assert "wall time" in after
    assert "times as fast as serial, one key" in " ".join(after.split())


def test_who_leaves_the_dashboard_early_gets_the_rows_there_are(tmp_path: Path) -> None:
    arguments = ("compare", "--simulate", "--latency", "0.5", "--limit", "40")
    with Terminal(*arguments, cwd=tmp_path, env=environment(tmp_path)) as terminal:
        terminal.wait_for("compare 1/4")
        terminal.wait_for(lambda screen: done(screen) > 0)
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.is_clean
        after = terminal.raw[terminal.raw.rfind(b"\x1b[?1049l") :].decode()
    assert "not whole" in after
    assert "concurrent" not in after
