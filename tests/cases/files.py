"""What people have in their files, environments and terminals."""

from __future__ import annotations

__all__ = ["FILES"]

FILES = {
    "A. Nothing in a row is ignored": {
        "body-rows": "the fields of a request row are sent, all others are carried to the results",
        "system-row": "a row's `system` is sent",
        "tools-row": "tools and tool messages are sent as they are, and calls of tools are stored",
        "parts-row": "images, sounds and files are sent as they are",
        "columns-out": "columns that are not sent are carried to every kind of output",
        "csv-question": "a prompt in a column of another name can be named, or put into a template",
        "shapes": "the usual shapes of data sets are read, packed or not, and what was taken is said",
        "same-ids": "rows left out for their ids are counted, and change the exit code",
        "ids": "ids of any length and expected values of any kind are taken",
        "1M-prompt": "a prompt of 64 MB is read, and not held in memory",
    },
    "B. Nothing is sent that is no prompt": {
        "piped-table": "what comes through a pipe is read, or refused, as under its own name",
        "utf16": "UTF-16 is read by its mark, and text with NULs is refused",
        "gz": "a packed file is read, or refused in a line, whatever its name",
        "cr-only": "lines that end in CR are lines",
        "tsv-quotes": "quotes in a TSV are quotes",
        "two-boms": "byte order marks of joined files are no text",
        "wide-csv": "the time for a wide table grows with its width",
    },
    "C. Environment and settings": {
        "env-api-key": "API_KEY and BASE_URL of the environment are read",
        "env-two-lines": "a key on two lines of `.env` is two keys, or a warning that names the line",
        "env-fifo": "a `.env` that is a pipe is read",
        "env-separators": "keys are read in lists of every usual kind, or the right name is suggested",
        "env-api-base": "other usual names for a base URL count everywhere",
        "planted-config": "a configuration that came with a folder sends no key anywhere until it is trusted",
    },
    "D. Processes and terminals": {
        "no-size": "a terminal without a size is none, and signals end what runs in it",
        "dumb": "a dumb terminal gets lines",
        "closed-streams": "closed standard streams are no terminal",
        "name-not-utf8": "a file whose name is not UTF-8 runs",
        "folder-deleted": "a working folder that is gone is said in a line, with exit code 2",
        "few-descriptors": "a run with few file descriptors ends with exit code 0",
        "compare-signals": "a comparison ended by a signal leaves the terminal as it was",
        "doctor-tmux": "a report under tmux starts below what stands there",
        "headless-reason": "a report in lines says why jobs failed, and how to go on",
        "out-over-existing": "a file with something else in it is not replaced, unless asked for",
        "minus-50": "a negative number stays one in CSV",
        "simulator-quiet": "a simulator whose clients are killed says nothing about it",
    },
}
