"""Nothing in a row is ignored: what is not sent is read, or carried into the results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, Prompt, PromptSource, RequestBody, said_text

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def opened(folder: Path, *records: object, **how: Any) -> PromptSource:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return open_source(path, **how)


def prompt(folder: Path, record: object, **how: Any) -> Prompt:
    found = opened(folder, record, **how)
    assert not found.problems
    return found.prompt(0)


def fault(folder: Path, record: object, **how: Any) -> str:
    found = opened(folder, {"prompt": "good", "id": "good"}, record, **how)
    [problem] = found.problems
    assert found.left_out == 1
    return problem.message


REQUEST = {
    "model": "gpt-4o",
    "temperature": 0,
    "max_tokens": 7,
    "response_format": {"type": "json_object"},
    "messages": HELLO,
    "metadata": {"row": 7},
    "row_ref": 12,
}


@pytest.mark.case("files", "body-rows")
@pytest.mark.parametrize("wires", [(), ("chat",), ("chat", "messages")])
def test_a_request_row_is_sent_and_the_rest_is_carried(tmp_path: Path, wires: tuple[str, ...]) -> None:
    found = opened(tmp_path, REQUEST, wires=wires)
    one = found.prompt(0)
    sent = {name: REQUEST[name] for name in REQUEST if name not in ("metadata", "row_ref")}
    assert one.body == RequestBody("chat", sent)
    assert one.options == {name: value for name, value in sent.items() if name != "messages"}
    assert one.carried == {"metadata": {"row": 7}, "row_ref": 12}
    assert found.reading == (
        "JSON lines; sent: model, temperature, max_tokens, response_format, messages; "
        "carried: metadata, row_ref"
    )


def test_metadata_of_text_is_sent(tmp_path: Path) -> None:
    one = prompt(tmp_path, {"messages": HELLO, "metadata": {"batch": "7"}})
    assert one.body is not None
    assert one.body.fields["metadata"] == {"batch": "7"}
    assert not one.carried


@pytest.mark.parametrize(
    ("wire", "row"),
    [
        ("chat", {"messages": HELLO, "logit_bias": {"5": 1}, "reasoning_effort": "low", "n": 1}),
        ("messages", {"messages": HELLO, "max_tokens": 5, "system": "Rhyme.", "stop_sequences": ["x"]}),
        ("messages", {"messages": HELLO, "max_tokens": 5, "thinking": {"type": "disabled"}, "top_k": 5}),
        ("responses", {"model": "m", "input": "Hello", "instructions": "Rhyme.", "reasoning": {}}),
        ("responses", {"model": "m", "input": HELLO, "max_output_tokens": 16, "store": False}),
    ],
)
def test_the_names_of_its_fields_show_in_which_format_a_row_is(
    tmp_path: Path, wire: str, row: dict[str, Any]
) -> None:
    for wires in ((), (wire,)):
        one = prompt(tmp_path, row, wires=wires)
        assert one.body == RequestBody(wire, row)
        assert one.text == "Hello"
        assert not one.carried


def test_a_row_that_fits_two_formats_is_in_that_of_the_endpoint(tmp_path: Path) -> None:
    row = {"messages": HELLO, "max_tokens": 5}
    assert prompt(tmp_path, row).body == RequestBody("chat", row)
    assert prompt(tmp_path, row, wires=["messages"]).body == RequestBody("messages", row)


def test_to_an_endpoint_of_another_format_its_fields_are_sent_in_general_words(tmp_path: Path) -> None:
    row = {
        "messages": HELLO,
        "system": "Rhyme.",
        "max_tokens": 5,
        "stop_sequences": ["END"],
        "thinking": {"type": "disabled"},
        "temperature": 0.5,
    }
    one = prompt(tmp_path, row, wires=["chat"])
    assert one.messages == (("system", "Rhyme."), ("user", "Hello"))
    assert one.options == {"max_tokens": 5, "stop": ["END"], "temperature": 0.5}
    assert one.carried == {"thinking": {"type": "disabled"}}


@pytest.mark.case("files", "system-row")
@pytest.mark.parametrize(
    "row",
    [
        {"system": "French only.", "prompt": "Hello"},
        {"system": "French only.", "prompt": [{"role": "user", "content": "Hello"}]},
        {"system": "French only.", "messages": HELLO},
        {"system": "French only.", "input": "Hello", "model": "m"},
        {"system": "French only.", "instruction": "Hello"},
        {"system": "French only.", "conversations": [{"from": "human", "value": "Hello"}]},
        {"system": [{"type": "text", "text": "French only."}], "messages": HELLO, "seed": 1},
    ],
)
@pytest.mark.parametrize("wires", [(), ("chat",), ("messages",), ("responses",), ("completions",)])
def test_the_system_text_of_a_row_is_sent(
    tmp_path: Path, row: dict[str, Any], wires: tuple[str, ...]
) -> None:
    one = prompt(tmp_path, row, wires=wires, system="Ignored.")
    assert [said_text(said) for said in one.messages] == ["French only.", "Hello"]
    assert not one.carried or wires
    if one.body is not None:
        assert "French only." in json.dumps(one.body.fields)


@pytest.mark.parametrize(
    ("row", "sent"),
    [
        ({"prompt": "Hello"}, None),
        ({"prompt": "Hello", "system": ""}, None),
        ({"messages": HELLO}, {"messages": [{"role": "system", "content": "Rhyme."}, *HELLO]}),
        ({"messages": HELLO, "top_k": 5}, {"messages": HELLO, "top_k": 5, "system": "Rhyme."}),
        ({"input": "Hello", "model": "m"}, {"input": "Hello", "model": "m", "instructions": "Rhyme."}),
        (
            {"custom_id": "a", "body": {"prompt": "Hello"}, "url": "/v1/completions"},
            {"prompt": "Hello"},
        ),
    ],
)
def test_the_system_text_of_the_run_goes_above_rows_without_one(
    tmp_path: Path, row: dict[str, Any], sent: dict[str, Any] | None
) -> None:
    one = prompt(tmp_path, row, system="Rhyme.")
    assert one.messages == (("system", "Rhyme."), ("user", "Hello"))
    assert (one.body and one.body.fields) == sent


@pytest.mark.case("files", "tools-row")
@pytest.mark.parametrize("as_envelope", [False, True])
def test_tools_and_what_they_answered_are_sent_as_they_are(tmp_path: Path, as_envelope: bool) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
    ]
    body = {"messages": turns, "tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": False}
    line = {"custom_id": "a", "url": "/v1/chat/completions", "body": body} if as_envelope else body
    one = prompt(tmp_path, line)
    assert one.body == RequestBody("chat", body)
    assert one.messages == (("user", "Hello"), turns[1], turns[2])
    assert one.options["tools"] == [TOOL]
    assert not one.carried


@pytest.mark.case("files", "parts-row")
@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f-1"}},
        {"type": "image", "source": {"type": "url", "url": "https://h/x.png"}},
        {"type": "of a kind to come"},
    ],
)
def test_parts_of_every_kind_are_sent_as_they_are(tmp_path: Path, part: dict[str, Any]) -> None:
    turn = {"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}
    for row in ({"messages": [turn]}, {"prompt": [turn]}):
        one = prompt(tmp_path, row)
        assert one.messages == (turn,)
        assert one.text == "What is it?"
    alone = {"role": "user", "content": [part]}
    assert prompt(tmp_path, {"messages": [alone]}).messages == (alone,)


def test_only_the_fields_of_a_prompt_are_read_in_a_data_row(tmp_path: Path) -> None:
    data = {
        "model": "T-34",
        "temperature": 36.6,
        "messages": [1],
        "metadata": {"a": "b"},
        "tools": "saw",
        "stream": True,
        "n": 5,
    }
    row = {"prompt": "Hello", "id": "x", "expected": "y", "check": " Number ", "options": {"seed": 1}, **data}
    found = opened(tmp_path, {**row, "options.top_p": 0.5})
    one = found.prompt(0)
    assert (one.id, one.expected, one.check, one.body) == ("x", "y", "number", None)
    assert one.options == {"seed": 1, "top_p": 0.5}
    assert one.carried == data
    assert found.reading == (
        "JSON lines; sent: prompt, options, options.top_p; "
        f"carried: {', '.join(data)}; read: id, expected, check"
    )


def test_fields_that_are_no_options_system_or_check_are_carried(tmp_path: Path) -> None:
    data = {"options": ["tea", "milk"], "system": {"os": "linux"}, "check": True}
    one = prompt(tmp_path, {"prompt": "Hello", **data})
    assert one.carried == data
    assert not one.options


def test_what_a_template_inserts_is_data_and_is_carried_with_the_rest(tmp_path: Path) -> None:
    row = {"q": "Which?", "options": {"n": 2}, "system": "solar", "prompt": "old", "options.seed": 3}
    one = prompt(tmp_path, row, template="{{q}} {{options}} {{system}}")
    assert one.messages == (("user", 'Which? {"n":2} solar'),)
    assert one.options == {"seed": 3}
    assert one.carried == {name: row[name] for name in ("q", "options", "system", "prompt")}


def test_fields_can_be_sent_or_carried_on_demand(tmp_path: Path) -> None:
    row = {"messages": HELLO, "temperature": 1, "guided_regex": "a+", "user": "me", "id": "x"}
    found = opened(tmp_path, row, send=["guided_regex"], carry=["user", "id"])
    one = found.prompt(0)
    assert one.body == RequestBody("chat", {"messages": HELLO, "temperature": 1, "guided_regex": "a+"})
    assert (one.id, one.carried) == ("x", {"user": "me", "id": "x"})
    one = prompt(tmp_path, {"prompt": "Hello", "seed": 3, "system": "x"}, send=["seed"], carry=["system"])
    assert (one.options, one.carried, one.messages) == ({"seed": 3}, {"system": "x"}, (("user", "Hello"),))


def test_what_is_sent_of_rows_that_are_prompts_alone_is_said_however_many_they_are(tmp_path: Path) -> None:
    for number in (1, 2, 5_000):
        rows = [{"prompt": f"Say {row}", "id": f"r{row}"} for row in range(number)]
        assert opened(tmp_path, *rows).reading == "JSON lines; sent: prompt; carried: none; read: id"


def test_a_template_that_says_the_same_each_time_is_told_of_and_one_brace_too_few_refused(
    tmp_path: Path,
) -> None:
    row = {"country": "Peru"}
    assert "has no {{field}}: the same each time" in opened(tmp_path, row, template="Capital?").reading
    assert (
        opened(tmp_path, row, template='{{country}} as {"city": ""}').prompt(0).text == 'Peru as {"city": ""}'
    )
    with pytest.raises(InputError, match=r"write {{country}} for {country}"):
        opened(tmp_path, row, template="Capital of {country}?")


def test_nothing_is_carried_if_that_is_wanted_and_it_is_said(tmp_path: Path) -> None:
    row = {"prompt": "Hello", "a": 1, "b": 2}
    found = opened(tmp_path, row, carry=["none", "b"])
    assert found.prompt(0).carried == {"b": 2}
    assert found.reading == "JSON lines; sent: prompt; carried: b (left out: a)"
    assert not opened(tmp_path, row, carry=["none"]).prompt(0).carried


@pytest.mark.parametrize("option", ["send", "carry"])
def test_a_field_that_no_record_has_is_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(InputError, match=rf"^--{option} tempratur: no such field; fields here: prompt$"):
        opened(tmp_path, {"prompt": "x"}, **{option: ["tempratur"]})
    with pytest.raises(InputError, match=r"prompt: both in --send and in --carry"):
        opened(tmp_path, {"prompt": "x"}, send=["prompt"], carry=["prompt"])


@pytest.mark.parametrize(
    "how",
    [{"template": "\udcff"}, {"system": "\udcff"}, {"send": ["\udcff"]}, {"expected_column": "\udcff"}],
)
def test_words_of_the_command_line_that_are_no_utf_8_are_refused(tmp_path: Path, how: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        opened(tmp_path, {"prompt": "x"}, **how)


@pytest.mark.parametrize("name", ["n", "best_of"])
def test_several_answers_are_refused_by_name(tmp_path: Path, name: str) -> None:
    body = {"messages": HELLO, name: 2}
    assert name != "n" or "`n` other than 1" in fault(tmp_path, body)
    assert f"`{name}` other than 1" in fault(tmp_path, {"custom_id": "a", "params": body})
    assert f"`{name}` other than 1" in fault(tmp_path, {"prompt": "x", "options": {name: 2}})


def test_a_model_that_is_no_name_is_refused(tmp_path: Path) -> None:
    assert "`model` must be the name" in fault(tmp_path, {"messages": HELLO, "model": 5})


@pytest.mark.case("files", "ids")
@pytest.mark.parametrize(
    ("value", "identity"),
    [
        (1.0, "1.0"),
        (7, "7"),
        (10**20, "100000000000000000000"),
        ("x" * 5_000, "x" * 5_000),
        (True, "true"),
        ({"$oid": "5f"}, '{"$oid":"5f"}'),
        (["a", 1], '["a",1]'),
        (None, "rows-1"),
        ("", "rows-1"),
        ("  ", "rows-1"),
    ],
)
def test_ids_of_every_kind_are_taken(tmp_path: Path, value: object, identity: str) -> None:
    for row in ({"prompt": "x"}, {"messages": HELLO}):
        found = opened(tmp_path, {"id": value, **row})
        assert found.prompt(0).id == found.id(0) == identity


@pytest.mark.case("files", "ids")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", 1], '["a",1]'),
        ({"b": None}, '{"b":null}'),
        (3.0, "3.0"),
        (False, "false"),
        ("", None),
        (None, None),
    ],
)
def test_an_expected_answer_of_any_kind_is_taken(tmp_path: Path, value: object, expected: str | None) -> None:
    assert prompt(tmp_path, {"prompt": "x", "expected": value}).expected == expected
    assert prompt(tmp_path, {"messages": HELLO, "expected": value}).expected == expected


@pytest.mark.case("files", "same-ids")
def test_lines_of_the_same_id_are_counted(tmp_path: Path) -> None:
    found = opened(tmp_path, *({"id": number % 4, "prompt": f"{number}"} for number in range(3_000)))
    assert len(found) == 4
    assert found.left_out == 2_996
    assert len(found.problems) < found.left_out
    long = opened(tmp_path, *[{"id": "i" * 9_000, "prompt": "x"}] * 2)
    assert len(str(long.problems[0])) < 500


@pytest.mark.case("files", "1M-prompt")
@pytest.mark.parametrize("size", [1_000_001, 20_000_000])
def test_a_long_prompt_is_taken(tmp_path: Path, size: int) -> None:
    one = prompt(tmp_path, {"prompt": "y" * size})
    assert len(one.text) == size


MEMORY = """
import resource, sys
from llmdash.prompts.readers import open_source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = open_source(sys.argv[1])
assert len(found) == 8, found.problems
assert len(found.prompt(7).text) == 25_000_000
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.case("files", "1M-prompt")
def test_long_prompts_stay_on_disk(tmp_path: Path) -> None:
    """Eight of 25 MB: of each line a few copies are made while it is read, and none is kept."""
    path = tmp_path / "p.jsonl"
    with path.open("w") as file:
        for _ in range(8):
            file.write(json.dumps({"prompt": "y" * 25_000_000}) + "\n")
    command = [sys.executable, "-c", MEMORY, str(path)]
    megabytes = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert megabytes < 150


# The shapes of data sets.


@pytest.mark.case("files", "shapes")
def test_a_conversation_of_share_gpt_is_asked_without_its_last_answer(tmp_path: Path) -> None:
    turns = [
        {"from": "system", "value": "Rhyme."},
        {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Ho"},
        {"from": "human", "value": "And?"},
        {"from": "gpt", "value": "So."},
    ]
    one = prompt(tmp_path, {"id": "c1", "conversations": turns, "source": "web"})
    assert one.messages == (("system", "Rhyme."), ("user", "Hi"), ("assistant", "Ho"), ("user", "And?"))
    assert one.carried == {"source": "web", "conversations": turns[4:]}
    open_end = prompt(tmp_path, {"conversations": turns[:4]})
    assert (open_end.messages, open_end.carried) == (one.messages, {})
    by_role = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    assert prompt(tmp_path, {"conversations": by_role}).messages == (("user", "Hi"),)


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([], "at least one turn"),
        ("Hello", "at least one turn"),
        ([5], "turn 1 of `conversations` is from nobody"),
        ([{"from": "observation", "value": "x"}], "is from observation, which no message can be"),
        ([{"from": "human", "value": 5}], "`value` must be text"),
        ([{"from": "gpt", "value": "x"}], "asks nothing"),
        ([{"from": "system", "value": "x"}], "asks nothing"),
    ],
)
def test_a_conversation_that_cannot_be_asked_is_left_out(tmp_path: Path, turns: object, words: str) -> None:
    assert words in fault(tmp_path, {"conversations": turns})


@pytest.mark.case("files", "shapes")
def test_an_instruction_of_alpaca_is_asked_with_its_input(tmp_path: Path) -> None:
    row = {"instruction": "Add.", "input": "2, 2", "output": "4"}
    one = prompt(tmp_path, row)
    assert (one.text, one.carried) == ("Add.\n\n2, 2", {"output": "4"})
    assert prompt(tmp_path, {"instruction": "Add.", "input": ""}).text == "Add."
    assert "`input` beside `instruction` must be text" in fault(tmp_path, {"instruction": "a", "input": 5})


@pytest.mark.case("files", "shapes")
def test_an_input_with_its_ideal_answer_is_asked(tmp_path: Path) -> None:
    one = prompt(tmp_path, {"input": HELLO, "ideal": "Hi", "temperature": 36.6})
    assert (one.messages, one.carried) == ((("user", "Hello"),), {"ideal": "Hi", "temperature": 36.6})
    assert prompt(tmp_path, {"input": "Hello", "output": "Hi"}).carried == {"output": "Hi"}


@pytest.mark.case("files", "shapes")
def test_requests_in_the_cells_of_a_table_are_read_as_json(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    cells = [json.dumps(HELLO), "0.5", "7", "007", json.dumps({"type": "json_object"}), "", "a,b"]
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    path.write_text(f"messages,temperature,seed,user,response_format,stop,note\n{quoted}\n")
    one = open_source(path).prompt(0)
    assert one.body == RequestBody(
        "chat",
        {
            "messages": HELLO,
            "temperature": 0.5,
            "seed": 7,
            "user": "007",
            "response_format": {"type": "json_object"},
        },
    )
    assert one.carried == {"note": "a,b"}


def test_options_in_the_columns_of_a_table_have_the_types_of_json(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "prompt,options.temperature,options.model,options.seed,options,model\n"
        'a,0.5,007,,"{""top_p"": 0.1}",T-34\nb,,,3,tea,\n'
    )
    found = open_source(path)
    assert found.prompt(0).options == {"temperature": 0.5, "model": "007", "top_p": 0.1}
    assert found.prompt(0).carried == {"model": "T-34"}
    assert found.prompt(1).options == {"seed": 3}
    assert found.prompt(1).carried == {"options": "tea", "model": ""}


def test_of_a_template_the_fields_that_it_sends_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("topic,question,year\nsums,What is 2 + 3?,1999\n")
    found = open_source(file, template="A {{ topic }} question: {{question}}")
    assert found.reading == (
        "table of 3 columns; sent: the template with topic, question; carried: topic, question, year"
    )
