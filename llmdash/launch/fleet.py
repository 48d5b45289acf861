"""The endpoints of the settings, each with its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmdash.config import EndpointSettings, Settings
from llmdash.secrets import Secret, labels
from llmdash.simulator.process import SimulatorProcess

__all__ = ["EndpointKey", "Fleet", "fleet_of", "keys_added"]


@dataclass(frozen=True, slots=True)
class EndpointKey:
    """One endpoint with one of its keys (None where it needs none), and the label that stands for both."""

    label: str
    endpoint: EndpointSettings
    key: Secret | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """Endpoints x keys. `simulator` stands in for the address of the first one, once it is known."""

    endpoints: tuple[EndpointSettings, ...]
    simulator: SimulatorProcess | None = None

    @property
    def keys(self) -> tuple[EndpointKey, ...]:
        """Every endpoint with each of its keys. The label is that of the key, else the endpoint's name."""
        pairs = [
            (endpoint, key)
            for endpoint in self.endpoints
            for key in (endpoint.keys if endpoint.needs_key else (None,))
        ]
        of_keys = iter(labels([key for _, key in pairs if key is not None]))
        return tuple(
            EndpointKey(next(of_keys) if key is not None else endpoint.name, endpoint, key)
            for endpoint, key in pairs
        )

    @property
    def model(self) -> str:
        """The models in a few words."""
        return _in_short([endpoint.model for endpoint in self.endpoints], "models")

    @property
    def name(self) -> str:
        """The endpoints in a few words."""
        return _in_short([endpoint.name for endpoint in self.endpoints], "endpoints")


def keys_added(known: Sequence[EndpointKey], fleet: Fleet) -> tuple[EndpointKey, ...]:
    """What `fleet` has beyond the `known` keys, at the same endpoints; with labels that none of those has."""
    endpoints = {each.endpoint.name: each.endpoint for each in known}
    values = {(each.endpoint.name, each.key.reveal()) for each in known if each.key is not None}
    new = [
        (endpoints[each.endpoint.name], each.key)
        for each in fleet.keys
        if each.key is not None
        and each.endpoint.name in endpoints
        and (each.endpoint.name, each.key.reveal()) not in values
    ]
    before = [each.key for each in known if each.key is not None]
    names = labels([*before, *(key for _, key in new)])[len(before) :]
    return tuple(EndpointKey(label, *pair) for label, pair in zip(names, new, strict=True))


def fleet_of(settings: Settings, simulator: SimulatorProcess | None) -> Fleet:
    """The endpoints of the settings; with a `simulator` that one instead, with its own keys."""
    if simulator is None:
        return Fleet(settings.endpoints)
    keys = tuple(Secret(key) for key in simulator.settings.keys)
    endpoint = EndpointSettings("simulator", "openai-chat", "http://127.0.0.1/v1", settings.model, keys)
    return Fleet((endpoint,), simulator)


def _in_short(names: list[str], kind: str) -> str:
    different = list(dict.fromkeys(names))
    return ", ".join(different) if len(different) <= 2 else f"{len(different)} {kind}"
