"""One request as a fault sees it: what was asked, what a fine answer is, and the wire to spoil it on."""

from __future__ import annotations

import asyncio
import json
import random
import re
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from llmdash.simulator.answers import Completion, Question, compose
from llmdash.simulator.compat import NO_COMPAT
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.anthropic import MESSAGES
from llmdash.simulator.dialects.base import Call, Reply, ServedDialect
from llmdash.simulator.dialects.chat import CHAT
from llmdash.simulator.dialects.completions import COMPLETIONS
from llmdash.simulator.dialects.responses import RESPONSES
from tests.llms.raw_server import chunked, framed

DIALECTS: dict[str, ServedDialect] = {
    "/chat/completions": CHAT,
    "/completions": COMPLETIONS,
    "/responses": RESPONSES,
    "/messages": MESSAGES,
}
"""By the end of the path, the longest first."""

FRAMINGS = ("length", "chunked", "close")
SEPARATORS = "\u2028\u2029\u0085\x0b\x0c\x1c"
_CREATED = 1_735_689_600
_END = re.compile(rb'"finish_reason":"\w+"|"stop_reason":"\w+"|"type":"response\.completed"')


@dataclass(frozen=True, slots=True)
class Words:
    """What an error says, in OpenAI's words and in Anthropic's."""

    message: str
    kind: str
    code: str | None = None
    anthropic: str | None = None

    def document(self, dialect: ServedDialect) -> dict[str, Any]:
        """The error as a document in the shape of a dialect."""
        if dialect is MESSAGES:
            inside = {"type": self.anthropic or self.kind, "message": self.message}
            return {"type": "error", "error": inside, "request_id": "req_1"}
        return {"error": {"message": self.message, "type": self.kind, "param": None, "code": self.code}}


@dataclass(slots=True)
class Scene:
    """A request that was read, and the connection it came on. `elsewhere` is the address of another host;
    `echo` has errors repeat the key, as careless servers do.
    """

    rng: random.Random
    dialect: ServedDialect
    call: Call
    reply: Reply
    key: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    elsewhere: str = ""
    echo: bool = False

    @property
    def streamed(self) -> bool:
        return self.call.streamed

    def events(self) -> list[bytes]:
        """The fine answer as a stream, an event each."""
        frames = self.call.frames(self.reply)
        return [
            *split_events(frames.opening()),
            *(event for index in range(len(self.reply.answers)) for event in frames.chunks(index)),
            *split_events(frames.end()),
        ]

    def parts(self) -> list[bytes]:
        """The body of the fine answer, as it was asked for."""
        return self.events() if self.streamed else [self.call.whole(self.reply)]

    def begun(self) -> list[bytes]:
        """The parts of an answer that has begun to say something, and is far from its end."""
        if not self.streamed:
            body = self.call.whole(self.reply)
            return [body[: self.rng.randint(1, len(body) - 1)]]
        frames = self.call.frames(self.reply)
        said = frames.chunks(0)
        return [*split_events(frames.opening()), *said[: self.rng.randint(1, len(said))]]

    def answering(self, answer: str) -> Scene:
        """The same request with another fine answer."""
        words = tuple(re.findall(r"\S+\s*|\s+", answer))
        return replace(self, reply=msgspec.structs.replace(self.reply, answers=(Completion(words),)))

    def named(self) -> list[bytes]:
        """The header that names the request."""
        return [self.dialect.conventions.identity_header + b": req_" + self.reply.identity.encode()]

    def said(self, words: Words) -> bytes:
        """An error as a document."""
        if self.echo:
            words = Words(f"{words.message} (key {self.key})", words.kind, words.code, words.anthropic)
        return json.dumps(words.document(self.dialect)).encode()

    def said_in_stream(self, words: Words) -> bytes:
        """An error as an event."""
        document = self.said(words)
        if self.dialect is MESSAGES:
            return b"event: error\ndata: " + document + b"\n\n"
        if self.dialect is not RESPONSES:
            return b"data: " + document + b"\n\n"
        inside = json.loads(document)["error"]
        error = {"code": inside["code"] or "server_error", "message": inside["message"]}
        if self.rng.random() < 0.5:
            return typed("error", {**error, "param": None, "sequence_number": 9})
        failed = {"id": "resp_1", "object": "response", "status": "failed", "error": error, "output": []}
        return typed("response.failed", {"response": failed, "sequence_number": 9})

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def send_framed(self, framing: str, parts: list[bytes]) -> None:
        """Send a whole answer with these parts for its body; the connection is kept where it may be."""
        await self.send(in_frame(framing, parts, *self.named()))
        if framing == "close":
            self.writer.close()

    async def hang(self) -> None:
        """Send no more until the client gives up."""
        await self.reader.read()

    async def close(self, data: bytes = b"") -> None:
        """Send, and end the connection in an orderly way."""
        if data:
            await self.send(data)
        self.writer.close()


def split_events(stream: bytes) -> list[bytes]:
    """Each event with its blank line."""
    return [event + b"\n\n" for event in stream.split(b"\n\n") if event]


def typed(kind: str, fields: dict[str, Any]) -> bytes:
    """An event that is named in its header and in its data."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def in_frame(framing: str, parts: list[bytes], *headers: bytes) -> bytes:
    """A whole answer with these parts for its body; one framed by `close` is to be followed by the end of the
    connection.
    """
    if framing == "chunked":
        return chunked(*parts, headers=headers)
    body = b"".join(parts)
    if framing == "length":
        return framed(body, *headers)
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"connection: close", *headers, b"", body])


def whole_from(raw: bytes, streamed: bool) -> int:
    """How many bytes of an answer have to arrive until it is provably whole: a stream behind the event with
    its finish reason, without the blank line that ends it; a document at its end.
    """
    if not streamed:
        return len(raw)
    found = _END.search(raw)
    assert found is not None, "a stream without a finish reason"
    return raw.index(b"\n\n", found.end())


def dialect_of(path: str) -> ServedDialect | None:
    """The dialect that is spoken at a path."""
    return next((dialect for end, dialect in DIALECTS.items() if path.endswith(end)), None)


def answer_to(question: Question) -> Completion:
    """The fine answer: the same one each time."""
    return compose(question, random.Random(question.text), 0.0)


def separated(text: str) -> str:
    """`text` with the characters in it that only some take for the end of a line."""
    return SEPARATORS[0] + SEPARATORS.join(text.split(" ")) + SEPARATORS[2]


def scene_of(
    dialect: ServedDialect,
    headers: Headers,
    body: bytes,
    wire: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    *,
    rng: random.Random,
    identity: str,
    elsewhere: str = "",
    echo: bool = False,
) -> Scene:
    """Raises the simulator's ServedError for a request that cannot be read."""
    call = dialect.read(body, headers)
    questions = call.questions()
    reply = Reply(identity, _CREATED, questions, tuple(map(answer_to, questions)), NO_COMPAT)
    key = dialect.conventions.key(headers)
    return Scene(rng, dialect, call, reply, key, *wire, elsewhere, echo)
