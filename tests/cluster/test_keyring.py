"""Keys reach a worker by fingerprint, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.cluster.keyring import Keyring, MissingKey, values_here, with_fingerprints, with_values
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.secrets import Secret

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=9, max_size=200)
PROXY = Secret("http://user:pass-word-0123@proxy:8080")


def recipe(key: str) -> ModelRecipe:
    """A recipe with a secret in every place where one may be."""
    arguments: dict[str, Any] = {
        "default_headers": {"x-tenant": Secret(f"{key}-header"), "plain": "yes"},
        "default_query": {"sig": Secret(f"{key}-query")},
        "model_kwargs": {"temperature": 0.5, "seed": 2**60},
    }
    return ModelRecipe("openai-chat", "m", Timeouts(total=30.0), arguments, {"proxy": PROXY}, Secret(key))


def values(key: str) -> list[str]:
    return [key, f"{key}-header", f"{key}-query", PROXY.reveal()]


@given(VISIBLE)
def test_by_fingerprint_no_secret_is_sent_and_the_recipe_arrives_whole(key: str) -> None:
    packed = with_fingerprints(recipe(key))
    for value in values(key):
        assert value.encode() not in packed
        assert value[:9].encode() not in packed.replace(b"openai-chat", b"")
    assert Keyring(values(key)).unpack(packed) == recipe(key)


@given(VISIBLE)
def test_with_their_values_the_worker_needs_none_of_its_own(key: str) -> None:
    assert Keyring([]).unpack(with_values(recipe(key))) == recipe(key)


@pytest.mark.parametrize("missing", range(4))
def test_whichever_secret_is_missing_the_worker_says_so_by_its_fingerprint(missing: int) -> None:
    given = values("sk-canary-0123456789")
    secret = Secret(given.pop(missing))
    with pytest.raises(MissingKey, match=secret.fingerprint) as caught:
        Keyring(given).unpack(with_fingerprints(recipe("sk-canary-0123456789")))
    assert secret.reveal() not in repr(caught.value)


def test_a_model_without_a_key_needs_none() -> None:
    keyless = ModelRecipe("openai-chat", "m", Timeouts(), {})
    assert Keyring([]).unpack(with_fingerprints(keyless)) == keyless


@given(st.lists(st.text(st.characters(), max_size=5_000), max_size=5))
def test_values_that_are_no_keys_are_passed_over(rubbish: list[str]) -> None:
    keyring = Keyring([*rubbish, *values("sk-canary-0123456789"), "a" * 5_000, "\udcff", ""])
    assert keyring.unpack(with_fingerprints(recipe("sk-canary-0123456789")))


@given(st.binary(max_size=100))
def test_other_bytes_are_no_recipe(packed: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, MissingKey, ValueError)):
        Keyring(["sk-canary-0123456789"]).unpack(packed)


def test_keys_of_a_list_are_found_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMDASH_SOME_KEYS", " sk-canary-in-env-1 , sk-canary-in-env-2;sk-canary-in-env-3\n")
    (tmp_path / ".env").write_text('KEYS="sk-canary-a,sk-canary-b"\nKEYS=sk-canary-c\nno line\n')
    found = set(values_here())
    assert {f"sk-canary-in-env-{number}" for number in (1, 2, 3)} <= found
    assert {"sk-canary-a", "sk-canary-b", "sk-canary-c", "sk-canary-a,sk-canary-b"} <= found


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"A" * (4 * 1024 * 1024 + 1)])
def test_an_env_file_that_cannot_be_read_counts_as_none(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMDASH_SOME_KEY", "sk-canary-in-env")
    (tmp_path / ".env").write_bytes(content)
    assert "sk-canary-in-env" in set(values_here())


def test_a_folder_called_env_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").mkdir()
    assert list(values_here())


@pytest.mark.parametrize("pack", [with_fingerprints, with_values])
def test_what_cannot_be_sent_is_named_by_its_type_alone(pack: Any) -> None:
    odd = ModelRecipe("openai-chat", "m", Timeouts(), {"odd": object()}, key=Secret("sk-canary-0123456789"))
    with pytest.raises(TypeError, match="a object cannot be sent to a worker"):
        pack(odd)
