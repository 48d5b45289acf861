"""The classes of models in programs that know others like them."""

from __future__ import annotations

__all__ = ["LIBRARY"]

LIBRARY = {
    "Classes": {
        "string-for-list": "a text where a list belongs is refused before anything is sent",
        "stop-string": "one stop word is one stop word",
        "unknown arguments": "an argument does what its name says, or is refused by name",
        "pipes": "models are Runnables where LangChain is, and have the same methods where it is not",
        "messages": "messages of LangChain and dicts are taken by every class",
        "deltas": "chunks add up to an answer",
        "the last chunk": "the chunk with the finish reason is yielded, without text",
        "n=2": "all answers that were paid for are returned",
        "parsers in the pool": "what a parser makes is stored as JSON; what it cannot read is invalid",
        "empty answer": "an empty answer is done, flagged and counted, or fails if that is asked for",
        "prefixed hints": "hints that a proxy renamed are read as hints of someone behind it",
        "two loops in one program": "loops, threads and plain calls mix without a word on standard error",
        "first call": "the first call is as fast as the second",
        "pickling": "a pickled model holds no key",
        "exceptions": "failures are also the exceptions that Python has for them",
        "simulator": "tools, schemas, embeddings, usage and strictness are simulated too",
    },
}
