"""`llmdash completion`: the script that makes a shell complete commands, options, files, runs and topics."""

from __future__ import annotations

import click

__all__ = ["completion"]

_SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "llmdash"
_VARIABLE = "_LLMDASH_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands.

    It completes options, files, runs, endpoints, themes and topics of the manual, too.

    \b
    For this session of bash:  eval "$(llmdash completion bash)"
    For good, in bash:         echo 'eval "$(llmdash completion bash)"' >> ~/.bashrc
    in zsh:                    echo 'eval "$(llmdash completion zsh)"' >> ~/.zshrc
    in fish:                   llmdash completion fish > ~/.config/fish/completions/llmdash.fish

    In zsh it needs compinit before it: autoload -U compinit && compinit.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    source = kind(context.find_root().command, {}, _PROGRAM, _VARIABLE)
    click.echo(source.source_template % source.source_vars())
