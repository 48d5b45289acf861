"""The deviations of nearly compatible servers, on demand."""

from __future__ import annotations

import dataclasses

from llmdash.lean_dataclass import dataclass

__all__ = ["NO_COMPAT", "Compat", "parse_compat"]


@dataclass(frozen=True, slots=True)
class Compat:
    """The deviations of a server, set for a key with `POST /__sim__/key/KEY {"quirks": ["no_done", ...]}`.

    | name | what is done | counted as |
    |---|---|---|
    | `no_done` | chat, completions: a stream ends without `[DONE]` | ok |
    | `no_finish` | `finish_reason`, `stop_reason` or `status` is null, plain and streamed | ok |
    | `json_for_stream` | a stream is answered with the plain JSON | ok |
    | `usage_beside_choices` | chat, completions: a stream has its usage, always, beside choices | ok |
    | `no_usage` | no usage, plain and streamed (in Responses it is null) | ok |
    | `refuse_stream_options` | status 400 to a request that has `stream_options` | errors |
    | `reasoning_content` | chat: a thought in `reasoning_content` before the answer | ok |
    | `reasoning` | chat: the same in `reasoning`; elsewhere either has the model reason | ok |
    | `error_in_stream` | after half of the chunks the dialect's own error, then the stream ends | errors |
    | `throttle_in_stream` | the same with the error of a limit that was reached | errors |
    | `truncated` | after half of the chunks the stream just ends, orderly for HTTP | errors |
    | `error_body` | a plain answer has status 200 and an error for a body | errors |
    | `html` | status 502 and a page of HTML, as a proxy sends it | errors |

    What a dialect has no place for is ignored. `error_in_stream`, `throttle_in_stream` and
    `truncated` do nothing to a plain answer, `error_body` nothing to a stream.
    """

    no_done: bool = False
    no_finish: bool = False
    json_for_stream: bool = False
    usage_beside_choices: bool = False
    no_usage: bool = False
    refuse_stream_options: bool = False
    reasoning_content: bool = False
    reasoning: bool = False
    error_in_stream: bool = False
    throttle_in_stream: bool = False
    truncated: bool = False
    error_body: bool = False
    html: bool = False

    @property
    def breaks_streams(self) -> bool:
        """True if a stream does not reach its end."""
        return self.truncated or self.error_in_stream or self.throttle_in_stream

    @property
    def reasoning_fields(self) -> tuple[str, ...]:
        """The fields in which a chat has the model's reasoning."""
        if not self.reasons:
            return ("reasoning_content",)
        return tuple(name for name in ("reasoning_content", "reasoning") if getattr(self, name))

    @property
    def reasons(self) -> bool:
        """True if there is reasoning before an answer, whatever the settings."""
        return self.reasoning_content or self.reasoning


NO_COMPAT = Compat()
_NAMES = tuple(field.name for field in dataclasses.fields(Compat))


def parse_compat(value: object) -> Compat:
    """Return the deviations named in a list; an empty one ends them all. Raises ValueError."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("quirks must be a list of names")
    unknown = sorted(set(value) - set(_NAMES))
    if unknown:
        raise ValueError(f"quirks: unknown {unknown[0][:50]!r}; known are {', '.join(_NAMES)}")
    return Compat(**dict.fromkeys(value, True))
