"""The hosts of the workers of a run, as its journal keeps them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["hosts_facts", "known_hosts"]

_HOSTS = "workers"
"""The name of the fact that holds the host of each worker, as JSON."""


def hosts_facts(hosts: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the facts of a run that hold the host of each worker, by its name."""
    return {_HOSTS: json.dumps(hosts)}


def known_hosts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the host of each worker of earlier starts; none where the fact is damaged."""
    try:
        hosts = json.loads(facts.get(_HOSTS) or "{}")
    except (ValueError, TypeError):
        return {}
    return {name: str(host) for name, host in hosts.items()} if isinstance(hosts, dict) else {}
