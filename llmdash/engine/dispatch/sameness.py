"""What is equal between jobs: prompts, in any run, and the requests that they become."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from llmdash.engine.dispatch.asker import as_asked
from llmdash.llms.base import LLM
from llmdash.llms.request_identity import RequestIdentity
from llmdash.prompts.source import Prompt, Said

__all__ = ["prompt_hash", "request_identity"]

_SIZE = 16
_NOT_SAID = "model"
_encode = msgspec.json.Encoder(order="sorted").encode


def prompt_hash(prompt: Prompt) -> bytes:
    """Return 16 bytes that are equal for equal prompts, whatever their ids and whichever model is asked."""
    said: Sequence[Any] = prompt.messages
    if not (len(said) == 1 and isinstance(said[0], tuple) and prompt.body is None):  # as most are
        said = [_plain(each) for each in said]
        if prompt.body is not None:
            said.append({name: value for name, value in prompt.body.fields.items() if name != _NOT_SAID})
    try:
        written = _encode(said)
    except (TypeError, ValueError):  # a text with half of a character, which no request can hold
        written = json.dumps(said, sort_keys=True, default=str).encode("ascii")
    return blake2b(written, digest_size=_SIZE).digest()


def request_identity(
    llm: LLM[Any, Any], prompt: Prompt, options: Mapping[str, Any]
) -> RequestIdentity | None:
    """Return the identity of the request that `llm` makes of a prompt; None where it has none."""
    return llm.identity(as_asked(prompt), **options)


def _plain(said: Said) -> Said:
    """A message of nothing but role and text, as the pair that it is elsewhere."""
    if isinstance(said, tuple) or said.keys() != {"role", "content"} or not isinstance(said["content"], str):
        return said
    return str(said["role"]), said["content"]
