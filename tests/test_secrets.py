"""A key is used, and never seen."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import pickle
import traceback
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.secrets import MAX_LENGTH, Redactor, Secret, labels

KEY = "sk-proj-Zq8w/+%&\"\\'T7yLm2Xc9a1f3"
VISIBLE = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
long_keys = st.text(VISIBLE, min_size=16, max_size=80)
keys = st.text(VISIBLE, min_size=1, max_size=80)


def test_only_reveal_gives_the_value() -> None:
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    assert repr(secret) == str(secret) == f"{secret}" == "sk-...a1f3"
    assert f"{secret:>12}" == "  sk-...a1f3"
    assert "%s %r" % (secret, [secret]) == "sk-...a1f3 [sk-...a1f3]"  # noqa: UP031 - as logging formats


def test_a_short_key_shows_nothing_of_itself() -> None:
    secret = Secret("hunter2")
    assert secret.tail == secret.fingerprint[:4]
    assert repr(secret) == f"...{secret.fingerprint[:4]}"


@pytest.mark.case("screen", "key-labels")
def test_a_key_without_the_usual_beginning_shows_its_tail_only() -> None:
    assert repr(Secret("gsk_0123456789abcdef")) == "...cdef"


def test_a_key_cannot_be_pickled_or_encoded() -> None:
    secret = Secret(KEY)
    for attempt in (pickle.dumps, json.dumps, msgspec.json.encode, lambda value: value.__getstate__()):
        with pytest.raises(TypeError) as caught:
            attempt(secret)
        assert KEY not in str(caught.value)


def test_a_key_cannot_be_changed_and_has_no_dictionary() -> None:
    secret = Secret(KEY)
    with pytest.raises(AttributeError):
        secret._value = "other"
    with pytest.raises(AttributeError):
        del secret._value
    assert not hasattr(secret, "__dict__")


def test_a_copy_of_a_key_is_the_key() -> None:
    @dataclasses.dataclass(frozen=True)
    class Holder:
        secret: Secret

    secret = Secret(KEY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret
    assert KEY not in repr(dataclasses.asdict(Holder(secret)))


def test_keys_compare_by_value() -> None:
    assert Secret(KEY) == Secret(KEY)
    assert hash(Secret(KEY)) == hash(Secret(KEY))
    assert Secret(KEY) != Secret(KEY + "x")
    assert Secret(KEY) != KEY
    assert len({Secret("aaa"), Secret("aaa"), Secret("bbb")}) == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty"),
        ("sk-abc defghijk", "a space at place 7"),
        ("sk-abc\ndefghijk", "a line break at place 7"),
        ("sk-abc\x07defghijk", "a control character at place 7"),
        ("sk-abcé-defghijk", "outside ASCII at place 7"),
        ("sk-abc\ud800defghijk", "outside ASCII at place 7"),
        ("k" * (MAX_LENGTH + 1), "4097 characters long"),
        ("k" * 100 + "\n", "a line break at place 101"),
    ],
)
def test_a_value_that_is_no_key_is_refused_without_being_repeated(value: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Secret(value)
    trace = "".join(traceback.format_exception(caught.value))
    assert not value or value not in trace
    assert "defghijk" not in str(caught.value)


def test_the_longest_key_is_taken() -> None:
    assert len(Secret("k" * MAX_LENGTH).reveal()) == MAX_LENGTH


@given(keys)
def test_a_repr_never_holds_more_than_four_characters_of_a_key(value: str) -> None:
    shown = repr(Secret(value)).removeprefix("sk-").removeprefix("...")
    assert len(shown) == 4
    assert len(value) < 16 or shown == value[-4:]


def test_labels_are_tails() -> None:
    assert labels([Secret("sk-aaaaaaaaaaaaaaa-a1f3"), Secret("sk-aaaaaaaaaaaaaaa-9bc0")]) == ("a1f3", "9bc0")


def test_a_label_that_clashes_grows_by_its_fingerprint() -> None:
    first, second = Secret("sk-aaaaaaaaaaaaaaa-a1f3"), Secret("sk-bbbbbbbbbbbbbbb-a1f3")
    assert labels([first, second]) == ("a1f3", "a1f3" + second.fingerprint[0])


def test_a_key_given_twice_still_has_two_labels() -> None:
    secret = Secret("sk-aaaaaaaaaaaaaaa-a1f3")
    many = labels([secret] * 15)
    assert len(set(many)) == 15
    assert many[-1].endswith("~7")


@given(st.lists(long_keys.map(lambda value: value[:12] + "same"), max_size=30))
def test_labels_never_clash(values: list[str]) -> None:
    found = labels([Secret(value) for value in values])
    assert len(set(found)) == len(found) == len(values)


def spellings(value: str) -> list[str]:
    return [
        value,
        quote(value),
        quote(value, safe=""),
        json.dumps(value),
        json.dumps({"error": f"bad key {value}!"}),
        repr(value),
        repr(value.encode()),
    ]


@given(long_keys, st.text(max_size=20), st.text(max_size=20))
def test_a_redacted_text_holds_the_key_in_no_spelling(value: str, before: str, after: str) -> None:
    redactor = Redactor([Secret(value)])
    for spelling in spellings(value):
        redacted = redactor.redact(f"{before}{spelling}{after}")
        assert value not in redacted
        assert spelling not in redacted


@pytest.mark.parametrize("before", ["", "u", "us", "user:", ":"])
@pytest.mark.parametrize("after", ["", ":", ":password"])
def test_a_key_in_a_basic_header_is_found(before: str, after: str) -> None:
    encoded = base64.b64encode(f"{before}{KEY}{after}".encode()).decode()
    redacted = Redactor([Secret(KEY)]).redact(f"Authorization: Basic {encoded}")
    assert "sk-...a1f3" in redacted
    assert encoded not in redacted


def test_a_key_that_begins_another_leaves_no_rest_of_it() -> None:
    short, long = "sk-aaaaaaaaaaaaaaaa", "sk-aaaaaaaaaaaaaaaa-secret-rest"
    redacted = Redactor([Secret(short), Secret(long)]).redact(f"{short} {long} {long}{short}")
    assert redacted == "sk-...aaaa sk-...rest sk-...restsk-...aaaa"


def test_a_short_key_does_not_shred_the_words_around_it() -> None:
    secret = Secret("a")
    assert Redactor([secret]).redact("a banana, or a.") == f"{secret} banana, or {secret}."


def test_a_text_without_keys_comes_back_as_it_is() -> None:
    text = "nothing here" * 1000
    assert Redactor([Secret(KEY)]).redact(text) is text
    assert Redactor([]).redact(KEY) == KEY
    assert Redactor([Secret(KEY)]).redact("") == ""
    assert KEY not in repr(Redactor([Secret(KEY)]))


def test_a_megabyte_full_of_keys_is_redacted() -> None:
    secrets = [Secret(f"sk-{number:040d}") for number in range(50)]
    text = " ".join(secret.reveal() for secret in secrets) * 500
    redacted = Redactor(secrets).redact(text)
    assert not any(secret.reveal() in redacted for secret in secrets)
    assert redacted.count("sk-...") == 25_000
