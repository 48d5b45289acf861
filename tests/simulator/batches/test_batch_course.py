"""How a batch goes on, on a clock that the test holds: it validates, executes, ends, and is cancelled."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulator.batches.asking import SPEED, BatchServices, lines_of, prompts

EXECUTED = {"live": 0, "batch": 1}


async def test_a_batch_validates_runs_finalizes_and_is_completed() -> None:
    services = BatchServices()
    batch = await services.batch(20)
    seen = [await services.at(seconds, batch) for seconds in (9, 11, 310, 610, 621)]
    assert [each["status"] for each in seen] == [
        "validating",
        "in_progress",
        "in_progress",
        "finalizing",
        "completed",
    ]
    assert [each["request_counts"]["completed"] for each in seen] == [0, 0, 10, 20, 20]
    assert [each["output_file_id"] is None for each in seen] == [True, True, True, True, False]
    assert seen[-1]["usage"]["output_tokens"] > 20
    assert seen[-1]["in_progress_at"] <= seen[-1]["finalizing_at"] <= seen[-1]["completed_at"]


async def test_the_counts_of_messages_change_at_the_end_only() -> None:
    services = BatchServices()
    batch = await services.messages(20)
    none = {"succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    halfway = await services.at(310, batch)
    assert halfway["request_counts"] == {"processing": 20, **none}
    assert (await services.executions())["batch"] == 10
    assert (halfway["ended_at"], halfway["results_url"]) == (None, None)
    end = await services.end(batch)
    assert end["request_counts"] == {"processing": 0, **none, "succeeded": 20}
    assert end["results_url"] == f"http://simulator/v1/messages/batches/{batch}/results"


async def test_what_is_not_done_in_the_window_expires() -> None:
    services = BatchServices()
    services.order(slow=288.0)  # 48 h
    openai, messages = await services.batch(20), await services.messages(20)
    end = await services.end(openai)
    assert (end["status"], end["request_counts"]["completed"]) == ("expired", 9)
    assert len(await services.lines(end["output_file_id"])) == 9
    rest = await services.lines(end["error_file_id"])
    assert [line["error"]["code"] for line in rest] == ["batch_expired"] * 11
    assert {line["response"] for line in rest} == {None}
    counts = (await services.end(messages))["request_counts"]
    assert (counts["succeeded"], counts["expired"]) == (9, 11)
    assert [line["result"]["type"] for line in await services.results(messages)][-11:] == ["expired"] * 11


async def test_a_batch_expires_at_the_share_that_is_ordered() -> None:
    services = BatchServices()
    services.order(expired=0.37)
    end = await services.end(await services.batch(100))
    assert (end["status"], end["request_counts"]) == ("expired", {"total": 100, "completed": 37, "failed": 0})
    assert (await services.executions())["batch"] == 37


async def test_a_cancelled_batch_keeps_what_was_done_and_executes_nothing_more() -> None:
    services = BatchServices()
    openai, messages = await services.batch(20), await services.messages(20)
    await services.at(310, openai)
    assert (await services.cancel(openai))["status"] == "cancelling"
    assert (await services.cancel(messages))["processing_status"] == "canceling"
    assert (await services.at(340, openai))["status"] == "cancelling"
    end = await services.end(openai)
    assert (end["status"], len(await services.lines(end["output_file_id"]))) == ("cancelled", 10)
    assert end["error_file_id"] is None
    counts = (await services.end(messages))["request_counts"]
    assert (counts["succeeded"], counts["canceled"]) == (10, 10)
    assert (await services.executions())["batch"] == 20


@pytest.mark.parametrize("kind", ["batch", "messages"])
async def test_a_cancel_in_vain_changes_nothing(kind: str) -> None:
    services = BatchServices()
    services.order(vain=True)
    batch = await (services.batch(20) if kind == "batch" else services.messages(20))
    await services.at(310, batch)
    await services.cancel(batch)
    end = await services.end(batch)
    assert end.get("status", "ended") in ("completed", "ended")
    assert (await services.executions())["batch"] == 20


async def test_a_stuck_batch_goes_on_when_it_may() -> None:
    services = BatchServices()
    batch = await services.batch(20)
    services.app.batches.order({"stuck": True}, batch)
    other = await services.batch(20)
    seen = await services.at(1_000, batch)
    assert (seen["status"], seen["request_counts"]["completed"]) == ("in_progress", 0)
    assert (await services.at(1_100, other))["status"] == "completed"
    services.app.batches.order({"stuck": False}, batch)
    assert (await services.end(batch))["status"] == "completed"


async def test_times_are_those_at_which_it_really_happens() -> None:
    """A window of 24 h is one of 24 s at this speed, so that every clock agrees."""
    services = BatchServices()
    made = (await services.create(lines_of(prompts(1)), completion_window="24h")).json
    assert made["expires_at"] - made["created_at"] == 24
    longer = (await services.create(lines_of(prompts(1)), completion_window="7d")).json
    assert longer["expires_at"] - longer["created_at"] == 7 * 24


async def test_a_prompt_is_counted_live_and_in_batches() -> None:
    services = BatchServices()
    await services.end(await services.batch(3))
    await services.ask("chat", prompts(3)[1], key=services.keys[0])
    await services.end(await services.messages(2))
    found = await services.executions()
    assert (found["live"], found["batch"], found["distinct"]) == (1, 5, 3)
    assert found["twice"] == {prompts(3)[0]: {"live": 0, "batch": 2}, prompts(3)[1]: {"live": 1, "batch": 2}}
    assert found["prompts"][prompts(3)[2]] == EXECUTED


async def test_what_is_refused_live_is_refused_in_a_batch_and_not_executed() -> None:
    services = BatchServices(strict=True)
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "strange": 1}
    end = await services.end((await services.create(lines_of(["Hi"], body=body))).json["id"])
    assert (end["output_file_id"], end["request_counts"]["failed"]) == (None, 1)
    line = (await services.lines(end["error_file_id"]))[0]
    assert (line["response"]["status_code"], line["error"]) == (400, None)
    assert "strange" in line["response"]["body"]["error"]["message"]
    assert (await services.executions())["batch"] == 0


async def test_limits_of_a_key_are_for_its_live_calls_only() -> None:
    services = BatchServices(rpm=1)
    end = await services.end(await services.batch(20))
    assert end["request_counts"]["completed"] == 20
    assert (await services.ask("chat", key=services.keys[0])).status == 200


async def test_a_call_waits_for_a_slice_of_a_large_batch_and_the_rest_follows() -> None:
    """Else live calls would wait for as long as 50,000 requests take."""
    services = BatchServices()
    batch = await services.batch(2_000)
    seen = await services.at(700, batch)
    assert seen["request_counts"]["completed"] < 1_000
    assert seen["status"] in ("validating", "in_progress")
    executed = 0
    while executed < 2_000:
        await asyncio.sleep(0.01)
        executed = (await services.executions())["batch"]
    services.now += 20 / SPEED
    assert (await services.end(batch))["request_counts"]["completed"] == 2_000
