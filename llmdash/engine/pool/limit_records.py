"""The limits of keys that were set while a run went on, as its journal has them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from llmdash.engine.model.frame import KeyRow
from llmdash.engine.pool.keys import Keys

__all__ = ["limits_on_record", "restore_limits"]


def limits_on_record(keys: Iterable[KeyRow]) -> str:
    """Return the limits of every key: JSON, label to requests and tokens a minute and requests at once."""
    return json.dumps({key.label: [key.rpm_limit, key.tpm_limit, key.concurrency_limit] for key in keys})


def restore_limits(keys: Keys, recorded: object) -> None:
    """Set the limits on record, of the keys that there still are. A record that nobody wrote is ignored."""
    try:
        limits = json.loads(recorded) if isinstance(recorded, str) else {}
        for label, (rpm, tpm, concurrency) in limits.items():
            keys.set_limits(label, rpm, tpm, concurrency)
    except (ValueError, TypeError, AttributeError):
        return
