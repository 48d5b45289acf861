"""What README and manual show, made to be tried: their commands, blocks, options and settings files."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import certifi
import click

from llmdash.cli import main
from llmdash.config import load_settings

__all__ = [
    "CERTIFICATES",
    "SECRET",
    "blocks",
    "check_settings",
    "command_lines",
    "unknown_options",
    "work_in",
]

SECRET = "sk-canary-0123456789abcdef"
CERTIFICATES = "company-ca.pem"
"""The file of certificates that the settings files name."""
_LONGEST_S = 120.0


def blocks(language: str, text: str) -> list[str]:
    """Return the fenced blocks of a language, without their fences."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def command_lines(text: str) -> list[str]:
    """Return the lines of the shell blocks in a text, without their comments."""
    found = "".join(blocks("sh", re.sub(r"^ +", "", text, flags=re.MULTILINE)))
    return [re.sub(r"\s{2,}#.*", "", line) for line in found.splitlines()]


def work_in(folder: Path, env: dict[str, str], lines: list[str]) -> None:
    """Give commands to a shell, one by one; each ends with 0, and the file that it writes is there."""
    env = {**env, "PATH": f"{folder / 'bin'}:{env['PATH']}"}
    for line in lines:
        ended = subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
        assert ended.returncode == 0, f"{line}\n{ended.stdout}\n{ended.stderr}"
        for name in re.findall(r"--out (\S+)", line):
            assert (folder / name).stat().st_size > 0, line


def check_settings(text: str, folder: Path) -> None:
    """Load a settings file: without a warning, with every endpoint that it names."""
    shutil.copy(certifi.where(), folder / CERTIFICATES)
    file = folder / "here.toml"
    file.write_text(text.replace(CERTIFICATES, str(folder / CERTIFICATES)))
    variables = set(re.findall(r'(?:api_key_env|env) = "(\w+)"', text))
    settings = load_settings(
        {},
        environ=dict.fromkeys(variables, SECRET),
        cwd=folder,
        user_config=folder / "none.toml",
        config=file,
    )
    assert settings.warnings == (), text
    if named := re.findall(r'^name = "(.*?)"', text, re.MULTILINE):
        assert [each.name for each in settings.endpoints] == named


def unknown_options(text: str) -> set[str]:
    """Return the options that a text names and no command has; other programs' blocks are left out."""
    assert isinstance(main, click.Group)
    known = {
        name
        for _words, command in commands_of(main)
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    ours = re.sub(r"```(?:bash|python|yaml|json)\n.*?```", "", text, flags=re.DOTALL)
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", ours)) - known


def commands_of(group: click.Group, *before: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The commands of a group, and those of the groups in it, with the words that call them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = (*before, name)
        yield words, command
        if isinstance(command, click.Group):
            yield from commands_of(command, *words)
