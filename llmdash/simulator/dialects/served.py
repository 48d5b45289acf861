"""The dialects by the paths at which they are served."""

from __future__ import annotations

from llmdash.simulator.dialects.anthropic import COUNT, MESSAGES
from llmdash.simulator.dialects.chat import CHAT
from llmdash.simulator.dialects.completions import COMPLETIONS
from llmdash.simulator.dialects.embeddings import EMBEDDINGS
from llmdash.simulator.dialects.responses import RESPONSES

__all__ = ["DIALECTS"]

DIALECTS = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/responses": RESPONSES,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": COUNT,
    "/v1/embeddings": EMBEDDINGS,
}
