"""GaugesAt: keys, endpoints, workers and what was set, at a position of a replay."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from llmdash.engine.model.frame import AutoPart, BatchRow, EndpointRow, KeyRow, SharedLimitRow, WorkerRow
from llmdash.engine.model.records import MomentRow, SampleRow
from llmdash.engine.model.states import Binding, EndpointState, KeyState, WorkerState
from llmdash.engine.pool.costs import Spending, Tokens
from llmdash.runs.facts import auto_of, key_labels, key_models, rate_of
from llmdash.runs.kept_gauges import endpoint_names
from llmdash.runs.replay.axis import Axis
from llmdash.runs.replay.batches import BatchesAt
from llmdash.runs.replay.columns import ColumnsAt
from llmdash.runs.replay.moments import MomentsAt
from llmdash.runs.replay.timeline import Timeline
from llmdash.runs.replay.tracks import KeyTrack

__all__ = ["GaugesAt"]

_RESTING = (KeyState.THROTTLED, KeyState.COOLDOWN, KeyState.QUARANTINED)
_NO_TRACK = KeyTrack()


class GaugesAt:
    """The gauges at the position of the columns."""

    cluster = ""
    permit_at = None
    waits_for_share = False
    retries_held = False

    def __init__(
        self,
        facts: Mapping[str, Any],
        timeline: Timeline,
        columns: ColumnsAt,
        axis: Axis,
        moments: MomentsAt,
        rows: Sequence[MomentRow],
        samples: Sequence[SampleRow],
        places: Mapping[str, str],
        hosts: Mapping[str, str],
        batches: BatchesAt,
    ) -> None:
        self._facts = facts
        self._timeline = timeline
        self._columns = columns
        self._moments = moments
        self._samples = samples
        self._sampled = array("d", (axis.position(row.at) for row in samples))
        self._places = places
        self._hosts = hosts
        self._batches = batches
        self._labels = key_labels(facts, timeline.keys)
        self._models = key_models(facts)
        self._endpoints = endpoint_names(facts, rows, places)

    def keys(self) -> tuple[KeyRow, ...]:
        return tuple(map(self._key, self._labels))

    def endpoints(self) -> tuple[EndpointRow, ...]:
        return tuple(map(self._endpoint, self._endpoints))

    def limits(self) -> tuple[SharedLimitRow, ...]:
        return ()

    def workers(self) -> Sequence[WorkerRow]:
        rows = []
        for name in self._moments.subjects("worker"):
            said = self._moments.last("worker", name, self._columns.position)
            if said is not None:
                state = WorkerState.__members__.get(said.word.upper(), WorkerState.LEFT)
                rows.append(WorkerRow(name, self._hosts.get(name, ""), state))
        return rows

    def watch(self, jobs: Collection[int]) -> None:
        """Do nothing: all of each answer is on record."""

    def due_at(self, job: int) -> float | None:
        timeline, position = self._timeline, self._columns.position
        attempt = timeline.attempt_at(job, position)
        if attempt is None or timeline.ended[attempt] > position:
            return None
        returns = timeline.waits_until(attempt)
        return returns if position < returns <= timeline.length_s else None

    @property
    def rate(self) -> float | None:
        said = self._moments.last("rate", None, self._columns.position)
        return rate_of(said.word if said is not None else self._facts.get("rate"))

    @property
    def auto(self) -> AutoPart:
        said = self._moments.last("auto", None, self._columns.position)
        return auto_of(None if said is None else said.word)

    @property
    def waits_for_auto(self) -> bool:
        sample = self.sample()
        return sample is not None and sample.binding == Binding.AUTO.value

    @property
    def concurrency(self) -> int:
        said = self._moments.last("concurrency", None, self._columns.position)
        set_to = said.word if said is not None else str(self._facts.get("concurrency") or "")
        return int(set_to) if set_to.isdecimal() else 1

    @property
    def in_flight(self) -> int:
        timeline, position = self._timeline, self._columns.position
        return timeline.all_sent.by(position) - timeline.all_ended.by(position)

    @property
    def waits_for_rate(self) -> bool:
        sample = self.sample()
        return sample is not None and sample.binding == Binding.RATE.value

    @property
    def spending(self) -> Spending:
        """The tokens until now but for those in batches; those from a cache and of reasoning are counted with
        the first key.
        """
        spending, timeline, position = Spending(), self._timeline, self._columns.position
        besides = self._batches.spending(position).total()
        cached = timeline.cached.by(position) - besides.cached
        reasoning = timeline.reasoning.by(position) - besides.reasoning
        for label, track in timeline.keys.items():
            asked, said = (sums.by(position) for sums in track.sent_tokens)
            tokens = Tokens(asked, said, cached, 0, reasoning)
            spending.restore(label, self._models.get(label, ""), tokens)
            cached = reasoning = 0
        return spending

    @property
    def batch_spending(self) -> Spending:
        return self._batches.spending(self._columns.position)

    def batches(self) -> tuple[BatchRow, ...]:
        return self._batches.rows(self._columns.position)

    @property
    def cost(self) -> float | None:
        """The dollars so far, by the last sample; None where there is none."""
        sample = self.sample()
        return sample.cost if sample is not None else None

    def sample(self) -> SampleRow | None:
        """Return the last sample by the position."""
        number = bisect_right(self._sampled, self._columns.position)
        return self._samples[number - 1] if number else None

    def _key(self, label: str) -> KeyRow:
        position, track = self._columns.position, self._timeline.keys.get(label, _NO_TRACK)
        ends = [times.by(position) for times in (track.ok, track.throttled, track.errors, track.cut)]
        sent = track.sent.by(position) + track.came_back.by(position)
        said = self._moments.last("key", label, position)
        state = KeyState.__members__.get(said.word.upper(), KeyState.HEALTHY) if said else KeyState.HEALTHY
        returns_at = said.next_s if said is not None and state in _RESTING else None
        return KeyRow(
            label,
            self._places.get(label, self._endpoints[0]),
            state,
            ready_in_s=returns_at - position if returns_at is not None else None,
            detail=said.detail if said is not None and state is not KeyState.HEALTHY else "",
            in_flight=sent - sum(ends),
            sent=sent,
            ok=ends[0],
            throttled=ends[1],
            errors=ends[2],
            cut=ends[3],
            input_tokens=track.input.by(position),
            output_tokens=track.output.by(position),
            rpm=track.rpm(position),
            tpm=track.tpm(position),
            spark=track.spark(position),
        )

    def _endpoint(self, name: str) -> EndpointRow:
        said = self._moments.last("endpoint", name, self._columns.position)
        state = (
            EndpointState.__members__.get(said.word.upper(), EndpointState.UP) if said else EndpointState.UP
        )
        detail = said.detail if said is not None and state is not EndpointState.UP else ""
        returns_at = said.next_s if said is not None and state is EndpointState.DOWN else None
        returns_in_s = returns_at - self._columns.position if returns_at is not None else None
        return EndpointRow(name, state, returns_in_s, detail)
