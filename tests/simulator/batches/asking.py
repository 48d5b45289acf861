"""Requests for batches, and the batch services on a clock that the test holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from tests.simulated import Reply
from tests.simulator.in_process import InProcess

__all__ = ["CHAT", "SPEED", "BatchServices", "form_of", "lines_of", "prompts", "requests_of"]

SPEED = 3600.0
ENDS = frozenset({"completed", "failed", "expired", "cancelled", "ended"})
CHAT: Final = "/v1/chat/completions"


def prompts(count: int) -> list[str]:
    """So many prompts, each of its own."""
    return [f"What is {number} + 1 + 1?" for number in range(count)]


def lines_of(texts: Sequence[str], url: str = CHAT, **changes: Any) -> bytes:
    """The input file of a batch in OpenAI's shape: `r0`, `r1`, ..."""
    lines = [
        {
            "custom_id": f"r{place}",
            "method": "POST",
            "url": url,
            "body": {"model": "m", "messages": [{"role": "user", "content": text}]},
            **changes,
        }
        for place, text in enumerate(texts)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def requests_of(texts: Sequence[str]) -> list[dict[str, Any]]:
    """The requests of a batch in Anthropic's shape."""
    return [
        {
            "custom_id": f"r{place}",
            "params": {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": text}]},
        }
        for place, text in enumerate(texts)
    ]


def form_of(content: bytes, **fields: str) -> tuple[bytes, str]:
    """A form with a file, and its content type."""
    parts = [
        f'--b0und\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--b0und\r\nContent-Disposition: form-data; name="file"; filename="in.jsonl"\r\n\r\n'
    return b"".join([*parts, head, content, b"\r\n--b0und--\r\n"]), "multipart/form-data; boundary=b0und"


class BatchServices(InProcess):
    """The batch services; an hour of theirs passes in a second of `now`.

    The methods that create, look and cancel take the ids of either shape.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"batch_speed": SPEED, **settings})

    def order(self, **orders: Any) -> None:
        """Change orders, by the API of this process."""
        self.app.batches.order(orders)

    async def call(self, method: str, path: str, body: Any = None, query: str = "") -> Reply:
        """Call as the first key."""
        return await self.send(method, path, body, self.keys[0], query)

    async def upload(self, content: bytes, **fields: str) -> Reply:
        """Upload a file."""
        body, kind = form_of(content, **{"purpose": "batch", **fields})
        headers = {"Authorization": f"Bearer {self.keys[0]}", "content-type": kind}
        return await self.send("POST", "/v1/files", body, headers=headers)

    async def create(self, content: bytes, endpoint: str = CHAT, **fields: Any) -> Reply:
        """Upload a file and create a batch of it."""
        file = (await self.upload(content)).json["id"]
        asked = {"input_file_id": file, "endpoint": endpoint, "completion_window": "24h", **fields}
        return await self.call("POST", "/v1/batches", asked)

    async def batch(self, count: int) -> str:
        """Create a batch of so many requests in OpenAI's shape."""
        identity: str = (await self.create(lines_of(prompts(count)))).json["id"]
        return identity

    async def messages(self, count: int) -> str:
        """Create a batch of so many requests in Anthropic's shape."""
        reply = await self.call("POST", "/v1/messages/batches", {"requests": requests_of(prompts(count))})
        identity: str = reply.json["id"]
        return identity

    async def look(self, identity: str) -> Any:
        """A batch as its provider describes it, at this moment."""
        path = "/v1/messages/batches" if identity.startswith("msgbatch_") else "/v1/batches"
        return (await self.call("GET", f"{path}/{identity}")).json

    async def cancel(self, identity: str) -> Any:
        """Cancel a batch."""
        path = "/v1/messages/batches" if identity.startswith("msgbatch_") else "/v1/batches"
        return (await self.call("POST", f"{path}/{identity}/cancel")).json

    async def at(self, seconds: float, identity: str) -> Any:
        """A batch when that many of its provider's seconds have passed since the start."""
        self.now = seconds / SPEED
        return await self.look(identity)

    async def end(self, identity: str) -> Any:
        """A batch at its end, however late in its window that is."""
        for _ in range(2 * 24 * 60):
            found = await self.look(identity)
            if found.get("status", found.get("processing_status")) in ENDS:
                return found
            self.now += 60 / SPEED
        raise AssertionError(found)

    async def lines(self, file: str) -> list[dict[str, Any]]:
        """The lines of a file."""
        reply = await self.call("GET", f"/v1/files/{file}/content")
        return [json.loads(line) for line in reply.body.splitlines()]

    async def results(self, identity: str) -> list[dict[str, Any]]:
        """The results of a batch in Anthropic's shape."""
        reply = await self.call("GET", f"/v1/messages/batches/{identity}/results")
        return [json.loads(line) for line in reply.body.splitlines()]

    async def executions(self) -> Any:
        """How often each prompt was executed."""
        return (await self.send("GET", "/__sim__/executions", query="prompts=1")).json
