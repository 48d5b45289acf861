"""Files made for the batch services of OpenAI and Anthropic run as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, PromptSource, RequestBody, Said, said_text

texts = st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip)
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["user", "text", "POST"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "messages", "prompt", "input", "system", "n", "stop"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
URLS = ["/v1/chat/completions", "/v1/completions", "/v1/responses"]
HELLO = [{"role": "user", "content": "Hello"}]
GOOD = {"custom_id": "good", "method": "POST", "url": URLS[0], "body": {"messages": HELLO}}


def openai(body: dict[str, Any], url: str = URLS[0], **fields: Any) -> dict[str, Any]:
    return {"custom_id": "a", "method": "POST", "url": url, "body": {"model": "m", **body}, **fields}


def source(folder: Path, *requests: object, name: str = "requests.jsonl") -> PromptSource:
    path = folder / name
    path.write_text("".join(json.dumps(request) + "\n" for request in requests))
    return open_source(path)


def messages(folder: Path, request: dict[str, Any]) -> tuple[Said, ...]:
    found = source(folder, request)
    assert not found.problems
    return found.prompt(0).messages


def fault(folder: Path, request: object) -> str:
    """What is said of a request on the second line."""
    found = source(folder, GOOD, request)
    assert [found.prompt(index).id for index in range(len(found))] == ["good"]
    [problem] = found.problems
    assert problem.line == 2
    assert problem.message.isprintable()
    return problem.message


def test_a_chat_request_becomes_a_prompt_with_its_own_options(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "2 + "}, {"type": "text", "text": "2?"}]},
    ]
    options = {"temperature": 0.1, "max_completion_tokens": 9, "response_format": {"type": "json_object"}}
    found = source(tmp_path, openai({"messages": turns, "stream": True, "n": 1, **options}, custom_id="r-1"))
    prompt = found.prompt(0)
    assert prompt.id == "r-1"
    assert prompt.messages == (("system", "Be brief."), turns[1])
    assert prompt.text == "2 + 2?"
    assert prompt.options == {"model": "m", **options}
    assert prompt.body == RequestBody("chat", {"model": "m", "messages": turns, "n": 1, **options})
    assert prompt.expected is None


@pytest.mark.parametrize("prompt", ["Once upon", ["Once upon"]])
def test_a_completion_request_is_one_turn(tmp_path: Path, prompt: object) -> None:
    request = openai({"prompt": prompt}, URLS[1])
    assert messages(tmp_path, request) == (("user", "Once upon"),)


def test_a_response_request_is_its_input_under_its_instructions(tmp_path: Path) -> None:
    request = openai({"input": "Hi", "instructions": "Rhyme.", "max_output_tokens": 5}, URLS[2])
    assert messages(tmp_path, request) == (("system", "Rhyme."), ("user", "Hi"))
    assert source(tmp_path, request).prompt(0).options == {"model": "m", "max_tokens": 5}
    turns = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Ho"}],
            "id": "m",
            "status": "done",
        },
        {"role": "user", "content": "And?"},
    ]
    request = openai({"input": turns}, URLS[2])
    assert messages(tmp_path, request) == (*turns[:2], ("user", "And?"))
    assert [said_text(said) for said in messages(tmp_path, request)] == ["Hi", "Ho", "And?"]


@pytest.mark.parametrize(
    "system", ["Be brief.", [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]]
)
def test_an_anthropic_request_opens_with_its_system_text(tmp_path: Path, system: object) -> None:
    params = {"model": "m", "max_tokens": 9, "system": system, "messages": HELLO, "stop_sequences": ["END"]}
    request = {"custom_id": "a", "params": params}
    found = messages(tmp_path, request)
    assert [said_text(said) for said in found] == ["Be brief.", "Hello"]
    prompt = source(tmp_path, request).prompt(0)
    assert prompt.body == RequestBody("messages", params)
    assert prompt.options == {"model": "m", "max_tokens": 9, "stop": ["END"]}


def test_the_url_may_stand_without_its_version(tmp_path: Path) -> None:
    assert messages(tmp_path, openai({"messages": HELLO}, "/chat/completions")) == (("user", "Hello"),)


@pytest.mark.parametrize("name", ["r.jsonl", "r.ndjson", "r.txt", "r.json", "r"])
def test_a_batch_file_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    assert source(tmp_path, GOOD, name=name).prompt(0).id == "good"


def test_bad_lines_at_the_top_do_not_hide_what_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("\n{not json\n[1]\n" + json.dumps(GOOD))
    found = open_source(path)
    assert found.prompt(0).id == "good"
    assert [problem.line for problem in found.problems] == [2, 3]


def test_json_lines_that_only_name_a_custom_id_are_json_lines(tmp_path: Path) -> None:
    found = source(tmp_path, {"custom_id": "x", "prompt": "Hi"})
    assert (found.prompt(0).id, found.prompt(0).text) == ("requests-1", "Hi")


def test_with_a_template_the_lines_are_plain_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps(GOOD))
    assert open_source(path, template="{{custom_id}}").prompt(0).text == "good"
    with pytest.raises(InputError, match="a batch file has its own messages; leave the template out"):
        open_source(path, kind="batch", template="x")


def test_the_id_is_kept_to_the_last_blank(tmp_path: Path) -> None:
    """Answers are matched by it."""
    assert source(tmp_path, openai({"messages": HELLO}, custom_id=" a ")).prompt(0).id == " a "


def test_the_second_of_two_equal_ids_is_left_out(tmp_path: Path) -> None:
    found = source(tmp_path, GOOD, GOOD)
    assert len(found) == 1
    assert "id 'good' is taken by line 1" in found.problems[0].message


UNFIT: list[tuple[dict[str, Any], str]] = [
    ({"body": {"messages": HELLO}, "url": URLS[0]}, "no `custom_id`"),
    (openai({"messages": HELLO}, custom_id=" "), "`custom_id` must be text"),
    (openai({"messages": HELLO}, custom_id="x" * 70_000), "`custom_id` must be text of 1 to 65,536"),
    (openai({"messages": HELLO}, method="GET"), "method 'GET' is not supported"),
    (
        openai({"input": "x"}, "/v1/embeddings"),
        "url '/v1/embeddings' is not supported; it must be one of /v1/chat",
    ),
    (openai({"messages": HELLO}, url=5), "url '5' is not supported"),  # type: ignore[arg-type]
    ({"custom_id": "a", "url": URLS[0]}, "no `body`"),
    ({"custom_id": "a", "params": 5}, "no `params`"),
    (openai({}), "body: `messages` must be a list"),
    (openai({"messages": HELLO, "n": 3}), "body: `n` other than 1 is not supported"),
    (openai({"messages": HELLO, "model": 5}), "body: `model` must be the name of a model"),
    (openai({"messages": HELLO, "stop": 5}), "body: `stop` must be text or a list of texts"),
    (openai({"prompt": ["a", "b"]}, URLS[1]), "body: several prompts, or one in tokens, are not supported"),
    (openai({"prompt": [1, 2]}, URLS[1]), "body: several prompts, or one in tokens"),
    (openai({"prompt": None}, URLS[1]), "body: `prompt` must be text"),
    (openai({"prompt": " "}, URLS[1]), "body: the prompt is empty"),
    (openai({"messages": [{"content": "x"}]}), "message 1: no `role` that is text"),
    (openai({"messages": [{"role": "user", "content": 5}]}), "message 1: `content` must be text or a list"),
    (openai({"messages": [{"role": "user", "content": [5]}]}), "message 1: the parts of `content` must be"),
    (
        {"custom_id": "a", "params": {"messages": HELLO, "system": 5}},
        "params: `system` must be text or a list",
    ),
]


@pytest.mark.parametrize(("request_line", "words"), UNFIT, ids=[words[:40] for _, words in UNFIT])
def test_what_cannot_be_run_is_listed_with_what_is_not_supported(
    tmp_path: Path, request_line: dict[str, Any], words: str
) -> None:
    assert words in fault(tmp_path, request_line)


def test_fields_of_a_message_go_through_as_they_stand(tmp_path: Path) -> None:
    turn = {"role": "user", "content": "Hello", "tool_calls": None, "refusal": None, "name": ""}
    assert messages(tmp_path, openai({"messages": [turn]})) == (turn,)


@pytest.mark.parametrize(
    ("url", "body", "wire"),
    [
        (None, {"messages": HELLO}, "chat"),
        (None, {"messages": HELLO, "max_tokens": 5, "top_k": 3}, "messages"),
        (None, {"prompt": "Hello"}, "completions"),
        (None, {"input": "Hello"}, "responses"),
        ("https://host/openai/v1/chat/completions?api-version=1", {"messages": HELLO}, "chat"),
        ("/v1/messages", {"messages": HELLO, "max_tokens": 5}, "messages"),
    ],
)
def test_the_url_names_the_format_and_without_one_the_body_does(
    tmp_path: Path, url: str | None, body: dict[str, Any], wire: str
) -> None:
    line = {"custom_id": "a", "body": body} | ({"url": url} if url else {})
    assert source(tmp_path, line).prompt(0).body == RequestBody(wire, body)


def test_what_stands_around_a_body_is_carried(tmp_path: Path) -> None:
    found = source(
        tmp_path, openai({"messages": HELLO}, custom_id=7, expected=3, row_ref=[1], check="number")
    )
    prompt = found.prompt(0)
    assert (prompt.id, prompt.expected, prompt.check) == ("7", "3", "number")
    assert prompt.carried == {"row_ref": [1]}
    assert found.reading == (
        "batch requests; sent: body; carried: row_ref; read: custom_id, method, url, expected, check"
    )


@settings(max_examples=50)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5))
def test_any_text_comes_back_from_a_request(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]
) -> None:
    turns = [
        {"role": "user", "content": [{"type": "text", "text": a}, {"type": "text", "text": b}]}
        for a, b in pairs
    ]
    request = openai({"messages": turns})
    found = messages(tmp_path_factory.mktemp("in"), request)
    assert [said_text(said) for said in found] == [a + b for a, b in pairs]


@settings(max_examples=150)
@given(st.sampled_from([*URLS, None]), anything, anything, anything)
def test_whatever_stands_in_a_body_is_a_prompt_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, url: str | None, first: object, second: object, third: object
) -> None:
    body = {"messages": first, "prompt": second, "input": first, "instructions": third, "system": third}
    for name in ("messages", "prompt", "input", "instructions", "system"):
        alone = {name: body[name], "stop": third}
        line = {"custom_id": "a", "params": alone} if url is None else openai(alone, url)
        found = source(tmp_path_factory.mktemp("in"), GOOD, line)
        assert len(found) + len(found.problems) == 2
        assert all(problem.message.isprintable() for problem in found.problems)


def test_requests_stay_on_disk(tmp_path: Path) -> None:
    requests = [
        openai({"messages": HELLO, "seed": number}, custom_id=f"r-{number}") for number in range(3_000)
    ]
    found = source(tmp_path, *requests)
    assert len(found) == 3_000
    assert found.prompt(2_999).options["seed"] == 2_999
    (tmp_path / "requests.jsonl").write_text("")
    with pytest.raises(InputError, match="the file changed during the run"):
        found.prompt(0)
