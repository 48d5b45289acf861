"""The page in a browser: headless Chromium, where it is installed (Debian's package `chromium`)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import environment
from tests.cli.pages import Served, served
from tests.engine.scripted import Server, plan, prompts, run
from tests.waiting import wait_for
from tests.web.chromium import PROGRAM, REBOUND, Page, browser
from tests.web.tunnel import tunnel

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs a browser: apt-get install chromium")

TITLE = "a-run-of-the-browser"
BLANK_BYTES = 20_000
"""What the picture of a page where nothing is drawn comes to at most."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The user's folder, with a run that is over."""
    (tmp_path / TITLE).mkdir()
    run(plan(tmp_path / TITLE, Server(), prompts(5), notes={"title": TITLE}))
    return tmp_path


@pytest.fixture
def web(home: Path) -> Iterator[Served]:
    """A server of that run."""
    with served(home / TITLE, cwd=home, env=environment(home)) as web:
        yield web


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A browser."""
    (tmp_path / "browser").mkdir()
    with browser(tmp_path / "browser") as page:
        yield page


def opens_a_socket(page: Page, web: Served) -> str:
    """What comes of a socket that the page at hand opens, knowing the token."""
    socket = f"new WebSocket('ws://127.0.0.1:{web.port}/viewer', ['llmdash', '{web.token}'])"
    ends = "socket.onopen = () => end('open'); socket.onclose = () => end('closed')"
    return str(page.evaluate(f"new Promise((end) => {{ const socket = {socket}; {ends} }})"))


def test_a_run_is_shown_typed_into_and_resized_in_a_page(home: Path, web: Served, page: Page) -> None:
    page.resize(1300, 800)
    page.open(web.address)
    page.wait_for(TITLE)
    page.wait_for("all ended, nothing failed")
    assert TITLE in page.evaluate("document.title")
    assert page.evaluate("location.href") == f"http://127.0.0.1:{web.port}/"  # nobody looks at the token
    assert page.evaluate("document.cookie") == ""
    assert page.notice == ""
    assert len(page.picture()) > BLANK_BYTES
    page.type("\r")
    page.wait_for("Attempts")
    page.sent.clear()
    page.resize(700, 500)
    page.read_until(lambda: any('"resize"' in each for each in page.sent), "the new size")
    page.load_by("Page.reload")  # and the tab knows the token still
    page.wait_for("all ended, nothing failed")
    page.type("q")
    wait_for(lambda: page.notice == "The viewer has ended.", "the end")
    # later, since a call that loads a page may get no answer
    click = "setTimeout(() => document.querySelector('#again').click())"
    page.load_by("Runtime.evaluate", expression=click)
    page.wait_for("all ended, nothing failed")
    web.process.send_signal(signal.SIGINT)
    wait_for(lambda: page.notice.startswith("The server is not reached"), "the loss of the server")
    assert web.process.wait(60) == 0
    with served(home / TITLE, "--port", web.port, cwd=home, env=environment(home)):  # another token
        wait_for(
            lambda: page.notice.startswith("The token of this page is an old one"), "the server's return"
        )


def test_a_page_whose_connection_is_dropped_opens_its_viewer_anew_by_itself(web: Served, page: Page) -> None:
    """Through a tunnel, whose port is not the server's."""
    with tunnel(web.port) as way:
        page.open(f"http://127.0.0.1:{way.port}/#{web.token}")
        page.wait_for("all ended, nothing failed")
        [first] = web.processes()
        way.drop()
        page.read_until(lambda: [each for each in web.processes() if each != first], "another viewer")
        page.read_until(lambda: first not in web.processes(), "the end of the first")
        page.wait_for("all ended, nothing failed")
        assert page.notice == ""


def test_a_page_without_the_token_is_told_which_to_open(web: Served, page: Page) -> None:
    address = web.address.partition("#")[0]
    page.open(address)
    wait_for(lambda: page.notice.startswith("The address lacks its token"), "what is amiss")
    page.open("about:blank")  # a change behind the # alone loads no page
    page.open(f"{address}#wrong")
    wait_for(lambda: page.notice.startswith("The token of this page is an old one"), "what is amiss")
    assert web.processes() == []


def test_no_other_page_of_the_browser_gets_in_though_it_knows_the_token(web: Served, page: Page) -> None:
    assert opens_a_socket(page, web) == "closed"  # of about:blank, whose origin is null
    page.call("Page.setBypassCSP", enabled=True)
    for name, comes_of_it in ((REBOUND, "closed"), ("localhost", "closed"), ("127.0.0.1", "open")):
        page.open(f"http://{name}:{web.port}/page.css")  # a page of that origin which does nothing by itself
        assert opens_a_socket(page, web) == comes_of_it
    page.open(f"http://{REBOUND}:{web.port}/")
    assert page.evaluate("document.body.innerText").strip() == "Misdirected Request"
