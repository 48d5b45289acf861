"""What is asked, and said, before something is done with batches that are out."""

from __future__ import annotations

from llmdash.engine.model.counts import counted
from llmdash.engine.model.frame import BatchRow, Frame
from llmdash.engine.model.states import BatchState
from llmdash.ui.text.batch_words import jobs_out, open_batches, providers_of
from llmdash.ui.text.format import count

__all__ = ["bring_back_question", "give_up_question", "stays_out", "stop_question"]

_COMES_BACK = "llmdash run --resume collects them"


def stays_out(frame: Frame) -> str:
    """Return what becomes of the batches that are out when the run is left; empty where none is."""
    if not (out := jobs_out(frame)):
        return ""
    where = providers_of([row for row in open_batches(frame) if row.state.may_exist])
    return f"{counted(out, 'job')} in batches {'stays' if out == 1 else 'stay'} with {where}: {_COMES_BACK}."


def stop_question(frame: Frame) -> tuple[str, str]:
    """Return what is asked before a run is stopped whose batches are cancelled, and what that does."""
    out = [row for row in open_batches(frame) if row.state.may_exist]
    cut = f"{counted(frame.run.in_flight, 'request')} in flight are cut off. " if frame.run.in_flight else ""
    are = "is" if len({row.endpoint for row in out}) == 1 else "are"
    what = f"{counted(len(out), 'batch', 'batches')} of {counted(jobs_out(frame), 'job')}"
    words = (
        f"{cut}{providers_of(out)} {are} asked to cancel {what}.\n"
        f"What is done by then is {_kept(frame)}: {_COMES_BACK}.\n"
        "To leave them out instead: no, then q or D."
    )
    return "Stop now, and cancel what is out?", words


def bring_back_question(batch: int, frame: Frame) -> tuple[str, str]:
    """Return what is asked before a batch is cancelled, and what that does."""
    row = _row(batch, frame)
    if not row.state.may_exist:
        return f"Bring batch {batch} back?", "It was not sent yet: its jobs are pending again at once."
    done = (
        f"{counted(row.done, 'job')} of {count(row.jobs)} are done,"
        if row.done
        else "What is done by then is"
    )
    words = (
        f"{row.endpoint or 'The provider'} is asked to cancel it, which may take some minutes.\n"
        f"{done} {_kept(frame)}; what has no result is pending again after that."
    )
    return f"Bring batch {batch} back?", words


def give_up_question(batch: int, frame: Frame) -> tuple[str, str]:
    """Return what is asked before the jobs of a batch are sent again that its provider has not ended."""
    row = _row(batch, frame)
    twice = frame.run.payment.they.format("they")
    words = (
        f"{row.endpoint or 'The provider'} has not ended it. Its {counted(row.left, 'job')} without a result "
        f"are sent again now,\nand the provider may carry them out all the same{twice}."
    )
    return f"Give batch {batch} up?", words


def _kept(frame: Frame) -> str:
    return "kept and paid" if frame.run.spends else "kept"


def _row(batch: int, frame: Frame) -> BatchRow:
    """The row of a batch; of one that is not in the frame, an empty one."""
    found = (row for row in frame.batches if row.batch == batch)
    return next(found, BatchRow(batch, BatchState.OUT, ""))
