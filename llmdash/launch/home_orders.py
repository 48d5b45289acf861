"""What was chosen on the home screen, as the command line would have it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmdash.ui.launcher import REUSE, Launch, rate_as_text

if TYPE_CHECKING:
    from llmdash.config import Settings
    from llmdash.launch.run_input import Input
    from llmdash.launch.run_order import RunOrder

__all__ = ["ALL", "SIMULATOR", "fields_for_options", "flags_of", "input_of_launch", "order_of"]

SIMULATOR = "simulator"
"""The name of the simulator among the endpoints."""
ALL = "all of them"
"""The name of all endpoints together."""
_REUSED = dict(zip(REUSE, ("", "all", "any"), strict=True))
"""What the settings `reuse` and `dedupe` call the choices."""
_OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
_SAME = (
    "template",
    "system",
    "check",
    "schema",
    "carry",
    "model",
    "rate",
    "trial",
    "budget",
    "reuse",
    "dedupe",
)
_FIELDS = {
    **{name: name for name in _SAME},
    "prompt-column": "column",
    "set": "options",
    "concurrency": "in flight",
}
"""The fields of the form by the options that say the same."""


def fields_for_options(said: str) -> str:
    """Return what was said of options of the command line as said of the fields that stand for them.

    >>> fields_for_options("--carry age: no such field; --strict")
    'carry age: no such field; --strict'
    """
    return _OPTION.sub(lambda found: _FIELDS.get(found[1], found[0]), said)


def flags_of(launch: Launch, settings: Settings) -> Mapping[str, Any]:
    """Return the options of the command line that say the same as a launch."""
    one_of_several = len(settings.endpoints) > 1 and launch.endpoint not in (SIMULATOR, ALL)
    flags: dict[str, Any] = {
        "model": launch.model or None,
        "rate": rate_as_text(launch.rate),
        "auto": launch.auto or None,
        "concurrency": str(launch.concurrency),
        "options": launch.options,
        "endpoint": (launch.endpoint,) if one_of_several else (),
        "reuse": _REUSED[launch.reuse] or None,
        "dedupe": _REUSED[launch.dedupe] or None,
        "budget": None if launch.budget is None else f"{launch.budget:g}",
    }
    return {name: value for name, value in flags.items() if value not in (None, ())}


def input_of_launch(launch: Launch) -> Input:
    """Return the input of a launch."""
    from llmdash.launch.run_input import Input

    return Input(
        launch.prompt_path.expanduser(),
        template=launch.template or None,
        prompt_column=launch.prompt_column or None,
        system=launch.system or None,
        carry=tuple(name.strip() for name in launch.carry.split(",") if name.strip()),
    )


def order_of(launch: Launch, flags: Mapping[str, Any]) -> RunOrder:
    """Return what is to run. Raises CheckError, or InputError for a schema that is none."""
    from llmdash.launch.judgement import judgement_of
    from llmdash.launch.run_order import PRACTICE, RunOrder

    # as Path's, which raises for a user who is not there
    schema = Path(os.path.expanduser(launch.schema)) if launch.schema else None  # noqa: PTH111
    return RunOrder(
        input_of_launch(launch),
        asked=flags,
        flags=flags,
        practice=PRACTICE if launch.endpoint == SIMULATOR else None,
        stay=True,
        trial=launch.trial or None,
        judgement=judgement_of(launch.check or None, schema),
    )
