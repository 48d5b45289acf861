"""A server that sends the key back: in an answer, cut into any pieces, it is masked."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.llms.messages import Delta
from llmdash.llms.wire.answer_mask import AnswerMask, LongKeys
from llmdash.secrets import Secret
from tests.llms.canned import DONE, KEY, Canned, answer, chat, chunk
from tests.llms.wire.refusals import SPEECH

MASK = "sk-...ghij"
OTHER = Secret("abcabcabcabcabcd")


def said(deltas: list[Delta]) -> tuple[str, str]:
    return "".join(delta.text for delta in deltas), "".join(delta.reasoning for delta in deltas)


def masked(*pieces: str, keys: tuple[Secret, ...] = (Secret(KEY),), ends: bool = True) -> list[str]:
    """The texts that come out for these texts."""
    masking = AnswerMask(LongKeys(keys))
    deltas = [masking.mask(Delta(text)) for text in pieces]
    deltas.append(masking.mask(Delta(finish_reason="stop")) if ends else masking.rest(1.0) or Delta())
    return [delta.text for delta in deltas]


@pytest.mark.case("engine", "key-echo")
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("dialect", list(SPEECH))
async def test_an_answer_that_holds_the_key_is_given_with_it_masked(dialect: str, *, streaming: bool) -> None:
    speech, text = SPEECH[dialect], f"your key is {KEY}, keep it"
    pieces = [speech.piece(letter) for letter in text]
    whole = json.dumps(speech.document(text)).encode()
    transport = Canned(answer(speech.before, *pieces, speech.after) if streaming else answer(whole))
    found = await speech.make(transport, streaming=streaming).agenerate(["hi"])
    assert found.generations[0][0].text == f"your key is {MASK}, keep it"


@pytest.mark.case("engine", "key-echo")
async def test_reasoning_is_masked_as_well() -> None:
    pieces = [
        b"data: " + json.dumps({"choices": [{"delta": {"reasoning_content": part}}]}).encode() + b"\n\n"
        for part in (KEY[:9], KEY[9:], "!")
    ]
    found = [delta async for delta in chat(Canned(answer(*pieces, chunk("x", "stop"), DONE))).deltas("hi")]
    assert said(found) == ("x", f"{MASK}!")


@pytest.mark.case("engine", "key-echo")
async def test_a_stream_that_ends_without_a_reason_gives_back_what_was_held() -> None:
    stream = answer(chunk("see "), chunk(KEY[:9]))
    found = [delta async for delta in chat(Canned(stream), terminal_eof=True).deltas("hi")]
    assert said(found)[0] == f"see {KEY[:9]}"


@given(st.lists(st.integers(0, 90)), st.text(alphabet="sk-canry01 é", max_size=30), st.text(max_size=30))
def test_however_an_answer_is_cut_it_holds_no_key_and_nothing_else_is_lost(
    cuts: list[int], before: str, after: str
) -> None:
    text = f"{before} {KEY} {after}{KEY}"
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    for ends in (True, False):
        whole = "".join(masked(*pieces, ends=ends))
        assert KEY not in whole
        assert whole.replace("sk-...ghij", "") == text.replace(KEY, "")


@given(st.lists(st.text(alphabet="abcd ", max_size=9)), st.lists(st.text(alphabet="abcd ", max_size=9)))
def test_a_key_that_repeats_itself_is_found_too(before: list[str], after: list[str]) -> None:
    pieces = [*before, *OTHER.reveal(), *after]
    whole = "".join(masked(*pieces, keys=(OTHER,)))
    assert OTHER.reveal() not in whole
    assert "...abcd" in whole


@given(st.lists(st.text(alphabet="sk-canary-0123456789xyz ", max_size=12)))
def test_an_answer_without_a_key_passes_letter_by_letter(pieces: list[str]) -> None:
    if KEY not in "".join(pieces):
        assert "".join(masked(*pieces)) == "".join(pieces)


def test_text_is_held_back_only_where_four_characters_of_a_key_came() -> None:
    assert masked("this", "is", "sk", "ip", "sk-c", "at") == ["this", "is", "sk", "ip", "", "sk-cat", ""]
    assert masked("ask", "-can", "dle") == ["ask", "", "-candle", ""]
    assert masked("sk-canary-") == ["", "sk-canary-"]


def test_an_ordinary_delta_is_passed_on_as_it_is() -> None:
    masking = AnswerMask(LongKeys([Secret(KEY)]))
    for delta in (
        Delta("Hello"),
        Delta(reasoning="so"),
        Delta(finish_reason="stop"),
        Delta("x", "y", "stop"),
    ):
        assert masking.mask(delta) is delta


def test_tokens_that_hold_a_key_together_are_left_out() -> None:
    pieces = ["your key is ", KEY[:9], KEY[9:], "."]
    tokens = [{"token": piece, "logprob": -0.1, "bytes": list(piece.encode())} for piece in pieces]
    message = {"content": f"your key is {KEY}.", "logprobs": {"content": tokens, "tokens": pieces}}
    found = AnswerMask(LongKeys((Secret(KEY),))).mask(Delta(finish_reason="stop", message=message)).message
    assert found == {"content": f"your key is {MASK}.", "logprobs": {"content": [], "tokens": []}}
    plain = {"logprobs": {"content": tokens[:2], "tokens": ["Hel", "lo"]}, "tool_calls": [{"id": "c"}]}
    masking = AnswerMask(LongKeys((Secret(KEY),)))
    assert masking.mask(Delta(finish_reason="stop", message=plain)).message == plain


def test_a_message_is_masked_in_all_its_texts() -> None:
    call: dict[str, Any] = {
        "tool_calls": [{"function": {"arguments": f'{{"k": "{KEY}"}}', KEY: [1, None, KEY]}}]
    }
    found = AnswerMask(LongKeys([Secret(KEY)])).mask(Delta(finish_reason="tool_calls", message=call))
    assert KEY not in json.dumps(found.message)
    assert json.dumps(found.message) == json.dumps(call).replace(KEY, MASK)


@pytest.mark.parametrize("key", ["EMPTY", "ollama", "fifteen-letters"])
def test_a_short_key_may_be_a_word_of_an_answer(key: str) -> None:
    assert masked("EMPTY ollama fifteen-letters", keys=(Secret(key),))[0] == "EMPTY ollama fifteen-letters"


@pytest.mark.case("engine", "key-echo")
@pytest.mark.parametrize(
    "form", ["sk%2Fcanary%2B0123456789", "sk/canary+0123456789", "sk/canary%2B0123456789"]
)
def test_a_key_is_masked_in_the_form_it_has_in_an_address(form: str) -> None:
    assert masked(f"see {form}", "!", keys=(Secret("sk/canary+0123456789"),))[0] == "see ...6789"
