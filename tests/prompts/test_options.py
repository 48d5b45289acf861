"""Model options of one prompt: what is taken, what is refused, and how they go over those of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmdash.prompts.options import OptionError, merge_options, read_options
from llmdash.prompts.readers import open_source
from llmdash.prompts.sets import listed
from llmdash.prompts.source import NO_OPTIONS, Prompt, PromptSource


def source(folder: Path, *records: dict[str, Any], **how: Any) -> PromptSource:
    path = folder / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    return open_source(path, **how)


def test_known_and_unknown_options_pass_as_they_are() -> None:
    given = {
        "model": "m",
        "temperature": 0.2,
        "max_tokens": 5,
        "top_p": 1,
        "seed": -3,
        "logit_bias": {"5": 1},
    }
    assert read_options(given) == given


def test_what_asks_for_nothing_is_left_out() -> None:
    given = {"temperature": None, "stream": True, "stream_options": {"include_usage": True}, "n": 1}
    assert read_options(given) == {}


def test_names_of_one_dialect_become_the_common_ones() -> None:
    assert read_options({"stop_sequences": ["END"]}) == {"stop": ["END"]}
    assert read_options({"max_output_tokens": 7}) == {"max_tokens": 7}
    assert read_options({"max_completion_tokens": 7}) == {"max_completion_tokens": 7}


def test_a_single_stop_is_a_list_of_one() -> None:
    """As text it would be taken for a list of letters."""
    assert read_options({"stop": "END"}) == {"stop": ["END"]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n": 2}, "`n` other than 1 is not supported"),
        ({"best_of": 3}, "`best_of` other than 1"),
        ({"model": 5}, "`model` must be the name of a model"),
        ({"model": " "}, "`model` must be the name of a model"),
        ({"temperature": "hot"}, "`temperature` must be a number"),
        ({"temperature": True}, "`temperature` must be a number"),
        ({"max_tokens": 0}, "`max_tokens` must be a whole number from 1"),
        ({"max_tokens": 10**30}, "`max_tokens` must be a whole number from 1"),
        ({"max_completion_tokens": 1.5}, "`max_completion_tokens` must be a whole number from 1"),
        ({"seed": "x"}, "`seed` must be a whole number"),
        ({"stop": [1]}, "`stop` must be text or a list of texts"),
        ({"messages": []}, "`messages` is not an option"),
        ({"prompt": "x"}, "`prompt` is not an option"),
        ({"self": 1}, "`self` is not an option"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(given: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_options(given)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_own_options_go_over_those_of_the_run() -> None:
    run = {"temperature": 1.0, "max_tokens": 100}
    assert merge_options(run, {"temperature": 0.1}) == {"temperature": 0.1, "max_tokens": 100}
    assert merge_options(run, NO_OPTIONS) is run


def test_a_limit_of_tokens_replaces_that_of_the_run_under_any_name() -> None:
    """A server refuses a request with two of them."""
    run = {"temperature": 1.0, "max_tokens": 100}
    merged = merge_options(run, {"max_completion_tokens": 5})
    assert merged == {"temperature": 1.0, "max_completion_tokens": 5}
    assert run == {"temperature": 1.0, "max_tokens": 100}


def test_json_lines_may_carry_options(tmp_path: Path) -> None:
    asked = {"temperature": 0.5, "stream": False}
    found = source(tmp_path, {"prompt": "a", "options": asked}, {"prompt": "b"})
    assert not found.problems
    assert found.prompt(0).options == {"temperature": 0.5}
    assert found.prompt(1).options is NO_OPTIONS


def test_bad_options_are_listed_with_their_line(tmp_path: Path) -> None:
    bad = {"prompt": "b", "options": {"n": 2}}
    found = source(tmp_path, {"prompt": "a"}, bad)
    assert len(found) == 1
    assert str(found.problems[0]).startswith(f"{tmp_path / 'p.jsonl'}:2: `options`: `n` other than 1")


@pytest.mark.parametrize("data", [["tea", "milk"], "tea", 5, None, {}])
def test_a_field_of_that_name_that_is_no_object_is_data(tmp_path: Path, data: object) -> None:
    found = source(tmp_path, {"prompt": "Which?", "options": data})
    assert not found.problems
    assert found.prompt(0).options is NO_OPTIONS


def test_with_a_template_options_are_a_field_like_any_other(tmp_path: Path) -> None:
    """Questions with choices call them so."""
    record = {"q": "Which?", "options": {"A": "tea", "n": 2}}
    found = source(tmp_path, record, template="{{q}} {{options}}")
    assert found.prompt(0).text == 'Which? {"A":"tea","n":2}'
    assert found.prompt(0).options is NO_OPTIONS


def test_options_decide_the_fingerprint_of_prompts_in_memory() -> None:
    messages = (("user", "hi"),)
    plain = listed("x", [Prompt("a", messages)])
    cold = listed("x", [Prompt("a", messages, None, {"temperature": 0})])
    assert plain.fingerprint != cold.fingerprint


def test_a_prompt_with_options_can_still_be_hashed() -> None:
    assert len({Prompt("a", (("user", "hi"),), None, {"temperature": 0})}) == 1
