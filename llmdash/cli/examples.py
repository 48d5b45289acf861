"""Examples below the help of each command. A test parses every one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

__all__ = ["EXAMPLES", "add_examples", "examples_of"]

EXAMPLES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "llmdash": (
        ("llmdash", "home: kept runs, keys, a new run"),
        ("llmdash demo", "see it work, without a key"),
        ("llmdash run prompts.jsonl --out answers.jsonl", ""),
        ("llmdash manual getting-started", ""),
    ),
    "init": (
        ("llmdash init", "asks a few questions"),
        ("llmdash init --provider openrouter --yes", ""),
    ),
    "check": (
        ("llmdash check", "every key of .env and llmdash.toml"),
        ("llmdash check --endpoint claude --json", ""),
    ),
    "run": (
        ("llmdash run prompts.jsonl --forecast", "what it would cost; sends nothing"),
        ("llmdash run prompts.jsonl --out answers.jsonl", ""),
        ("llmdash run questions.csv --template 'Why {{question}}?' --trial 20 --budget 5", ""),
        ("llmdash run prompts.jsonl --headless --json --rate 50/s", "in a script"),
        ("llmdash run prompts.jsonl --batch --batch-deadline 6h", "mostly half the price, within 24 hours"),
        ("llmdash run --resume", "go on where the last run was"),
        ("llmdash run prompts.jsonl --simulate", "practise, without a key"),
    ),
    "batches": (
        ("llmdash batches", "of every run that has open ones"),
        ("llmdash batches last --json", ""),
        ("llmdash batches collect last", "fetch what is ready; sends nothing"),
        ("llmdash batches cancel last 2", ""),
    ),
    "batches list": (("llmdash batches list last", ""),),
    "batches collect": (
        ("llmdash batches collect", "of every run that has open ones"),
        ("llmdash batches collect last --wait", "until nothing is out any more"),
    ),
    "batches cancel": (
        ("llmdash batches cancel last", "all of them"),
        ("llmdash batches cancel last 2", ""),
    ),
    "batches adopt": (("llmdash batches adopt last 2 batch_68f1c0", ""),),
    "attach": (
        ("llmdash attach", "the newest run that goes on"),
        ("llmdash attach last --read-only", ""),
    ),
    "demo": (
        ("llmdash demo", ""),
        ("llmdash demo --rate 100/s --limit 2000", ""),
    ),
    "ctl": (
        ("llmdash ctl last status", ""),
        ("llmdash ctl last rate 20/s", ""),
        ("llmdash ctl last drain", "finish what is in flight, then stop"),
    ),
    "runs": (
        ("llmdash runs", "the newest 20"),
        ("llmdash runs --all --state failed --json", ""),
        ("llmdash runs export last answers.csv", ""),
    ),
    "runs compare": (
        ("llmdash runs compare 2f1c last", "on the screen, prompt by prompt"),
        ("llmdash runs compare 2f1c last --changes right-wrong --out changed.csv", ""),
    ),
    "runs delete": (("llmdash runs delete 2f1c", ""),),
    "runs export": (
        ("llmdash runs export last answers.csv", ""),
        ("llmdash runs export last answers.jsonl --overwrite --reasoning", ""),
    ),
    "runs figures": (
        ("llmdash runs figures last --by key", "p50 to p99 of every metric"),
        ("llmdash runs figures 2f1c last", "of two runs side by side"),
        ("llmdash runs figures last --by model --csv", ""),
    ),
    "runs open": (("llmdash runs open last", ""),),
    "runs prune": (
        ("llmdash runs prune --keep-bytes 1GB --dry-run", "only say which they are"),
        ("llmdash runs prune --older-than 30d --keep-last 10 --yes", ""),
    ),
    "runs rename": (("llmdash runs rename last 'second try'", ""),),
    "runs replay": (("llmdash runs replay last --speed 60", ""),),
    "runs reuse": (("llmdash runs reuse last prompts.jsonl --out answers.jsonl", ""),),
    "runs show": (("llmdash runs show last", ""),),
    "runs tag": (
        ("llmdash runs tag last keep", "it is never pruned"),
        ("llmdash runs tag last keep --remove", ""),
    ),
    "simulate": (
        ("llmdash simulate --port 8000 --keys a,b --rpm 600", ""),
        ("llmdash simulate --fault odd-finish=0.05", ""),
        ("llmdash simulate --batch-speed 3600", "an hour of a batch service passes in a second"),
        ("llmdash simulate --list-faults", ""),
    ),
    "ask": (
        ("llmdash ask 'What is the capital of Peru?'", ""),
        ("llmdash ask - --simulate", "the prompt is on standard input"),
    ),
    "stream": (
        ("llmdash stream 'A verse about sparkling water'", "chunks, with | between them"),
        ("llmdash stream 'A verse about sparkling water' --events --first 4", ""),
    ),
    "compare": (
        ("llmdash compare --simulate", "one by one, at once, all keys, below a rate"),
        ("llmdash compare prompts.jsonl --models gpt-4o-mini,gpt-4o --markdown", ""),
    ),
    "bench": (
        ("llmdash bench --simulate --yes", "steps up until it does harm"),
        ("llmdash bench prompts.jsonl --max-requests 300 --budget 0.50", ""),
        ("llmdash bench --base-url http://127.0.0.1:8000/v1 --model llama --yes --json", ""),
    ),
    "doctor": (
        ("llmdash doctor", "the newest run"),
        ("llmdash doctor last --repair", ""),
        ("llmdash doctor last --online", "batches at the provider that are not on record"),
        ("llmdash doctor --terminal", "after a dashboard was killed"),
    ),
    "limits": (("llmdash limits --json", ""),),
    "trust": (("llmdash trust", "look at what this folder's files decide, and trust them"),),
    "worker": (
        (
            "llmdash worker tls://node0:8786 --tls-ca ca.pem --tls-cert cert.pem --tls-key key.pem",
            "",
        ),
    ),
    "themes": (
        ("llmdash themes", "each as a small dashboard"),
        ("llmdash themes --set morning-mist", ""),
    ),
    "web": (
        ("llmdash web", "the newest run that goes on"),
        ("llmdash web last --no-open", "prints the address; the newest run, at work or kept"),
        ("llmdash web last --control", "pages may steer it"),
    ),
    "completion": (
        ("llmdash completion bash", ""),
        ("llmdash completion fish > ~/.config/fish/completions/llmdash.fish", ""),
    ),
    "manual": (
        ("llmdash manual", "the topics"),
        ("llmdash manual rate", ""),
        ("llmdash manual --search 'budget trial'", ""),
    ),
}
"""The examples of a command by its words after `llmdash`, each with what it is for."""


def add_examples(command: click.Command, words: str) -> None:
    """Put their examples below the help of a command, called by these words, and of those in it."""
    command.epilog = examples_of(words)
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            add_examples(inner, f"{words} {name}")


def examples_of(words: str) -> str | None:
    r"""The examples of a command as click leaves them alone: `\b` keeps their lines."""
    examples = EXAMPLES.get(words, ())
    if not examples:
        return None
    commented = [len(line) for line, words in examples if words]
    width = max(commented, default=0)
    lines = [f"  {line:<{width}}  # {words}" if words else f"  {line}" for line, words in examples]
    return "\n".join(("\b", "Examples:", *lines))
