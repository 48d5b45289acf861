"""Settlement: writes the outcome of an attempt to the journal, and once it is on disk, to the store."""

from __future__ import annotations

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
    own_model,
    refused_record,
    reported,
    written,
)
from llmdash.engine.model.events import AttemptLost, Noticed, RetryScheduled, Saved
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import KeyState, Severity
from llmdash.engine.pool import strikes
from llmdash.engine.pool.attribution import Attribution
from llmdash.engine.pool.health_records import health_record
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.terms import ANY_KEY, Terms
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import InputError, Prompt
from llmdash.sanitize import storable

__all__ = ["Settlement"]

_MOST_LOSSES = 3
"""The losses after which a job fails: one that crashes its worker must not crash them all."""

_REFUSED = (FailureKind.REQUEST, FailureKind.QUOTA, FailureKind.AUTH)

_SLOWED = "is asked by the server to slow down: its rate is halved and grows by half in 15 minutes"

_REPORTED = {
    KeyState.DEAD: (Severity.ERROR, "is refused by the server and gets no more requests"),
    KeyState.QUARANTINED: (Severity.WARNING, "has no quota left; it is tried again from time to time"),
}


class Settlement:
    """Settles attempts and jobs.

    A job is `settling` from the moment its result is written until it is on disk.
    """

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self._histories: dict[int, JobHistory] = {}
        self._told: dict[Member, frozenset[str]] = {}
        """The models that a key does not have, as far as a notice said so."""
        self.settling: set[int] = set()

    def terms(self, job: int) -> Terms | None:
        """Return which keys the next attempt may use; None if no key has the model that the job names."""
        pool, history = self._parts.pool, self._histories.get(job)
        terms = ANY_KEY
        if history is not None:
            terms = pool.terms(history, self._others())
        if not pool.missing_models and not pool.is_divided:
            return terms
        return pool.with_model(terms, self._own_model(job))

    def _own_model(self, job: int) -> str | None:
        try:
            return own_model(self._parts.source.prompt(job))
        except InputError:
            return None  # the attempt will say so

    def without_key(self, job: int) -> None:
        """Fail a job that names a model which no key has."""
        model = self._own_model(job) or ""
        nowhere = f"model {model!r} is at no endpoint; name it there: models = [...]"
        self._settle(self._unsent_row(job, self._parts.pool.missing_models.get(model, nowhere)))

    @property
    def is_rate_limited(self) -> bool:
        """True if every open job was rate limited (429) and nothing else for as long as the policy allows."""
        parts, histories = self._parts, self._histories
        if not parts.queue.open or len(histories) < parts.queue.open - len(self.settling):
            return False
        long_ago = parts.clock() - parts.policy.patience_s
        since = [history.throttled_since for history in histories.values()]
        return bool(since) and all(at is not None and at <= long_ago for at in since)

    def _others(self) -> Others:
        queue = self._parts.queue
        return Others(max(0, queue.open - len(self.settling) - len(self._histories)), queue.unsent)

    def _history(self, job: int, prompt: Prompt) -> JobHistory:
        history = self._histories.get(job)
        if history is None:
            history = self._histories[job] = JobHistory(job, own_model(prompt))
        return history

    def answered(self, attempt: Attempt, prompt: Prompt, answer: Answer) -> None:
        """Settle a job whose attempt got a whole answer."""
        parts, usage = self._parts, answer.usage
        job, member, record = attempt.job, attempt.member, attempt.record
        was_probe = member.health.on_probation
        model = model_of(attempt, prompt)
        struck = parts.pool.succeeded(attempt.lease, usage, hints=answer.hints, model=model)
        if job in self._histories:
            self._decided(attempt.lease, self._histories[job])
        for other in struck:
            self._struck(other)
        if was_probe and not member.health.on_probation:
            self._note_health(member)
        parts.kill_switch.answered()
        problem = parts.rules.problem(answer)
        if parts.rules.is_refused(answer):
            result = failed_row(attempt, prompt, EMPTY)
            self._settle(result, refused_record(record, answer, model, EMPTY))
        elif problem is None:
            verdict = parts.source.score(prompt, answer.text)
            result = done_row(attempt, prompt, answer, verdict, model, parts.store.columns.wait[job])
            self._settle(result, answered_record(record, answer, model))
        elif self._may_repair(job):
            self._repair(attempt, prompt, answer, problem)
        else:
            result = invalid_row(attempt, prompt, answer, problem, model)
            self._settle(result, answered_record(record, answer, model))

    def _may_repair(self, job: int) -> bool:
        history = self._histories.get(job)
        return self._parts.rules.repairs and (history is None or history.repair is None)

    def _repair(self, attempt: Attempt, prompt: Prompt, answer: Answer, problem: str) -> None:
        """Ask once more for an answer that is invalid; the first one has been paid for."""
        job, parts = attempt.job, self._parts
        self._history(job, prompt).repair = (answer.text, problem)
        ended = refused_record(attempt.record, answer, model_of(attempt, prompt), problem)
        parts.store.apply(RetryScheduled(job, problem, counted=True))
        parts.journal.ended(ended, None, _nothing)
        parts.queue.schedule(job, 0.0, limited=False)

    def repaired(self, job: int, prompt: Prompt) -> Prompt:
        """Return what is asked: the prompt, after an invalid answer with that answer and what is wrong."""
        history = self._histories.get(job)
        if history is None or history.repair is None:
            return prompt
        return asking_again(prompt, *history.repair)

    def failed(self, attempt: Attempt, prompt: Prompt, answer: Answer, failure: Failure) -> None:
        """Record a failed attempt: the job is retried, or fails with it."""
        parts = self._parts
        job, member, record = attempt.job, attempt.member, attempt.record
        history = self._history(job, prompt)
        history.note(failure, parts.clock())
        text = history.words = storable(str(failure))
        usage, model = reported(answer), model_of(attempt, prompt)
        attribution = parts.pool.failed(
            attempt.lease, failure, history, self._others(), usage=usage, model=model
        )
        self._report(member, attribution)
        decision = parts.policy.decide(
            failure,
            counted=history.counted,
            uncounted=history.uncounted,
            rng=parts.rng,
            billed=history.billed,
            attribution=attribution,
        )
        history.counted += decision.counted
        history.uncounted += not decision.counted
        history.billed += failure.may_be_billed
        history.last = member
        if history.is_suspect:
            parts.queue.suspects.add(job)
        else:
            parts.queue.suspects.discard(job)
        ended = failed_record(record, failure, answer, text, model)
        if decision.again:
            parts.store.apply(RetryScheduled(job, text, decision.counted))
            parts.journal.ended(ended, None, _nothing)
            parts.queue.schedule(job, decision.delay_s, limited=decision.counted)
        else:
            if failure.kind in _REFUSED:
                parts.kill_switch.refused(failure)
            self._settle(failed_row(attempt, prompt, text), ended)

    def cut(self, attempt: Attempt, *, sent: bool) -> None:
        """Record an attempt cancelled from this side, before it was sent or in flight."""
        pool = self._parts.pool
        leave = pool.was_cut if sent else pool.not_sent
        leave(attempt.lease)
        state = "cut" if sent else "unsent"
        self._parts.journal.ended(attempt.record._replace(state=state), None, _nothing)

    def lost(self, attempt: Attempt, prompt: Prompt, *, is_suspect: bool = True) -> bool:
        """Record an attempt whose worker is gone, with unknown outcome. Return True to retry the job, which
        `is_suspect` if it may have ended the worker.
        """
        self._parts.pool.was_cut(attempt.lease)
        history = self._history(attempt.job, prompt)
        history.losses += is_suspect
        if attempt.record.worker is not None:
            self._parts.store.apply(AttemptLost(attempt.record.worker))
        unknown = attempt.record._replace(state="unknown")
        if history.losses < _MOST_LOSSES:
            self._parts.journal.ended(unknown, None, _nothing)
            return True
        text = f"lost {history.losses} times with its worker; each may have to be paid for"
        self._settle(failed_row(attempt, prompt, text), unknown)
        return False

    def refused(self, job: int, why: str) -> None:
        """Fail a job that cannot be sent: its prompt cannot be read any more."""
        self._settle(self._unsent_row(job, storable(why)))

    def given_up(self, job: int) -> None:
        """Settle a job that the user cancelled."""
        attempts = self._parts.store.columns.tries[job]
        self._settle(ResultRow(job, self._id(job), "cancelled", attempts=attempts, input=self._carried(job)))

    def reopened(self, job: int) -> None:
        """Open an ended job again, without its earlier failures."""
        self._forget(job)
        self._parts.journal.reopened(job)
        self._parts.queue.reopen(job)  # its next attempt is announced after this, and so written after it

    def _settle(self, result: ResultRow, ended: AttemptRecord | None = None) -> None:
        job = result.job
        if result.wait_s is None:
            result = result._replace(wait_s=self._parts.store.columns.wait[job])
        self._forget(job)
        self.settling.add(job)

        def on_disk() -> None:
            self.settling.discard(job)
            self._parts.store.apply(Saved(result))
            self._parts.queue.end(job)

        if ended is None:
            self._parts.journal.settled(result, on_disk)
        else:
            self._parts.journal.ended(ended, result, on_disk)

    def _forget(self, job: int) -> None:
        if self._histories:
            history = self._histories.pop(job, None)
            if history is not None:
                strikes.close(history)

    def _decided(self, lease: Lease, history: JobHistory) -> None:
        """A job was answered that failed before: it may turn out that another key is at fault."""
        member = self._parts.pool.decided(lease, history)
        if member is not None:
            gone = member.state if member.health.is_gone else None
            self._report(member, Attribution(key=gone))

    def _struck(self, job: int) -> None:
        """Send a job again on its own backoff, now that a rate limit (429) counts as a strike; or fail it."""
        history, queue = self._histories.get(job), self._parts.queue
        if history is None:
            return
        strikes.struck(history)
        if queue.hasten(job, strikes.spared_wait_s(history)) and history.strikes >= strikes.FATAL:
            queue.drop(job)
            self._settle(self._unsent_row(job, history.words, history.last))

    def _unsent_row(self, job: int, text: str, last: Member | None = None) -> ResultRow:
        """Return the result of a job that fails while no attempt is in flight."""
        return ResultRow(
            job,
            self._id(job),
            "failed",
            attempts=self._parts.store.columns.tries[job],
            error=text,
            key=last.label if last is not None else None,
            endpoint=last.endpoint.name if last is not None else None,
            input=self._carried(job),
        )

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
        for model in member.models_left - self._told.get(member, frozenset()):
            text = f"Key {member.label} has no access to {model} and is not asked for it any more"
            parts.store.apply(Noticed(Severity.WARNING, text))
        if member.models_left:
            self._told[member] = frozenset(member.models_left)
        if attribution.slowed:
            parts.store.apply(Noticed(Severity.WARNING, f"Key {member.label} {_SLOWED}"))
        if member.health.is_resting or attribution.key is not None:
            self._note_health(member)

    def _note_health(self, member: Member) -> None:
        parts = self._parts
        parts.journal.health(health_record(member, parts.clock(), parts.wall_clock()))


def _nothing() -> None:
    """Do nothing: a callback for rows that change nothing on screen once they are on disk."""
