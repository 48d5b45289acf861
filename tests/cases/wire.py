"""What servers send that is not in the documentation of their dialect."""

from __future__ import annotations

__all__ = ["WIRE"]

WIRE = {
    "A. Done means an answer": {
        "odd-finish": "a finish reason that means trouble makes a part of an answer, never an answer",
        "error-finish-plain": "`error` as finish reason fails plain answers too, by the error beside it",
        "finish-each-slow": "text behind a finish reason still counts, however slowly it comes",
        'finish-"null"': 'the word "null", or nothing, as finish reason says nothing',
        "index-counts": "one answer was asked for: the only choice of a chunk is it, whatever its index",
        "error-field": "an error in a field `error:` of an event is an error, judged by its body",
        "done-only": "a stream that ends without having begun is no answer, and is tried again at most once",
        "no-choices": "a document without choices is no answer; what was billed is counted",
        "empty-completed": "a response completed without output is done, and flagged empty",
        "reasoning-only": "an answer of reasoning alone is done and flagged, and its reasoning is kept",
    },
    "B. Limits and keys": {
        "two-resets": "of several resets the one that is used up is obeyed, not the longest",
        "body-hint": "a wait that stands in the body alone is obeyed",
        "day-quota-body": "a limit of a day quarantines its key, however short the wait beside it",
        "key-400": "a bad or unpaid key told as 400 costs the key, and no prompt fails for it",
        "model-404-key": "a key without access to a model leaves that model, and the others carry on",
        "money-403": "a 401 or 403 that speaks of money quarantines the key; it is not dead",
        "spend-code": "a code that says the money is spent is obeyed in any language",
        "error-in-200": "an error for the body of a 200 is an error, and its words are shown",
        "poison-prompt": "a prompt that is always rate limited fails alone, and the keys work on",
        "slow-down": "`slow_down` halves the rate, which then climbs slowly, and the screen says so",
    },
    "C. Streams and bodies": {
        "empty-data": "data that is no JSON object and no error is skipped",
        "done-variants": "`[DONE]` counts with a blank behind it, and without a line end",
        "bare-error-mid": "an error as a bare line in the middle of a stream is read",
        "single-newline": "events with one line feed between them are read",
        "te-and-cl": "chunks count where a response has a length too",
        "big-headers": "headers of 64 KB, and 256 of them, are read",
        "gzip-anyway": "a body in gzip that nobody asked for is unpacked, within the caps",
        "usage-total": "reasoning that only the total counts is counted, and told apart",
        "cached-tokens": "tokens read from a cache and written to it have fields and prices of their own",
        "no-max-tokens": "a field that a model refuses is sent under its other name, and remembered",
        "raw-reason": "a reason that stands in the metadata of an error is shown",
        "filter-heavy": "refusals of a content filter are each prompt's own, and do not end the run",
        "slow-first": "an answer that is late is paid for at most twice, and the setting is named",
        "model-503": "a wrong model told as a 503 is named",
        "tls-inspection": "a certificate nobody knows: the message names the setting for a CA file",
    },
    "D. What can be set": {
        "set-options": "any option of a request, for a run, an endpoint, a prompt set, a row",
        "headers-query-auth": "headers, query and the way to authenticate, for each endpoint",
        "proxy-ca": "a proxy, a CA file, a client certificate",
        "timeout-flags": "each time limit, on the command line",
    },
}
