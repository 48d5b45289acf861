"""Nothing that a request says of tools, forms, parts or options upsets the simulator."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.frames import PATHS
from tests.simulator.in_process import InProcess

_WORDS = """
type function name parameters schema input_schema json_schema format text tool properties required items enum
anyOf $ref # any object array minItems minimum role content user image tool_result cache_control
"""
WORDS = st.sampled_from(_WORDS.split())
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), WORDS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)
TOOLS = st.lists(
    st.builds(
        lambda name, schema: {
            "type": "function",
            "name": name,
            "parameters": schema,
            "input_schema": schema,
            "function": {"name": name, "parameters": schema},
        },
        WORDS,
        ANY,
    ),
    max_size=2,
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "tools": st.one_of(TOOLS, ANY),
        "tool_choice": ANY,
        "response_format": st.one_of(ANY, st.builds(lambda value: {"type": "json_object", "x": value}, ANY)),
        "text": st.builds(lambda value: {"format": {"type": "json_schema", "schema": value}}, ANY),
        "output_config": st.builds(lambda value: {"format": {"type": "json_schema", "schema": value}}, ANY),
        "output_format": ANY,
        "cache_control": ANY,
        "n": ANY,
        "stream_options": ANY,
    },
)
FAULTS = ("odd-finish", "error-finish-plain", "filter-heavy", "index-counts", "reasoning-only", "no-choices")


@settings(max_examples=150)
@given(st.sampled_from(list(PATHS)), OPTIONS, st.booleans(), st.booleans())
def test_any_option_is_answered_or_refused(
    dialect: str, options: dict[str, Any], stream: bool, strict: bool
) -> None:
    running = InProcess(strict=strict, cached=0.5, reasoning=2)
    reply = asyncio.run(running.ask(dialect, stream=stream, **options))
    assert reply.status in (200, 400), reply


@settings(max_examples=150)
@given(st.sampled_from(list(PATHS)), OPTIONS, st.booleans(), st.sampled_from(FAULTS))
def test_any_option_is_answered_with_a_fault_too(
    dialect: str, options: dict[str, Any], stream: bool, fault: str
) -> None:
    running = InProcess(faults={fault: 1.0}, reasoning=2)
    reply = asyncio.run(running.ask(dialect, stream=stream, **options))
    assert reply.status in (200, 400), reply


@settings(max_examples=100)
@given(ANY, st.sampled_from(["/v1/embeddings", "/v1/messages/count_tokens", *PATHS.values()]))
def test_any_content_is_answered_or_refused(content: Any, path: str) -> None:
    body = {"model": "m", "input": content, "messages": content, "prompt": content, "max_tokens": 9}
    reply = InProcess().fetch(path, body)
    assert reply.status in (200, 400), reply
