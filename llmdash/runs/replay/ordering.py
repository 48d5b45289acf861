"""Puts the attempts and jobs of a timeline into the orders that counts are looked up in."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import pairwise

from llmdash.engine.model.states import RESULT_STATES, AnswerFlag, JobState
from llmdash.prompts.verdict import Verdict
from llmdash.runs.replay.timeline import ANSWERED, CUT, FAILED, NEVER, THROTTLED, Timeline
from llmdash.runs.replay.tracks import NOTHING, BatchTrack, EventTrack, KeyTrack, SumsAt, split, track

__all__ = ["put_in_order"]

_ANSWERED = (JobState.DONE, JobState.INVALID)
_EMPTY = int(AnswerFlag.EMPTY | AnswerFlag.REASONING_ONLY)
_REUSED = int(AnswerFlag.REUSED)


def put_in_order(timeline: Timeline, spent: Mapping[str, array[int]]) -> None:
    """Make the tracks that counts are looked up in; `spent` are the tokens of each attempt, by their kind."""
    if any(timeline.batch):
        _order_batches(timeline, spent)
    _order_starts(timeline)
    _order_jobs(timeline)
    timeline.waits = track(timeline.waiting, timeline.ended)
    timeline.waits_over = track(range(len(timeline.waiting)), timeline.waited_until)
    numbers, batch = range(len(timeline.sent)), timeline.batch
    live = (each for each in numbers if not batch[each]) if timeline.batches else numbers
    timeline.all_sent = track(live, timeline.sent)
    timeline.all_ended = track(timeline.all_sent.order, timeline.ended)
    timeline.failed = track((each for each in numbers if timeline.group[each]), timeline.ended)
    begun = array("I", (each for each in timeline.all_ended.order if timeline.first_token[each] != NEVER))
    timeline.streams_ended = EventTrack(begun, timeline.ended)
    timeline.all_first = track(begun, timeline.first_token)
    _order_keys(timeline, spent)


def _order_batches(timeline: Timeline, spent: Mapping[str, array[int]]) -> None:
    """Make what is looked up of the attempts in batches."""
    members = [number for number, batch in enumerate(timeline.batch) if batch]
    timeline.put_in_batch = track(members, timeline.sent)
    timeline.came_back = track(members, timeline.ended)
    for batch, came_back in split(timeline.came_back.order, timeline.batch).items():
        timeline.batches[batch] = BatchTrack(EventTrack(came_back, timeline.ended), spent)


def _order_keys(timeline: Timeline, spent: Mapping[str, array[int]]) -> None:
    """Make what is looked up of the attempts of each key, and of the tokens of all of them."""
    everything = track(range(len(timeline.ended)), timeline.ended) if timeline.batches else timeline.all_ended
    sent_by_key = split(timeline.all_sent.order, timeline.key)
    for key, all_of_key in split(everything.order, timeline.key).items():
        ended = EventTrack(all_of_key, timeline.ended)
        of_outcome = {
            outcome: EventTrack(numbers, timeline.ended)
            for outcome, numbers in split(ended.order, timeline.outcome).items()
        }
        each = timeline.keys[timeline.key_names[key]] = KeyTrack()
        each.sent = EventTrack(sent_by_key.get(key, array("I")), timeline.sent)
        each.ok, each.throttled, each.errors, each.cut = (
            of_outcome.get(outcome, NOTHING) for outcome in (ANSWERED, THROTTLED, FAILED, CUT)
        )
        each.input, each.output = each.sent_tokens = _sums(ended, spent)
        came_back = array("I", (number for number in all_of_key if timeline.batch[number]))
        if came_back:
            each.came_back = EventTrack(came_back, timeline.ended)
            live = array("I", (number for number in all_of_key if not timeline.batch[number]))
            each.sent_tokens = _sums(EventTrack(live, timeline.ended), spent)
    timeline.cached, timeline.reasoning = (
        SumsAt(everything, spent[kind]) if any(spent[kind]) else SumsAt() for kind in ("cached", "reasoning")
    )
    if any(timeline.worker):
        cut = array("I", (each for each in everything.order if timeline.outcome[each] == CUT))
        timeline.lost_by = {
            timeline.worker_names[worker]: EventTrack(lost, timeline.ended)
            for worker, lost in split(cut, timeline.worker).items()
            if worker
        }


def _sums(ended: EventTrack, spent: Mapping[str, array[int]]) -> tuple[SumsAt, SumsAt]:
    """The tokens in and out of attempts by when these ended."""
    return SumsAt(ended, spent["input"]), SumsAt(ended, spent["output"])


def _order_jobs(timeline: Timeline) -> None:
    final, at = timeline.final, timeline.job_ended
    ended = track((job for job, ended_at in enumerate(at) if ended_at != NEVER), at)
    by_state = split(ended.order, final.state)
    for state in RESULT_STATES.values():
        timeline.job_ends[state] = EventTrack(by_state.get(state, array("I")), at)
    if any(final.worker):
        timeline.done_by = {
            timeline.worker_names[worker]: EventTrack(jobs, at)
            for worker, jobs in split(timeline.job_ends[JobState.DONE].order, final.worker).items()
            if worker
        }
    answered = array("I", (job for job in ended.order if final.state[job] in _ANSWERED))
    by_verdict = split(answered, final.verdict)
    for verdict in Verdict:
        timeline.verdicts[verdict] = EventTrack(by_verdict.get(verdict, array("I")), at)
    if any(final.flags):
        timeline.empty, timeline.reused = (
            EventTrack(array("I", (job for job in answered if final.flags[job] & flag)), at)
            for flag in (_EMPTY, _REUSED)
        )
    timeline.estimated_from = next((at[job] for job in answered if final.estimated[job]), NEVER)
    timeline.answers = timeline.live_answers = SumsAt(EventTrack(answered, at), final.output_tokens)
    if timeline.batches:
        live = array("I", filter(timeline.ended_live, answered))
        timeline.live_answers = SumsAt(EventTrack(live, at), final.output_tokens)


def _order_starts(timeline: Timeline) -> None:
    """Order the jobs by their starts: the first request, or the end of one that was never sent."""
    spans = zip(pairwise(timeline.first_attempt), timeline.job_ended, strict=True)
    starts = array("d", (timeline.sent[begin] if begin < end else at for (begin, end), at in spans))
    for job in map(timeline.job_of, timeline.put_in_batch.order):
        starts[job] = timeline.starts(job)
    timeline.order = track(range(len(timeline.job_ended)), starts).order
    for place, job in enumerate(timeline.order):
        timeline.rank[job] = place
