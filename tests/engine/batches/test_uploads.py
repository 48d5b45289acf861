"""The file of a batch at the provider: there once, also where an answer is lost, or a list lags."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import pytest

from llmdash.engine.batches.batch import SentBatch
from llmdash.engine.batches.refused_batches import AfterRefusal, RefusedBatches, lacks_file
from llmdash.engine.model.records import BatchRecord
from llmdash.engine.model.states import BatchState, KeyState
from llmdash.llms.batches import BatchEnd
from llmdash.llms.wire.failures import Failure, FailureKind, from_response
from tests.engine.batches.provider import QUICK, Provider, batch_plan, refused
from tests.engine.batches.test_batches import balanced, executed, once
from tests.engine.scripted import ALL, Server, prompts, run

_GONE = refused(404, "No such File object: file_1", code="not_found")


def _lost_at_creation(provider: Provider, times: int) -> None:
    """The provider loses the file of a batch before it is created, so many times."""
    provider.refusals = [("create", _GONE)] * times


def test_a_file_that_is_gone_before_its_batch_is_created_is_uploaded_once_more(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    _lost_at_creation(provider, 1)
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, executed(server, provider)) == (9, once(9))
    (row,) = frame.batches
    assert row.state is BatchState.CLOSED
    assert (provider.calls["upload"], sum(server.asked.values())) == (2, 1)
    assert next(iter(provider.batches.values())).status.file_id == "file_2"


def test_a_file_that_is_gone_again_is_told_and_says_nothing_of_the_service(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    _lost_at_creation(provider, 2)
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, executed(server, provider)) == (9, once(9))
    assert [row.state for row in frame.batches] == [BatchState.DROPPED]
    assert any("was not taken: 404 No such File object" in notice.text for notice in frame.notices)
    assert provider.calls["upload"] == 2
    assert frame.keys[0].state is KeyState.HEALTHY


def test_a_batch_whose_file_is_gone_once_it_was_taken_is_planned_again(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    created = provider.create

    def losing(requests: dict[str, str], name: str | None, file_id: str | None) -> Any:
        status = created(requests, name, file_id)
        if len(provider.batches) == 1:
            held = provider.batches[status.id]
            held.status = status._replace(end=BatchEnd.INVALID, word="failed", problem=_GONE)
        return status

    provider.create = losing  # type: ignore[method-assign]
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    frame = balanced(session, server, provider)
    assert (frame.run.done, executed(server, provider)) == (9, once(9))
    assert [row.state for row in frame.batches] == [BatchState.DROPPED, BatchState.CLOSED]
    assert sum(server.asked.values()) == 1


def test_a_file_that_is_listed_late_is_found_and_not_uploaded_twice(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.lost, provider.file_lag_s = ["upload"], 0.09
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    assert session.frame(ALL).run.done == 9
    assert (provider.calls["upload"], executed(server, provider)) == (1, once(9))
    assert provider.files == {}


def test_a_file_that_was_listed_too_late_is_deleted_with_its_batch(tmp_path: Path) -> None:
    server, provider = Server(), Provider()
    provider.lost, provider.file_lag_s = ["upload"], 60.0

    def shown(lines: list[Any]) -> list[Any]:
        """By the end of the batch both files are listed."""
        provider.file_listed_at = dict.fromkeys(provider.file_listed_at, 0.0)
        return lines

    provider.tamper = shown
    session = run(batch_plan(tmp_path, server, provider, prompts(9)))
    assert session.frame(ALL).run.done == 9
    assert (provider.calls["upload"], executed(server, provider)) == (2, once(9))
    assert provider.files == {}


@pytest.mark.parametrize(("state", "first"), [("uploaded", AfterRefusal.BACK), ("ended", AfterRefusal.LATER)])
def test_a_file_that_is_gone_is_no_reason_to_do_without_the_service(
    tmp_path: Path, state: str, first: AfterRefusal
) -> None:
    row = BatchRecord(1, state, "openai", "m", "k0", "r1-1", "b", "", 9, 8, 30, 1e9, file_id="file_1")
    batch, refusals = SentBatch(row, tmp_path, array("I", range(8)), None), RefusedBatches(QUICK)
    assert [refusals.judge(batch, _GONE) for _ in range(3)] == [first, AfterRefusal.BACK, AfterRefusal.BACK]


def _error(status: int, body: str) -> Failure:
    return from_response(status, {}, body.encode())


@pytest.mark.parametrize(
    "failure",
    [
        _error(404, '{"error": {"message": "No such File object: file-7", "param": "id", "code": null}}'),
        _error(400, '{"error": {"message": "Invalid file ID", "param": "input_file_id"}}'),
        _error(404, '{"error": {"message": "not here", "code": "file_not_found"}}'),
        _error(404, '{"detail": "Input file not found"}'),
        _error(
            400,
            """{"error": {"message": "Invalid 'input_file_id': 'x'", "param": "input_file_id",
            "code": "invalid_value"}}""",
        ),
        _error(400, '{"detail": "No such file object: file-7"}'),
        _error(404, '{"object": "error", "message": "file-7", "type": "invalid_request_error"}'),
        _error(422, '{"error": {"message": "The file has expired", "param": "input_file_id"}}'),
        _error(410, '{"error": "file-7 was deleted"}'),
    ],
)
def test_a_refusal_for_a_file_that_is_gone_is_known_by_what_it_names(failure: Failure) -> None:
    assert lacks_file(failure, "file-7")
    assert not lacks_file(failure, None)


@pytest.mark.parametrize(
    "failure",
    [
        _error(
            404, '{"error": {"message": "Invalid URL (POST /v1/batches)", "type": "invalid_request_error"}}'
        ),
        _error(
            404, '{"error": {"message": "The model of the file does not exist", "code": "model_not_found"}}'
        ),
        _error(400, '{"error": {"message": "The purpose of the input file must be batch", "param": "id"}}'),
        _error(404, '{"detail": "Not Found"}'),
        _error(
            400,
            """{"error": {"message": "Invalid custom_id on line 3", "param": "input_file_id",
            "code": "invalid_batch_input"}}""",
        ),
        _error(429, '{"error": {"message": "No such file: file-7"}}'),
        Failure(FailureKind.TRANSIENT, "the file is not found"),
    ],
)
def test_a_refusal_for_anything_else_is_none_for_a_file(failure: Failure) -> None:
    assert not lacks_file(failure, "file-7")
