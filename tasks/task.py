"""What a tab must say about itself, and the furniture every tab shares.

A task file describes itself with one `Task` and builds the part of its tab that is its own; `render` puts the
title, the sentence and the lesson above it. Furniture is made of plain Gradio components with ids
"<slug>-<part>", so that a style sheet or a browser test can name them.
"""

import contextlib
import functools
import inspect
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from tasks import models
from tasks.models import Model
from tasks.settings import ASSETS, EXAMPLES, device
from tasks.weights import Hub, State

GROUPS = ("Vision", "Language and speech", "Time series", "Generative")

# Runs of networks share the cores, whatever tab they come from: more at once would only make each one slower.
HEAVY = {"concurrency_id": "network", "concurrency_limit": 2}
# A run of a fraction of a second does not wait behind long ones.
LIGHT = {"concurrency_id": "light network", "concurrency_limit": 2}
NETWORKS = (HEAVY["concurrency_id"], LIGHT["concurrency_id"])  # runs that count towards a visitor's limit

# Events that only keep the page in step: no endpoint of the API, no spinner.
QUIET = {"api_visibility": "private", "show_progress": "hidden"}

USUAL_MEGABITS = 50  # a second: what the estimate in front of a download assumes

NOTHING = "nothing"  # the choice of an optional picker that names no model


@dataclass(frozen=True)
class Task:
    """One tab.

    Args:
        slug: in the address (?task=<slug>), in file names and, with underscores, the name of the API endpoint.
        title: the task's name in the field.
        sentence: what a visitor can do here, in one sentence.
        group: one of GROUPS.
        icon: the inside of a 24 x 24 SVG, drawn with strokes.
        models: what the picker offers, the default first.
        build: adds the tab's components to the Blocks being built.
    """

    slug: str
    title: str
    sentence: str
    group: str
    icon: str
    models: tuple[Model, ...]
    build: Callable[[], None]


def render(task: Task) -> None:
    """Fill the current gr.Tab: header, lesson, and what the task builds."""
    gr.Markdown(f"## {task.title}\n{task.sentence}", elem_classes="task-header")
    with gr.Accordion("Lesson: what it is, how it works, where it fails", open=False, elem_id=f"{task.slug}-lesson"):
        gr.Markdown((ASSETS / "lessons" / f"{task.slug}.md").read_text(encoding="utf-8"), elem_classes="lesson")
    task.build()


def model_picker(slug: str, choices: tuple[Model, ...], label: str = "Model", optional: bool = False) -> gr.Dropdown:
    """A dropdown of models with the facts of the chosen one and, where it needs one, a download with Stop.

    Its value is the model's name (or NOTHING, the default of an optional picker): `models.find` turns it into a Model.
    """

    def labels() -> list[tuple[str, str]]:
        return [(NOTHING, NOTHING)] * optional + [(model.label, model.name) for model in choices]

    def describe(name: str):
        """Facts of the chosen model, and whether the download buttons show."""
        if name == NOTHING:
            return gr.update(visible=False), gr.update(visible=False), gr.update(visible=False)
        model = models.find(choices, name)
        needs = model.source.state() == State.NEEDS_DOWNLOAD
        minutes = max(1, round(model.megabytes * 8 / USUAL_MEGABITS / 60))
        text = f"Download {models.size(model.megabytes)} (about {minutes} min at {USUAL_MEGABITS} Mbit/s)"
        return (
            gr.update(visible=True, value=facts(model)),
            gr.update(visible=needs, value=text),
            gr.update(visible=False),
        )

    def download(name: str) -> Iterator[tuple]:
        """Progress in the facts line until the model is here."""
        model = models.find(choices, name)
        yield "Asking the Hub …", gr.update(visible=False), gr.update(visible=True)
        assert isinstance(model.source, Hub), "only Hub models show the button"
        start, first = time.perf_counter(), None
        for done in model.source.download():
            first = done if first is None else first
            rate = (done - first) / (time.perf_counter() - start)
            yield progress(model, done / 1e6, rate / 1e6), gr.skip(), gr.skip()

    first = NOTHING if optional else choices[0].name
    part = label.lower().replace(" ", "-")
    dropdown = gr.Dropdown(labels(), value=first, label=label, filterable=False, elem_id=f"{slug}-{part}")
    line = gr.Markdown(
        "" if optional else facts(choices[0]),
        visible=not optional,
        elem_id=f"{slug}-{part}-facts",
        elem_classes="facts",
    )
    with gr.Row(elem_classes="download-row"):
        fetch = gr.Button("Download", size="sm", visible=False, elem_id=f"{slug}-{part}-download")
        stop = gr.Button("Stop the download", size="sm", visible=False, elem_id=f"{slug}-{part}-stop")

    shown = [line, fetch, stop]
    dropdown.change(describe, dropdown, shown, **QUIET)
    _pickers.append((dropdown, labels))
    running = fetch.click(Stop(stop, line).guard(download), dropdown, shown, concurrency_limit=2, **QUIET)
    # Whether it is through, was stopped or has failed: the buttons and all labels say what is on this machine now.
    running.then(describe, dropdown, shown, **QUIET)
    running.then(lambda: gr.update(choices=labels()), None, dropdown, **QUIET)
    return dropdown


def refresh_pickers() -> None:
    """Make the labels of all pickers anew at every visit: what is on this machine changes while pages are open.

    Inside the Blocks of all rooms. One event for all: with one for each, a page takes half a second longer to open.
    """
    page = gr.context.Context.root_block
    pickers = [(dropdown, labels) for dropdown, labels in _pickers if page.blocks.get(dropdown._id) is dropdown]
    dropdowns = [dropdown for dropdown, _ in pickers]
    page.load(lambda: [gr.update(choices=labels()) for _, labels in pickers], None, dropdowns, **QUIET)
    _pickers.clear()


_pickers: list[tuple[gr.Dropdown, Callable[[], list[tuple[str, str]]]]] = []


def facts(model: Model) -> str:
    """One Markdown line: what the model is, its licence, and whether it is on this machine."""
    state = model.source.state()
    if state == State.NEEDS_DOWNLOAD:
        state = f"needs a download of {models.size(model.megabytes)}"
    line = f"{model.family}, {models.count(model.parameters)} parameters · {model.license} · **{state}** · "
    return f"{line}[about it]({model.link})" + (f"<br>{model.note}" if model.note else "")


def progress(model: Model, megabytes: float, rate: float) -> str:
    """How far a download is, as a bar of text and in numbers. rate: megabytes a second so far."""
    share = min(1.0, megabytes / model.megabytes)
    bar = "█" * round(20 * share) + "░" * (20 - round(20 * share))
    left = (model.megabytes - megabytes) / rate if rate else 0
    more = f", about {f'{left:.0f} s' if left < 90 else f'{left / 60:.0f} min'} left" if left >= 1 else ""
    return f"`{bar}` {megabytes:.0f} of {model.megabytes} MB{more}"


class Run:
    """Loads a model, then times what is done with it, and words both for the status line.

    run = Run(model)                   # loads
    predictions = classify(picture, model)
    return predictions, run.status()   # "EfficientNet-Lite2 · cpu · loaded in 0.4 s · ran in 61 ms"
    """

    def __init__(self, model: Model, device: str | None = None):
        self.model = model
        self.device = device
        self.load_seconds = models.load(model)
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the model was loaded."""
        return time.perf_counter() - self.start

    def status(self, *more: str) -> str:
        """The status line, with further facts appended, e.g. "85 tokens/s"."""
        loaded = f"loaded in {self.load_seconds:.1f} s" if self.load_seconds > 0.05 else "already loaded"
        parts = [self.model.name, self.device or device(), loaded, f"ran in {duration(self.seconds)}", *more]
        return " · ".join(parts)


class Stop:
    """A Stop button: a run it guards ends after the step it is in, and what it has shown stays.

    stop = Stop(button, status)
    run.click(stop.guard(on_run), ...)     # on_run is a generator that yields a step at a time

    Not through Gradio's `cancels`: a run started again before the cancelled step has ended is taken for the cancelled
    one, fails with "Error" and fires no `success`.
    """

    def __init__(self, button: gr.Button, status: gr.Markdown):
        self._running: dict[str | None, set[threading.Event]] = {}  # by the visitor's session
        button.click(self._press, None, status, queue=False, **QUIET)

    def guard(self, handler: Callable[..., Iterator]) -> Callable[..., Iterator]:
        """The handler with a look at the button after every step. Gradio hands it the visitor's request first."""

        @functools.wraps(handler)
        def run(request: gr.Request, *inputs):
            stopped = threading.Event()
            running = self._running.setdefault(request.session_hash, set())
            running.add(stopped)
            try:
                with contextlib.closing(handler(*inputs)) as steps:
                    for step in steps:
                        yield step
                        if stopped.is_set():
                            break
            finally:
                running.discard(stopped)
                if not running:
                    self._running.pop(request.session_hash, None)

        visitor = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=gr.Request)
        run.__signature__ = inspect.Signature([visitor, *inspect.signature(handler).parameters.values()])
        run.__annotations__ = {**handler.__annotations__, "request": gr.Request}
        return run

    def _press(self, request: gr.Request):
        running = self._running.get(request.session_hash)
        for stopped in list(running or ()):
            stopped.set()
        return "Stopping after this step …" if running else gr.skip()


def duration(seconds: float) -> str:
    """0.0612 -> "61 ms", 2.4 -> "2.4 s"."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def status_line(slug: str) -> gr.Markdown:
    """The line under the output that says which model ran, where, and how long it took."""
    return gr.Markdown("", elem_id=f"{slug}-status", elem_classes="status")


def look_inside(slug: str) -> gr.Accordion:
    """The closed accordion that shows what the network saw. Use it with `with`."""
    return gr.Accordion("Look inside", open=False, elem_id=f"{slug}-inside")


def picture_input(slug: str, example: str, label: str = "Picture") -> gr.Image:
    """Upload, webcam or paste; its value is a path for `inputs.read_picture`, which says what is wrong with a file."""
    return gr.Image(
        str(EXAMPLES / example), type="filepath", image_mode=None, sources=["upload", "webcam", "clipboard"],
        label=label, height=320, format="jpeg", elem_id=f"{slug}-picture", buttons=["fullscreen"],
    )  # fmt: skip


def examples(slug: str, rows: list, inputs: list) -> None:
    """Examples under the tab; a file name is looked up in assets/examples."""

    def found(value):
        return str(EXAMPLES / value) if isinstance(value, str) and (EXAMPLES / value).is_file() else value

    rows = [[found(value) for value in (row if isinstance(row, list) else [row])] for row in rows]
    gr.Examples(rows, inputs, elem_id=f"{slug}-examples", examples_per_page=12, api_visibility="private")


def send_to(button: gr.Button, text: gr.Textbox, box: str) -> None:
    """Let a button put this text into the box with the id `box`, "<slug>-<part>", of another room, and open that room.

    A room with a switch "<slug>-form" is switched to its first form, in which boxes are to be seen.
    Rooms are built one after the other: `connect_rooms` makes the connection once all of them are there.
    """
    _sent.append((button, text, box))


def connect_rooms(slugs: list[str]) -> None:
    """Connect what `send_to` has asked for, inside the Blocks of all rooms."""
    blocks = gr.context.Context.root_block.blocks
    boxes = {block.elem_id: block for block in blocks.values() if block.elem_id}
    for button, text, box in _sent:
        if blocks.get(button._id) is not button:
            continue  # of a room that was built alone, without the others
        slug = next(slug for slug in slugs if box.startswith(f"{slug}-"))
        show = f"(text) => (openRoom('{slug}'), text)"
        if form := boxes.get(f"{slug}-form"):
            first = form.choices[0][1]
            button.click(lambda text, first=first: (text, first), text, [boxes[box], form], js=show, **QUIET)
        else:
            button.click(lambda text: text, text, boxes[box], js=show, **QUIET)
    _sent.clear()


_sent: list[tuple[gr.Button, gr.Textbox, str]] = []


def result_file(name: str) -> Path:
    """Where to write a result that a visitor may download; it is deleted with the uploads, an hour later."""
    folder = Path(gr.utils.get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=folder)) / name


def card_icon(task: Task) -> str:
    """The task's icon as inline SVG."""
    return (
        '<svg viewBox="0 0 24 24" width="28" height="28" fill="none" stroke="currentColor" stroke-width="1.6" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{task.icon}</svg>'
    )
