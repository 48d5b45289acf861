"""The batch service of an endpoint: by its wire format, and by the host where services differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from llmdash.llms.batch_services.answers import AnswerReading
from llmdash.llms.batch_services.anthropic_service import AnthropicBatchService
from llmdash.llms.batch_services.calls import ServiceCalls
from llmdash.llms.batch_services.gemini_service import GeminiBatchService
from llmdash.llms.batch_services.gemini_shape import COMPATIBLE, GeminiShape
from llmdash.llms.batch_services.openai_service import OpenAIBatchService
from llmdash.llms.batch_services.openai_shapes import MistralShape, OpenAIShape, TogetherShape
from llmdash.llms.batch_services.request_lines import RequestLines
from llmdash.llms.batches import Batches

__all__ = ["PATHS", "service_of"]

PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "responses": "/responses",
    "messages": "/messages",
}
"""The own part of the path of each wire format that a batch service takes."""


class _Row(NamedTuple):
    """In what a service differs: in how it is spoken to, and where that is not all, in what speaks."""

    shape: OpenAIShape
    kind: type[OpenAIBatchService] = OpenAIBatchService


_CHAT = {"chat": "/v1/chat/completions"}
_AZURE = _Row(
    OpenAIShape(
        urls={"chat": "/chat/completions", "responses": "/v1/responses"}, kept_s=1_209_600, answers_live=False
    )
)  # https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch: 14 to 30 days
_TOGETHER = _Row(TogetherShape(urls=_CHAT, megabytes=100, kept_s=None, calls_a_minute=20.0))
_GEMINI = _Row(GeminiShape(urls=_CHAT, megabytes=2_000, kept_s=None, hours=48), GeminiBatchService)
_BY_HOST: Mapping[str, _Row | None] = {
    "groq.com": _Row(OpenAIShape(urls=_CHAT, megabytes=100, kept_s=None)),
    "mistral.ai": _Row(MistralShape(urls=_CHAT, requests=1_000_000, megabytes=500, kept_s=None)),
    "openai.azure.com": _AZURE,
    "cognitiveservices.azure.com": _AZURE,
    "services.ai.azure.com": _AZURE,
    "together.ai": _TOGETHER,
    "together.xyz": _TOGETHER,
    "googleapis.com": None,  # Vertex: files are in a bucket
}
"""By the end of the host; None for a service that has batches of another kind."""
_BY_PATH: Mapping[str, _Row] = {COMPATIBLE: _GEMINI, "/together/v1": _TOGETHER}
"""By the end of the path: at any host, such as a gateway or the simulator."""
_USUAL = _Row(OpenAIShape())


def service_of(
    wire: str, calls: ServiceCalls, requests: RequestLines, reading: AnswerReading
) -> Batches | None:
    """Return the batch service of an endpoint whose wire format is one of `PATHS`, None if it has none that
    is known. Of a server that is not known, it is OpenAI's shape that is asked for.
    """
    if wire == "messages":
        return AnthropicBatchService(calls, requests, reading)
    row = _row_of(calls.host, calls.path)
    url = None if row is None else row.shape.urls.get(wire)
    if row is None or url is None:
        return None
    return row.kind(calls, requests, reading, row.shape, url)


def _row_of(host: str, path: str) -> _Row | None:
    by_path = next((row for end, row in _BY_PATH.items() if path.endswith(end)), None)
    if by_path is not None:
        return by_path
    names = host.split(".")
    ends = (".".join(names[start:]) for start in range(len(names)))
    return next((_BY_HOST[end] for end in ends if end in _BY_HOST), _USUAL)
