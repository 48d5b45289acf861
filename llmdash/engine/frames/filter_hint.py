"""What to say where no job matches a filter: what was looked for, and how to find more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from llmdash.engine.frames.filter import Filter

__all__ = ["hint_for"]


def hint_for(found: Filter, jobs: Iterable[int]) -> str:
    """Return why none of `jobs` matches: with several terms, which one to leave out and how many then do."""
    terms = [term.text for term in found.terms]
    if not terms:
        return ""
    if len(terms) == 1:
        words = found.words[0].text if found.words and not found.words[0].field else ""
        where = "no id, error, prompt or answer has" if words else "no job is"
        return f"{where} {words or terms[0]}; backspace widens, esc shows all"
    without = Counter(failed[0] for job in jobs if (failed := _only_failed(found, job)))
    if not without:
        return f"no job matches more than a part of {' '.join(terms)}; leave some out, esc shows all"
    place, count = without.most_common(1)[0]
    return f"no job matches all of {' '.join(terms)}; without {terms[place]} there are {count:,}"


def _only_failed(found: Filter, job: int) -> list[int]:
    """The place of the one term that a job does not match; empty if there are more."""
    failed: list[int] = []
    for place, term in enumerate(found.terms):
        if not term.test(job):
            if failed:
                return []
            failed.append(place)
    return failed
