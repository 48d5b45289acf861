"""What Together and Gemini do in another way than OpenAI, as the simulator has it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulated import Reply
from tests.simulator.batches.asking import CHAT, BatchServices, form_of, lines_of, prompts

TOGETHER = "/together/v1"
COMPATIBLE = "/v1beta/openai"
START = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}


class Gemini(BatchServices):
    """Gemini's own API, which takes keys in a header of its own."""

    async def own(self, method: str, path: str, body: Any = None, query: str = "", **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.send(
            method, path, body, query=query, headers={"x-goog-api-key": self.keys[0], **named}
        )

    async def begin(self) -> str:
        """Begin an upload; returns the query of its address."""
        reply = await self.send(
            "POST",
            "/upload/v1beta/files",
            {"file": {"display_name": "in"}},
            headers={"x-goog-api-key": self.keys[0], **START},
        )
        return reply.headers["x-goog-upload-url"].partition("?")[2]

    async def piece(self, query: str, content: bytes, offset: int, command: str) -> Reply:
        """Send a piece of a file: its address is all that it takes."""
        told = {"x-goog-upload-command": command, "x-goog-upload-offset": str(offset)}
        return await self.send("POST", "/upload/v1beta/files", content, query=query, headers=told)

    async def created(self, count: int = 2) -> str:
        """Create a batch; returns its id."""
        sent = await self.piece(await self.begin(), lines_of(prompts(count)), 0, "upload, finalize")
        asked = {"input_file_id": sent.json["file"]["name"], "endpoint": CHAT, "completion_window": "24h"}
        identity: str = (await self.call("POST", f"{COMPATIBLE}/batches", asked)).json["id"]
        return identity

    async def done(self, name: str, now: float) -> Any:
        """A batch at its end, which is reached soon after `now`."""
        for self.now in (now, now + 0.1, now + 0.2):
            found = (await self.own("GET", f"/v1beta/{name}")).json
        assert found["done"]
        return found


@pytest.fixture
def gemini() -> Gemini:
    return Gemini()


@pytest.fixture
def services() -> BatchServices:
    return BatchServices()


async def test_a_file_is_sent_to_gemini_in_as_many_pieces_as_one_likes(gemini: Gemini) -> None:
    query, content = await gemini.begin(), lines_of(prompts(3))
    first = await gemini.piece(query, content[:100], 0, "upload")
    assert (first.status, first.headers["x-goog-upload-status"]) == (200, "active")
    assert (await gemini.own("GET", "/v1beta/files")).json == {}
    assert (await gemini.piece(query, content[100:], 7, "upload, finalize")).status == 400
    last = await gemini.piece(query, content[100:], 100, "upload, finalize")
    assert last.headers["x-goog-upload-status"] == "final"
    (file,) = (await gemini.own("GET", "/v1beta/files")).json["files"]
    assert file == last.json["file"]
    assert (file["displayName"], file["sizeBytes"], file["source"]) == ("in", str(len(content)), "UPLOADED")
    assert (await gemini.own("GET", f"/v1beta/{file['name']}")).json == file
    for way in ("/v1beta", "/download/v1beta"):
        assert (await gemini.own("GET", f"{way}/{file['name']}:download", query="alt=media")).body == content
    assert (await gemini.piece(query, content, 0, "upload, finalize")).status == 400
    assert (await gemini.own("DELETE", f"/v1beta/{file['name']}")).json == {}
    assert (await gemini.own("GET", f"/v1beta/{file['name']}")).json["error"]["status"] == "NOT_FOUND"


async def test_lists_of_gemini_have_tokens_for_their_pages(gemini: Gemini) -> None:
    made = [await gemini.created() for _ in range(5)]
    found, token = [], ""
    for _ in range(3):
        page = (await gemini.own("GET", "/v1beta/batches", query=f"pageSize=2&pageToken={token}")).json
        found += [each["name"] for each in page["operations"]]
        token = page.get("nextPageToken", "")
    assert (found, token) == (made[::-1], "")
    assert (await gemini.own("GET", "/v1beta/files", query="pageSize=x")).status == 400


async def test_a_batch_of_gemini_is_the_same_one_in_both_of_its_apis(gemini: Gemini) -> None:
    name = await gemini.created(4)
    gemini.order(partial=0.5)
    own = await gemini.done(name, 1.0)
    other = (await gemini.call("GET", f"{COMPATIBLE}/batches/{name}")).json
    assert (own["metadata"]["state"], other["status"]) == ("BATCH_STATE_SUCCEEDED", "completed")
    assert own["metadata"]["batchStats"] == {
        "requestCount": "4",
        "successfulRequestCount": "2",
        "failedRequestCount": "2",
    }
    results = own["response"]["responsesFile"]
    assert results == own["metadata"]["output"]["responsesFile"] == other["output_file_id"]
    lines = (await gemini.own("GET", f"/v1beta/{results}:download")).body.splitlines()
    assert sorted(json.loads(line)["response"]["status_code"] for line in lines) == [200, 200, 500, 500]


async def test_gemini_has_no_results_of_what_expired_after_two_days(gemini: Gemini) -> None:
    gemini.order(stuck=True)
    name = await gemini.created()
    gemini.now = 47.9
    assert "done" not in (await gemini.own("GET", f"/v1beta/{name}")).json
    found = await gemini.done(name, 48.1)
    assert found["metadata"]["state"] == "BATCH_STATE_EXPIRED"
    assert found.keys() & {"response", "error"} == {"error"}


async def test_a_bearer_token_is_no_key_of_geminis_own_api(gemini: Gemini) -> None:
    refused = await gemini.call("GET", "/v1beta/batches")
    assert (refused.status, refused.json["error"]["status"]) == (403, "PERMISSION_DENIED")
    wrong = await gemini.send("GET", "/v1beta/batches", headers={"x-goog-api-key": "nobody"})
    assert (wrong.status, wrong.json["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")
    assert (await gemini.call("GET", f"{COMPATIBLE}/batches")).status == 404
    assert (await gemini.own("POST", "/upload/v1beta/files", {})).status == 400


@pytest.mark.parametrize("missing", ["purpose", "file_name"])
async def test_together_wants_the_name_of_a_file_beside_it(services: BatchServices, missing: str) -> None:
    fields = {"purpose": "batch-api", "file_name": "in.jsonl"}
    body, kind = form_of(b"{}", **{name: value for name, value in fields.items() if name != missing})
    headers = {"Authorization": f"Bearer {services.keys[0]}", "content-type": kind}
    reply = await services.send("POST", f"{TOGETHER}/files/upload", body, headers=headers)
    assert (reply.status, reply.json["error"]["param"]) == (400, missing)


@pytest.mark.parametrize("base", [TOGETHER, COMPATIBLE])
async def test_below_their_paths_single_requests_are_answered_too(services: BatchServices, base: str) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "What is 1 + 1?"}]}
    reply = await services.call("POST", f"{base}/chat/completions", asked)
    assert reply.json["choices"][0]["message"]["content"] == "1 + 1 = 2."
    assert (await services.call("GET", f"{base}/models")).status == 200
