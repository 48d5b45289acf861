"""`llmdash ask` and `llmdash stream` from outside: what arrives is written as it arrives."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import Ended, environment, llmdash, start
from tests.cli.terminal import Terminal
from tests.llms.raw_server import chunked, raw_server, refusing, send, send_and_stall
from tests.simulated import Simulated
from tests.waiting import LONGEST_S

Simulator = Callable[..., Simulated]
HOSTILE = "a\x1b[2Jb\x1b]52;c;cm0=\x07c\u202ed"
CANARY = "sk-canary-4f7b2c9d8e1a6053"


def of(text: str, *, finish: str | None = None) -> bytes:
    """A chunk of a streamed answer."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode()


def at(port: int) -> dict[str, str]:
    return {"OPENAI_API_KEY": CANARY, "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}


def test_chunks_come_with_a_mark_after_each_and_join_to_the_answer(
    simulator: Simulator, tmp_path: Path
) -> None:
    endpoint = simulator()
    env = environment(tmp_path, endpoint)
    streamed = llmdash("stream", "What is 17 x 3 + 5?", cwd=tmp_path, env=env)
    asked = llmdash("ask", "What is 17 x 3 + 5?", cwd=tmp_path, env=env)
    assert (streamed.code, streamed.err, asked.code, asked.err) == (0, "", 0, "")
    assert asked.out == "17 x 3 + 5 = 56.\n"
    assert streamed.out.replace("|", "") == asked.out
    assert streamed.out.count("|") > 3
    assert streamed.out.endswith("|\n")
    assert endpoint.stats()["by_key"]["sim-b"]["requests"] == 0


def test_the_mark_is_chosen_and_an_answer_fetched_whole_is_one_chunk(
    simulator: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path, simulator())
    whole = llmdash("stream", "What is 2 + 2?", "--no-stream", "--separator", " <> ", cwd=tmp_path, env=env)
    assert (whole.code, whole.out) == (0, "2 + 2 = 4. <> \n")


def test_the_prompt_comes_from_standard_input(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator())
    assert llmdash("ask", "-", cwd=tmp_path, env=env, given="What is 3 x 4?\n").out == "3 x 4 = 12.\n"


def test_options_reach_the_server(simulator: Simulator, tmp_path: Path) -> None:
    env = environment(tmp_path, simulator())
    cut = llmdash("stream", "Tell me a story", "--max-tokens", 3, cwd=tmp_path, env=env)
    assert cut.out.count("|") == 3


TOOLS = json.dumps([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}])


@pytest.mark.parametrize("command", ["ask", "stream"])
@pytest.mark.parametrize("how", ["--stream", "--no-stream"])
def test_an_answer_that_calls_tools_is_written_as_its_message(
    simulator: Simulator, tmp_path: Path, command: str, how: str
) -> None:
    env = environment(tmp_path, simulator())
    given = ("--set", f"tools={TOOLS}", "--set", "tool_choice=required", how)
    ended = llmdash(command, "Look it up", *given, cwd=tmp_path, env=env)
    (line,) = ended.out.splitlines()
    assert json.loads(line)["tool_calls"][0]["function"]["name"] == "look"


@pytest.mark.parametrize("command", ["ask", "stream"])
def test_what_is_odd_about_an_answer_is_said_beside_it(
    simulator: Simulator, tmp_path: Path, command: str
) -> None:
    env = environment(tmp_path, simulator())
    cut = llmdash(command, "Tell me a story", "--max-tokens", 3, cwd=tmp_path, env=env)
    assert (cut.code, cut.err) == (0, "llmdash: flags of the answer: length\n")


def test_one_of_several_endpoints_is_asked(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator()
    tables = "".join(
        f'[[endpoint]]\nname = "{name}"\ndialect = "{name}"\nbase_url = "{endpoint.base_url}"\n'
        'model = "m"\napi_key_env = "SIM_KEY"\n'
        for name in ("openai-chat", "anthropic")
    )
    (tmp_path / "e.toml").write_text(tables)
    env = environment(tmp_path, SIM_KEY=endpoint.keys[0])
    given = ("--config", "e.toml", "--endpoint", "anthropic", "--model", "claude")
    ended = llmdash("stream", "hi", *given, "--events", "--first", 1, cwd=tmp_path, env=env)
    assert json.loads(ended.out.splitlines()[0])["metadata"]["ls_provider"] == "anthropic"


def test_the_simulator_answers_without_a_key(tmp_path: Path) -> None:
    ended = llmdash("ask", "What is 2 + 3?", "--simulate", cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.err) == (0, "")
    assert "2 + 3" in ended.out


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_events_are_json_lines_from_start_to_end(simulator: Simulator, tmp_path: Path, version: str) -> None:
    env = environment(tmp_path, simulator())
    ended = llmdash("stream", "What is 2 + 2?", "--events", "--version", version, cwd=tmp_path, env=env)
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, events[0]["event"], events[-1]["event"]) == (
        0,
        "on_chat_model_start",
        "on_chat_model_end",
    )
    chunks = [event["data"]["chunk"]["content"] for event in events[1:-1]]
    assert "".join(chunks) == events[-1]["data"]["output"]["content"] == "2 + 2 = 4."
    assert {"event", "name", "run_id", "tags", "metadata", "data"} <= events[0].keys()
    assert len({event["run_id"] for event in events}) == 1


def test_only_the_first_events_are_shown_and_that_there_are_more(
    simulator: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path, simulator())
    ended = llmdash("stream", "Tell me a story", "--events", "--first", 4, cwd=tmp_path, env=env)
    lines = ended.out.splitlines()
    assert [json.loads(line)["event"] for line in lines[:4]] == [
        "on_chat_model_start",
        *["on_chat_model_stream"] * 3,
    ]
    assert (ended.code, lines[4:]) == (0, ["...Truncated"])
    chunks = llmdash("stream", "Tell me a story", "--first", 2, cwd=tmp_path, env=env)
    assert [line.count("|") for line in chunks.out.splitlines()] == [2, 0]
    assert chunks.out.endswith("|\n...Truncated\n")


def test_an_answer_with_no_more_than_the_first_is_not_called_truncated(
    simulator: Simulator, tmp_path: Path
) -> None:
    env = environment(tmp_path, simulator())
    assert "Truncated" not in llmdash("stream", "hi", "--first", 9999, cwd=tmp_path, env=env).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ask", "hi"], ["no API key", ".env", "--simulate"]),
        (["ask", " ", "--simulate"], ["prompt is empty"]),
        (["stream", "hi", "--simulate", "--temperature", "9"], ["--temperature"]),
        (["stream", "hi", "--simulate", "--base-url", "ftp://x"], ["--base-url"]),
    ],
)
def test_a_wrong_start_gets_one_line_and_code_2(
    tmp_path: Path, arguments: list[str], told: list[str]
) -> None:
    ended = llmdash(*arguments, cwd=tmp_path, env=environment(tmp_path))
    assert (ended.code, ended.out, ended.err.count("\n")) == (2, "", 1)
    assert [part for part in told if part not in ended.err] == []


def test_a_refused_key_ends_with_code_5_and_is_not_repeated(simulator: Simulator, tmp_path: Path) -> None:
    endpoint = simulator(keys=(CANARY,))
    endpoint.control(CANARY, refuse=True)
    ended = llmdash("ask", "hi", cwd=tmp_path, env=environment(tmp_path, endpoint))
    assert (ended.code, ended.out, ended.err.count("\n")) == (5, "", 1)
    assert "401" in ended.err
    assert CANARY not in ended.err


def test_an_endpoint_that_cannot_be_reached_ends_with_code_3(tmp_path: Path) -> None:
    with refusing() as port:
        ended = llmdash("ask", "hi", cwd=tmp_path, env={**environment(tmp_path), **at(port)})
    assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1)


async def test_what_came_of_a_broken_answer_stays_and_the_error_has_a_line_of_its_own(tmp_path: Path) -> None:
    """Nothing says that this answer is whole: its stream just ends."""
    async with raw_server(send(chunked(of("half an "), of("answer")))) as server:
        env = {**environment(tmp_path), **at(server.port)}
        ended = await asyncio.to_thread(llmdash, "stream", "hi", cwd=tmp_path, env=env)
    assert (ended.code, ended.out) == (3, "half an |answer|\n")
    assert ended.err.count("\n") == 1


async def test_text_goes_to_a_file_exactly_as_it_came(tmp_path: Path) -> None:
    async with raw_server(send(chunked(of(HOSTILE), of("\n", finish="stop"), b"data: [DONE]\n\n"))) as server:
        env = {**environment(tmp_path), **at(server.port), "PYTHONUTF8": "1"}
        ended = await asyncio.to_thread(llmdash, "ask", "hi", cwd=tmp_path, env=env)
    assert (ended.code, ended.out) == (0, HOSTILE + "\n")


@pytest.mark.parametrize("more", [[], ["--events"]])
async def test_on_a_terminal_control_characters_are_made_visible(tmp_path: Path, more: list[str]) -> None:
    answer = chunked(of(HOSTILE), of("", finish="stop"), b"data: [DONE]\n\n")

    def shown(env: dict[str, str]) -> tuple[int, bytes]:
        with Terminal("stream", "hi", *more, cwd=tmp_path, env=env) as terminal:
            return terminal.wait(), bytes(terminal.raw)

    async with raw_server(send(answer)) as server:
        env = {**environment(tmp_path), **at(server.port)}
        code, raw = await asyncio.to_thread(shown, env)
    assert code == 0
    assert b"\x1b" not in raw
    assert b"\x07" not in raw
    assert more or "a␛[2Jb".encode() in raw


async def test_an_interrupt_keeps_what_came_and_ends_with_code_130(tmp_path: Path) -> None:
    def interrupted(env: dict[str, str]) -> Ended:
        with start("ask", "hi", cwd=tmp_path, env=env) as process:
            assert process.stdout is not None
            seen = process.stdout.read(5)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=LONGEST_S)
        return Ended(process.returncode, seen + out, err)

    async with raw_server(send_and_stall(chunked(of("first"), end=False))) as server:
        env = {**environment(tmp_path), **at(server.port)}
        ended = await asyncio.to_thread(interrupted, env)
    assert (ended.code, ended.out, ended.err) == (130, "first\n", "")


async def test_a_reader_that_has_gone_ends_the_call(tmp_path: Path) -> None:
    """An answer nobody reads is not paid for to its end: here it never ends."""

    async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(chunked(of("first"), end=False))
        while not writer.is_closing():
            piece = of(" word")
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(0.001)

    def leave(env: dict[str, str]) -> tuple[int, str]:
        with start("ask", "hi", cwd=tmp_path, env=env) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(5)
            process.stdout.close()
            return process.wait(30), process.stderr.read()

    async with raw_server(endless) as server:
        env = {**environment(tmp_path), **at(server.port)}
        assert await asyncio.to_thread(leave, env) == (0, "")
