"""What goes wrong with batches on order: results, validation, queues, and what is seen when."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest

from llmdash.simulator.batches.orders import BatchOrders, CallKind
from tests.simulator.batches.asking import BatchServices, lines_of, prompts

ROOT = Path(__file__).parents[3]
FILES = "/v1/files"


async def ended(kind: str, count: int, **orders: Any) -> tuple[BatchServices, Any]:
    """A batch at its end, under orders, with the services that hold it."""
    services = BatchServices()
    services.order(**orders)
    batch = await (services.batch(count) if kind == "batch" else services.messages(count))
    return services, await services.end(batch)


async def raw_results(services: BatchServices, batch: Any) -> list[bytes]:
    """The lines of a batch's results."""
    path = (
        f"{FILES}/{batch['output_file_id']}/content"
        if batch["id"].startswith("batch_")
        else f"/v1/messages/batches/{batch['id']}/results"
    )
    return (await services.call("GET", path)).body.splitlines()


@pytest.mark.parametrize("kind", ["batch", "messages"])
async def test_lines_are_dropped_doubled_garbled_foreign_and_shuffled(kind: str) -> None:
    services, batch = await ended(kind, 20, dropped=2, doubled=3, garbled=1, foreign=4, shuffled=True)
    names = Counter[str]()
    broken = 0
    for line in await raw_results(services, batch):
        try:
            names[json.loads(line)["custom_id"]] += 1
        except ValueError:
            broken += 1
    ours = {name: count for name, count in names.items() if name.startswith("r")}
    assert (broken, len(names) - len(ours)) == (1, 4)
    assert Counter(ours.values()) == {1: 14, 2: 3}
    assert list(ours) != sorted(ours, key=lambda name: int(name[1:]))


@pytest.mark.parametrize("kind", ["batch", "messages"])
async def test_answers_are_padded_to_a_large_file(kind: str) -> None:
    services, batch = await ended(kind, 3, padding=10_000)
    lines = await raw_results(services, batch)
    assert [len(line) > 10_000 and json.loads(line)["custom_id"] for line in lines] == ["r0", "r1", "r2"]


async def test_a_share_of_the_requests_fails() -> None:
    services, batch = await ended("batch", 20, partial=0.9, partial_status=503)
    assert batch["request_counts"] == {"total": 20, "completed": 18, "failed": 2}
    codes = [line["response"]["status_code"] for line in await services.lines(batch["error_file_id"])]
    assert codes == [503, 503]
    services, batch = await ended("messages", 20, partial=0.9)
    errored = [json.loads(line)["result"] for line in await raw_results(services, batch)]
    assert Counter(each["type"] for each in errored) == {"succeeded": 18, "errored": 2}


async def test_the_credit_is_gone_within_a_batch() -> None:
    services, batch = await ended("batch", 10, credit=0.5)
    lines = await services.lines(batch["error_file_id"])
    assert {line["response"]["body"]["error"]["code"] for line in lines} == {"insufficient_quota"}
    assert (len(lines), (await services.executions())["batch"]) == (5, 5)
    services, batch = await ended("messages", 10, credit=0.5)
    last = json.loads((await raw_results(services, batch))[-1])["result"]
    assert (last["type"], last["error"]["error"]["type"]) == ("errored", "invalid_request_error")
    assert "credit balance is too low" in last["error"]["error"]["message"]


@pytest.mark.parametrize("kind", ["batch", "messages"])
async def test_results_that_are_gone_are_not_found(kind: str) -> None:
    services, batch = await ended(kind, 2, gone=True)
    path = (
        f"{FILES}/{batch['output_file_id']}/content"
        if kind == "batch"
        else f"/v1/messages/batches/{batch['id']}/results"
    )
    assert (await services.call("GET", path)).status == 404


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (lines_of(["a"]) * 2, "duplicate_custom_id"),
        (lines_of(["a"], url="/v1/completions"), "mismatched_endpoint"),
        (lines_of(["a"], method="GET"), "mismatched_endpoint"),
        (b"{not json\n", "invalid_json_line"),
        (b'{"custom_id": "a"}\n', "invalid_request"),
        (b"\n", "empty_file"),
        (lines_of(["a", "b"]).replace(b'"m"', b'"n"', 1), "mismatched_model"),
        (lines_of(["a"], body={"model": "m", "stream": True}), "invalid_request"),
        (lines_of(["a"], body={"model": "live-only"}), "model_not_found"),
        (lines_of(["a", "b", "c", "d"]), "too_many_requests"),
        (lines_of(["a" * 2_000]), "file_too_large"),
    ],
)
async def test_a_file_that_is_not_valid_fails_its_batch(content: bytes, code: str) -> None:
    services = BatchServices()
    services.order(unbatchable=["live-only"], most_requests=3, most_bytes=1_000)
    made = await services.create(content)
    assert (made.status, made.json["status"]) == (200, "validating")
    end = await services.end(made.json["id"])
    assert (end["status"], end["errors"]["data"][0]["code"]) == ("failed", code)
    assert end["failed_at"] is not None


async def test_the_largest_batch_is_that_of_the_provider() -> None:
    services = BatchServices()
    end = await services.end((await services.create(lines_of([""] * 50_001))).json["id"])
    assert end["errors"]["data"][0]["code"] == "too_many_requests"


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([{"custom_id": "a", "params": {}}] * 2, "must be unique"),
        ([{"custom_id": "a.b", "params": {}}], "should match pattern"),
        ([{"custom_id": "a" * 65, "params": {}}], "should match pattern"),
        ([], "must be from 1 to 3"),
        ([{"custom_id": str(place), "params": {}} for place in range(4)], "must be from 1 to 3"),
        ([{"custom_id": "a"}], "params"),
        ([{"custom_id": "a", "params": {"model": "live-only"}}], "not supported"),
    ],
)
async def test_messages_that_are_not_valid_are_refused_at_once(requests: list[Any], words: str) -> None:
    services = BatchServices()
    services.order(unbatchable=["live-only"], most_requests=3)
    reply = await services.call("POST", "/v1/messages/batches", {"requests": requests})
    assert (reply.status, words.lower() in reply.json["error"]["message"].lower()) == (400, True), reply
    assert (await services.call("POST", "/v1/messages/batches", b"{")).status == 400
    assert (await services.call("POST", "/v1/messages/batches", b"")).status == 400
    services.order(most_bytes=10)
    assert (await services.call("POST", "/v1/messages/batches", {"requests": requests})).status == 413


async def test_parameters_of_messages_are_judged_at_the_end() -> None:
    services = BatchServices()
    bad = [{"custom_id": "a", "params": {"model": "m"}}, {"custom_id": "b", "params": 3}]
    batch = (await services.call("POST", "/v1/messages/batches", {"requests": bad})).json["id"]
    assert (await services.end(batch))["request_counts"]["errored"] == 2
    results = await services.results(batch)
    assert {line["result"]["error"]["error"]["type"] for line in results} == {"invalid_request_error"}


async def test_a_full_queue_shows_seconds_later_and_is_free_again_at_the_end() -> None:
    services = BatchServices()
    size = len(lines_of(prompts(10))) // 4
    services.order(queue_tokens=size + 20)
    first, second = await services.batch(10), await services.batch(10)
    assert (await services.at(11, first))["status"] == "in_progress"
    refused = await services.look(second)
    assert (refused["status"], refused["errors"]["data"][0]["code"]) == ("failed", "token_limit_exceeded")
    assert f"Limit: {size + 20:,} enqueued tokens" in refused["errors"]["data"][0]["message"]
    await services.end(first)
    assert (await services.end(await services.batch(10)))["status"] == "completed"


async def test_creates_are_refused_for_a_time() -> None:
    services = BatchServices()
    services.order(queue_full=1, throttled=1)
    assert (await services.create(lines_of(["a"]))).status == 429
    end = await services.end(await services.batch(1))
    assert end["errors"]["data"][0]["code"] == "token_limit_exceeded"
    assert (await services.end(await services.batch(1)))["status"] == "completed"
    services.order(queue_tokens=10)
    with pytest.raises(KeyError):
        await services.messages(3)  # 429, and so no id


async def test_new_batches_and_files_are_seen_late() -> None:
    services = BatchServices()
    services.order(lag_s=0.3, unseen_s=0.2)
    batch, message_batch = await services.batch(1), await services.messages(1)
    seen = []
    for now in (0.0, 0.25, 0.31):
        services.now = now
        lists = [await services.call("GET", path) for path in ("/v1/files", "/v1/batches")]
        lists.append(await services.call("GET", "/v1/messages/batches"))
        looks = [
            await services.call("GET", f"/v1/batches/{batch}"),
            await services.call("GET", f"/v1/messages/batches/{message_batch}"),
        ]
        seen.append(([len(each.json["data"]) for each in lists], [each.status for each in looks]))
    # the file of the results is not listed yet
    assert seen == [([0, 0, 0], [404, 404]), ([0, 0, 0], [200, 200]), ([1, 1, 1], [200, 200])]


async def test_calls_fail_and_services_are_absent() -> None:
    services = BatchServices()
    services.order(failing={"list": 503})
    assert (await services.call("GET", "/v1/batches")).status == 503
    assert (await services.upload(lines_of(["a"]))).status == 200
    services.order(failing={}, absent=True)
    assert (await services.call("GET", "/v1/batches")).status == 404
    services.app.batches.reset()
    assert (await services.call("GET", "/v1/batches")).status == 200


async def test_orders_for_the_next_batch_are_those_of_no_other() -> None:
    services = BatchServices()
    services.app.batches.order({"expired": 0.5}, "next")
    first, second = await services.batch(10), await services.batch(10)
    assert (await services.end(first))["status"] == "expired"
    assert (await services.end(second))["status"] == "completed"


def test_every_order_and_every_kind_of_call_is_in_the_manual() -> None:
    page = (ROOT / "llmdash/manual/pages/simulator.md").read_text(encoding="utf-8")
    names = [*BatchOrders.__struct_fields__, *get_args(CallKind)]
    assert [name for name in names if f"`{name}" not in page] == []


@pytest.mark.parametrize("orders", [{"strange": 1}, {"expired": 2}, {"lost": {"strange": 1}}, {"slow": 0}])
async def test_orders_that_make_no_sense_are_refused(orders: dict[str, Any]) -> None:
    services = BatchServices()
    usual = (await services.report("/__sim__/batches"))["orders"]
    reply = await services.send("POST", "/__sim__/batches", orders)
    assert (reply.status, reply.json["error"]["message"][:13]) == (400, "batch orders:")
    assert (await services.report("/__sim__/batches"))["orders"] == usual


async def test_the_side_door_counts_calls_and_shows_what_is_held() -> None:
    services = BatchServices()
    await services.send("POST", "/__sim__/batches", {"stuck": True, "batch": "next"})
    batch = await services.batch(3)
    await services.cancel(batch)
    await services.look(batch)
    await services.call("GET", "/v1/batches")
    found = await services.report("/__sim__/batches")
    assert found["calls"] == {"upload": 1, "create": 1, "cancel": 1, "look": 1, "list": 1}
    assert [(each["id"], each["status"], each["executed"]) for each in found["batches"]] == [
        (batch, "cancelling", 0)
    ]
    assert [file["purpose"] for file in found["files"]] == ["batch"]
    calls = (await services.report("/__sim__/batches", "calls=1"))["log"]
    assert [(call["kind"], call["id"], call["key"], call["status"]) for call in calls[1:4]] == [
        ("create", batch, 0, 200),
        ("cancel", batch, 0, 200),
        ("look", batch, 0, 200),
    ]
    forgotten = (await services.send("DELETE", "/__sim__/batches")).json
    assert (forgotten["calls"], forgotten["batches"], forgotten["files"]) == ({}, [], [])


async def test_a_file_that_there_is_not_may_have_an_empty_id() -> None:
    _services, batch = await ended("batch", 2, blank=True)
    assert (batch["output_file_id"] != "", batch["error_file_id"]) == (True, "")
