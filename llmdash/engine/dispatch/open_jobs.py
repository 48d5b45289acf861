"""OpenJobs: what is known of jobs that have not ended: how they failed, and what follows from it."""

from __future__ import annotations

from llmdash.engine.dispatch.answer_rules import asking_again
from llmdash.engine.dispatch.parts import RunnerParts
from llmdash.engine.dispatch.rows import own_model
from llmdash.engine.pool import strikes
from llmdash.engine.pool.job_history import JobHistory, Others
from llmdash.engine.pool.terms import ANY_KEY, Terms
from llmdash.prompts.source import InputError, Prompt

__all__ = ["OpenJobs"]


class OpenJobs:
    """Has the history of each open job that has failed, or was answered in vain."""

    def __init__(self, parts: RunnerParts) -> None:
        self._parts = parts
        self.histories: dict[int, JobHistory] = {}
        self.settling: set[int] = set()
        """The jobs whose result is written but not on disk yet."""

    def terms(self, job: int) -> Terms | None:
        """Return which keys the next attempt may use; None if no key has the model that the job names."""
        pool, history = self._parts.pool, self.histories.get(job)
        terms = ANY_KEY
        if history is not None:
            terms = pool.terms(history, self.others())
        if not pool.missing_models and not pool.is_divided:
            return terms
        return pool.with_model(terms, self.own_model(job))

    def own_model(self, job: int) -> str | None:
        """Return the model that a job names; None if it names none, or cannot be read any more."""
        try:
            return own_model(self._parts.source.prompt(job))
        except InputError:
            return None  # the attempt will say so

    @property
    def is_rate_limited(self) -> bool:
        """True if every open job was rate limited (429) and nothing else for as long as the policy allows."""
        parts, histories = self._parts, self.histories
        if not parts.queue.at_home or len(histories) < self.asked - len(self.settling):
            return False
        long_ago = parts.clock() - parts.policy.patience_s
        since = [history.throttled_since for history in histories.values()]
        return bool(since) and all(at is not None and at <= long_ago for at in since)

    @property
    def asked(self) -> int:
        """The number of open jobs but for those that wait for the answer of another, or are lent."""
        reuse = self._parts.reuse
        return self._parts.queue.at_home - (0 if reuse is None else reuse.waiting)

    def others(self) -> Others:
        """Return how many open jobs have not failed."""
        faultless = self.asked - len(self.settling) - len(self.histories)
        return Others(max(0, faultless), self._parts.queue.unsent)

    def history(self, job: int, prompt: Prompt) -> JobHistory:
        """Return the history of a job, which begins with the first call."""
        history = self.histories.get(job)
        if history is None:
            history = self.histories[job] = JobHistory(job, own_model(prompt))
        return history

    def repaired(self, job: int, prompt: Prompt) -> Prompt:
        """Return what is asked: the prompt, after an invalid answer with that answer and what is wrong."""
        history = self.histories.get(job)
        if history is None or history.repair is None:
            return prompt
        return asking_again(prompt, *history.repair)

    def forget(self, job: int) -> None:
        """Drop the history of a job: it has ended, or begins anew."""
        if self.histories:
            history = self.histories.pop(job, None)
            if history is not None:
                strikes.close(history)
