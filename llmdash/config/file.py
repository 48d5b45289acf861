"""Writes the files of `llmdash init`: a commented `llmdash.toml`, and variables into a private `.env`."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

import tomli_w

from llmdash.config.sources import KEYS_FROM
from llmdash.config.values import ConfigError
from llmdash.lean_dataclass import dataclass
from llmdash.llms.dialects import DIALECTS, LANGCHAIN

__all__ = ["PLACEHOLDER", "Answers", "append_variables", "toml_text", "write_config"]

PLACEHOLDER = "sk-put-your-key-here"
"""The placeholder in `.env` until the user puts a key there; every provider refuses it."""

_PRIVATE = 0o600
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/+=-]+")


@dataclass(frozen=True, slots=True)
class Answers:
    """The user's answers, as text: one endpoint, and a rate, empty for the default.

    LangChain has a `target`, the other dialects have the rest.
    """

    name: str
    dialect: str
    rate: str
    base_url: str = ""
    model: str = ""
    variables: tuple[str, ...] = ()
    """The environment variables that hold the keys."""
    target: str = ""
    auth: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    """Comment lines about the provider."""


def toml_text(answers: Answers) -> str:
    """Return an `llmdash.toml` with these answers, and comment lines for the other settings."""
    lines = [
        "# Settings of llmdash in this folder. No key belongs here: keys stay in .env or in the environment.",
        "# The command line, LLMDASH_* variables and .env override what is set here.",
        "",
        "# Requests started, over all keys: 5/s, 300/min, 1000/h or unlimited. Without it, 5/s for each key.",
        _said("rate", answers.rate) if answers.rate else '# rate = "5/s"',
        "# auto = true             # find the rate by itself: up to `rate`, where one is set",
        "# concurrency = 64        # requests in flight at most",
        "# temperature = 0.7",
        "# max_tokens = 1000       # longest answer",
        "# budget = 5.00           # dollars that a run may spend in all; its models need prices",
        "# stream = true",
        '# proxy = "environment"   # that of HTTPS_PROXY, or a URL; ca_file = "FILE" for its certificates',
        "",
        "# Each [[endpoint]] adds to the pool: another provider, another model, other keys.",
        "[[endpoint]]",
        _said("name", answers.name),
        *textwrap.wrap(f"One of {', '.join(DIALECTS)}.", 100, initial_indent="# ", subsequent_indent="# "),
        _said("dialect", answers.dialect),
        *(_target_lines(answers) if answers.dialect == LANGCHAIN else _http_lines(answers)),
        "# weight = 1.0            # its share of the requests, 0.01 to 100",
        "# rpm = 500               # requests a minute that each key may make",
        "# tpm = 200000            # tokens a minute that each key may use",
        "# concurrency = 32        # requests in flight at this endpoint",
        "# [endpoint.options]      # request options, such as top_p = 0.9",
    ]
    return "\n".join(lines) + "\n"


def _target_lines(answers: Answers) -> list[str]:
    return [
        "# The model: a module that can be imported, and the name of the model in it.",
        _said("target", answers.target),
    ]


def _http_lines(answers: Answers) -> list[str]:
    lines = [
        *(f"# {remark}" for remark in answers.remarks),
        _said("base_url", answers.base_url),
        _said("model", answers.model),
        *_key_lines(answers.variables),
    ]
    if answers.auth:
        lines += ["# How the key is sent: bearer, header:NAME or none.", _said("auth", answers.auth)]
    lines += [
        _table("query", answers.query) or '# query = {"api-version" = "2024-10-21"}',
        _table("headers", answers.headers) or '# headers = {"X-Title" = "mine", "X-Org" = {env = "MY_ORG"}}',
        '# models = ["other"]      # further models that rows may name',
        "# batch = false           # it has no batch service; left out, it is asked",
    ]
    if DIALECTS[answers.dialect].reports:
        lines += [
            "# The variable that holds the key for PromptLayer, and where PromptLayer is.",
            _said("promptlayer_api_key_env", "PROMPTLAYER_API_KEY"),
            '# promptlayer_base_url = "https://api.promptlayer.com"',
        ]
    lines += [
        '# terminal = "eof"        # for a server that ends its answers without a finish reason',
        "# allow_insecure = true   # send keys over http:// to another machine",
    ]
    return lines


def _key_lines(variables: Sequence[str]) -> list[str]:
    if not variables:
        return ['# api_key_env = "MY_KEYS"  # the variable that holds the keys, if it needs any']
    named = variables[0] if len(variables) == 1 else list(variables)
    return [
        "# The variable that holds the keys, split by commas; or a list of variables.",
        _said(KEYS_FROM, named),
    ]


def _table(name: str, values: Mapping[str, str]) -> str:
    """A table on one line; empty for none."""
    inner = ", ".join(tomli_w.dumps({key: value}).strip() for key, value in values.items())
    return f"{name} = {{{inner}}}" if inner else ""


def _said(name: str, value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return tomli_w.dumps({name: value}).strip()
    return f"{name} = [{', '.join(tomli_w.dumps({'x': each}).strip()[4:] for each in value)}]"


def write_config(path: Path, text: str, *, force: bool) -> None:
    """Write a settings file atomically.

    Raises ConfigError if it cannot be written, or if it exists and `force` is not given.
    """
    if path.exists() and not force:
        raise ConfigError(f"{path.name}: exists already; move it away, or overwrite it with --force")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"{path.name}: cannot be written ({error.strerror or error})") from None


def append_variables(path: Path, variables: Sequence[tuple[str, str]]) -> None:
    """Add variables to a `.env`, which only its owner can read from then on. Raises ConfigError."""
    if path.is_fifo():
        raise ConfigError(f"{path.name}: is a pipe; put {variables[0][0]} where it is filled from")
    lines = "".join(f"{name}={_quoted(value)}\n" for name, value in variables)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _PRIVATE)
        with os.fdopen(descriptor, "r+b") as file:
            os.fchmod(file.fileno(), _PRIVATE)
            there = file.read()
            file.write((b"\n" if there and not there.endswith(b"\n") else b"") + lines.encode("ascii"))
    except OSError as error:
        raise ConfigError(f"{path.name}: cannot be written ({error.strerror or error})") from None


def _quoted(value: str) -> str:
    """A value for a `.env` file: in single quotes wherever it could be expanded."""
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
