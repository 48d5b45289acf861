"""Refusals: whether a refused request is the fault of its prompt or of its key.

The same status and words can mean either. Another key decides, or another job on the same key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from llmdash.engine.model.states import KeyState
from llmdash.engine.pool.job_history import JobHistory, KeyRefusal
from llmdash.engine.pool.member import Lease, Member
from llmdash.engine.pool.terms import is_usable
from llmdash.llms.wire.failures import Failure, FailureKind

__all__ = ["Refusals"]

_OF_EITHER = (400, 403, 404)
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_CONFIRMED, _CONFIRMED_LATER = 2, 5
_SURE_OF_401 = 5
"""The keys have to answer this many others meanwhile: 401 is hardly ever the prompt's fault."""


class Refusals:
    """Decides about refusals; remembers which statuses and codes are the prompts' own in this run."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        self._own: defaultdict[tuple[int | None, str | None], set[Member]] = defaultdict(set)
        self._believed: dict[Member, tuple[int, int]] = {}
        """The answers of a key, and of all, when its refusal was believed last."""
        self.words_of: dict[str, str] = {}
        """What the server said of a model that a key does not have."""

    def of_request(self, lease: Lease, failure: Failure, history: JobHistory) -> bool:
        """Return True if the refusal is the prompt's own; False if the job is to be tried on another key."""
        if failure.names_request or failure.of_content or failure.status not in _OF_EITHER:
            return True
        this, first = _refusal(lease, failure), history.doubt
        signature = (failure.status, failure.code)
        if first is not None:
            if (first.status, first.code) == signature:
                self._own[signature] |= {first.member, lease.member}
            return True
        if self._own[signature] - {lease.member} and self._believes(lease.member):
            return True
        if not self._others(history, {lease.member}):
            return True
        history.doubt = this
        return False

    def _believes(self, member: Member) -> bool:
        """True if a refusal known to be the prompts' own is believed of this key, without asking another.

        Not if it has refused the last such prompt too, and only other keys have answered since. Where no key
        has answered anything yet, as with a wrong model, there is nothing to doubt.
        """
        ok, answers = member.ok, sum(each.ok for each in self._members)
        before = self._believed.get(member)
        if before is not None and before[0] == ok and before[1] < answers:
            return False
        self._believed[member] = (ok, answers)
        return (bool(member.health.passed) or not answers) and not member.refuted

    def answered(self, lease: Lease, history: JobHistory) -> bool:
        """Note that a job was answered that another key had refused: the second time that key is left.

        Returns True if the other key changes by it.
        """
        doubt = history.doubt
        if doubt is None or doubt.member is lease.member or doubt.is_disproved:
            return False
        doubt.member.health.on_probation = True
        if self._refusals_of_model(doubt, history) < _CONFIRMED:
            return False
        self._leave(doubt.member, history)
        return True

    @staticmethod
    def _refusals_of_model(refusal: KeyRefusal, history: JobHistory) -> int:
        """Note that the key refused the job. Returns how many it refused since it answered with the model.

        A request that was under way at the first of these refusals confirms nothing.
        """
        member, model = refusal.member, history.model_at(refusal.member)
        since, jobs = member.refuted.setdefault(model, (member.health.given, set()))
        if not jobs or refusal.ticket > since:
            jobs.add(history.job)
        return len(jobs)

    def of_key(self, lease: Lease, failure: Failure, history: JobHistory, *, witnessed: bool) -> bool:
        """Note that the key is refused (AUTH), or has no quota left. Return True if it is the prompt's own.

        Where only words say so, one job blames one key at most.
        """
        member, this = lease.member, _refusal(lease, failure)
        if failure.kind is FailureKind.QUOTA and not failure.by_words:
            member.health.lost_quota(failure, lease.key_ticket)
            return False
        blamed = failure.by_words and any(
            refusal.by_words and refusal.member is not member for refusal in history.refusals
        )
        history.refusals.append(this)
        if self._is_own(history, witnessed=witnessed):
            for refusal in history.refusals:
                refusal.member.health.absolve(history.job)
                _, jobs = refusal.member.refuted.get(history.model_at(refusal.member), (0, set()))
                jobs.discard(history.job)
            return True
        if not blamed or member.health.is_confirming:
            self._blame(lease, failure, history, witnessed=witnessed)
        return False

    def _blame(self, lease: Lease, failure: Failure, history: JobHistory, *, witnessed: bool) -> None:
        member, health = lease.member, lease.member.health
        if failure.kind is FailureKind.QUOTA:
            health.lost_quota(failure, lease.key_ticket, history.job)
            if not any(each is not member and _works(each) for each in self._members):
                health.probe_early()
            return
        worked = any(refusal.member.health.passed for refusal in history.refusals)
        if worked and not witnessed and (failure.by_words or failure.status != _UNAUTHORIZED):
            return  # nobody can confirm it
        job = history.job if history.job >= 0 and (witnessed or worked) else None  # then it confirms itself
        if failure.status == _FORBIDDEN and not failure.by_words and history.job >= 0:
            health.on_probation = True
            needed = _CONFIRMED_LATER if self._has_answered(member, history) else _CONFIRMED
            if self._refusals_of_model(history.refusals[-1], history) >= (needed if witnessed else 1):
                self._leave(member, history)
        elif health.refused(failure, lease.key_ticket, job):
            health.kill(failure.message)

    @staticmethod
    def _has_answered(member: Member, history: JobHistory) -> bool:
        """True if the key has answered with the model of the job before: prompts get 403 as well."""
        model = history.model_at(member)
        return model in member.models_answered or (model == member.llm.model and member.ok > 0)

    def _is_own(self, history: JobHistory, *, witnessed: bool) -> bool:
        """True if the keys that refused the job answer others, or did and no job is left to ask again."""
        refusals = history.refusals
        last = refusals[-1]
        disproved = sum(refusal.is_disproved for refusal in refusals)
        needed = _SURE_OF_401 if last.status == _UNAUTHORIZED and not last.by_words else 1
        if len(refusals) > needed and disproved >= needed:
            return True
        keys = {refusal.member for refusal in refusals}
        if witnessed or len(refusals) <= needed or self._others(history, keys):
            return False
        worked = any(member.health.passed for member in keys)
        return (worked and not self._is_shared(history)) or (last.by_words and len(keys) > 1)

    def _is_shared(self, history: JobHistory) -> bool:
        """True if every key refused other jobs as well: then 401 is its own."""
        last = history.refusals[-1]
        return last.status == _UNAUTHORIZED and last.member.health.refused_others(history.job)

    def _leave(self, member: Member, history: JobHistory) -> None:
        """Use the key no more for the model of this job; if it is its only one, not at all."""
        if self._has_other_model(member, history):
            model = history.model_at(member)
            member.models_left.add(model)
            self.words_of[model] = history.words
            member.health.pardon()
        else:
            member.health.kill(history.words)

    @staticmethod
    def _has_other_model(member: Member, history: JobHistory) -> bool:
        model = history.model_at(member)
        return model != member.llm.model or bool(member.models_answered - {model})

    def _others(self, history: JobHistory, but: set[Member]) -> bool:
        return any(is_usable(each, history.own_model) for each in self._members if each not in but)


def _works(member: Member) -> bool:
    return is_usable(member) and member.state is not KeyState.COOLDOWN and not member.health.is_faltering


def _refusal(lease: Lease, failure: Failure) -> KeyRefusal:
    return KeyRefusal(lease.member, lease.key_ticket, failure.status, failure.code, failure.by_words)
