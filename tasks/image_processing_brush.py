"""The two tabs of Image processing with a brush: something vanishes, or is given colours."""

import time
from dataclasses import dataclass

import gradio as gr
import numpy as np
import PIL.Image

from tasks import image_processing_classical as classical
from tasks import models
from tasks.image_processing_page import (
    BEFORE,
    CLASSIC,
    SLUG,
    as_file,
    before_after,
    download_button,
    hidden,
    settled,
    shown,
    tiles,
    unlearned,
)
from tasks.image_processing_tools import coloured, filled, grown
from tasks.inputs import read_layers
from tasks.restoration import COLORIZE, REMOVE
from tasks.settings import EXAMPLES
from tasks.task import HEAVY, NOTHING, QUIET, Run, Stop, model_picker, status_line


@dataclass(frozen=True, eq=False)
class Painted:
    """A result of the tabs with a brush, and the two pictures it may be compared with: the same, and the classical."""

    after: PIL.Image.Image
    before: PIL.Image.Image
    classic: PIL.Image.Image | None = None


def editor(part: str, label: str, example: str, layer: str, colours: tuple[str, ...], size: int) -> gr.ImageEditor:
    """A picture to draw on, with the example and something drawn on it already."""
    # A layer is laid around the middle of the canvas, so the canvas must be as large as the picture.
    with PIL.Image.open(EXAMPLES / example) as picture:
        canvas_size = picture.size
    value = {"background": str(EXAMPLES / example), "layers": [str(EXAMPLES / layer)], "composite": None}
    return gr.ImageEditor(
        value, type="pil", label=label, format="png", height=420, sources=["upload", "webcam", "clipboard"],
        brush=gr.Brush(default_size=size, colors=list(colours), default_color=colours[0]), layers=False,
        transforms=(), canvas_size=canvas_size, elem_id=f"{SLUG}-{part}-pad", buttons=["fullscreen"],
    )  # fmt: skip


def drawn(value: dict | None) -> tuple[PIL.Image.Image | None, PIL.Image.Image | None]:
    """Picture and drawing (RGBA) of an editor."""
    if not value or value.get("background") is None:
        return None, None
    layers = [layer for layer in value.get("layers") or [] if layer is not None]
    drawing = None
    for layer in layers:
        layer = layer.convert("RGBA")
        drawing = layer if drawing is None else PIL.Image.alpha_composite(drawing, layer)
    return value["background"], drawing


def build_remove() -> None:
    part, session = f"{SLUG}-remove", gr.State(time_to_live=3600)
    with gr.Row():
        with gr.Column():
            pad = editor("remove", "Brush over what is to vanish", "rocket.jpg", "rocket-mask.png", ("#ef4444",), 24)
            picker = model_picker(part, REMOVE, label="Network", optional=True)
            gr.Markdown("Without a network, patches of the surroundings fill the hole.", elem_classes="status")
            with gr.Row():
                run = gr.Button("Remove", variant="primary", min_width=120, elem_id=f"{part}-run")
                stop = gr.Button("Stop", min_width=120, elem_id=f"{part}-stop")
        with gr.Column():
            result = before_after("removed", "Before and after")
            status = status_line(part)
            left = gr.Radio(
                [("as it was", BEFORE), ("the classical way: diffusion", CLASSIC)], value=BEFORE, label="Beside it",
                visible=False, elem_id=f"{part}-left",
            )  # fmt: skip
            download = download_button("remove")
    running = run.click(
        Stop(stop, status).guard(on_remove), [pad, picker], [result, status, session],
        api_name="image_processing_remove", **HEAVY,
    )  # fmt: skip
    running.success(on_painted, session, [left, download], **QUIET)
    running.then(settled, status, status, **QUIET)
    left.input(on_painted_left, [session, left], result, **QUIET)


def on_remove(picture: dict, model_name: str):
    """Let something vanish from a picture.

    Args:
        picture: {"background": image, "layers": [image], "composite": null}; what is not transparent on the layer goes.
        model_name: "nothing" for patches of the surroundings, or a model of the picker.

    Returns:
        The picture before and after, and a line on the run.
    """
    background, drawing = drawn(picture)
    layers = read_layers(background)
    pixels = np.asarray(layers.rgb)
    mask = np.zeros(pixels.shape[:2], bool) if drawing is None else np.asarray(drawing.getchannel("A")) > 0
    hole = grown(mask, layers.rgb.size)
    yield None, "", None
    model = None if model_name == NOTHING else models.find(REMOVE, model_name)
    run, start = model and Run(model), time.perf_counter()
    for step in filled(pixels, hole, model):
        if step.pixels is None:
            yield gr.skip(), f"{step.done} of {step.total} steps", gr.skip()
    after, diffusion = (
        layers.joined(PIL.Image.fromarray(made)) for made in (step.pixels, classical.diffuse(pixels, hole))
    )
    painted = Painted(after, layers.joined(layers.rgb), diffusion)
    words = f"{hole.mean():.1%} of the picture filled"
    status = run.status(words) if run else unlearned("patches of the surroundings", start, words)
    yield (shown(painted.before), shown(after)), status, painted


def on_painted(painted: Painted | None):
    """The comparison and the file of a result."""
    if painted is None:
        return hidden(2)
    return gr.update(visible=painted.classic is not None, value=BEFORE), as_file(painted.after, "result")


def on_painted_left(painted: Painted | None, left: str):
    if painted is None:
        return gr.skip()
    return shown(painted.classic if left == CLASSIC else painted.before), shown(painted.after)


def build_colour() -> None:
    part, session = f"{SLUG}-colour", gr.State(time_to_live=3600)
    palette = ("#b45f2b", "#9c1f0c", "#f3e5d8", "#e8a345", "#2563a8", "#4d8a3a", "#f2c7a5", "#808080")
    with gr.Row():
        with gr.Column():
            pad = editor("colour", "Scribble some colours", "coffee-grey.jpg", "coffee-scribbles.png", palette, 10)
            picker = model_picker(part, COLORIZE, label="Network", optional=True)
            gr.Markdown("Without a network, your scribbles spread up to the edges of things.", elem_classes="status")
            with gr.Row():
                run = gr.Button("Colour", variant="primary", min_width=120, elem_id=f"{part}-run")
                stop = gr.Button("Stop", min_width=120, elem_id=f"{part}-stop")
        with gr.Column():
            result = before_after("coloured", "Before and after")
            status = status_line(part)
            download = download_button("colour")
            gr.Markdown(
                "Neighbours that are equally bright should have the same colour: that rule, one equation for each "
                "pixel, carries a scribble as far as the next edge. A network needs no scribbles. It knows that grass "
                "is green, and guesses the colour of a coat."
            )
    running = run.click(
        Stop(stop, status).guard(on_colour), [pad, picker], [result, status, session],
        api_name="image_processing_colorize", **HEAVY,
    )  # fmt: skip
    running.success(lambda painted: on_painted(painted)[1], session, download, **QUIET)
    running.then(settled, status, status, **QUIET)


def on_colour(picture: dict, model_name: str):
    """Colour a picture.

    Args:
        picture: {"background": image, "layers": [image], "composite": null}; the layer holds scribbles of colour.
        model_name: "nothing" to let the scribbles spread, or a model of the picker, which needs no scribbles.

    Returns:
        The grey picture and the coloured one, and a line on the run.
    """
    background, drawing = drawn(picture)
    layers = read_layers(background)
    model = None if model_name == NOTHING else models.find(COLORIZE, model_name)
    yield None, "", None
    run, start = model and Run(model), time.perf_counter()
    for step in coloured(np.asarray(layers.rgb), drawing, model):
        if step.pixels is None:
            yield gr.skip(), tiles(step), gr.skip()
    after = layers.joined(PIL.Image.fromarray(step.pixels))
    painted = Painted(after, layers.joined(layers.rgb.convert("L").convert("RGB")))
    status = run.status() if run else unlearned("scribbles", start)
    yield (shown(painted.before), shown(after)), status, painted
