"""Headers of responses, as they come from the wire."""

from __future__ import annotations

from llmdash.llms.transport.received import joined


def test_names_are_in_lower_case_and_what_comes_twice_is_in_one_row() -> None:
    headers = [(b"Retry-After", b"1"), (b"Warning", b"a"), (b"WARNING", b"b")]
    assert joined(headers) == {"retry-after": "1", "warning": "a, b"}


def test_a_value_that_is_no_utf8_is_read_as_iso_8859_1() -> None:
    assert joined([(b"x-name", "Zoë".encode("latin-1")), (b"x-other", "Zoë".encode())]) == {
        "x-name": "Zoë",
        "x-other": "Zoë",
    }
