"""Answers that are lost on their way: the work is done, and the connection is cut."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import pytest
from openai import OpenAI

from tests.simulated import Simulated
from tests.simulator.batches.asking import CHAT, form_of, lines_of, prompts
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def running() -> Iterator[Simulated]:
    each = Simulated(batch_speed=36_000.0)
    yield each
    each.close()


@pytest.fixture
def client(running: Simulated) -> Iterator[OpenAI]:
    running.order_batches(reset=True)
    with OpenAI(base_url=running.base_url, api_key=running.keys[0], max_retries=0) as each:
        yield each
    running.order_batches(reset=True)


def uploaded(client: OpenAI, count: int = 1) -> str:
    return client.files.create(file=("in.jsonl", lines_of(prompts(count))), purpose="batch").id


def created(client: OpenAI, file: str) -> str:
    return client.batches.create(input_file_id=file, endpoint=CHAT, completion_window="24h").id


def lost(call: Callable[[], object]) -> None:
    with pytest.raises(openai.APIConnectionError):
        call()


def test_an_upload_and_a_create_are_done_though_their_answers_are_lost(
    client: OpenAI, running: Simulated
) -> None:
    running.order_batches(lost={"upload": 1, "create": 1})
    files, batches = len(running.batches()["files"]), len(running.batches()["batches"])
    lost(lambda: uploaded(client))
    assert len(running.batches()["files"]) == files + 1
    file = uploaded(client)
    lost(lambda: created(client, file))
    assert len(running.batches()["batches"]) == batches + 1
    assert next(iter(client.batches.list())).input_file_id == file


def test_an_sdk_that_repeats_a_create_makes_two_batches(client: OpenAI, running: Simulated) -> None:
    file = uploaded(client)
    running.order_batches(lost={"create": 1})
    created(client.with_options(max_retries=2), file)
    assert [batch.input_file_id for batch in client.batches.list(limit=2).data] == [file, file]


def test_looks_and_cancels_are_lost(client: OpenAI, running: Simulated) -> None:
    running.order_batches(stuck=True, lost={"look": 1, "list": 1, "cancel": 1, "delete": 1})
    file = uploaded(client)
    batch = created(client, file)
    lost(lambda: client.batches.retrieve(batch))
    lost(lambda: client.batches.list())
    lost(lambda: client.batches.cancel(batch))
    assert client.batches.retrieve(batch).status in ("cancelling", "cancelled")
    lost(lambda: client.files.delete(file))
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file)


def test_a_call_that_is_not_heard_does_nothing(client: OpenAI, running: Simulated) -> None:
    file = uploaded(client)
    batches = len(running.batches()["batches"])
    running.order_batches(unheard={"create": 1})
    lost(lambda: created(client, file))
    assert len(running.batches()["batches"]) == batches
    created(client, file)
    assert len(running.batches()["batches"]) == batches + 1


def test_an_answer_that_comes_late_is_of_what_is_done_already(client: OpenAI, running: Simulated) -> None:
    file = uploaded(client)
    batches = len(running.batches()["batches"])
    running.order_batches(late_s={"create": 600})
    with pytest.raises(openai.APITimeoutError):
        created(client.with_options(timeout=0.3), file)
    assert len(running.batches()["batches"]) == batches + 1


def test_a_download_is_cut_at_a_byte_and_whole_the_next_time(client: OpenAI, running: Simulated) -> None:
    batch = created(client, uploaded(client, 50))
    wait_for(lambda: client.batches.retrieve(batch).output_file_id)
    path = f"/v1/files/{client.batches.retrieve(batch).output_file_id}/content"
    whole = running.fetch(path, key=running.keys[0]).body
    running.order_batches(cuts=[1_000, 0], lost={"download": 0})
    with pytest.raises(http.client.IncompleteRead) as caught:
        running.fetch(path, key=running.keys[0])
    assert caught.value.partial == whole[:1_000]
    with pytest.raises(http.client.IncompleteRead) as caught:
        running.fetch(path, key=running.keys[0])
    assert caught.value.partial == b""
    assert running.fetch(path, key=running.keys[0]).body == whole


def test_the_process_says_nothing_of_what_it_cut(running: Simulated) -> None:
    assert running.complaints() == ""


def test_a_large_upload_is_not_held_in_memory(running: Simulated) -> None:
    def pieces() -> Iterator[bytes]:
        head, tail = form_of(b"", purpose="batch")[0].split(b"\r\n\r\n\r\n--b0und--")
        yield head + b"\r\n\r\n"
        for _ in range(800):
            yield b"x" * 65_535 + b"\n"
        yield b"\r\n--b0und--" + tail

    def peak_kb() -> int:
        status = Path(f"/proc/{running.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0])

    before = peak_kb()
    connection = http.client.HTTPConnection(running.root.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {running.keys[0]}", "Content-Type": form_of(b"")[1]}
    connection.request("POST", "/v1/files", pieces(), headers, encode_chunked=True)
    with connection.getresponse() as answer:
        assert json.loads(answer.read())["bytes"] == 800 * 65_536
    connection.close()
    assert peak_kb() - before < 10_000
