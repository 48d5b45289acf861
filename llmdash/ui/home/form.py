"""The form of a new run: what to ask, whom, how fast, and within which bounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import Input, Label, Static

from llmdash.lean_dataclass import dataclass
from llmdash.sanitize import clean_line
from llmdash.ui.home.choice_strip import ChoiceStrip
from llmdash.ui.home.field import Field
from llmdash.ui.home.field_line import LABEL_CELLS, FieldLine
from llmdash.ui.home.path_field import PathField
from llmdash.ui.home.typed_values import budget_of, options_of, trial_of
from llmdash.ui.home.words import PREVIEW_LINES, preview_lines, reading_line
from llmdash.ui.launcher import REUSE, EndpointChoice, Launch, LaunchError, LaunchOptions, Preview
from llmdash.ui.panels.rate_slider import CONCURRENCY_RANGE, RATE_RANGE, LogSlider
from llmdash.ui.text.messages import FromWidget
from llmdash.ui.text.pasted import is_a_file, pasted_paths

__all__ = ["CHECKS", "NewRunForm"]

CHECKS: Final = ("as in the file", "equal", "number", "contains", "pattern", "json")
_SCHEMA: Final = ("a JSON schema's file, for JSON answers", "a JSON schema")
_SWITCH = ("off", "on")


class NewRunForm(Vertical):
    """Fields for a new run, and the first prompts as they would be asked."""

    SCOPED_CSS: ClassVar[bool] = False  # rules for a narrow screen, which is outside
    DEFAULT_CSS = """
    NewRunForm { height: auto; }
    NewRunForm Label { width: 12; color: $foreground-muted; }
    NewRunForm Label.inner { width: auto; padding: 0 1 0 2; }
    NewRunForm Input { width: 1fr; padding: 0 1; background: $panel; background-tint: $background 0%; }
    NewRunForm Input:focus { background: $boost; }
    NewRunForm Input.narrow { width: 9; }
    NewRunForm LogSlider { width: 1fr; }
    NewRunForm #auto { width: 15; }
    NewRunForm .halves { height: 1; }
    NewRunForm .half { width: auto; height: 1; }
    NewRunForm .half.-rest { width: 1fr; }
    NewRunForm .half.-rest Label { width: auto; padding: 0 1 0 2; }
    .compact NewRunForm .halves { layout: vertical; height: 2; }
    .compact NewRunForm .half { width: 1fr; }
    .compact NewRunForm .half.-rest > Label.name { width: 12; padding: 0; }
    NewRunForm #reading { color: $foreground-muted; height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    NewRunForm #preview { margin-top: 1; height: 3; }
    """

    @dataclass
    class Changed(FromWidget):
        """Posted when a field has another value."""

    @dataclass
    class Entered(FromWidget):
        """Posted when Enter is pressed in a field."""

    def __init__(self, options: LaunchOptions, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._options = options
        self._preview: Preview | None = None
        last = options.last
        self._rate: float | None = last.rate
        self._concurrency = last.concurrency
        names = [choice.name for choice in options.prompt_files]
        paths = [choice.path for choice in options.prompt_files]
        self._files = ChoiceStrip(names, _place(paths, last.prompt_path), id="prompt-files")
        ends = [choice.name for choice in options.endpoints]
        self._endpoints = ChoiceStrip(ends, _place_of_name(ends, last.endpoint), id="endpoints")
        self._endpoint_was_seen = False
        self._check = ChoiceStrip(CHECKS, CHECKS.index(last.check) if last.check in CHECKS else 0, id="check")
        self._reuse = ChoiceStrip(REUSE, REUSE.index(last.reuse), id="reuse")
        self._dedupe = ChoiceStrip(REUSE, REUSE.index(last.dedupe), id="dedupe")
        self._auto = ChoiceStrip(_SWITCH, int(last.auto), id="auto")
        self._rate_slider = LogSlider(*RATE_RANGE, unit="/s", label="", unlimited=True, id="rate-slider")
        self._in_flight = LogSlider(*CONCURRENCY_RANGE, unit="", label="", integral=True, id="concurrency")

    def compose(self) -> ComposeResult:
        last = self._options.last
        path = "" if self._files.chosen is not None or last.prompt_path == Path() else str(last.prompt_path)
        yield FieldLine("prompts", self._files)
        yield FieldLine("", PathField(path, ("or the path of any file",), id="prompt-path"))
        yield FieldLine("", Static(id="reading", markup=False))
        yield FieldLine(
            "template",
            _field("template", last.template, "each row's prompt: Sum up: {{text}}", "Sum up: {{text}}"),
            Label("column", classes="inner"),
            _field("prompt-column", last.prompt_column, "prompt"),
        )
        yield FieldLine("system", _field("system", last.system, "what goes before each prompt"))
        yield FieldLine("check", self._check)
        yield FieldLine(
            "schema",
            PathField(last.schema, _SCHEMA, id="schema"),
            Label("carry", classes="inner"),
            _field("carry", last.carry, "all fields"),
        )
        yield FieldLine("endpoint", self._endpoints)
        yield FieldLine(
            "model",
            _field("model", last.model, "the endpoint's own", "its own"),
            Label("options", classes="inner"),
            _field("options", ", ".join(last.options), "temperature=0, max_tokens=60", "temperature=0"),
        )
        yield FieldLine("rate", self._rate_slider, Label("auto", classes="inner"), self._auto)
        yield FieldLine("in flight", self._in_flight)
        with Horizontal(classes="halves"):
            yield Horizontal(
                Label("trial"),
                _field("trial", str(last.trial or ""), "off", classes="narrow"),
                Label("budget $", classes="inner"),
                _field("budget", "" if last.budget is None else f"{last.budget:g}", "off", classes="narrow"),
                classes="half",
            )
            yield Horizontal(
                Label("reuse", classes="name"),
                self._reuse,
                Label("dedupe"),
                self._dedupe,
                classes="half -rest",
            )
        yield Static(id="preview", markup=False)

    def on_mount(self) -> None:
        self._show_sliders()

    # What is chosen.

    def launch(self) -> Launch:
        """Return what is chosen. Raises LaunchError for what is not."""
        endpoint = self.endpoint
        check = self._check.chosen or 0
        return Launch(
            prompt_path=self._prompt_path(),
            endpoint=endpoint.name,
            model=self._text("model"),
            rate=self._rate,
            concurrency=self._concurrency,
            prompt_column=self._text("prompt-column"),
            template=self._text("template"),
            system=self._text("system"),
            check=CHECKS[check] if check else "",
            schema=self._text("schema"),
            carry=self._text("carry"),
            options=options_of(self._text("options")),
            trial=trial_of(self._text("trial")),
            budget=budget_of(self._text("budget")),
            reuse=REUSE[self._reuse.chosen or 0],
            dedupe=REUSE[self._dedupe.chosen or 0],
            auto=bool(self._auto.chosen),
        )

    def prompts(self) -> Launch:
        """Return the launch as far as it decides the prompts. Raises LaunchError where no file is chosen."""
        return Launch(
            prompt_path=self._prompt_path(),
            endpoint="",
            model="",
            rate=None,
            concurrency=1,
            prompt_column=self._text("prompt-column"),
            template=self._text("template"),
            system=self._text("system"),
            carry=self._text("carry"),
        )

    @property
    def endpoint(self) -> EndpointChoice:
        """The chosen endpoint. Raises LaunchError where none is."""
        if not self._options.endpoints:
            raise LaunchError("Endpoint: none is configured; put API_KEY and BASE_URL into .env")
        return self._options.endpoints[self._endpoints.chosen or 0]

    @property
    def spends_unseen(self) -> bool:
        """True where it costs money at an endpoint that nobody has looked at: it was chosen already."""
        return self.endpoint.spends and not self._endpoint_was_seen

    def show_endpoint(self) -> None:
        """Go to the endpoint, so that it is looked at."""
        self._endpoints.focus()

    def _prompt_path(self) -> Path:
        if typed := self._text("prompt-path"):
            path = next(iter(pasted_paths(typed)), typed)
            if not is_a_file(path):
                raise LaunchError(f"Prompts: {clean_line(typed)} is not a file; give the path of one")
            return Path(path).expanduser()
        if self._files.chosen is None:
            raise LaunchError("Prompts: none chosen; choose a file, or give the path of one")
        return self._options.prompt_files[self._files.chosen].path

    def take_file(self, text: str) -> None:
        """Take a path, as it is pasted, for the prompts."""
        field = self.query_one("#prompt-path", PathField)
        field.take(text)
        field.focus()

    def _text(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    # What is shown.

    def show_preview(self, preview: Preview | None, problem: str = "") -> None:
        """Show the first prompts of the file, or what is wrong with it."""
        self._preview = preview
        self.query_one("#reading", Static).update(Content(reading_line(preview) if preview else problem))
        self.on_resize()

    def show_unreadable(self, problem: str) -> None:
        """Show why there are no prompts."""
        self.show_preview(None, problem)

    def on_resize(self) -> None:
        """Show of the first prompts as much as there is room for."""
        width = max(20, self.content_size.width - LABEL_CELLS)
        lines = preview_lines(self._preview, width) if self._preview else []
        self.query_one("#preview", Static).update(
            Content("\n").join(Content.assemble(*line) for line in lines[:PREVIEW_LINES])
        )

    def _show_sliders(self) -> None:
        self._rate_slider.show(self._rate, None)
        self._in_flight.show(self._concurrency, None)

    # Changes.

    @on(LogSlider.Changed)
    def _slid(self, event: LogSlider.Changed) -> None:
        event.stop()
        if event.control is self._rate_slider:
            self._rate = event.value
        elif event.value is not None:
            self._concurrency = round(event.value)
        self._show_sliders()
        self.post_message(self.Changed(self))

    @on(ChoiceStrip.Changed, "#prompt-files")
    def _file_chosen(self) -> None:
        """A file of the list goes before a path that was typed earlier."""
        self.query_one("#prompt-path", Input).value = ""

    @on(ChoiceStrip.Changed)
    @on(Input.Changed)
    def _changed(self, event: ChoiceStrip.Changed | Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self))

    @on(DescendantFocus, "#endpoints")
    def _see_endpoint(self) -> None:
        if not self._endpoint_was_seen:
            self._endpoint_was_seen = True
            self.post_message(self.Changed(self))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered(self))


def _place(paths: Sequence[Path], path: Path) -> int | None:
    """The place of the file of last time, None if it is not in the list; the first one the first time."""
    if path == Path():
        return 0 if paths else None
    return paths.index(path) if path in paths else None


def _place_of_name(names: Sequence[str], name: str) -> int | None:
    """The place of the endpoint of last time, else the first one; None where there are none."""
    return names.index(name) if name in names else 0 if names else None


def _field(name: str, value: str, *placeholders: str, classes: str = "") -> Field:
    return Field(value, placeholders, id=name, classes=classes)
