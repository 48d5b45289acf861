"""The rules for single values of attempts and results: what is none is removed, and the row stays."""

from __future__ import annotations

from llmdash.doctor.rules import Rule

__all__ = ["ATTEMPT_VALUES", "BAD_ATTEMPTS", "BAD_RESULTS", "RESULT_VALUES"]


def _values(table: str, columns: dict[str, tuple[str, str]]) -> tuple[str, Rule]:
    """The view and the rule for invalid values in a table, which is named after its rows.

    `columns` has (SQL of a valid value, its replacement).
    """
    bad = {column: f"({column} IS NOT NULL AND NOT ({good}))" for column, (good, _) in columns.items()}
    view = f"bad_{table}"
    made = f"CREATE TEMP VIEW {view} AS SELECT job FROM {table} WHERE {' OR '.join(bad.values())}"  # noqa: S608 - our own names
    repairs = tuple(
        f"UPDATE {table} SET {column} = {columns[column][1]} WHERE {breach}"  # noqa: S608 - our own names
        for column, breach in bad.items()
    )
    one, several = f"{table[:-1]} holds invalid values", f"{table} hold invalid values"
    return made, Rule(view, one, several, "invalid values are removed", repairs)


def _text(column: str) -> tuple[str, str]:
    blob = f"CAST({column} AS BLOB)"
    return f"typeof({column}) = 'text' AND is_utf8({blob})", f"as_text({blob})"


def _time(column: str) -> tuple[str, str]:
    return f"typeof({column}) IN ('real', 'integer') AND {column} BETWEEN 0 AND 1e12", "NULL"


def _number(column: str, most: int = 2**31 - 1, instead: str = "NULL") -> tuple[str, str]:
    return f"typeof({column}) = 'integer' AND {column} BETWEEN 0 AND {most}", instead


_NUMBERS = {
    "ttft_s": _time("ttft_s"),
    "latency_s": _time("latency_s"),
    "input_tokens": _number("input_tokens"),
    "output_tokens": _number("output_tokens"),
    "estimated": _number("estimated", 1),
}
BAD_ATTEMPTS, ATTEMPT_VALUES = _values(
    "attempts",
    {
        **{name: _text(name) for name in ("key", "state", "failure", "message", "request_id", "partial")},
        **_NUMBERS,
        "status": _number("status", 999),
        "retry_after_s": _time("retry_after_s"),
        "sent_at": (_time("sent_at")[0], "begun_at()"),
    },
)
BAD_RESULTS, RESULT_VALUES = _values(
    "results",
    {
        **{name: _text(name) for name in ("id", "state", "expected", "key", "finish_reason", "error")},
        **_NUMBERS,
        "verdict": _number("verdict", 3, "0"),
        "attempts": ("typeof(attempts) = 'integer'", "0"),
    },
)
