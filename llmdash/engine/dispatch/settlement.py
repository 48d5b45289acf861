"""Settlement: writes the outcome of an attempt to the journal, and once it is on disk, to the store."""

from __future__ import annotations

from llmdash.engine.dispatch.answer_rules import EMPTY
from llmdash.engine.dispatch.attempt import Answer, Attempt, answer_of
from llmdash.engine.dispatch.key_reports import KeyReports
from llmdash.engine.dispatch.open_jobs import OpenJobs
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.rows import (
    Hashes,
    answered_record,
    done_row,
    failed_record,
    failed_row,
    invalid_row,
    model_of,
    refused_record,
    reported,
    reused_row,
    written,
)
from llmdash.engine.dispatch.sameness import prompt_hash, request_identity
from llmdash.engine.model.events import AttemptLost, Queued, RetryScheduled, Saved, TryFailed
from llmdash.engine.model.payment import payment_where
from llmdash.engine.model.records import AttemptRecord, ResultRow
from llmdash.engine.model.states import JobState
from llmdash.engine.pool import strikes
from llmdash.engine.pool.attribution import Attribution
from llmdash.engine.pool.job_history import JobHistory
from llmdash.engine.pool.member import Lease, Member
from llmdash.llms.options import merge_options
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import InputError, Prompt
from llmdash.sanitize import storable

__all__ = ["Settlement"]

_MOST_LOSSES = 3
"""The losses after which a job fails: one that crashes its worker must not crash them all."""

_REFUSED = (FailureKind.REQUEST, FailureKind.QUOTA, FailureKind.AUTH)


class Settlement:
    """Settles attempts and jobs: each outcome goes to the pool, the budget, the journal and the queue."""

    def __init__(self, parts: RunnerParts, jobs: OpenJobs) -> None:
        self._parts = parts
        self._jobs = jobs
        self._histories = jobs.histories
        self._key_reports = KeyReports(parts)
        if parts.reuse is not None:
            parts.reuse.bind(self.reused)

    def without_key(self, job: int) -> None:
        """Fail a job that names a model which no key has."""
        model = self._jobs.own_model(job) or ""
        nowhere = f"model {model!r} is at no endpoint; name it there: models = [...]"
        self._settle(self._unsent_row(job, self._parts.pool.missing_models.get(model, nowhere)))

    def answered(self, attempt: Attempt, prompt: Prompt, answer: Answer) -> None:
        """Settle a job whose attempt got a whole answer."""
        parts, usage = self._parts, answer.usage
        job, member = attempt.job, attempt.member
        was_probe = member.health.on_probation
        model, ended_at = model_of(attempt, prompt), parts.wall_clock()
        struck = parts.pool.succeeded(
            attempt.lease, usage, hints=answer.hints, model=model, latency_s=answer.latency_s
        )
        parts.reservations.answered(job, member, model, usage)
        if job in self._histories:
            self._decided(attempt.lease, self._histories[job])
        for other in struck:
            self._struck(other)
        if was_probe and not member.health.on_probation:
            self._key_reports.note_health(member)
        self.judge(attempt, prompt, answer, model, ended_at)

    def judge(
        self, attempt: Attempt, prompt: Prompt, answer: Answer, model: str, ended_at: float | None
    ) -> None:
        """Settle a job with a whole answer of `model`, by the rules for answers."""
        parts, record = self._parts, attempt.record
        parts.kill_switch.answered()
        problem = parts.rules.problem(answer)
        if parts.rules.is_refused(answer):
            result = failed_row(attempt, prompt, EMPTY)
            self._settle(result, refused_record(record, answer, model, ended_at, EMPTY), prompt)
        elif problem is None:
            verdict, hashes = parts.source.score(prompt, answer.text), self._hashes(attempt, prompt)
            wait_s = parts.store.columns.wait[attempt.job]
            result = done_row(attempt, prompt, answer, verdict, model, wait_s, hashes, ended_at)
            self._settle(result, answered_record(record, answer, model, ended_at))
        elif self._may_repair(attempt.job):
            self._repair(attempt, prompt, answer, problem)
        else:
            result = invalid_row(attempt, prompt, answer, problem, model, self._hashes(attempt, prompt))
            self._settle(result, answered_record(record, answer, model, ended_at))

    def _hashes(self, attempt: Attempt, prompt: Prompt) -> Hashes:
        """The hashes of a job that was answered: of its own prompt, and of the request as it was asked."""
        options = merge_options(self._parts.options, prompt.options)
        identity = request_identity(attempt.member.llm, prompt, options)
        return Hashes(self._prompt_hash(attempt.job, prompt), identity.digest if identity else None)

    def _prompt_hash(self, job: int, prompt: Prompt | None) -> bytes | None:
        """The hash of a job's own prompt, without what a repair adds; None if it cannot be read any more."""
        history = self._histories.get(job)
        if prompt is not None and (history is None or history.repair is None):
            return prompt_hash(prompt)
        try:
            return prompt_hash(self._parts.source.prompt(job))
        except InputError:
            return None

    def reused(self, job: int, found: ResultRow) -> bool:
        """Settle a job with an answer on record. False if it is none by the rules of this run."""
        parts = self._parts
        try:
            prompt = parts.source.prompt(job)
        except InputError as error:
            self.refused(job, str(error))
            return True
        answer = answer_of(found)
        if parts.rules.problem(answer) is not None or parts.rules.is_refused(answer):
            return False
        self._settle(reused_row(job, prompt, found, parts.source.score(prompt, answer.text)))
        return True

    def _may_repair(self, job: int) -> bool:
        history = self._histories.get(job)
        return self._parts.rules.repairs and (history is None or history.repair is None)

    def _repair(self, attempt: Attempt, prompt: Prompt, answer: Answer, problem: str) -> None:
        """Ask once more for an answer that is invalid; the first one has been paid for."""
        job, parts = attempt.job, self._parts
        self._jobs.history(job, prompt).repair = (answer.text, problem)
        ended = refused_record(attempt.record, answer, model_of(attempt, prompt), parts.wall_clock(), problem)
        self._told(ended)
        parts.store.apply(RetryScheduled(job, problem, counted=True))
        parts.journal.ended(ended, None, _nothing)
        parts.queue.schedule(job, 0.0, limited=False)

    def failed(self, attempt: Attempt, prompt: Prompt, answer: Answer, failure: Failure) -> None:
        """Record a failed attempt: the job is retried, or fails with it."""
        parts = self._parts
        job, member, record = attempt.job, attempt.member, attempt.record
        history = self._jobs.history(job, prompt)
        history.note(failure, parts.clock())
        text = history.words = storable(str(failure))
        usage, model = reported(answer), model_of(attempt, prompt)
        attribution = parts.pool.failed(
            attempt.lease, failure, history, self._jobs.others(), usage=usage, model=model
        )
        parts.reservations.failed(job, prompt, member, model, answer)
        self._key_reports.report(member, attribution)
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
        ended = failed_record(record, failure, answer, text, model, parts.wall_clock())
        if decision.again:
            self._told(ended)
            parts.store.apply(RetryScheduled(job, text, decision.counted))
            parts.journal.ended(ended, None, _nothing)
            parts.queue.schedule(job, decision.delay_s, limited=decision.counted)
        else:
            self.fail(attempt, prompt, failure, ended, text)

    def fail(
        self, attempt: Attempt, prompt: Prompt, failure: Failure, ended: AttemptRecord, text: str
    ) -> None:
        """Fail a job with a failure that no other attempt can change; `text` says why."""
        if failure.kind in _REFUSED:
            self._parts.kill_switch.refused(failure)
        self._settle(failed_row(attempt, prompt, text), ended, prompt)

    def cut(self, attempt: Attempt, *, sent: bool) -> None:
        """Record an attempt cancelled from this side, before it was sent or in flight."""
        pool = self._parts.pool
        leave = pool.was_cut if sent else pool.not_sent
        leave(attempt.lease)
        self._parts.reservations.left(attempt.job, attempt.member, sent=sent)
        state = "cut" if sent else "unsent"
        ended = attempt.record._replace(state=state, ended_at=self._parts.wall_clock())
        self._parts.journal.ended(ended, None, _nothing)

    def lost(self, attempt: Attempt, prompt: Prompt, *, is_suspect: bool = True) -> bool:
        """Record an attempt whose worker is gone, with unknown outcome. Return True to retry the job, which
        `is_suspect` if it may have ended the worker.
        """
        self._parts.pool.was_cut(attempt.lease)
        self._parts.reservations.left(attempt.job, attempt.member, sent=True)
        history = self._jobs.history(attempt.job, prompt)
        history.losses += is_suspect
        if attempt.record.worker is not None:
            self._parts.store.apply(AttemptLost(attempt.record.worker))
        unknown = attempt.record._replace(state="unknown", ended_at=self._parts.wall_clock())
        if history.losses < _MOST_LOSSES:
            self._parts.journal.ended(unknown, None, _nothing)
            return True
        text = f"lost {history.losses} times with its worker{payment_where(self._parts.spends).each}"
        self._settle(failed_row(attempt, prompt, text), unknown, prompt)
        return False

    def refused(self, job: int, why: str) -> None:
        """Fail a job that cannot be sent: its prompt cannot be read any more."""
        self._settle(self._unsent_row(job, storable(why)))

    def given_up(self, job: int) -> None:
        """Settle a job that the user cancelled. What is in a batch may be paid for all the same."""
        if self._parts.store.columns.state[job] != JobState.BATCHED:
            self._parts.reservations.give_back(job)
        attempts = self._parts.store.columns.tries[job]
        self._settle(ResultRow(job, self._id(job), "cancelled", attempts=attempts, input=self._carried(job)))

    def returned(self, job: int) -> None:
        """Queue a job again that its worker could not send."""
        self._parts.queue.requeue(job)
        self._parts.store.apply(Queued(job))

    def reopened(self, job: int) -> None:
        """Open an ended job again, without its earlier failures."""
        self._jobs.forget(job)
        self._parts.journal.reopened(job)
        self._parts.queue.reopen(job)  # its next attempt is announced after this, and so written after it

    def _settle(
        self, result: ResultRow, ended: AttemptRecord | None = None, prompt: Prompt | None = None
    ) -> None:
        job, parts = result.job, self._parts
        if result.ended_at is None:
            at = parts.wall_clock() if ended is None else ended.ended_at
            result = result._replace(wait_s=parts.store.columns.wait[job], ended_at=at)
        if result.prompt_hash is None:
            result = result._replace(prompt_hash=self._prompt_hash(job, prompt))
        self._jobs.forget(job)
        self._jobs.settling.add(job)

        def on_disk() -> None:
            self._jobs.settling.discard(job)
            parts.store.apply(Saved(result))
            parts.queue.end(job)
            if parts.reuse is not None:
                parts.reuse.ended(result)

        if ended is None:
            parts.journal.settled(result, on_disk)
        else:
            self._told(ended)
            parts.journal.ended(ended, result, on_disk)

    def _told(self, ended: AttemptRecord) -> None:
        """Tell the store of an attempt that failed."""
        if ended.state == "failed":
            self._parts.store.apply(TryFailed(ended))

    def _decided(self, lease: Lease, history: JobHistory) -> None:
        """A job was answered that failed before: it may turn out that another key is at fault."""
        member = self._parts.pool.decided(lease, history)
        if member is not None:
            gone = member.state if member.health.is_gone else None
            self._key_reports.report(member, Attribution(key=gone))

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


def _nothing() -> None:
    """Do nothing: a callback for rows that change nothing on screen once they are on disk."""
