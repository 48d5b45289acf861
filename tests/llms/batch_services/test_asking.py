"""How batch services are asked: what is left out, what is refused, how far a list is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda

from llmdash.llms.base import LLM
from llmdash.llms.batches import BatchStatus
from llmdash.llms.langchain import LangChainLLM
from llmdash.llms.messages import Body
from llmdash.llms.openai import ChatOpenAI
from llmdash.llms.promptlayer import PromptLayerChatOpenAI
from llmdash.llms.transport.http import HttpClient
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.secrets import Secret
from tests.llms.batch_services.services import (
    AT,
    DATE,
    KINDS,
    anthropic_batch,
    draft,
    model,
    openai_batch,
    service,
    written_file,
)
from tests.llms.canned import KEY, Canned, answer, document
from tests.llms.raw_server import framed, raw_server, send

BOTH = pytest.mark.parametrize("wire", ["chat", "messages"])


def refusal(message: str, status: int = 400, **more: Any) -> Any:
    return document({"error": {"message": message, "type": "invalid_request_error", **more}}, status)


@pytest.mark.parametrize(
    ("refused", "left"),
    [
        ([refusal("Unknown parameter: 'output_expires_after'.")], {"metadata"}),
        ([refusal("no", param="output_expires_after.seconds")], {"metadata"}),
        ([refusal("metadata: Extra inputs are not permitted", 422)], {"output_expires_after"}),
        ([refusal("metadata is unknown"), refusal("output_expires_after is unknown")], set()),
    ],
)
async def test_what_a_server_does_not_know_is_left_out_once_and_for_all(
    tmp_path: Path, refused: list[Any], left: set[str]
) -> None:
    network = Canned(*refused, document(openai_batch(metadata=None)))
    client = HttpClient(transport=network)
    found, of_other_key = (
        service("chat", client=client, api_key=key) for key in (KEY, "sk-other-key-0123456789")
    )
    for one in (found, of_other_key):
        assert (await one.create(draft(tmp_path, file_id="file-in"))).id == "batch_1"
    assert len(network.requests) == len(refused) + 2
    assert network.bodies()[-1].keys() & {"metadata", "output_expires_after"} == left


async def test_a_file_is_sent_again_without_what_the_server_does_not_know(tmp_path: Path) -> None:
    network = Canned(refusal("Unrecognized request argument: expires_after"), document({"id": "file-1"}))
    found = service("chat", network)
    file = written_file(found, tmp_path / "in", b"{}")
    assert await found.upload(file, "in") == "file-1"
    sent = [(await request.aread()).count(b"expires_after") for request in network.requests]
    assert sent == [2, 0]


@pytest.mark.parametrize(
    "refused", [refusal("metadata", 500), refusal("input_file_id"), refusal("metadata", 429)]
)
async def test_no_other_failure_of_a_creation_is_asked_again(tmp_path: Path, refused: Any) -> None:
    network = Canned(refused)
    with pytest.raises(Failure):
        await service("chat", network).create(draft(tmp_path, file_id="file-in"))
    assert len(network.requests) == 1


def page(first: int, count: int, *, more: bool = True, wire: str = "chat") -> Any:
    """A page of batches, each a minute older than the one before."""
    if wire == "chat":
        batches = [
            openai_batch(f"batch_{n}", created_at=int(AT) - 60 * n) for n in range(first, first + count)
        ]
    else:
        batches = [
            anthropic_batch(f"batch_{n}", created_at=f"2026-11-30T10:{59 - n:02}:00Z")
            for n in range(first, first + count)
        ]
    return document({"data": batches, "has_more": more, "last_id": batches[-1]["id"]}, date=DATE)


@BOTH
async def test_a_list_is_read_as_far_back_as_is_asked(wire: str) -> None:
    network = Canned(page(0, 5, wire=wire), page(4, 5, wire=wire), page(9, 5, wire=wire))
    found = service(wire, network)
    listing = await found.look(AT - 60 * 7)
    assert [one.id for one in listing.batches] == [f"batch_{n}" for n in range(9)]
    assert (listing.at, listing.is_whole) == (AT, False)
    after = "after" if wire == "chat" else "after_id"
    assert network.requests[1].url.params[after] == "batch_4"
    assert len(network.requests) == 2


@BOTH
async def test_one_page_is_all_that_a_look_without_a_time_costs(wire: str) -> None:
    network = Canned(page(0, 5, wire=wire))
    listing = await service(wire, network).look()
    assert (len(listing.batches), listing.is_whole, len(network.requests)) == (5, False, 1)


async def test_a_list_that_repeats_itself_comes_to_an_end() -> None:
    network = Canned(page(0, 5))
    listing = await service("chat", network).look(0.0)
    assert (len(listing.batches), listing.is_whole, len(network.requests)) == (5, False, 2)


async def test_files_are_listed_with_their_names_and_sizes() -> None:
    files = [
        {"id": "file-1", "filename": "a.jsonl", "bytes": 7, "created_at": 5, "purpose": "batch"},
        {"id": "file-2", "filename": None, "bytes": "x", "created_at": 9},
        {"id": ""},
        None,
    ]
    network = Canned(document({"object": "list", "data": files}))
    found = await service("chat", network).files()
    assert network.requests[0].url.params["purpose"] == "batch"
    assert found.files == [("file-2", "", 0, 9.0), ("file-1", "a.jsonl", 7, 5.0)]
    assert found.is_whole


@pytest.mark.parametrize(
    "said", [document([]), document({"data": "x"}), answer(b"<html>"), answer(b"{"), answer()]
)
@BOTH
async def test_what_is_no_list_is_a_failure_that_passes(wire: str, said: Any) -> None:
    with pytest.raises(Failure) as caught:
        await service(wire, Canned(said)).look()
    assert caught.value.kind is FailureKind.TRANSIENT
    assert caught.value.status == 200


@BOTH
@pytest.mark.parametrize(
    ("status", "kind"), [(401, FailureKind.AUTH), (404, FailureKind.REQUEST), (302, FailureKind.CONFIG)]
)
async def test_a_refused_look_says_why_and_where(wire: str, status: int, kind: FailureKind) -> None:
    said = document({"error": {"message": f"key {KEY} no"}}, status, location="https://evil.test")
    network = Canned(said)
    with pytest.raises(Failure) as caught:
        await service(wire, network).look()
    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert KEY not in str(caught.value)
    path = "/batches" if wire == "chat" else "/messages/batches"
    assert (f"https://llm.test/v1{path}" in caught.value.message) == (status != 401)
    assert len(network.requests) == 1


@BOTH
async def test_a_batch_that_is_forgotten_leaves_nothing_behind(wire: str) -> None:
    network = Canned(document({"deleted": True}), refusal("gone", 404))
    status = BatchStatus("batch_1", "completed", file_id="file-in", results=("file-out", "file-err"))
    await service(wire, network).forget(status)
    asked = [(request.method, request.url.path) for request in network.requests]
    files = [("DELETE", f"/v1/files/file-{name}") for name in ("in", "out", "err")]
    assert asked == (files if wire == "chat" else [("DELETE", "/v1/messages/batches/batch_1")])


async def test_what_cannot_be_deleted_hides_nothing_else() -> None:
    network = Canned(refusal("not now", 500), document({}))
    with pytest.raises(Failure) as caught:
        await service("chat", network).forget(BatchStatus("", "", file_id="file-in", results=("file-out",)))
    assert caught.value.status == 500
    assert len(network.requests) == 2


@BOTH
async def test_a_cancel_has_no_body(wire: str) -> None:
    batch = openai_batch(status="cancelling") if wire == "chat" else anthropic_batch(status="canceling")
    network = Canned(document(batch))
    assert (await service(wire, network).cancel("b")).is_cancelling
    (request,) = network.requests
    path = "/v1/batches/b/cancel" if wire == "chat" else "/v1/messages/batches/b/cancel"
    assert (request.method, request.url.path, await request.aread()) == ("POST", path, b"")
    assert "content-type" not in request.headers


@pytest.mark.parametrize("wire", KINDS)
@pytest.mark.parametrize(
    ("options", "name"),
    [({"stream": True}, "stream"), ({"extra_headers": {"x": "y"}}, "extra_headers"), ({"n": 2}, "n")],
)
def test_what_a_batch_cannot_carry_is_refused_by_name(wire: str, options: dict[str, Any], name: str) -> None:
    with pytest.raises(Failure) as caught:
        service(wire).line("a", "Hello", None, options)
    assert caught.value.kind is FailureKind.REQUEST
    assert f"a batch cannot carry {name}" in caught.value.message


@pytest.mark.parametrize("streamed", [True, False])
def test_a_body_of_the_input_goes_as_it_stands(streamed: bool) -> None:
    fields = {
        "messages": [{"role": "user", "content": "Hi"}],
        "seed": 7,
        "stream": streamed,
        "logit_bias": None,
    }
    prompt = Body("chat", fields, (), {})
    if streamed:
        with pytest.raises(Failure):
            service("chat").line("a", prompt, None, {})
        return
    body = json.loads(service("chat").line("a", prompt, None, {"temperature": 1}))["body"]
    assert body == {
        "model": "m",
        "messages": fields["messages"],
        "seed": 7,
        "logit_bias": None,
        "temperature": 1,
    }


async def test_what_a_live_call_learned_holds_for_the_lines_of_a_batch() -> None:
    said = {"choices": [{"message": {"content": "14"}, "finish_reason": "stop"}]}
    network = Canned(
        refusal("Unsupported parameter: use 'max_completion_tokens' instead of 'max_tokens'"), document(said)
    )
    llm = model("chat", network, streaming=False)
    await llm.ainvoke("Hi", max_tokens=5)
    found = llm.batches()
    assert found is not None
    body = json.loads(found.line("a", "Hi", None, {"max_tokens": 5}))["body"]
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


async def test_what_every_request_needs_goes_with_those_of_the_service() -> None:
    network = Canned(document({"data": []}))
    secret = Secret("tenant-secret-0123456789")
    await service("chat", network, headers={"x-tenant": secret}, query={"api-version": "1"}).look()
    (request,) = network.requests
    assert request.headers["x-tenant"] == secret.reveal()
    assert request.url.params["api-version"] == "1"
    assert request.url.params["limit"] == "100"


def test_who_reports_or_runs_code_of_others_has_no_batches() -> None:
    others: list[LLM] = [
        PromptLayerChatOpenAI(api_key=KEY, promptlayer_api_key="pl-key"),
        LangChainLLM(RunnableLambda(str)),
    ]
    assert [one.batches() for one in others] == [None, None]


async def test_a_model_with_connections_of_its_own_asks_over_them() -> None:
    async with raw_server(send(framed(b'{"data": []}'))) as server:
        llm = ChatOpenAI("m", api_key=KEY, base_url=server.base_url)
        found = llm.batches()
        assert found is not None
        assert (await found.look()).batches == []
        await llm.aclose()


@BOTH
async def test_the_key_is_nowhere_in_what_a_service_shows(wire: str) -> None:
    name = {"llmdash": f"r1 {KEY}"}
    batch = openai_batch(status=f"x {KEY}"[:40], metadata=name, errors={"data": [{"message": KEY}]})
    network = Canned(document(batch if wire == "chat" else anthropic_batch(status=KEY)))
    found = service(wire, network)
    assert KEY not in repr(await found.status("b"))
    assert KEY not in repr(vars(found))


@BOTH
async def test_a_file_that_is_not_there_is_the_fault_of_this_machine(wire: str, tmp_path: Path) -> None:
    network = Canned(document({}))
    found = service(wire, network)
    gone = tmp_path / "gone"
    with pytest.raises(Failure) as caught:
        await (found.create(draft(gone)) if wire == "messages" else found.upload(gone, "gone"))
    assert (caught.value.kind, caught.value.reached) == (FailureKind.LOCAL, False)
    assert isinstance(caught.value.__cause__, OSError)
    assert network.requests == []


async def test_results_that_cannot_be_written_are_the_fault_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        await service("chat", Canned(answer(b"{}"))).download("file-out", tmp_path / "no folder" / "out")
    assert caught.value.kind is FailureKind.LOCAL
    assert isinstance(caught.value.__cause__, OSError)
    assert "cannot write out: No such file" in caught.value.message
