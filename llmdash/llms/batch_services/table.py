"""The batch service of an endpoint: by its wire format, and by the host where services differ."""

from __future__ import annotations

from collections.abc import Mapping

from llmdash.llms.batch_services.answers import AnswerReading
from llmdash.llms.batch_services.anthropic_service import AnthropicBatchService
from llmdash.llms.batch_services.calls import ServiceCalls
from llmdash.llms.batch_services.openai_service import OpenAIBatchService
from llmdash.llms.batch_services.openai_shapes import MistralShape, OpenAIShape
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

_CHAT = {"chat": "/v1/chat/completions"}
_AZURE = OpenAIShape(
    urls={"chat": "/chat/completions", "responses": "/v1/responses"}, kept_s=1_209_600
)  # https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch: 14 to 30 days
_SHAPES: Mapping[str, OpenAIShape | None] = {
    "groq.com": OpenAIShape(urls=_CHAT, megabytes=100, kept_s=None),
    "mistral.ai": MistralShape(urls=_CHAT, requests=1_000_000, megabytes=500, kept_s=None),
    "openai.azure.com": _AZURE,
    "cognitiveservices.azure.com": _AZURE,
    "services.ai.azure.com": _AZURE,
    "together.ai": None,  # files go elsewhere, by a redirect
    "together.xyz": None,
    "googleapis.com": None,
}
"""The shape of a service by the end of its host; None for one that has batches of another kind."""
_USUAL = OpenAIShape()


def service_of(
    wire: str, calls: ServiceCalls, requests: RequestLines, reading: AnswerReading
) -> Batches | None:
    """Return the batch service of an endpoint whose wire format is one of `PATHS`, None if it has none that
    is known. Of a server that is not known, it is OpenAI's shape that is asked for.
    """
    if wire == "messages":
        return AnthropicBatchService(calls, requests, reading)
    shape = _shape_of(calls.host)
    url = None if shape is None else shape.urls.get(wire)
    if shape is None or url is None:
        return None
    return OpenAIBatchService(calls, requests, reading, shape, url)


def _shape_of(host: str) -> OpenAIShape | None:
    names = host.split(".")
    ends = (".".join(names[start:]) for start in range(len(names)))
    return next((_SHAPES[end] for end in ends if end in _SHAPES), _USUAL)
