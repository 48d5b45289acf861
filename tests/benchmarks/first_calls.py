"""The first call of a library, run by the interpreter that has it.

`first_calls.py PEER BASE_URL` imports it, makes a model, and asks once; it prints JSON: milliseconds of
processor time of the import, of the rest, and by the clock of all of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

PROMPT = "Calculate 12 + 7 x 93"

Ask = Callable[[str], object]
"""Makes a model of an endpoint and asks it once."""


def llmdash() -> Ask:
    """`ChatOpenAI.invoke` of llmdash."""
    from llmdash.llms import ChatOpenAI

    return lambda base_url: ChatOpenAI(model="m", base_url=base_url, api_key="key-1").invoke(PROMPT)


def langchain() -> Ask:
    """`ChatOpenAI.invoke` of LangChain."""
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    return lambda base_url: ChatOpenAI(
        model="m", base_url=base_url, api_key=SecretStr("key-1"), max_retries=0
    ).invoke(PROMPT)


def openai() -> Ask:
    """`OpenAI` of the openai SDK."""
    from openai import OpenAI

    messages: Any = [{"role": "user", "content": PROMPT}]
    return lambda base_url: OpenAI(base_url=base_url, api_key="key-1", max_retries=0).chat.completions.create(
        model="m", messages=messages
    )


PEERS: dict[str, Callable[[], Ask]] = {"llmdash": llmdash, "langchain": langchain, "openai": openai}


def measured(peer: str, base_url: str) -> dict[str, float]:
    """Milliseconds of the import and of the first call; nothing of it was loaded before."""
    begun, spent = time.perf_counter(), time.process_time()
    ask = PEERS[peer]()
    imported = time.process_time()
    ask(base_url)
    called = time.process_time()
    return {
        "import_ms": 1e3 * (imported - spent),
        "call_ms": 1e3 * (called - imported),
        "wall_ms": 1e3 * (time.perf_counter() - begun),
    }


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2])))
