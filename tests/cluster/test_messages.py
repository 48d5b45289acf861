"""What crosses the line is what was meant, whatever is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmdash.cluster.addresses import AddressError, TlsFiles, host_of, is_loopback, scheduler_address
from llmdash.cluster.keyring import Keyring, MissingKey, values_here, with_fingerprints, with_values
from llmdash.cluster.messages import (
    Ask,
    Ended,
    FromDesk,
    ToDesk,
    decode_from_desk,
    decode_to_desk,
    encode,
    packed,
    prompt_of,
)
from llmdash.cluster.models import DeskModels
from llmdash.cluster.names import WorkerNames
from llmdash.engine.dispatch.attempt import Answer
from llmdash.llms.messages import GeneralTurn, Hints, Usage
from llmdash.llms.recipe import ModelRecipe
from llmdash.llms.transport.timeouts import Timeouts
from llmdash.llms.wire.failures import Failure, from_response
from llmdash.prompts.source import Prompt, RequestBody
from llmdash.sanitize import clean_line
from llmdash.secrets import Secret

TEXTS = st.text(st.characters(), max_size=20)  # lone surrogates too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
SAID = st.tuples(TEXTS, TEXTS) | OBJECTS | OBJECTS.map(GeneralTurn)
PROMPTS = st.builds(
    Prompt,
    id=st.just(""),
    messages=st.lists(SAID, max_size=3).map(tuple),
    options=OBJECTS,
    body=st.none() | st.builds(RequestBody, TEXTS, OBJECTS),
)


@given(PROMPTS, OBJECTS)
def test_a_prompt_arrives_as_it_was(prompt: Prompt, options: dict[str, Any]) -> None:
    message = ToDesk(1.0, 2.0, 3.0, asks=[Ask(1, 0, packed(prompt), options, True)], cancels=[5], watch=[])
    found = decode_to_desk(encode(message))
    assert (found.stamp, found.echo, found.held_s, found.cancels, found.watch) == (1.0, 2.0, 3.0, [5], [])
    (ask,) = found.asks
    heard = prompt_of(ask.prompt)
    assert heard == prompt
    assert [type(said) for said in heard.messages] == [type(said) for said in prompt.messages]
    assert ask.options == options


@given(TEXTS, OBJECTS, st.lists(TEXTS, max_size=3), st.none() | st.integers(400, 599), TEXTS)
def test_an_answer_arrives_as_it_was(
    text: str, message: dict[str, Any], texts: list[str], status: int | None, words: str
) -> None:
    failure = None
    if status is not None:
        body = msgspec.json.encode(
            {"error": {"message": words.encode("utf-8", "replace").decode(), "code": "c"}}
        )
        failure = from_response(status, {"retry-after": "2"}, body)
    answer = Answer(text, "stop", Usage(1, 2), 0.1, 0.2, failure, Hints(1, 2), "", message, ("length",))
    report = FromDesk(1.0, 0.0, 0.0, ended=[Ended(3, answer, texts, [0.1] * len(texts))])
    (ended,) = decode_from_desk(encode(report)).ended
    assert ended.answer is not None
    assert ended.texts == texts
    for name in ("text", "finish_reason", "usage", "ttft_s", "hints", "message", "flags", "problem"):
        assert getattr(ended.answer, name) == getattr(answer, name)
    if failure is not None:
        heard = ended.answer.failure
        assert isinstance(heard, Failure)
        for name in (
            "kind",
            "message",
            "status",
            "code",
            "retry_after",
            "about_model",
            "words",
            "param",
            "hints",
        ):
            assert getattr(heard, name) == getattr(failure, name)


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data: bytes) -> None:
    for decode in (decode_to_desk, decode_from_desk):
        try:
            decode(data)
        except msgspec.DecodeError:
            continue


def recipe(*secrets: str) -> ModelRecipe:
    key, header, proxy = map(Secret, secrets)
    arguments = {"base_url": "http://127.0.0.1:1/v1", "headers": {"x-a": header, "x-b": "text"}}
    return ModelRecipe("openai-chat", "m", Timeouts(total=5.0), arguments, {"proxy": proxy}, key)


SECRETS = ("sk-0123456789abcdefghijkl", "hdr-0123456789abcdefghij", "http://u:p@127.0.0.1:9")


def test_a_recipe_by_fingerprints_holds_no_secret_and_is_made_of_those_the_worker_has() -> None:
    sent = with_fingerprints(recipe(*SECRETS))
    assert not any(secret.encode() in sent for secret in SECRETS)
    assert Keyring(SECRETS).unpack(sent) == recipe(*SECRETS)
    for missing in SECRETS:
        with pytest.raises(MissingKey):
            Keyring(secret for secret in SECRETS if secret != missing).unpack(sent)
    assert Keyring([]).unpack(with_values(recipe(*SECRETS))) == recipe(*SECRETS)


async def test_a_model_that_cannot_be_made_here_is_none() -> None:
    models = DeskModels(Keyring(SECRETS))
    try:
        assert models.make(with_fingerprints(recipe(*SECRETS))) is not None
        assert DeskModels(Keyring([])).make(with_fingerprints(recipe(*SECRETS))) is None
        assert models.make(b"nonsense") is None
    finally:
        await models.aclose()


def test_a_worker_looks_into_its_env_and_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOME_KEYS", f"{SECRETS[0]}, other")
    assert {SECRETS[0], "other"} <= set(values_here())
    (tmp_path / ".env").write_text(f"A={SECRETS[1]}\nA={SECRETS[2]}\n")
    assert {*SECRETS} <= set(values_here())
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert SECRETS[0] in set(values_here())


def test_addresses_of_other_machines_have_to_be_encrypted() -> None:
    tls = TlsFiles(Path("a"), Path("b"), Path("c"))
    assert scheduler_address("127.0.0.1:8786", tls=None, insecure=False) == "tcp://127.0.0.1:8786"
    assert scheduler_address("node0:8786", tls=tls, insecure=False) == "tls://node0:8786"
    assert scheduler_address("tcp://node0:8786", tls=None, insecure=True) == "tcp://node0:8786"
    assert scheduler_address("tcp://[::1]:8786", tls=None, insecure=False) == "tcp://[::1]:8786"
    for given_address, files, words in (
        ("tcp://node0:8786", None, "unencrypted"),
        ("tls://node0:8786", None, "--tls-ca"),
        ("tcp://127.0.0.1:8786", tls, "not encrypted"),
        ("nonsense", None, "not the address"),
        ("http://node0:8786", None, "not the address"),
        ("tcp://node0:99999", None, "not the address"),
        ("tcp://me@127.0.0.1:1", None, "not the address"),
        ("tcp://127.0.0.1:1/path", None, "not the address"),
        ("", None, "not the address"),
    ):
        with pytest.raises(AddressError, match=words):
            scheduler_address(given_address, tls=files, insecure=False)
    assert host_of("tls://[::1]:1") == "::1"
    assert (is_loopback("localhost"), is_loopback("127.8.8.8"), is_loopback("10.0.0.1")) == (
        True,
        True,
        False,
    )


@given(st.lists(st.integers(0, 999) | TEXTS | st.none(), max_size=12))
def test_every_worker_has_a_name_of_its_own_and_keeps_it(called: list[Any]) -> None:
    names = WorkerNames()
    found = {
        str(each): names.name_of(f"tcp://h:{at}", each) for at, each in enumerate(called) if each is not None
    }
    assert len(set(found.values())) == len(found)
    assert all(name and len(name) <= 40 and name == clean_line(name) for name in found.values())
    assert all(names.name_of("tcp://elsewhere:1", each) == name for each, name in found.items())


def test_numbers_and_addresses_become_short_names() -> None:
    names = WorkerNames()
    assert [names.name_of("tcp://h:1", called) for called in (0, "1", "gpu-a", "tcp://h:1", "tcp://h:2")] == [
        "w1",
        "w2",
        "gpu-a",
        "w3",
        "w4",
    ]
    assert names.name_of("tcp://h:3", None) == "w5"
