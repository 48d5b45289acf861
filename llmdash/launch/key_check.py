"""Checks keys by one small call each: whether the key works, its latency, its limits, and the fix if not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmdash.config import EndpointSettings, Settings, Timeouts
from llmdash.config.values import ConfigError
from llmdash.launch.llm_factory import recipe_of
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DIALECTS, LANGCHAIN
from llmdash.llms.options import TOKEN_LIMITS
from llmdash.llms.recipe import Clients
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.secrets import Redactor, Secret, labels

if TYPE_CHECKING:
    from llmdash.llms.base import LLM
    from llmdash.llms.messages import Hints

__all__ = ["AT_ONCE", "KeyCheck", "check_keys", "fix"]

AT_ONCE = 4
"""The most calls in flight: a check is no load test."""

_PROMPT = "Reply with OK"
_LONGEST_ANSWER = 16  # the least that OpenAI's responses take
_FIRST_BYTE_S = 30.0
_PATIENCE = Timeouts(connect=10.0, first_byte=_FIRST_BYTE_S, stall=30.0, total=60.0)


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """The outcome of the call with one key.

    `failure` is None if the key works; its message contains no key and is not sanitized.
    `label` is empty where a model brings its own key. `latency_s` is in seconds, None if nothing was sent.
    `hints` are the rate limits that the server reported, None if it reported none.
    """

    endpoint: EndpointSettings
    label: str
    latency_s: float | None = None
    failure: Failure | None = None
    hints: Hints | None = None

    @property
    def works(self) -> bool:
        return self.failure is None


async def check_keys(settings: Settings) -> list[KeyCheck]:
    """Try every key of every endpoint, AT_ONCE at a time. Return the outcomes in the order of the settings.

    No key is tried twice, and a key that does not work raises nothing.
    """
    clients = Clients()
    try:
        return await _Checker(replace(settings, timeouts=_shorter(settings.timeouts)), clients).run()
    finally:
        await clients.aclose()


def _shorter(timeouts: Timeouts) -> Timeouts:
    return Timeouts(
        connect=min(timeouts.connect, _PATIENCE.connect),
        first_byte=min(timeouts.until_first_byte(_FIRST_BYTE_S), _FIRST_BYTE_S),
        stall=min(timeouts.stall, _PATIENCE.stall),
        total=min(timeouts.total, _PATIENCE.total),
    )


class _Checker:
    """Makes the calls of one check, within their concurrency."""

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._redactor = Redactor(settings.secrets)
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> list[KeyCheck]:
        work = [
            self._check(endpoint, label, key, gate)
            for endpoint in self._settings.endpoints
            for gate in [asyncio.Semaphore(endpoint.concurrency or AT_ONCE)]
            for label, key in _labelled(endpoint)
        ]
        return list(await asyncio.gather(*work))

    async def _check(
        self, endpoint: EndpointSettings, label: str, key: Secret | None, gate: asyncio.Semaphore
    ) -> KeyCheck:
        if key is None and endpoint.needs_key:
            return KeyCheck(endpoint, label, failure=Failure(FailureKind.CONFIG, "has no key"))
        async with gate, self._gate:
            begun = monotonic()
            try:
                hints = await self._call(endpoint, key)
            except Failure as failure:
                failure.reword(self._redactor.redact(failure.message))
                return KeyCheck(endpoint, label, monotonic() - begun, failure, failure.hints)
            except ConfigError as error:
                return KeyCheck(endpoint, label, failure=Failure(FailureKind.CONFIG, str(error)))
            except Exception as error:  # noqa: BLE001 - the boundary: a LangChain model is the user's own code
                words = self._redactor.redact(f"{type(error).__name__}: {error}")[:500]
                return KeyCheck(endpoint, label, failure=Failure(FailureKind.CONFIG, words))
            return KeyCheck(endpoint, label, monotonic() - begun, hints=hints)

    async def _call(self, endpoint: EndpointSettings, key: Secret | None) -> Hints | None:
        """Request one answer. A model that rejects so short a limit is asked again as a run would ask it."""
        options = {name: value for name, value in endpoint.options.items() if name not in TOKEN_LIMITS}
        limit = {"max_tokens": _LONGEST_ANSWER}
        short = replace(self._settings, temperature=None, max_tokens=None, options=limit)
        try:
            return await self._answer(replace(endpoint, options=options), key, short)
        except Failure as failure:
            about_limit = any(name in f"{failure.param} {failure.words}" for name in TOKEN_LIMITS)
            if failure.kind is not FailureKind.REQUEST or not about_limit:
                raise
        return await self._answer(endpoint, key, self._settings)

    async def _answer(
        self, endpoint: EndpointSettings, key: Secret | None, settings: Settings
    ) -> Hints | None:
        return await _answer(self._clients.build(recipe_of(endpoint, key, settings)))


def _labelled(endpoint: EndpointSettings) -> Sequence[tuple[str, Secret | None]]:
    if not endpoint.keys:
        return [("", None)]
    return list(zip(labels(endpoint.keys), endpoint.keys, strict=True))


async def _answer(llm: LLM[Any, Any]) -> Hints | None:
    """Read one answer to its end. Return the rate limits that came with it."""
    hints: Hints | None = None
    async with aclosing(llm.deltas(_PROMPT)) as deltas:
        async for delta in deltas:
            hints = hints or delta.hints
    return hints


def fix(endpoint: EndpointSettings, failure: Failure) -> str:
    """Return how to fix a failure, in one sentence."""
    tried = f"base_url tried is {endpoint.base_url}"
    kind = failure.kind
    if endpoint.dialect == LANGCHAIN and kind is FailureKind.CONFIG:
        return f"check target {endpoint.target}, and that its module can be imported from this folder"
    if endpoint.needs_key and not endpoint.keys:
        return f"put API_KEY=... into .env, or set {DIALECTS[endpoint.dialect].key_variable}"
    if kind is FailureKind.AUTH:
        return _fix_of_refusal(endpoint, failure)
    if kind is FailureKind.QUOTA:
        return "add credit to the account this key belongs to, or take the key out"
    if kind is FailureKind.THROTTLE:
        wait = f"wait {failure.retry_after:.0f} s" if failure.retry_after else "wait a minute"
        return f"{wait} and check again; the key is known, but rate limited (429)"
    if kind is FailureKind.LOCAL:
        return f"check the network and the host's name; {tried}"
    if not failure.reached and "; " in failure.message:
        return failure.message.rpartition("; ")[2]
    if kind is FailureKind.CONFIG or failure.status in (404, 405):
        lacks_path = not urlsplit(endpoint.base_url).path.strip("/")
        meant = f"; most servers answer below {endpoint.base_url}/v1" if lacks_path else ""
        return (
            f"check base_url, dialect and model {endpoint.model}; {tried}, dialect {endpoint.dialect}{meant}"
        )
    if kind is FailureKind.REQUEST:
        return f"check model {endpoint.model} and dialect {endpoint.dialect}"
    if failure.status is None:
        return f"see whether a server answers there; {tried}"
    return f"check again in a while; if it stays, look at the address: {tried}"


def _fix_of_refusal(endpoint: EndpointSettings, failure: Failure) -> str:
    if failure.status == 403:
        return f"this key may not use model {endpoint.model}; allow it there, or name another model"
    return f"check the key in .env: was it copied whole, is it a key for {endpoint.base_url}?"
