"""The rules for single values of attempts and results: what is none is removed, and the row stays."""

from __future__ import annotations

from collections.abc import Mapping

from llmdash.doctor.rules import Rule

__all__ = [
    "ATTEMPT_VALUES",
    "BAD_ATTEMPTS",
    "BAD_RESULTS",
    "RESULT_VALUES",
    "number_of",
    "text_of",
    "time_of",
    "values_rule",
]


def values_rule(
    row: str, table: str, columns: Mapping[str, tuple[str, str]], job: str = "job"
) -> tuple[str, Rule]:
    """Return the view and the rule for invalid values in a table, of which one row is called `row`.

    `columns` has (SQL of a valid value, its replacement); `job` is SQL of the job of a row.
    """
    bad = {column: f"({column} IS NOT NULL AND NOT ({good}))" for column, (good, _) in columns.items()}
    view = f"bad_{table}"
    made = f"CREATE TEMP VIEW {view} AS SELECT {job} AS job FROM {table} WHERE {' OR '.join(bad.values())}"  # noqa: S608 - our own names
    repairs = tuple(
        f"UPDATE {table} SET {column} = {columns[column][1]} WHERE {breach}"  # noqa: S608 - our own names
        for column, breach in bad.items()
    )
    one, several = f"{row} holds invalid values", f"{table} hold invalid values"
    return made, Rule(view, one, several, "invalid values are removed", repairs)


def text_of(column: str) -> tuple[str, str]:
    """Return the SQL that a column holds a text, and what a text in another encoding is replaced by."""
    blob = f"CAST({column} AS BLOB)"
    return f"typeof({column}) = 'text' AND is_utf8({blob})", f"as_text({blob})"


def time_of(column: str) -> tuple[str, str]:
    """Return the SQL that a column holds a time or a span in seconds, and its replacement."""
    return f"typeof({column}) IN ('real', 'integer') AND {column} BETWEEN 0 AND 1e12", "NULL"


def number_of(column: str, most: int = 2**31 - 1, instead: str = "NULL") -> tuple[str, str]:
    """Return the SQL that a column holds a whole number up to `most`, and its replacement."""
    return f"typeof({column}) = 'integer' AND {column} BETWEEN 0 AND {most}", instead


_NUMBERS = {
    "ttft_s": time_of("ttft_s"),
    "latency_s": time_of("latency_s"),
    "input_tokens": number_of("input_tokens"),
    "output_tokens": number_of("output_tokens"),
    "estimated": number_of("estimated", 1),
}
BAD_ATTEMPTS, ATTEMPT_VALUES = values_rule(
    "attempt",
    "attempts",
    {
        **{name: text_of(name) for name in ("key", "state", "failure", "message", "request_id", "partial")},
        **_NUMBERS,
        "status": number_of("status", 999),
        "retry_after_s": time_of("retry_after_s"),
        "sent_at": (time_of("sent_at")[0], "begun_at()"),
    },
)
BAD_RESULTS, RESULT_VALUES = values_rule(
    "result",
    "results",
    {
        **{name: text_of(name) for name in ("id", "state", "expected", "key", "finish_reason", "error")},
        **_NUMBERS,
        "verdict": number_of("verdict", 3, "0"),
        "attempts": ("typeof(attempts) = 'integer'", "0"),
    },
)
