"""Templates: `{{field}}`, once, and nothing more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.prompts.source import InputError
from llmdash.prompts.template import Template

names = st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name.strip() == name
)


@given(st.dictionaries(names, st.text(), min_size=1, max_size=4))
def test_values_are_put_in_as_they_are(values: dict[str, str]) -> None:
    template = Template("|".join(f"{{{{ {name} }}}}" for name in values))
    assert template.render(values) == "|".join(values.values())
    assert template.fields == tuple(values)


@given(st.text().filter(lambda text: "{{" not in text))
def test_text_without_fields_stays_as_it_is(text: str) -> None:
    assert Template(text).render({}) == text


def test_a_value_is_not_expanded_again() -> None:
    assert Template("{{a}} {{b}}").render({"a": "{{b}}", "b": "{{a}}"}) == "{{b}} {{a}}"


def test_a_field_is_a_name_and_never_an_expression() -> None:
    for field in ("a.__class__", "a[0]", "a!r", "a:>10", "1+1"):
        with pytest.raises(InputError, match="no field"):
            Template(f"{{{{{field}}}}}").render({"a": "x"})


def test_single_braces_are_plain_text() -> None:
    text = '{"city": "{{city}}"} {0} {} {{}} {{ }} {{{city}}} {{open'
    assert Template(text).render({"city": "Oslo"}) == '{"city": "Oslo"} {0} {} {{}} {{ }} {Oslo} {{open'


def test_numbers_and_nothing_become_text() -> None:
    values = {"n": 3, "f": 0.5, "b": True, "none": None, "list": [1, "é"]}
    assert Template("{{n}} {{f}} {{b}} [{{none}}] {{list}}").render(values) == '3 0.5 true [] [1,"é"]'


def test_an_unknown_field_is_named_with_the_template_and_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"no field 'town' for the template in a\.toml; fields here: city, land"
    ):
        Template("{{town}}", "the template in a.toml").render({"city": "x", "land": "y"})


def test_a_check_finds_an_unknown_field_before_any_row_is_read() -> None:
    Template("{{a}}").check(["a"])
    with pytest.raises(InputError, match="'a'"):
        Template("{{a}}").check([])


def test_hostile_templates_are_soon_done() -> None:
    for text in ("{" * 1_000_000, "{{" + " " * 1_000_000, "{{ " * 300_000):
        assert Template(text).render({}) == text
