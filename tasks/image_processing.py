"""Image processing: a picture in, a better one of the same thing out.

From the oldest tools to the youngest: adjustments are arithmetic (tasks/image_processing_classical.py), restoration is
done by networks (tasks/restoration.py), objects vanish under patches of their surroundings (tasks/patch_fill.py) and
scribbles colour old photographs (tasks/scribble_colors.py); networks of the Hub do the last two as well.
"""

import functools
import time
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np
import PIL.Image

from tasks import image_processing_classical as classical
from tasks import image_processing_looks as looks
from tasks import models
from tasks.errors import BadInput
from tasks.image_processing_brush import build_colour, build_remove
from tasks.image_processing_page import (
    BEFORE,
    CLASSIC,
    SLUG,
    as_file,
    before_after,
    download_button,
    hidden,
    remarks,
    settled,
    shown,
    three_pictures,
    tiles,
    unlearned,
)
from tasks.image_processing_tools import (
    MODELS,
    RANGES,
    TOOLS,
    Repair,
    Tool,
    adjust,
    brighten,
    colorize,
    cure,
    damage_and_repair,
    deblur,
    denoise,
    remove,
    repaired,
    upscale,
)
from tasks.inputs import read_layers
from tasks.models import Model
from tasks.restoration import ALONG_A_LINE, STRAIGHT_MOTION, Progress
from tasks.settings import EXAMPLES
from tasks.task import (
    HEAVY,
    QUIET,
    Run,
    Stop,
    Task,
    examples,
    look_inside,
    model_picker,
    picture_input,
    status_line,
)

__all__ = ["TASK", "adjust", "brighten", "colorize", "deblur", "denoise", "remove", "upscale"]


def build() -> None:
    with gr.Tabs():
        with gr.Tab("Adjust", elem_id=f"{SLUG}-mode-adjust"):
            build_adjust()
        with gr.Tab("Restore", elem_id=f"{SLUG}-mode-restore"):
            build_restore()
        with gr.Tab("Remove", elem_id=f"{SLUG}-mode-remove"):
            build_remove()
        with gr.Tab("Colour", elem_id=f"{SLUG}-mode-colour"):
            build_colour()
        with gr.Tab("Damage and repair", elem_id=f"{SLUG}-mode-experiment"):
            build_experiment()


# Tab: simple adjustment


def build_adjust() -> None:
    part = f"{SLUG}-adjust"
    with gr.Row():
        with gr.Column():
            picture = picture_input(part, "cat.jpg")
            with gr.Row():
                sliders = [
                    gr.Slider(
                        low, high, neutral, step=0.05, label=name.replace("_", " ").capitalize(), min_width=200,
                        elem_id=f"{part}-{name.replace('_', '-')}",
                    )
                    for name, (low, high, neutral) in RANGES.items()
                ]  # fmt: skip
            with gr.Row():
                auto = gr.Button("Automatic", variant="primary", min_width=120, elem_id=f"{part}-auto")
                reset = gr.Button("Reset", min_width=120, elem_id=f"{part}-reset")
        with gr.Column():
            result = before_after("adjusted", "Before and after")
            status = status_line(part)
            download = download_button("adjust")
            with look_inside(part):
                gr.Markdown(
                    "No network, and nothing learned: every pixel goes through the same curve, whatever it shows. The "
                    "histogram counts how many pixels are how bright; a wall at 0 or 255 is detail that is lost."
                )
                curves = gr.Plot(show_label=False, elem_id=f"{part}-curves")
                plot = gr.Plot(show_label=False, elem_id=f"{part}-histogram")
    examples(part, ["cat.jpg", "coffee-dark.jpg", "astronaut.jpg", "coffee.jpg"], [picture])
    inputs, quick = [picture, *sliders], QUIET | {"trigger_mode": "always_last"}
    gr.on(
        [slider.input for slider in sliders], on_adjust, inputs, [result, status],
        **quick | {"api_visibility": "public", "api_name": "image_processing_adjust"},
    )  # fmt: skip
    gr.on([slider.release for slider in sliders], on_adjusted, inputs, [download, curves, plot], **quick)
    for button, handler in ((auto, on_automatic), (reset, lambda _: [neutral for *_, neutral in RANGES.values()])):
        button.click(handler, picture, sliders, **quick).success(
            on_adjust, inputs, [result, status], **quick
        ).success(on_adjusted, inputs, [download, curves, plot], **quick)  # fmt: skip
    picture.change(lambda: (None, "", gr.update(visible=False)), None, [result, status, download], **quick)


def on_adjust(
    image: str, brightness: float, contrast: float, saturation: float, sharpness: float, gamma: float,
    white_balance: float,
):  # fmt: skip
    """Change the brightness, contrast and colours of a picture.

    Args:
        image: the picture, at most 20 MB and 25 megapixels.
        brightness: -1 to 1, 0 changes nothing.
        contrast: 0 to 2, 1 changes nothing.
        saturation: 0 (grey) to 2, 1 changes nothing.
        sharpness: -1 (soft) to 2, 0 changes nothing.
        gamma: 0.3 (dark shadows) to 3 (bright shadows), 1 changes nothing.
        white_balance: -1 (colder) to 1 (warmer), 0 changes nothing.

    Returns:
        The picture before and after, at most 1024 pixels wide and high, and a line on the run.
    """
    before, words = preview(image)
    start = time.perf_counter()
    after = adjust(before, brightness, contrast, saturation, sharpness, gamma, white_balance)
    return (before, after), unlearned("arithmetic", start, *words)


@functools.lru_cache(16)
def preview(image: str) -> tuple[PIL.Image.Image, list[str]]:
    """The copy of a file that is shown, and what the status line says of it. Sliders ask for it all the time."""
    layers = read_layers(image)
    return shown(layers.joined(layers.rgb)), remarks(layers)


def on_automatic(image: str):
    """Positions of the sliders by rule."""
    chosen = classical.automatic(preview(image)[0])
    return [round(chosen.get(name, neutral), 2) for name, (*_, neutral) in RANGES.items()]


def on_adjusted(image: str, *settings: float):
    """The file in full size, the curves and the histogram."""
    values = dict(zip(RANGES, settings, strict=True))
    before = preview(image)[0]
    table = classical.curves(*(values[name] for name in ("brightness", "contrast", "gamma", "white_balance")))
    histogram = looks.histogram(np.asarray(before), np.asarray(adjust(before, *settings)))
    return as_file(adjust(image, *settings), "adjusted"), looks.curves(table), histogram


# Tab: restoration by networks


@dataclass(frozen=True, eq=False)  # gr.State notices another run by its identity
class Session:
    """What a run made, for everything that may be asked about it.

    size: width and height of the picture. before, after: uint8, the part that was repaired first. whole: the shown
    copies of the entire picture before and after, None as long as only a part was repaired.
    """

    image: str
    size: tuple[int, int]
    tool: Tool
    model: Model
    strength: float
    scale: int
    before: np.ndarray
    after: np.ndarray
    seconds: float
    whole: tuple[PIL.Image.Image, PIL.Image.Image] | None = None


def build_restore() -> None:
    session, where = gr.State(time_to_live=3600), gr.State()
    first = next(iter(TOOLS.values()))
    with gr.Row():
        with gr.Column():
            picture = picture_input(SLUG, first.example)
            kind = gr.Radio(list(TOOLS), value=first.name, label="Tool", elem_id=f"{SLUG}-tool")
            columns, pickers = [], []
            for tool in TOOLS.values():
                with gr.Column(visible=tool is first) as column:
                    pickers.append(model_picker(SLUG, tool.models, label=f"{tool.name} model"))
                columns.append(column)
            # The model of the chosen tool: what a program names, and the page keeps in step with the pickers.
            chosen = gr.Textbox(first.models[0].name, visible=False, label="Model", elem_id=f"{SLUG}-model")
            strength = gr.Slider(
                0, 1, 1, step=0.05, label="Strength", visible=first.name == "Denoise", elem_id=f"{SLUG}-strength"
            )
            scale = gr.Radio(
                [("× 2", 2), ("× 4", 4)], value=4, label="Larger by", visible=first.name == "Upscale",
                elem_id=f"{SLUG}-scale",
            )  # fmt: skip
            with gr.Row():
                run = gr.Button("Restore", variant="primary", min_width=120, elem_id=f"{SLUG}-run")
                stop = gr.Button("Stop", min_width=120, elem_id=f"{SLUG}-stop")
            gr.Markdown(
                "Of a large picture, its middle is restored first. Click into the picture for another part.",
                elem_classes="status",
            )
        with gr.Column():
            result = before_after("result", "Before and after")
            status = status_line(SLUG)
            left = gr.Radio([], label="Beside it", visible=False, elem_id=f"{SLUG}-left")
            full = gr.Button("Full size", size="sm", visible=False, elem_id=f"{SLUG}-full")
            download = download_button("restore")
            with look_inside(SLUG):
                words = gr.Markdown("Press Restore first.", elem_id=f"{SLUG}-words")
                heat = gr.Image(
                    label="What changed", format="jpeg", interactive=False, visible=False, elem_id=f"{SLUG}-heat",
                    buttons=["download", "fullscreen"],
                )  # fmt: skip
                traces = gr.Image(
                    label="Cepstrum", format="png", interactive=False, visible=False, height=300,
                    elem_id=f"{SLUG}-traces", buttons=["download"],
                )  # fmt: skip
                plot = gr.Plot(show_label=False, visible=False, elem_id=f"{SLUG}-histogram")
                with gr.Column(visible=False, elem_id=f"{SLUG}-zoom") as zoom:
                    lens_on = gr.Image(
                        label="Click a place to look at it through the lens", format="png", interactive=False,
                        height=260, elem_id=f"{SLUG}-lens-on", buttons=[],
                    )  # fmt: skip
                    lens = three_pictures("lens", looks.WAYS)
    examples(SLUG, [tool.example for tool in TOOLS.values()] + ["clock.jpg", "collage.jpg"], [picture])

    guard = Stop(stop, status).guard
    running = run.click(
        guard(on_restore), [picture, kind, chosen, strength, scale, where], [result, status, session],
        api_name="image_processing", **HEAVY,
    )  # fmt: skip
    after = [left, full, download, words, heat, traces, plot, zoom, lens_on, *lens]
    running.success(on_restored, session, after, **QUIET)
    growing = full.click(
        guard(on_full), session, [result, status, session, download, full], api_visibility="private", **HEAVY
    )  # fmt: skip
    for event in (running, growing):
        event.then(settled, status, status, **QUIET)
    left.input(on_left, [session, left], result, **QUIET)
    lens_on.select(on_lens, session, lens, **QUIET)
    picture.select(on_where, None, where, **QUIET)
    knobs = [*columns, strength, scale, chosen]
    gr.on([kind.change, *(picker.input for picker in pickers)], on_tool, [kind, *pickers], knobs, **QUIET)
    kind.input(on_example, [kind, picture], picture, **QUIET)
    picture.change(
        lambda: (None, None, None, "", *hidden(3)),
        None,
        [where, session, result, status, left, full, download],
        **QUIET,
    )


def on_where(event: gr.SelectData):
    """The clicked point, (x, y) in pixels of the picture."""
    return event.index


def on_tool(kind: str, *names: str):
    """Only the chosen tool's picker and knobs, and the name of its model."""
    own = list(TOOLS).index(kind)
    columns = [gr.update(visible=i == own) for i in range(len(TOOLS))]
    return *columns, gr.update(visible=kind == "Denoise"), gr.update(visible=kind == "Upscale"), names[own]


def on_example(kind: str, image: str | None):
    """A picture that needs this tool, as long as the visitor has brought none."""
    shipped = {tool.example for tool in TOOLS.values()}
    untouched = image is not None and Path(image).name in shipped
    return str(EXAMPLES / TOOLS[kind].example) if untouched else gr.skip()


def on_restore(image: str, kind: str, model_name: str, strength: float, scale: int, where):
    """Remove noise or blur from a picture, brighten it, or make it larger.

    Args:
        image: the picture, at most 20 MB and 25 megapixels. Of a large one, the middle is restored.
        kind: "Denoise", "Deblur", "Brighten" or "Upscale".
        model_name: a model of that tool's picker, e.g. "Real-ESRGAN x4plus-anime".
        strength: for Denoise: 0 to 1.
        scale: for Upscale: 2 or 4.

    Returns:
        The part before and after, and a line that says which model ran, where and how long.
    """
    if kind not in TOOLS:
        raise BadInput(f"There is no tool {kind!r}. Choose one of: {', '.join(TOOLS)}.")
    tool = TOOLS[kind]
    model = models.find(tool.models, model_name)
    layers = read_layers(image)
    before = np.asarray(window(layers.rgb, tool.window, where))
    yield None, f"{model.name} is being loaded …", None
    run = Run(model)
    for step in repaired(tool, model, strength, scale)(before):
        if step.pixels is None:
            yield gr.skip(), tiles(step), gr.skip()
    session = Session(image, layers.rgb.size, tool, model, strength, scale, before, step.pixels, run.seconds)
    facts = [f"{before.shape[1]} × {before.shape[0]} pixels", *remarks(layers)]
    if model is STRAIGHT_MOTION and np.array_equal(before, step.pixels):
        facts.append("no straight smear found, so nothing changed: MAXIM knows other kinds of blur")
    yield beside(session, BEFORE), run.status(*facts), session


def window(picture: PIL.Image.Image, side: int, where) -> PIL.Image.Image:
    """The part of a picture around a point, or its middle, at most `side` wide and high."""
    box = []
    for at, length in zip(where or (picture.width / 2, picture.height / 2), picture.size, strict=True):
        box.append(round(min(max(at - side / 2, 0), max(length - side, 0))))
    left, top = box
    return picture.crop((left, top, min(left + side, picture.width), min(top + side, picture.height)))


def beside(session: Session, left: str) -> tuple[PIL.Image.Image, PIL.Image.Image]:
    """What the slider shows: the repaired part (or picture) and, left of it, what it is compared with."""
    if left != CLASSIC and session.whole:
        return session.whole
    after = PIL.Image.fromarray(session.after)
    scale = session.after.shape[0] // session.before.shape[0]
    before = PIL.Image.fromarray(session.tool.classic(session.before, scale) if left == CLASSIC else session.before)
    return shown(before.resize(after.size, PIL.Image.Resampling.NEAREST)), shown(after)


def on_left(session: Session | None, left: str):
    return beside(session, left) if session else gr.skip()


def on_restored(session: Session | None):
    """What can be done with a result, and everything under Look inside."""
    if session is None:
        return *hidden(3), "Stopped before there was a result.", *hidden(4), *[gr.skip()] * 4
    width, height = session.size
    part = session.before.shape[0] * session.before.shape[1] / (width * height)
    if part < 1:
        label = f"Full size, {width} × {height} pixels: about {rough(session.seconds / part)}"
        full, download = gr.update(visible=True, value=label), gr.update(visible=False)
    else:
        full = gr.update(visible=False)
        layers = read_layers(session.image)
        download = as_file(layers.joined(PIL.Image.fromarray(session.after)), session.tool.name.lower())
    choices = [("as it was", BEFORE), (f"the classical way: {session.tool.textbook}", CLASSIC)]
    heat, words = looks.difference(session.before, session.after)
    spots = None
    if session.model in ALONG_A_LINE:
        with models.use(session.model) as network:
            spots, line = looks.traces(network.look(session.before))
        words = f"{line}\n\n{words}"
    enlarging = session.tool.name == "Upscale"
    middle = session.before.shape[1] // 2, session.before.shape[0] // 2
    return (
        gr.update(visible=True, choices=choices, value=BEFORE),
        full,
        download,
        words,
        gr.update(visible=True, value=shown(heat)),
        gr.update(visible=spots is not None, value=spots),
        gr.update(visible=not enlarging, value=looks.histogram(session.before, session.after)),
        gr.update(visible=enlarging),
        PIL.Image.fromarray(session.before) if enlarging else None,
        *(looks.lens(session.before, session.after, *middle) if enlarging else [None] * 3),
    )


def rough(seconds: float) -> str:
    """An estimate, worded so that nobody takes it for more: 9 -> "10 s", 200 -> "3 min"."""
    return f"{max(5, 5 * round(seconds / 5))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def on_lens(session: Session | None, event: gr.SelectData):
    """The clicked place, magnified three ways."""
    return looks.lens(session.before, session.after, *event.index) if session else [gr.skip()] * 3


def on_full(session: Session | None):
    """The whole picture, tile by tile."""
    if session is None:
        raise BadInput("Press Restore first.")
    layers = read_layers(session.image)
    run = Run(session.model)
    for step in repaired(session.tool, session.model, session.strength, session.scale)(np.asarray(layers.rgb)):
        if step.pixels is None:
            rest = f", about {rough(run.seconds / step.done * (step.total - step.done))} left" if step.done else ""
            yield gr.skip(), tiles(step) + rest, session, gr.skip(), gr.skip()
    picture = layers.joined(PIL.Image.fromarray(step.pixels))
    after = shown(picture)
    session = replace(session, whole=(shown(layers.joined(layers.rgb)).resize(after.size), after))
    file = as_file(picture, session.tool.name.lower())
    size = f"{picture.width} × {picture.height} pixels"
    yield session.whole, run.status(size), session, file, gr.update(visible=False)


# Tab: damage a clean picture, then repair it


def build_experiment() -> None:
    part = f"{SLUG}-experiment"
    with gr.Row():
        with gr.Column():
            picture = picture_input(part, "astronaut.jpg", label="A good picture")
            kind = gr.Radio(looks.DAMAGES, value=looks.BLUR, label="Damage", elem_id=f"{part}-damage")
            amount = gr.Slider(0, 1, 0.5, step=0.05, label="How badly", elem_id=f"{part}-amount")
            with gr.Row():
                run = gr.Button("Damage and repair", variant="primary", min_width=120, elem_id=f"{part}-run")
                stop = gr.Button("Stop", min_width=120, elem_id=f"{part}-stop")
        with gr.Column():
            results = three_pictures("experiment", ("damaged", "the classical way", "network"))
            status = status_line(part)
            table = gr.Dataframe(
                headers=["", "PSNR in dB", "SSIM"], datatype=["str", "number", "number"], label="How near the original",
                interactive=False, elem_id=f"{part}-scores",
            )  # fmt: skip
            gr.Markdown(
                "Only because the damage is made here, the repair can be measured. **PSNR** compares pixel by pixel: "
                "6 dB more is half the error. **SSIM** compares structures, 1 is the original. The middle of the "
                "picture is used, at 256 × 256 pixels. Of a blur, the classical way is told exactly how the camera "
                "moved; the network has to see it."
            )
    examples(part, ["astronaut.jpg", "cat.jpg", "coffee.jpg"], [picture])
    inputs = [picture, kind, amount]
    running = run.click(
        Stop(stop, status).guard(on_experiment), inputs, [*results, status, table],
        api_name="image_processing_experiment", **HEAVY,
    )  # fmt: skip
    running.then(settled, status, status, **QUIET)
    gr.on([kind.input, amount.input], on_damage, inputs, [*results, status, table],
          **QUIET | {"trigger_mode": "always_last"})  # fmt: skip


def on_damage(image: str, kind: str, amount: float):
    """The damage alone."""
    rows = next(damage_and_repair(image, kind, amount))
    return *pictures(rows), "", scored(rows)


def on_experiment(image: str, kind: str, amount: float):
    """Damage a picture and repair it the classical way and by a network.

    Args:
        image: the picture, at most 20 MB and 25 megapixels; its middle is used.
        kind: "Blur", "Noise", "Dark", "Small" or "JPEG".
        amount: 0 (a little) to 1 (badly).

    Returns:
        The damaged and the two repaired pictures, a line on the run, and rows of name, PSNR in dB and SSIM.
    """
    tool = cure(kind)
    yield *[gr.skip()] * 3, "the network is being loaded …", gr.skip()
    run = Run(tool.models[0])
    for step in damage_and_repair(image, kind, amount):
        if isinstance(step, Progress):
            yield *[gr.skip()] * 3, tiles(step), gr.skip()
        else:
            yield *pictures(step), run.status(), scored(step)


def pictures(rows: list[Repair]) -> list[PIL.Image.Image | None]:
    """The pictures there are, and nothing in place of those still to come."""
    return [PIL.Image.fromarray(row.pixels) for row in rows] + [None] * (3 - len(rows))


def scored(rows: list[Repair]) -> list[list]:
    return [[row.name, round(row.psnr, 2), round(row.ssim, 3)] for row in rows]


TASK = Task(
    slug=SLUG,
    title="Image processing",
    sentence="Adjust a photograph, have networks repair it, let things vanish from it, and colour it.",
    group="Vision",
    icon='<path d="M4 20L15 9M14 4l1 3 3 1-3 1-1 3-1-3-3-1 3-1z"/><path d="M19 14l1 2 2 1-2 1-1 2-1-2-2-1 2-1z"/>',
    models=MODELS,
    build=build,
)
