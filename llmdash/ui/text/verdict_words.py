"""The verdict on a run in words: what binds or blocks it, what is wrong besides, what one can do."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from llmdash.engine.model.counts import counted
from llmdash.engine.model.forecast import ForecastPart, Hold, HoldKind
from llmdash.engine.model.frame import Alert, Frame, RunPart
from llmdash.engine.model.states import AlertKind, KeyState, RunState
from llmdash.sanitize import clean_line
from llmdash.ui.text.badges import RUN_STATES, is_hold
from llmdash.ui.text.batch_words import out_words
from llmdash.ui.text.binding_words import binding_words
from llmdash.ui.text.end_words import end_words
from llmdash.ui.text.format import count, countdown, dollars, significant, span
from llmdash.ui.text.named_keys import Chosen, in_chosen_keys, key_now
from llmdash.ui.text.trouble_words import Trouble, trouble

__all__ = ["Advice", "RunVerdict", "verdict"]


class Advice(NamedTuple):
    """A key that helps, and what it does; without a key, what else one can do."""

    key: str
    does: str


class RunVerdict(NamedTuple):
    """What stands at the left of the line, and what at its right.

    `said` is in the colour of `style`; `gist` is what of it must be there. `alerts` is how many there
    are to open, None where it is not said.
    """

    said: str
    style: str
    gist: str
    advice: tuple[Advice, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    aside: str = ""
    """Words at the right, where no trouble is there."""
    alerts: int | None = None


_NONE: Final[Chosen] = {}
_NOTHING: Final = "nothing holds the run up"
_NOTHING_ELSE: Final = "nothing else holds the run up"


def verdict(frame: Frame, now: float = 0.0, *, changes: bool = False, chosen: Chosen = _NONE) -> RunVerdict:
    """Return the verdict on what a frame shows at `now`, in Unix seconds. `changes` is True where a run that
    was stopped can be changed and begun anew; `chosen` has other keys of actions, by their ids.
    """
    said = _ended(frame) if frame.run.state.ended else _under_way(frame, _Scene(now, changes))
    if said.aside in (_NOTHING, _NOTHING_ELSE):
        said = said._replace(aside=out_words(frame) or said.aside)
    return said._replace(
        advice=tuple(
            Advice(key_now(key, chosen), does if key else in_chosen_keys(does, chosen))
            for key, does in said.advice
        )
    )


class _Scene(NamedTuple):
    """What a verdict depends on besides the frame."""

    now: float
    changes: bool


def _under_way(frame: Frame, scene: _Scene) -> RunVerdict:
    blocker = next((alert for alert in frame.blockers if not is_hold(alert)), None)
    if frame.run.hold is not None:
        head = _held(frame, frame.run.hold)
        blocker = None
    elif blocker is not None:
        head = _ALERTS.get(blocker.kind, _blocked)(frame, blocker, scene)
    elif frame.run.state is not RunState.RUNNING:
        head = _STATES[frame.run.state](frame, scene)
    else:
        head = _bound(frame)
    alerts = [alert for alert in frame.alerts if not is_hold(alert)]
    if blocker is not None and blocker.kind is AlertKind.KEYS_REST:
        return head._replace(alerts=len(alerts))  # the states of the keys are at the right
    troubles = tuple(trouble(alert) for alert in alerts if alert is not blocker)
    if not alerts and head.aside in (_NOTHING, _NOTHING_ELSE):
        return head
    told = "" if troubles and frame.run.hold is None else head.aside  # what is in flight has ended soon
    return head._replace(troubles=troubles, aside=told, alerts=len(alerts))


# A run at work.


def _bound(frame: Frame) -> RunVerdict:
    """What limits the pace."""
    gist, _colon, why = binding_words(frame).partition(": ")
    said = f"▲ {gist}: {why}" if why else f"▲ {gist}"
    return RunVerdict(said, "primary", f"▲ {gist}", aside=_NOTHING)


# A run that is not.


def _starting(_frame: Frame, _scene: _Scene) -> RunVerdict:
    return RunVerdict("◌ starting", "muted", "◌ starting", aside=_NOTHING)


def _paused(frame: Frame, scene: _Scene) -> RunVerdict:
    run, detail = frame.run, clean_line(frame.run.state_detail)
    gist = f"◫ paused: {detail}" if detail else "◫ paused by you"
    since = "" if detail or run.paused_at is None else _since(run, run.paused_at, scene.now)
    goes_on = (Advice("p", "goes on"),) if frame.replay is None else ()
    said = gist + since + _in_flight(run, ": {} on")
    return RunVerdict(said, "muted", gist, goes_on, aside=_NOTHING_ELSE)


def _since(run: RunPart, paused_at: float, now: float) -> str:
    """How long ago; at rest the time of the day, since nothing moves there."""
    if run.rests:
        return time.strftime(" at %H:%M:%S", time.localtime(paused_at))
    minutes, seconds = divmod(max(0, int(now - paused_at)), 60)
    hours, minutes = divmod(minutes, 60)
    return f" {hours}:{minutes:02}:{seconds:02} ago" if hours else f" {minutes}:{seconds:02} ago"


def _draining(frame: Frame, _scene: _Scene) -> RunVerdict:
    run = frame.run
    said = "◐ draining" + _in_flight(run, ": {finish}")
    if run.in_flight and run.latency.p95:  # of those in flight about the slowest
        said += f", about {span(max(1.0, run.latency.p95))}"
    if later := run.queued + run.waiting:
        said += f"; {count(later)} stay for later"
    return RunVerdict(said, "warning", "◐ draining", (Advice("X", "cuts them off"),))


def _in_flight(run: RunPart, words: str) -> str:
    """What of the requests in flight: they go on, or finish."""
    if not run.in_flight:
        return ""
    verb = "go" if run.in_flight > 1 else "goes"
    finish = "finish" if run.in_flight > 1 else "finishes"
    number = f"{count(run.in_flight)} in flight"
    return words.format(f"{number} {verb}", finish=f"{number} {finish}")


_STATES: Final[Mapping[RunState, Callable[[Frame, _Scene], RunVerdict]]] = {
    RunState.STARTING: _starting,
    RunState.PAUSED: _paused,
    RunState.DRAINING: _draining,
}


_HELD_KEYS: Final = {
    HoldKind.TRIAL: (Advice("u", "release"), Advice("-+", "rate"), Advice("q", "stop")),
    HoldKind.BUDGET: (Advice("b", "raise it"), Advice("q", "stop")),
    HoldKind.BATCHES: (Advice("u", "one by one"), Advice("B", "in batches"), Advice("q", "stop")),
}


def _held(frame: Frame, hold: Hold) -> RunVerdict:
    """What is known so far, what the rest will take, and the keys that let the run go on."""
    said, rest = clean_line(hold.said), _rest(frame.forecast) or clean_line(hold.rest)
    advice = _HELD_KEYS[hold.kind] if hold.fix else ()
    if hold.kind is HoldKind.TRIAL:
        whole = "; ".join(filter(None, (said, rest)))
        return RunVerdict(f"◆ trial held: {whole}", "accent", f"◆ {rest or said}", advice)
    whole, beside = ", ".join(filter(None, (said, rest))), clean_line(hold.beside)
    return RunVerdict(f"◆ {hold.kind.value} held: {whole}", "accent", f"◆ {said}", advice, aside=beside)


def _rest(forecast: ForecastPart | None) -> str:
    """What the rest will take after a trial; where no price is known, in tokens."""
    if forecast is None or not forecast.trial:
        return ""
    cost, tokens, seconds = forecast.cost, forecast.output_tokens, forecast.seconds
    about, least = [], ""
    if cost is not None:
        about.append(dollars(cost.expected))
    elif tokens is not None:
        about.append(f"{counted(round(significant(tokens.expected, 2)), 'token')} out")
    if seconds is not None and seconds.is_open:
        least = f"at least {span(seconds.low)}"
    elif seconds is not None:
        about.append(span(seconds.expected))
    words = ", ".join(filter(None, (f"about {', '.join(about)}" if about else "", least)))
    return f"the rest {words}" if words else ""


def _keys_rest(frame: Frame, alert: Alert, _scene: _Scene) -> RunVerdict:
    states = Counter(key.state for key in frame.keys)
    resting = sum(states[state] for state in (KeyState.THROTTLED, KeyState.COOLDOWN, KeyState.QUARANTINED))
    dead = states[KeyState.DEAD]
    aside = ", ".join(
        part for part, number in ((f"{resting} resting", resting), (f"{dead} dead", dead)) if number
    )
    which = "the only key rests" if resting + dead == 1 else "all keys rest"
    when = f": the first goes on in {countdown(alert.passes_in_s)}" if alert.passes_in_s is not None else ""
    whose = f" ({alert.detail})" if alert.detail else ""
    return RunVerdict(f"◐ {which}{when}{whose}", "warning", f"◐ {which}{when}", aside=aside)


def _endpoint_out(frame: Frame, alert: Alert, _scene: _Scene) -> RunVerdict:
    gist, _colon, why = _of_endpoint(clean_line(alert.text)).partition(": ")
    soon = "" if alert.passes_in_s is None else f"; one request tries it in {countdown(alert.passes_in_s)}"
    said = f"✖ {gist}{f': {why}' if why else ''}{soon}"
    jobs = frame.run.queued + frame.run.waiting
    waits = f"{counted(jobs, 'job waits', 'jobs wait')}" if jobs else ""
    return RunVerdict(said, "error", f"✖ {gist}{soon}", _fixes(alert), aside=waits)


def _of_endpoint(text: str) -> str:
    """`endpoint openai down: why` for `openai is down: why`; other texts as they are."""
    name, found, why = text.partition(" is down")
    return f"endpoint {name.removeprefix('the endpoint')} down{why}".replace("  ", " ") if found else text


def _stopped_to_ask(_frame: Frame, alert: Alert, scene: _Scene) -> RunVerdict:
    why = clean_line(alert.text).removeprefix("Kill switch: ")
    change = Advice("c", "change it") if scene.changes else Advice("", "fix the cause")
    keys = (change, Advice("R", "retry"), Advice("q", "stop"))
    return RunVerdict(f"✖ stopped to ask: {why}", "error", f"✖ stopped to ask: {why.partition(':')[0]}", keys)


def _blocked(_frame: Frame, alert: Alert, _scene: _Scene) -> RunVerdict:
    told = trouble(alert)
    return RunVerdict(told.whole.rstrip(), told.style, told.short.rstrip(), _fixes(alert))


_ALERTS: Final[Mapping[AlertKind, Callable[[Frame, Alert, _Scene], RunVerdict]]] = {
    AlertKind.KEYS_REST: _keys_rest,
    AlertKind.ENDPOINT: _endpoint_out,
    AlertKind.KILL_SWITCH: _stopped_to_ask,
}


def _fixes(alert: Alert) -> tuple[Advice, ...]:
    return (Advice("", clean_line(alert.fix)),) if alert.fix else ()


# A run that has ended.


def _ended(frame: Frame) -> RunVerdict:
    words = end_words(frame)
    advice = (Advice(words.key, words.advice),) if words.advice else ()
    badge = RUN_STATES[frame.run.state]
    gist = words.said if words.said.startswith("✓") else f"{badge.glyph} {badge.word}"
    return RunVerdict(words.said, words.style, gist, advice, aside=words.results)
