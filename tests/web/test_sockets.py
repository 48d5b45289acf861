"""A socket of a page: its program is typed into, drawn, resized, and ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from llmdash.web.app import make_app
from tests.waiting import has_ended, wait_for
from tests.web.programs import TOKEN, app_of, opened, pid_in, serving


@pytest.fixture
def port() -> Iterator[int]:
    """Where the program is shown."""
    with serving(app_of()) as port:
        yield port


def test_who_knows_the_token_is_let_in_and_the_token_is_not_sent_back(port: int) -> None:
    with opened(port) as socket:
        assert socket.subprotocol == "llmdash"
        socket.read_until("<pid ")


def test_who_does_not_is_answered_403(port: int) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(port, token="wrong"):
        pass
    assert refused.value.response.status_code == 403


def test_what_is_typed_reaches_the_program_and_what_it_draws_the_page(port: int) -> None:
    with opened(port) as socket:
        socket.read_until("<size 100x30>")
        socket.send("stdin", "\x1b[A é\ud800")
        socket.read_until(r"<typed '\x1b[A \xe9?'>")


def test_the_program_gets_the_size_of_the_page_within_bounds(port: int) -> None:
    with opened(port) as socket:
        socket.read_until("<size 100x30>")
        for asked, gets in (((120, 36), "120x36"), ((0, -5), "1x1"), ((10**9, 10**9), "800x300")):
            socket.send("resize", {"width": asked[0], "height": asked[1]})
            socket.read_until(f"<size {gets}>")


@pytest.mark.parametrize("size", ["", "?width=wide&height=30"])
def test_a_page_that_does_not_say_its_size_gets_the_usual_one(port: int, size: str) -> None:
    with opened(port, size) as socket:
        socket.read_until("<size 80x24>")


def test_the_program_has_no_variables_but_those_it_is_given(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    with opened(port) as socket:
        seen = socket.read_until("<size ")
    variables = set(seen.partition("<variables ")[2].partition(">")[0].split(","))
    assert variables <= {"PATH", "LC_CTYPE"}  # the latter is the interpreter's own


def test_a_ping_is_answered_and_focus_is_no_matter_of_the_program(port: int) -> None:
    with opened(port) as socket:
        socket.read_until("<size 100x30>")
        for message in (["focus"], ["blur"], ["ping", "123"]):
            socket.send(*message)
        assert socket.receive() == '["pong","123"]'


def test_two_pages_have_a_program_each_and_a_third_is_told_why_it_has_none(port: int) -> None:
    with opened(port) as one:
        with opened(port) as other:
            pids = [pid_in(socket.read_until("<size ")) for socket in (one, other)]
            assert len(set(pids)) == 2
            with opened(port) as third:
                code, reason = third.end()
                assert code == 4000
                assert reason.startswith("as many viewers are open as --viewers allows (2)")
        with opened(port) as again:
            again.read_until("<pid ")


def test_a_page_that_is_loaded_again_gets_the_place_of_its_viewer_once_that_has_ended() -> None:
    """It was told that as many were open as may be."""
    with serving(app_of("stubborn", most=1, leaves_within_s=0.2)) as port:
        with opened(port) as socket:
            pid = pid_in(socket.read_until("<size "))
        with opened(port) as again:
            again.read_until("<size ")
            assert has_ended(pid)


def test_the_page_is_told_that_its_program_has_ended(port: int) -> None:
    with opened(port) as socket:
        socket.read_until("<size ")
        socket.send("stdin", "q")
        socket.read_until("<bye>")
        assert socket.end()[0] == 1000


@pytest.mark.parametrize("arguments", [(), ("stubborn",)], ids=["usual", "deaf to a hang-up"])
def test_the_program_ends_with_its_page(arguments: tuple[str, ...]) -> None:
    with serving(app_of(*arguments, leaves_within_s=0.2)) as port:
        with opened(port) as socket:
            pid = pid_in(socket.read_until("<size "))
        wait_for(lambda: has_ended(pid), "the end of the program")


def test_a_program_that_draws_without_end_ends_with_its_page(port: int) -> None:
    with opened(port) as socket:
        pid = pid_in(socket.read_until("<size "))
        socket.send("stdin", "flood")
        socket.read_until("." * 10_000)
    wait_for(lambda: has_ended(pid), "the end of the program")


def test_all_programs_end_with_the_server_though_nobody_reads_what_they_draw() -> None:
    with ExitStack() as stack:
        with serving(app_of()) as port:
            sockets = [stack.enter_context(opened(port)) for _ in range(2)]
            pids = [pid_in(socket.read_until("<size ")) for socket in sockets]
            sockets[0].send("stdin", "flood")
        assert all(map(has_ended, pids))
        assert sockets[1].end()[0] == 1012


def test_a_paste_that_the_program_is_slow_to_read_reaches_it_whole(port: int) -> None:
    with opened(port) as socket:
        socket.read_until("<size ")
        socket.send("stdin", "a" * 200_000 + "!")
        seen = socket.read_until("!'>")
        assert seen.partition("typed")[2].replace("typed", "").count("a") == 200_000


MESSAGES = {
    "no JSON": "stdin",
    "nested": "[" * 100_000,
    "unknown": '["run", "ls"]',
    "no list": '{"stdin": "x"}',
    "a number of keys": '["stdin", 1]',
    "a size in words": '["resize", {"width": "1", "height": "2"}]',
    "bytes": b"\x00\xff",
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_no_page_sends_ends_the_socket(port: int, message: str | bytes) -> None:
    with opened(port) as socket:
        pid = pid_in(socket.read_until("<size "))
        socket.send_raw(message)
        assert socket.end()[0] == 1008
    wait_for(lambda: has_ended(pid), "the end of the program")


def test_a_program_that_cannot_be_started_is_reported_and_takes_nobodys_place() -> None:
    async def start(_: tuple[int, int]) -> Any:
        raise OSError(11, "Resource temporarily unavailable")

    with serving(make_app(start, TOKEN, title="a run", most=2)) as port:
        for _ in range(3):
            with opened(port) as socket:
                assert socket.end() == (4000, "no viewer can be started: Resource temporarily unavailable")
