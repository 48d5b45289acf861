"""Request options: what can be set, at which level, and what is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.config import ConfigError
from llmdash.config.options import merged_options, options_in
from llmdash.config.sources import Entry
from tests.config.place import KEY, Place

NAMES = st.from_regex(r"x_[a-z]{1,12}", fullmatch=True)
JSON = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refused(value: object) -> str:
    with pytest.raises(ConfigError) as caught:
        options_in(Entry(value, "--set"))
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)
    return str(caught.value)


@pytest.mark.case("wire", "set-options")
@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("reasoning_effort=low", {"reasoning_effort": "low"}),
        ("top_p=0.9", {"top_p": 0.9}),
        ("seed=7", {"seed": 7}),
        ("logprobs=true", {"logprobs": True}),
        ('response_format={"type":"json_object"}', {"response_format": {"type": "json_object"}}),
        ('user="7"', {"user": "7"}),
        ("user=a=b", {"user": "a=b"}),
        ("user=", {"user": ""}),
        ("reasoning.effort=low", {"reasoning": {"effort": "low"}}),
        ("stop=END", {"stop": ["END"]}),
        ('stop_sequences=["A","B"]', {"stop": ["A", "B"]}),
        ("max_output_tokens=5", {"max_tokens": 5}),
        ("n=1", {}),
        ("top_k=null", {"top_k": None}),
        ("some_new_thing=Infinity", {"some_new_thing": "Infinity"}),
    ],
)
def test_a_value_is_json_or_else_text(text: str, options: dict[str, Any]) -> None:
    assert options_in(Entry((text,), "--set")) == options


@pytest.mark.case("wire", "set-options")
def test_dots_make_objects_that_several_texts_fill() -> None:
    given = ('provider.order=["a"]', "provider.sort=price", "top_p=1")
    assert options_in(Entry(given, "--set")) == {
        "provider": {"order": ["a"], "sort": "price"},
        "top_p": 1,
    }


@pytest.mark.case("wire", "set-options")
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (("n=3",), "--set: n: a prompt has one answer here; leave it out"),
        (("best_of=2",), "--set: best_of: a prompt has one answer here"),
        (("stream=true",), "--set: stream: is set by --no-stream, or stream = false"),
        (("stream_options={}",), "--set: stream_options: is set by the program"),
        (("model=gpt",), "--set: model: is set by --model"),
        (("messages=[]",), "--set: messages: belongs to the prompts"),
        ((f"api_key={KEY}",), "--set: api_key: keys do not belong here; put them in .env"),
        (("top_p",), "--set: 'top_p' is no option; write it as name=value"),
        (("=5",), "--set: '' is no option; write it as name=value"),
        (("a..b=5",), "--set: 'a..b' is no option"),
        (("a b=5",), "--set: 'a b' is not the name of an option"),
        (("a=1", "a.b=2"), "--set: 'a.b' is set as a value and as an object; keep one"),
        (('response_format={"type":json}',), "--set response_format: begins as JSON and is none"),
        ((f'x=["{KEY}"',), "--set x: begins as JSON and is none"),
        (("stop=5",), "--set: stop: is neither a text nor a list of texts"),
        ("{", "--set: is not JSON; write an object"),
        ("5", "--set: is not a table of options"),
        (5, "--set: is not a table of options"),
        ({"x": float("nan")}, "--set: x: cannot be sent as JSON"),
        ({"x": object()}, "--set: x: cannot be sent as JSON"),
    ],
)
def test_what_cannot_be_set_is_refused_by_name(value: object, error: str) -> None:
    assert refused(value).startswith(error)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_any_json_comes_back_from_the_command_line_and_from_a_variable(options: dict[str, Any]) -> None:
    texts = tuple(f"{name}={json.dumps(value)}" for name, value in options.items())
    assert (options_in(Entry(texts, "--set")) if texts else {}) == options
    assert options_in(Entry(json.dumps(options), "LLMDASH_OPTIONS")) == options


@pytest.mark.case("wire", "set-options")
def test_each_option_comes_from_the_strongest_place(place: Place) -> None:
    place.user_config.write_text("[options]\na_one = 1\na_two = 1\na_three = 1\nmax_tokens = 1\n")
    place.toml("[options]\na_two = 2\na_three = 2\nmax_completion_tokens = 2\n")
    place.environ["LLMDASH_OPTIONS"] = '{"a_three": 3}'
    settings = place.load(options=("a_four=4",))
    assert settings.options == {
        "a_one": 1, "a_two": 2, "a_three": 3, "a_four": 4, "max_completion_tokens": 2
    }  # fmt: skip
    assert "a_one" not in place.load(options=("a_one=null",)).options


@pytest.mark.case("wire", "set-options")
def test_the_run_asks_for_its_options_and_those_with_a_name_of_their_own(place: Place) -> None:
    assert place.load(temperature=0.5, options=("top_p=0.9",)).run_options == {
        "temperature": 0.5,
        "top_p": 0.9,
    }
    limits = place.load(max_tokens=5, options=("max_completion_tokens=9",))
    assert limits.run_options == {"max_completion_tokens": 9}
    assert place.load().run_options == {}


@pytest.mark.case("wire", "set-options")
def test_an_endpoint_has_options_of_its_own(place: Place) -> None:
    place.env("API_KEY=sk-a\n")
    place.toml(
        "[[endpoint]]\nname = 'a'\nbase_url = 'https://a.example/v1'\napi_key_env = 'API_KEY'\n"
        "[endpoint.options]\ntop_p = 0.5\n[endpoint.options.reasoning]\neffort = 'low'\n"
        "[[endpoint]]\nname = 'b'\nbase_url = 'https://b.example/v1'\napi_key_env = 'API_KEY'\n"
        "options = {top_p = 0.7}\n"
    )
    first, second = place.load().endpoints
    assert first.options == {"top_p": 0.5, "reasoning": {"effort": "low"}}
    assert second.options == {"top_p": 0.7}


@pytest.mark.case("wire", "set-options")
def test_a_wrong_option_of_a_file_is_named_by_its_line(place: Place) -> None:
    place.toml("model = 'm'\n[options]\nn = 4\n")
    assert place.error() == ("llmdash.toml:2: options: n: a prompt has one answer here; leave it out")
    place.toml("[options]\nborn = 1979-05-27\n")
    assert "options: born: cannot be sent as JSON; write dates as text" in place.error()
    place.env("API_KEY=sk-a\n")
    place.toml("[[endpoint]]\nname='a'\napi_key_env='API_KEY'\n[endpoint.options]\nstream = true\n")
    assert place.error() == ("llmdash.toml:4: options: stream: is set by --no-stream, or stream = false")


def test_merging_takes_the_stronger_name_by_name_and_drops_what_is_null() -> None:
    strong, weak = Entry({"a": 1, "b": None}, "x"), Entry({"a": 2, "b": 2, "c": 2}, "y")
    assert merged_options((strong, weak)) == {"a": 1, "c": 2}
    assert merged_options(()) == {}
