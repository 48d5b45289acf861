"""BatchSettling: settles the jobs of a batch by its results, as answers are settled that come one by one."""

from __future__ import annotations

from contextlib import suppress

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.lending import Lending
from llmdash.engine.dispatch.asker import as_asked
from llmdash.engine.dispatch.attempt import Answer, Attempt, GatheredAnswer
from llmdash.engine.dispatch.key_reports import KeyReports
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.rows import failed_record, model_of, reported
from llmdash.engine.dispatch.settlement import Settlement
from llmdash.engine.model.events import AnsweredInBatch, Noticed, TryFailed
from llmdash.engine.model.records import AttemptRecord
from llmdash.engine.model.states import Severity
from llmdash.engine.pool.attribution import Attribution
from llmdash.engine.pool.costs import cost_of_usage
from llmdash.engine.pool.member import Lease, Member
from llmdash.llms.batches import BatchAnswer, Batches
from llmdash.llms.messages import Usage
from llmdash.llms.options import merge_options
from llmdash.llms.wire.failures import Failure, FailureKind
from llmdash.prompts.source import InputError, Prompt
from llmdash.sanitize import storable

__all__ = ["BatchSettling"]

_OF_KEY = (FailureKind.QUOTA, FailureKind.AUTH)


class BatchSettling:
    """What failed for the service's or the key's reasons is pending again, and never failed by that."""

    def __init__(self, parts: RunnerParts, settlement: Settlement, lending: Lending) -> None:
        self._parts = parts
        self._settlement = settlement
        self._lending = lending
        self._key_reports = KeyReports(parts)

    def answered(
        self, batch: SentBatch, member: Member, service: Batches, job: int, found: BatchAnswer
    ) -> None:
        """Settle a job of `batch` by a line of its results."""
        parts, record = self._parts, self._record(batch, job)
        if not found.ran:
            self.not_run(batch, job)
            return
        try:
            prompt = parts.source.prompt(job)
        except InputError as error:
            self._lost(batch, member, job, str(error))
            self._lending.end(job)
            self._settlement.refused(job, str(error))
            return
        if found.failure is not None:
            self._discount(found.failure, service, prompt)
        gathered = GatheredAnswer(job, parts.clock, _untold)
        for delta in found.deltas:
            gathered.add(delta)
        answer = gathered.answer(prompt, found.failure)
        attempt = Attempt(Lease(member, 0, 0, 0), record)
        model = model_of(attempt, prompt)
        usage = answer.usage if found.failure is None else reported(answer)
        parts.store.apply(AnsweredInBatch(job, record.key, record.attempt))
        parts.pool.settled_in_batch(member, usage, found.failure, model)
        dollars = self._dollars(member, model, usage)
        batch.left -= 1
        if dollars is not None:
            batch.dollars = (batch.dollars or 0.0) + dollars
        parts.reservations.settled_in_batch(job, dollars or 0.0)
        if found.failure is None:
            self._lending.end(job)
            self._settlement.judge(attempt, prompt, answer, model, parts.wall_clock())
        else:
            self._failed(attempt, prompt, answer, found.failure, model)

    def _discount(self, failure: Failure, service: Batches, prompt: Prompt) -> None:
        """Judge a failure by what is not in the request: a server may repeat it."""
        options = merge_options(self._parts.options, prompt.options)
        with suppress(Failure):  # it was made before, from the same prompt
            failure.discount(service.line("", as_asked(prompt), None, options))

    def _failed(self, attempt: Attempt, prompt: Prompt, answer: Answer, failure: Failure, model: str) -> None:
        """A request that is at fault itself fails its job; any other failure is no reason to."""
        parts, job, text = self._parts, attempt.job, storable(str(failure))
        ended = failed_record(attempt.record, failure, answer, text, model, parts.wall_clock())
        if failure.kind is FailureKind.REQUEST:
            self._lending.end(job)
            self._settlement.fail(attempt, prompt, failure, ended, text)
            return
        parts.store.apply(TryFailed(ended, again=True))
        parts.journal.ended(ended, None, _nothing)
        self._lending.give_back((job,))
        if failure.kind in _OF_KEY:
            self.key_refused(attempt.member, failure)

    def key_refused(self, member: Member, failure: Failure) -> None:
        """Note what a batch service says of a key, and report it."""
        if self._parts.pool.refused_in_batch(member, failure):
            self._key_reports.report(member, Attribution(key=member.state))

    def not_run(self, batch: SentBatch, job: int) -> None:
        """Make a job pending again whose request was never carried out: nothing was paid for it."""
        self._ended(batch, self._record(batch, job)._replace(state="unsent"))
        self._lending.give_back((job,))
        self._parts.store.columns.tries[job] -= 1

    def without_line(self, batch: SentBatch, member: Member | None, job: int) -> None:
        """Make a job pending again whose result is missing: it may have been paid for. Without a `member` its
        key is not in this run.
        """
        self._lost(batch, member, job, "its result is missing")
        self._lending.give_back((job,))

    def without_interest(self, batch: SentBatch, job: int) -> None:
        """Note that nobody waits for the result of a job any more, which is cancelled: it may be paid for."""
        self._lost(batch, batch.member, job, "cancelled while it was in a batch")

    def without_cancelled(self, batch: SentBatch) -> None:
        """Do that for the jobs that were cancelled while a batch was written."""
        for job in batch.jobs:
            if not self._lending.is_open(job, batch.number):
                self.without_interest(batch, job)

    def _lost(self, batch: SentBatch, member: Member | None, job: int, why: str) -> None:
        record = self._record(batch, job)
        self._parts.store.apply(AnsweredInBatch(job, record.key, record.attempt))
        if member is not None:
            self._parts.pool.lost_in_batch(member)
            self._parts.reservations.left(job, member, sent=True)
        self._ended(batch, record._replace(state="unknown", message=why))

    def _ended(self, batch: SentBatch, ended: AttemptRecord) -> None:
        batch.left -= 1
        ended = ended._replace(ended_at=self._parts.wall_clock())
        self._parts.journal.ended(ended, None, _nothing)

    def notice(self, severity: Severity, words: str) -> None:
        """Show a notice."""
        self._parts.store.apply(Noticed(severity, storable(words)))

    def _record(self, batch: SentBatch, job: int) -> AttemptRecord:
        record = batch.record
        return AttemptRecord(
            job,
            self._parts.store.columns.tries[job],
            record.key,
            "batched",
            record.planned_at,
            model=record.model,
            batch=record.batch,
        )

    def _dollars(self, member: Member, model: str, usage: Usage | None) -> float | None:
        cost_of = self._parts.reservations.quotes.batch_cost_of
        return None if usage is None else cost_of_usage(cost_of, member.label, model, usage)


def _untold(_event: object) -> None:
    """Nobody watches the chunks of an answer that came in one piece."""


def _nothing() -> None:
    """For rows that change nothing on screen once they are on disk."""
