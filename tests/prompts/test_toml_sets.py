"""Prompt sets in TOML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmdash.prompts.readers import open_source
from llmdash.prompts.source import InputError, PromptSource
from llmdash.prompts.verdict import Verdict


def opened(folder: Path, content: str, **options: Any) -> PromptSource:
    path = folder / "set.toml"
    path.write_text(content, encoding="utf-8")
    return open_source(path, **options)


def texts(found: PromptSource) -> list[str]:
    return [found.prompt(index).text for index in range(len(found))]


def ids(found: PromptSource) -> list[str]:
    return [found.prompt(index).id for index in range(len(found))]


def test_the_arithmetic_task_with_its_settings(tmp_path: Path) -> None:
    found = opened(tmp_path, 'name = "sums"\ntask = "arithmetic"\n[arithmetic]\ncount = 5\nseed = 9\n')
    assert (found.name, len(found)) == ("sums", 5)
    prompt = found.prompt(4)
    assert found.score(prompt, f'{{"result": {prompt.expected}}}') is Verdict.RIGHT


def test_a_template_over_a_table_beside_the_set(tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("word,expected\nsea,mer\nsky,ciel\n", encoding="utf-8")
    found = opened(tmp_path, 'template = "French for {{word}}?"\ndata = "words.csv"\nsystem = "One word."\n')
    assert texts(found) == ["French for sea?", "French for sky?"]
    assert found.prompt(0).messages[0] == ("system", "One word.")
    assert ids(found) == ["set-2", "set-3"]
    assert found.score(found.prompt(1), "ciel") is Verdict.RIGHT


def test_a_template_over_rows_in_the_set(tmp_path: Path) -> None:
    content = 'template = "{{n}} + {{n}}?"\n[[fields]]\nn = 1\nexpected = 2\n[[fields]]\nn = 2\nid = "two"\n'
    found = opened(tmp_path, content)
    assert texts(found) == ["1 + 1?", "2 + 2?"]
    assert ids(found) == ["set-1", "two"]
    assert found.prompt(0).expected == "2"


def test_a_template_without_fields_is_one_prompt(tmp_path: Path) -> None:
    assert texts(opened(tmp_path, 'template = "Hello"\nrepeat = 2\n')) == ["Hello", "Hello"]


def test_prompts_one_by_one_with_options(tmp_path: Path) -> None:
    content = """
        [options]
        model = "m"
        temperature = 0.5
        max_tokens = 9
        [[prompt]]
        text = "a"
        [[prompt]]
        id = "talk"
        messages = [{role = "system", content = "s"}, {role = "user", content = "b"}]
    """
    found = opened(tmp_path, content)
    assert texts(found) == ["a", "b"]
    assert ids(found) == ["set-1", "talk"]
    assert found.options == {"model": "m", "temperature": 0.5, "max_tokens": 9}


def test_repeats_follow_each_other_and_have_ids_of_their_own(tmp_path: Path) -> None:
    found = opened(tmp_path, 'repeat = 2\n[[prompt]]\ntext = "a"\n[[prompt]]\ntext = "b"\n')
    assert texts(found) == ["a", "b", "a", "b"]
    assert ids(found) == ["set-1.1", "set-2.1", "set-1.2", "set-2.2"]
    one = opened(tmp_path, 'name = "hello"\nrepeat = 3\n[[prompt]]\ntext = "a"\n')
    assert ids(one) == ["hello-1", "hello-2", "hello-3"]


def test_a_limit_cuts_the_rounds(tmp_path: Path) -> None:
    content = 'repeat = 5\n[[prompt]]\ntext = "a"\n[[prompt]]\ntext = "b"\n'
    found = opened(tmp_path, content, limit=3)
    assert texts(found) == ["a", "b", "a"]
    assert found.fingerprint != opened(tmp_path, content).fingerprint
    with pytest.raises(IndexError):
        found.prompt(3)


def test_bad_entries_are_left_out_and_listed_by_line(tmp_path: Path) -> None:
    content = '[[prompt]]\ntext = "a"\nid = "x"\n[[prompt]]\ntext = ""\n[[prompt]]\nid = "x"\ntext = "c"\n'
    found = opened(tmp_path, content)
    assert texts(found) == ["a"]
    assert [problem.line for problem in found.problems] == [4, 6]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("name = \n", ":1: not TOML"),
        ('task = "arithmetic"\n\ntasks = 3\n', ":3: unknown key `tasks`"),
        ('task = "arithmetic"\n[arithmetic]\ncounts = 3\n', ":3: unknown key `counts`"),
        ('task = "arithmetic"\n[arithmetic]\ncount = "x"\n', ":2: expected `int`"),
        ('task = "arithmetic"\n[arithmetic]\ncount = 0\n', ":2: expected `int` >= 1"),
        ('task = "algebra"\n', ":1: invalid enum value 'algebra'"),
        ('task = "al\\u001bge\\nbra"\n', ":1: invalid enum value 'al\\x1bge\\nbra'"),
        ('name = "a"\nrepeat = -1\n', ":2: expected `int` >= 1"),
        ('[options]\nn = 9\n[[prompt]]\ntext = "a"', ":1: [options]: `n` other than 1"),
        ('[options]\nseed = 1979-05-27\n[[prompt]]\ntext = "a"', ":1: [options]: "),
        ('check = "nubmer"\n[[prompt]]\ntext = "a"', ":1: `check`: 'nubmer' is not a check"),
        ('name = "a"\n', "no prompts; add"),
        ('task = "arithmetic"\n[[prompt]]\ntext = "a"\n', ":2: both `task` and `prompt`"),
        ('template = "x"\ndata = "a.csv"\n[[fields]]\na = 1\n', ":3: both `data` and"),
        ('data = "a.csv"\n[[prompt]]\ntext = "a"', ":1: `data` without `template`"),
        ('task = "arithmetic"\nsystem = "s"\n', ":2: the arithmetic task has prompts of its own"),
        ('template = "x"\ndata = "none.csv"\n', "none.csv: no such file"),
        ('template = "x"\ndata = "a\\u0000b"\n', "no such file"),
        ('template = "{{b}}"\n[[fields]]\na = 1\n', ":2: no field 'b' for the template in"),
        ('[[prompt]]\ntext = ""\n', ":1: the prompt is empty"),
        ("a = " + "[" * 50_000, ""),
    ],
)
def test_a_set_that_cannot_be_run_names_file_line_and_fault(tmp_path: Path, content: str, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        opened(tmp_path, content)
    assert fault in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


def test_bytes_that_are_not_utf8_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "set.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "a"\ntask = "\xff"\n')
    with pytest.raises(InputError, match=r"set\.toml:2: not UTF-8"):
        open_source(path)


def test_a_template_on_the_command_line_does_not_mix_with_a_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has its own template"):
        opened(tmp_path, 'template = "x"\n', template="y")


def test_data_that_changes_is_another_fingerprint(tmp_path: Path) -> None:
    data = tmp_path / "words.csv"
    content = 'template = "{{word}}"\ndata = "words.csv"\n'
    data.write_text("word\nsea\n", encoding="utf-8")
    first = opened(tmp_path, content).fingerprint
    data.write_text("word\nsky\n", encoding="utf-8")
    assert opened(tmp_path, content).fingerprint != first
    assert opened(tmp_path, content.replace("{{word}}", "{{word}}?")).fingerprint != first


@pytest.mark.parametrize("value", ["0.9", "[1, 2]", '{type = "json_object"}', '"x"', "true"])
def test_any_option_of_a_set_goes_through(tmp_path: Path, value: str) -> None:
    found = opened(tmp_path, f'[options]\nsome_option = {value}\n[[prompt]]\ntext = "a"\n')
    assert found.options.keys() == {"some_option"}


def test_a_set_and_a_prompt_say_how_answers_are_compared(tmp_path: Path) -> None:
    content = """
        check = "contains"
        [[prompt]]
        text = "a"
        expected = "4"
        [[prompt]]
        text = "b"
        expected = [4]
        check = "equal"
        system = "Rhyme."
        options = {seed = 3}
        id = 1.5
    """
    found = opened(tmp_path, content)
    assert (found.check, found.prompt(0).check, found.prompt(1).check) == ("contains", None, "equal")
    assert found.score(found.prompt(0), "It is 4.") is Verdict.RIGHT
    assert found.score(found.prompt(1), "It is [4].") is Verdict.NOT_EQUAL
    second = found.prompt(1)
    assert (second.id, second.expected, second.options) == ("1.5", "[4]", {"seed": 3})
    assert second.messages == (("system", "Rhyme."), ("user", "b"))


def test_rows_of_a_set_may_have_options_and_carry_the_rest(tmp_path: Path) -> None:
    found = opened(tmp_path, 'template = "{{a}}"\n[[fields]]\na = 1\nmodel = "T-34"\noptions = {seed = 1}\n')
    assert found.prompt(0).options == {"seed": 1}
    assert found.prompt(0).carried == {"a": 1, "model": "T-34"}


@pytest.mark.case("engine", "planted-config")
@pytest.mark.parametrize(
    "data", ["../secret.csv", "/etc/hostname", "link.csv", "sub/../../secret.csv", "round"]
)
def test_a_set_reads_no_table_outside_its_folder(tmp_path: Path, data: str) -> None:
    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text("word\nsea\n")
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "round").symlink_to("round")
    content = f'template = "{{{{word}}}}"\n\ndata = "{data}"\n'
    with pytest.raises(InputError) as caught:
        opened(folder, content)
    if data != "round":
        shown = (
            f"{folder / 'set.toml'}:3: `data` is outside the folder of the set; give it with --data {data}"
        )
        assert str(caught.value).startswith(shown)
    found = opened(folder, content, data=tmp_path / "secret.csv")
    assert texts(found) == ["sea"]


def test_a_table_inside_the_folder_of_a_set_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "words.csv").write_text("word\nsea\n")
    (tmp_path / "words.csv").symlink_to("sub/words.csv")
    for data in ("sub/words.csv", "words.csv", "./sub/../words.csv"):
        assert texts(opened(tmp_path, f'template = "{{{{word}}}}"\ndata = "{data}"\n')) == ["sea"]


def test_a_table_given_takes_the_place_of_that_of_the_set_and_of_none_else(tmp_path: Path) -> None:
    table = tmp_path / "words.csv"
    table.write_text("word\nsky\n")
    assert texts(opened(tmp_path, 'template = "{{word}}"\n', data=table)) == ["sky"]
    with pytest.raises(InputError, match="takes no table; leave --data out"):
        opened(tmp_path, '[[prompt]]\ntext = "a"\n', data=table)
    with pytest.raises(InputError, match="only a prompt set takes --data"):
        open_source(table, data=table, prompt_column="word")


def test_the_system_text_of_a_set_goes_before_that_of_the_run(tmp_path: Path) -> None:
    content = '[[prompt]]\ntext = "a"\n'
    assert opened(tmp_path, content, system="Run.").prompt(0).messages[0] == ("system", "Run.")
    own = opened(tmp_path, f'system = "Set."\n{content}', system="Run.")
    assert own.prompt(0).messages[0] == ("system", "Set.")
