"""What limits the pace of a run at work, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from llmdash.engine.model.amounts import rate_words
from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import Frame
from llmdash.engine.model.states import Binding
from llmdash.ui.text.format import count, number, significant, span
from llmdash.ui.text.limit_words import share_in_short

__all__ = ["binding_words"]

_LOW: Final = 0.1


def binding_words(frame: Frame) -> str:
    """Return what limits the pace and, after a colon, why or what would help."""
    return _BINDINGS.get(frame.rate.binding, _waiting)(frame)


def _by_rate(frame: Frame) -> str:
    return f"bound by rate {_rate(frame.rate.rate)}" if frame.rate.rate is not None else "bound by rate"


def _by_auto(frame: Frame) -> str:
    found = frame.rate.auto.rate
    return f"bound by auto rate {_rate(found)}" if found is not None else "bound by auto rate"


def _by_concurrency(frame: Frame) -> str:
    """What more would take, by Little's law: in flight = rate x time of an answer."""
    rate, latency_s = frame.rate, frame.run.latency.p50
    words = f"bound by concurrency {count(rate.concurrency)}"
    if not latency_s:
        return words
    if rate.rate is None or (needed := round(rate.rate * latency_s)) <= rate.concurrency:
        most = rate.concurrency / latency_s
        return f"{words}: answers take {_time(latency_s)}, so about {_rate(most)} at most"
    return (
        f"{words}: answers take {_time(latency_s)}, {_rate(rate.rate)} would need {count(needed)} in flight"
    )


def _by_latency(frame: Frame) -> str:
    latency_s = frame.run.latency.p50
    if not latency_s:
        return "sending: no limit is reached yet"
    return f"bound by latency: answers take {_time(latency_s)}, no limit is reached"


def _by_keys(_frame: Frame) -> str:
    return "bound by the keys: each is at its limit, or rests"


def _by_share(frame: Frame) -> str:
    share = share_in_short(frame.limits)
    return f"bound by the shared limit: {share}" if share else "bound by the shared limit"


def _finishing(frame: Frame) -> str:
    return f"the last are under way: {counted(frame.run.in_flight, 'request')} in flight"


def _in_batches(frame: Frame) -> str:
    return f"all that is left is in batches: {counted(frame.run.batched, 'job')}"


def _waiting(frame: Frame) -> str:
    return f"waits: {frame.rate.binding.value}"


_BINDINGS: Final[Mapping[Binding, Callable[[Frame], str]]] = {
    Binding.RATE: _by_rate,
    Binding.AUTO: _by_auto,
    Binding.CONCURRENCY: _by_concurrency,
    Binding.LATENCY: _by_latency,
    Binding.KEYS: _by_keys,
    Binding.SHARED: _by_share,
    Binding.BATCHES: _in_batches,
    Binding.FINISHED: _finishing,
}


def _rate(rate: float) -> str:
    """A rate in a sentence; a low one by the hour or minute, since `0.01/s` would be a third less."""
    return f"{number(rate)}/s" if rate >= _LOW else rate_words(rate)


def _time(seconds: float) -> str:
    """A time in a sentence, of two digits that count: `4.1s`."""
    return f"{significant(seconds, 2):g}s" if seconds < 100 else span(seconds)
