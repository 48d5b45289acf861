"""The questions of `llmdash init`: where requests go, with which model and keys, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from llmdash.lean_dataclass import dataclass

if TYPE_CHECKING:
    from llmdash.config.file import Answers
    from llmdash.config.keys import Variables
    from llmdash.config.presets import Preset

__all__ = ["answers_for"]

_RATE = "Requests started, such as 5/s or 300/min (empty for 5/s a key)"
_KEYS = "Variables that hold the keys, split by commas"


@dataclass(frozen=True, slots=True)
class _Form:
    """Asks; with `yes` it takes the default of each question that has one."""

    yes: bool

    def ask(self, question: str, default: str | None, parse: Callable[[str], object]) -> str:
        return default if self.yes and default is not None else _asked(question, default, parse)

    def rate(self) -> str:
        from llmdash.config.values import parse_rate

        return self.ask(_RATE, "", lambda text: parse_rate(text) if text.strip() else None).strip()


def answers_for(variables: Variables, given: Mapping[str, str | None], *, yes: bool) -> Answers:
    """Ask for what is not `given` (`provider`, `base_url`, `model`), and return all of it.

    With `yes` the defaults are taken. Raises ConfigError for an unknown provider, or one without defaults.
    """
    from llmdash.config.file import Answers
    from llmdash.config.presets import PRESETS
    from llmdash.llms.dialects import LANGCHAIN

    form = _Form(yes)
    provider = _provider(form, given.get("provider"))
    known = PRESETS.get(provider)
    dialect = known.dialect if known is not None else provider
    if dialect == LANGCHAIN:
        return _answers_for_langchain(form)
    preset = known or _usual(dialect, variables)
    url, model = _place(form, preset, given)
    names: tuple[str, ...] = ()
    if preset.key_variable:
        names = _parse_variables(form.ask(_KEYS, preset.key_variable, _parse_variables))
    return Answers(
        provider if known is not None else _name_for(url),
        dialect,
        form.rate(),
        url,
        model,
        names,
        auth=preset.auth,
        query=preset.query,
        headers=preset.headers,
        remarks=preset.remarks,
    )


def _provider(form: _Form, named: str | None) -> str:
    """Return the preset or the dialect that is meant."""
    from llmdash.config.presets import PRESETS
    from llmdash.config.values import parse_name
    from llmdash.llms.dialects import DEFAULT_DIALECT, DIALECTS

    def parse(text: str) -> str:
        return parse_name(text, (*PRESETS, *DIALECTS), "a provider or dialect")

    if named is None:
        known = f"Providers: {', '.join(PRESETS)}. Dialects: {', '.join(DIALECTS)}."
        click.echo("" if form.yes else known, nl=not form.yes)
        named = form.ask("Dialect", DEFAULT_DIALECT, parse)
    return parse(named)


def _answers_for_langchain(form: _Form) -> Answers:
    from llmdash.config.endpoints import parse_target
    from llmdash.config.file import Answers
    from llmdash.config.values import ConfigError
    from llmdash.llms.dialects import LANGCHAIN

    if form.yes:
        raise ConfigError("langchain: only you know its model; leave out --yes, and it is asked for")
    target = form.ask("The model, as module:attribute", None, parse_target)
    return Answers(LANGCHAIN, LANGCHAIN, form.rate(), target=target.strip())


def _usual(dialect: str, variables: Variables) -> Preset:
    """Return what is usual for a dialect, or what the variables say already."""
    from llmdash.config.presets import Preset
    from llmdash.llms.dialects import DIALECTS

    standard = DIALECTS[dialect]
    url = _held(variables, "BASE_URL", *standard.provider.base_url_variables) or standard.base_url
    keys = "API_KEY" if variables.find("API_KEY") else standard.key_variable
    return Preset("", url, standard.model, keys, dialect)


def _place(form: _Form, preset: Preset, given: Mapping[str, str | None]) -> tuple[str, str]:
    """Return the base URL and the model."""
    from llmdash.config.values import parse_base_url, parse_text

    def parse_url(text: str) -> str:
        return parse_base_url(text, allow_insecure=False)

    url, model = given.get("base_url") or preset.base_url, given.get("model") or preset.model
    for blank, question in preset.blanks.items():
        if blank in url + model:
            word = form.ask(question, blank, parse_text).strip()
            url, model = url.replace(blank, word), model.replace(blank, word)
    url = parse_url(form.ask("Base URL", url, parse_url))
    return url, form.ask("Model", model, parse_text).strip()


def _asked(question: str, default: str | None, parse: Callable[[str], object]) -> str:
    """Ask until `parse` accepts the answer, showing its error otherwise. Return the answer."""
    from llmdash.config.values import ConfigError

    def checked(text: str) -> str:
        try:
            parse(text)
        except ConfigError as error:
            raise click.UsageError(str(error)) from None
        return text

    answer: str = click.prompt(question, default=default, show_default=bool(default), value_proc=checked)
    return answer


def _held(variables: Variables, *names: str) -> str | None:
    """Return the first valid URL that one of these variables holds."""
    from llmdash.config.values import ConfigError, parse_base_url

    for entry in map(variables.find, names):
        if entry is not None:
            try:
                return parse_base_url(entry.value, allow_insecure=False)
            except ConfigError:
                continue
    return None


def _parse_variables(text: str) -> tuple[str, ...]:
    """Return names of variables. Raises ConfigError, without the text, for what may be a key."""
    from llmdash.config.keys import is_variable
    from llmdash.config.values import ConfigError

    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names or not all(map(is_variable, names)):
        raise ConfigError("that is not the name of a variable; write one such as OPENAI_API_KEY, never a key")
    return names


def _name_for(url: str) -> str:
    """Return a short name for an endpoint: of `https://api.openai.com/v1` it is `openai`."""
    host = urlsplit(url).hostname or ""
    named = "." in host and not host.replace(".", "").isdigit()
    parts = [part for part in host.split(".")[:-1] if part not in ("api", "www")] if named else []
    name = max(parts, key=len, default="local").removeprefix("sk-")
    short = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in name)
    return short[:24].strip("-") or "endpoint"
