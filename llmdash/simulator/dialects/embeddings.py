"""OpenAI's embeddings: `POST /v1/embeddings`, a vector for each text."""

from __future__ import annotations

import base64
import hashlib
import math
import random
import struct
from typing import Annotated, Any

import msgspec

from llmdash.simulator.answers import Question
from llmdash.simulator.connection import Headers
from llmdash.simulator.dialects.base import Frames, Reply, ServedDialect, decode, encode
from llmdash.simulator.dialects.openai import OpenAIConventions
from llmdash.simulator.strictness import strict_embeddings

__all__ = ["EMBEDDINGS"]

_FIELDS = ("input", "model", "dimensions", "encoding_format")
_DIMENSIONS = 256
_Dimensions = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class _EmbeddingsRequest(msgspec.Struct):
    """The input is a text, a list of them, or tokens, which count as one text."""

    model: str
    input: str | Annotated[list[str | int | list[int]], msgspec.Meta(min_length=1, max_length=2048)]
    dimensions: _Dimensions | None = None
    encoding_format: str = "float"

    @property
    def streamed(self) -> bool:
        return False

    @property
    def names_stream_options(self) -> bool:
        return False

    def _texts(self) -> list[str]:
        if isinstance(self.input, str):
            return [self.input]
        if all(isinstance(each, int) for each in self.input):
            return [str(self.input)]
        return [each if isinstance(each, str) else str(each) for each in self.input]

    def questions(self) -> tuple[Question, ...]:
        return tuple([Question(self.model, (("user", text),)) for text in self._texts()])

    def whole(self, reply: Reply) -> bytes:
        vectors = [_vector(text, self.dimensions or _DIMENSIONS) for text in self._texts()]
        data = [
            {"object": "embedding", "index": index, "embedding": self._encoded(vector)}
            for index, vector in enumerate(vectors)
        ]
        spent = {"prompt_tokens": reply.input_tokens, "total_tokens": reply.input_tokens}
        return encode({"object": "list", "data": data, "model": self.model, "usage": spent})

    def _encoded(self, vector: list[float]) -> Any:
        if self.encoding_format != "base64":
            return vector
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

    def frames(self, reply: Reply) -> Frames:
        raise NotImplementedError("embeddings are not streamed")


def _vector(text: str, dimensions: int) -> list[float]:
    """A vector of length 1, always the same for a text."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    rng = random.Random(int.from_bytes(digest, "little"))
    drawn = [rng.gauss(0, 1) for _ in range(dimensions)]
    length = math.hypot(*drawn)
    return [each / length for each in drawn]


_decoder = msgspec.json.Decoder(_EmbeddingsRequest)


def _read(body: bytes, headers: Headers) -> _EmbeddingsRequest:
    request: _EmbeddingsRequest = decode(_decoder, body, _FIELDS)
    return request


EMBEDDINGS = ServedDialect("embeddings", OpenAIConventions(), _read, strict_embeddings, answers=False)
"""OpenAI's embeddings."""
