"""Fits the frame at hand to the view of now: it may answer an older view, or be handed out again."""

from __future__ import annotations

from dataclasses import replace

from llmdash.engine.model.frame import Frame, Inspection, StreamPart
from llmdash.engine.model.view import StreamView, View

__all__ = ["fitted", "same_question"]


def fitted(frame: Frame, asked: View, view: View) -> Frame:
    """Return `frame`, the answer to `asked`, as an answer to `view`.

    What `asked` did not ask for is left out. The stream goes on exactly where `view` has it.
    """
    if asked == view:
        return frame
    return replace(
        frame,
        stream=_stream(frame.stream, asked.stream, view.stream),
        inspection=_inspection(frame.inspection, view.inspect),
        inspected=_inspected(frame.inspected, asked, view),
        failed=frame.failed if asked.failed_as == view.failed_as else (),
    )


def same_question(asked: View, view: View) -> bool:
    """Return True if the views show the same things, however much of them is seen already."""
    return _unseen(asked) == _unseen(view)


def _unseen(view: View) -> View:
    stream = replace(view.stream, seen_job=None, seen_attempt=0, seen=0)
    return replace(view, stream=stream, inspect_stream=StreamView(), notices_after=0)


def _inspected(part: StreamPart, asked: View, view: View) -> StreamPart:
    held, wanted = (replace(each.inspect_stream, job=each.inspect) for each in (asked, view))
    return _stream(part, held, wanted) if view.inspect is not None else StreamPart()


def _inspection(inspection: Inspection | None, job: int | None) -> Inspection | None:
    return inspection if inspection is not None and inspection.row.job == job else None


def _stream(part: StreamPart, asked: StreamView, view: StreamView) -> StreamPart:
    """Return what is new for `view` in a part that answers `asked`; where that cannot be told, nothing."""
    if asked == view:
        return part
    held = (view.job, view.seen_job, view.seen_attempt)
    if (asked.job, asked.seen_job, asked.seen_attempt) != held:
        return _nothing_new(part, view)
    if (part.job, part.attempt) != (view.seen_job, view.seen_attempt):
        return part  # another stream: nothing of it is held
    new = view.seen - part.start
    if part.start < asked.seen or not 0 <= new <= len(part.chunks):
        return _nothing_new(part, view)
    return replace(part, start=view.seen, chunks=part.chunks[new:], gaps=part.gaps[new:])


def _nothing_new(part: StreamPart, view: StreamView) -> StreamPart:
    if view.seen_job is None:
        return StreamPart()
    if part.job != view.seen_job:
        part = StreamPart(job=view.seen_job)
    return replace(part, attempt=view.seen_attempt, start=view.seen, chunks=(), gaps=())
