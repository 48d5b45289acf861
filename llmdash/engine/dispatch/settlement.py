"""Settlement: writes the outcome of an attempt to the journal, and once it is on disk, to the store."""

from __future__ import annotations

from dataclasses import dataclass

from llmdash.engine.dispatch.answer_rules import EMPTY, asking_again
from llmdash.engine.dispatch.attempt import Answer, Attempt
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.rows import (
    answered_record,
    done_row,
    failed_record,
    failed_row,
    invalid_row,
    model_of,
    refused_record,
    written,
)
from llmdash.engine.model.events import Noticed, RetryScheduled, Saved
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import KeyState, Severity
from llmdash.engine.pool.attribution import Attribution
from llmdash.engine.pool.health_records import health_record
from llmdash.engine.pool.member import Member
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import InputError, Prompt
from llmdash.sanitize import storable

__all__ = ["Settlement"]

_MOST_LOSSES = 3
"""The losses after which a job fails: one that crashes its worker must not crash them all."""

_REPORTED = {
    KeyState.DEAD: (Severity.ERROR, "is refused by the server and gets no more requests"),
    KeyState.QUARANTINED: (Severity.WARNING, "has no quota left; it is tried again from time to time"),
}


@dataclass(slots=True)
class _Trouble:
    """The failures of a job so far; kept only for jobs that failed at least once."""

    counted: int = 0
    uncounted: int = 0
    losses: int = 0
    last: Member | None = None
    throttled_since: float | None = None
    repair: tuple[str, str] | None = None
    """An invalid answer and what is wrong with it; the next attempt is told."""

    def throttled_s(self, failure: Failure, now: float) -> float:
        """Return the seconds since all failures of the job are rate limits (429), `failure` included."""
        if failure.kind is not FailureKind.THROTTLE:
            self.throttled_since = None
        elif self.throttled_since is None:
            self.throttled_since = now
        return now - self.throttled_since if self.throttled_since is not None else 0.0


class Settlement:
    """Settles attempts and jobs.

    A job is `settling` from the moment its result is written until it is on disk.
    """

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._trouble: dict[int, _Trouble] = {}
        self.settling: set[int] = set()

    def last_failed_on(self, job: int) -> Member | None:
        """Return the key of the last failed attempt, which the next one should avoid."""
        trouble = self._trouble.get(job)
        return trouble.last if trouble is not None else None

    def answered(self, attempt: Attempt, prompt: Prompt, answer: Answer) -> None:
        """Settle a job whose attempt got a whole answer."""
        parts, usage = self._parts, answer.usage
        job, member, record = attempt.job, attempt.member, attempt.record
        was_probe = member.health.on_probation
        model = model_of(attempt, prompt)
        parts.pool.succeeded(attempt.lease, usage, hints=answer.hints, model=model)
        if was_probe and not member.health.on_probation:
            self._note_health(member)
        parts.kill_switch.answered()
        problem = parts.rules.problem(answer)
        if parts.rules.is_refused(answer):
            result = failed_row(attempt, prompt, EMPTY)
            self._settle(result, refused_record(record, answer, model, EMPTY))
        elif problem is None:
            verdict = parts.source.score(prompt, answer.text)
            self._settle(done_row(attempt, prompt, answer, verdict), answered_record(record, answer, model))
        elif self._may_repair(job):
            self._repair(attempt, answer, model, problem)
        else:
            self._settle(
                invalid_row(attempt, prompt, answer, problem), answered_record(record, answer, model)
            )

    def _may_repair(self, job: int) -> bool:
        trouble = self._trouble.get(job)
        return self._parts.rules.repairs and (trouble is None or trouble.repair is None)

    def _repair(self, attempt: Attempt, answer: Answer, model: str, problem: str) -> None:
        """Ask once more for an answer that is invalid; the first one has been paid for."""
        job, parts = attempt.job, self._parts
        self._trouble.setdefault(job, _Trouble()).repair = (answer.text, problem)
        ended = refused_record(attempt.record, answer, model, problem)
        parts.store.apply(RetryScheduled(job, problem, counted=True))
        parts.journal.ended(ended, None, _nothing)
        parts.queue.schedule(job, 0.0, limited=False)

    def repaired(self, job: int, prompt: Prompt) -> Prompt:
        """Return what is asked: the prompt, after an invalid answer with that answer and what is wrong."""
        trouble = self._trouble.get(job)
        if trouble is None or trouble.repair is None:
            return prompt
        return asking_again(prompt, *trouble.repair)

    def failed(self, attempt: Attempt, prompt: Prompt, answer: Answer, failure: Failure) -> None:
        """Record a failed attempt: the job is retried, or fails with it."""
        parts = self._parts
        job, member, record = attempt.job, attempt.member, attempt.record
        attribution = parts.pool.failed(attempt.lease, failure)
        self._report(member, attribution)
        trouble = self._trouble.setdefault(job, _Trouble())
        decision = parts.policy.decide(
            failure,
            counted=trouble.counted,
            uncounted=trouble.uncounted,
            throttled_s=trouble.throttled_s(failure, parts.clock()),
            rng=parts.rng,
            excused=attribution.excused,
        )
        trouble.counted += decision.counted
        trouble.uncounted += not decision.counted
        trouble.last = member
        text = storable(str(failure))
        ended = failed_record(record, failure, answer, text)
        if decision.again:
            parts.store.apply(RetryScheduled(job, text, decision.counted))
            parts.journal.ended(ended, None, _nothing)
            parts.queue.schedule(job, decision.delay_s, limited=decision.counted)
        else:
            if failure.kind is FailureKind.REQUEST:
                parts.kill_switch.refused(failure)
            self._settle(failed_row(attempt, prompt, text), ended)

    def cut(self, attempt: Attempt, *, sent: bool) -> None:
        """Record an attempt cancelled from this side, before it was sent or in flight."""
        pool = self._parts.pool
        leave = pool.was_cut if sent else pool.not_sent
        leave(attempt.lease)
        state = "cut" if sent else "unsent"
        self._parts.journal.ended(attempt.record._replace(state=state), None, _nothing)

    def lost(self, attempt: Attempt, prompt: Prompt) -> bool:
        """Record an attempt whose worker is gone, with unknown outcome. Return True to retry the job."""
        self._parts.pool.was_cut(attempt.lease)
        trouble = self._trouble.setdefault(attempt.job, _Trouble())
        trouble.losses += 1
        unknown = attempt.record._replace(state="unknown")
        if trouble.losses < _MOST_LOSSES:
            self._parts.journal.ended(unknown, None, _nothing)
            return True
        text = f"lost {trouble.losses} times with its worker; each may have to be paid for"
        self._settle(failed_row(attempt, prompt, text), unknown)
        return False

    def unreadable(self, job: int, error: InputError) -> None:
        """Fail a job whose prompt cannot be read any more."""
        attempts = self._parts.store.columns.tries[job]
        text = storable(str(error))
        self._settle(ResultRow(job, self._id(job), "failed", attempts=attempts, error=text))

    def given_up(self, job: int) -> None:
        """Settle a job that the user cancelled."""
        attempts = self._parts.store.columns.tries[job]
        self._settle(ResultRow(job, self._id(job), "cancelled", attempts=attempts, input=self._carried(job)))

    def reopened(self, job: int) -> None:
        """Open an ended job again, without its earlier failures."""
        self._trouble.pop(job, None)
        self._parts.journal.reopened(job)
        self._parts.queue.reopen(job)  # its next attempt is announced after this, and so written after it

    def _settle(self, result: ResultRow, ended: AttemptRecord | None = None) -> None:
        job = result.job
        result = result._replace(wait_s=self._parts.store.columns.wait[job])
        self._trouble.pop(job, None)
        self.settling.add(job)

        def on_disk() -> None:
            self.settling.discard(job)
            self._parts.store.apply(Saved(result))
            self._parts.queue.end(job)

        if ended is None:
            self._parts.journal.settled(result, on_disk)
        else:
            self._parts.journal.ended(ended, result, on_disk)

    def _carried(self, job: int) -> str | None:
        """The carried fields of a job that was not sent, or has no answer."""
        try:
            return written(self._parts.source.prompt(job).carried)
        except InputError:  # the file has changed meanwhile
            return None

    def _id(self, job: int) -> str:
        return storable(self._parts.source.id(job))

    def _report(self, member: Member, attribution: Attribution) -> None:
        """Report what happened to a key that does not recover by itself, or not soon; record its health."""
        parts = self._parts
        if attribution.key in _REPORTED:
            severity, words = _REPORTED[attribution.key]
            detail = f": {storable(member.health.detail)}" if member.health.detail else ""
            parts.store.apply(Noticed(severity, f"Key {member.label} {words}{detail}"))
        if member.health.is_resting or attribution.key is not None:
            self._note_health(member)

    def _note_health(self, member: Member) -> None:
        parts = self._parts
        parts.journal.health(health_record(member, parts.clock(), parts.wall_clock()))


def _nothing() -> None:
    """Do nothing: a callback for rows that change nothing on screen once they are on disk."""
