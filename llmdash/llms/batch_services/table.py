"""The batch service of an endpoint: by its wire format, and by the host where services differ."""

from __future__ import annotations

from llmdash.llms.batch_services.answers import AnswerReading
from llmdash.llms.batch_services.anthropic_service import AnthropicBatches
from llmdash.llms.batch_services.calls import ServiceCalls
from llmdash.llms.batch_services.openai_service import OpenAIBatches, OpenAIVariant
from llmdash.llms.batch_services.request_lines import RequestLines
from llmdash.llms.batches import Batches, BatchLimits

__all__ = ["PATHS", "service_of"]

PATHS = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "responses": "/responses",
    "messages": "/messages",
}
"""The own part of the path of each wire format that a batch service takes."""

_OPENAI = BatchLimits(requests=50_000, bytes=200_000_000, window_s=86_400.0, calls_a_minute=60.0)


def service_of(wire: str, calls: ServiceCalls, requests: RequestLines, reading: AnswerReading) -> Batches:
    """Return the batch service of an endpoint whose wire format is one of `PATHS`."""
    if wire == "messages":
        return AnthropicBatches(calls, requests, reading)
    return OpenAIBatches(calls, requests, reading, OpenAIVariant(_OPENAI, f"/v1{PATHS[wire]}"))
