"""Image translation: a picture in, the same picture in another guise out.

Drawings become coloured art with the gallery's own network (tasks/emoji_art.py), photographs take on a style, become
cartoons or drawings (tasks/style_transfer.py, tasks/restoration.py, tasks/sketches.py). From the Hub: ControlNet
(Zhang 2023, arXiv:2302.05543) and InstructPix2Pix (Brooks 2023, arXiv:2211.09800).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
import numpy as np
import PIL.Image
import PIL.ImageChops
import PIL.ImageDraw
import PIL.ImageEnhance

from tasks import models, sketches
from tasks.diffusion import LCM_DREAMSHAPER, SIDE, Pipeline, Step, from_folder, pipeline_hub
from tasks.emoji_art import EMOJI_ART
from tasks.emoji_art import SIZE as FIELD
from tasks.errors import BadInput
from tasks.inputs import at_most, read_picture
from tasks.models import Model
from tasks.restoration import ENLARGER, enlarge
from tasks.settings import EXAMPLES, zero_gpu
from tasks.style_transfer import ANY_STYLE, MANY_STYLES, STYLES, compare_styles, stylize
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
from tasks.weights import Hub

SLUG = "image-translation"
MAX_PROMPT = 300  # characters
CARTOON_SIDE = 128  # so small that only shapes and colours are left; times four again afterwards

STYLE_PICTURES = ("style-strokes.jpg", "style-mosaic.jpg", "style-galaxies.jpg")
KINDS = ("Cartoon", "Pencil", "Ink")


# Models


class Scribble:
    """ControlNet on top of a latent consistency model: the lines steer every step."""

    def __init__(self, folder: Path, base: Path | None = None):
        from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

        control = from_folder(ControlNetModel, folder)
        base = base or LCM_DREAMSHAPER.folder()
        self.pipeline = Pipeline(from_folder(StableDiffusionControlNetPipeline, base, controlnet=control))

    def __call__(self, prompt: str, ink: np.ndarray, steps: int, guidance: float, seed: int) -> Iterator[Step]:
        lines = PIL.Image.fromarray((ink * 255).astype(np.uint8)).convert("RGB")  # white on black
        yield from self.pipeline.steps(
            seed, steps, prompt=prompt, image=lines, width=SIDE, height=SIDE, guidance_scale=guidance
        )


class InstructPix2Pix:
    """Stable Diffusion taught to follow an instruction about a picture that it sees beside the noise."""

    def __init__(self, folder: Path):
        from diffusers import StableDiffusionInstructPix2PixPipeline

        self.pipeline = Pipeline(from_folder(StableDiffusionInstructPix2PixPipeline, folder))

    def __call__(self, picture: PIL.Image.Image, prompt: str, steps: int, guidance: float, seed: int) -> Iterator[Step]:
        yield from self.pipeline.steps(seed, steps, prompt=prompt, image=picture, guidance_scale=guidance)


SCRIBBLE = Model(
    name="ControlNet scribble", load=Scribble, family="Latent diffusion", parameters=1_732_000_000, megabytes=6_930,
    source=Hub("lllyasviel/sd-controlnet-scribble", ("config.json", "diffusion_pytorch_model.safetensors"),
               needs=LCM_DREAMSHAPER),
    license="CreativeML OpenRAIL-M (base model: MIT)",
    link="https://huggingface.co/lllyasviel/sd-controlnet-scribble",
    note="Draws anything your lines suggest, with LCM DreamShaper in a few steps. Minutes on a CPU, seconds on a GPU.",
)  # fmt: skip
INSTRUCT = Model(
    name="InstructPix2Pix", load=InstructPix2Pix, family="Latent diffusion", parameters=1_371_000_000, megabytes=5_480,
    source=pipeline_hub("timbrooks/instruct-pix2pix", ("text_encoder", "unet", "vae"), half=False, checked=True),
    license="MIT", link="https://huggingface.co/timbrooks/instruct-pix2pix",
    note="“Make it winter”: follows an instruction. Many minutes on a CPU, seconds on a GPU.",
)  # fmt: skip
SKETCH_MODELS = (EMOJI_ART, SCRIBBLE)
STYLE_MODELS = (MANY_STYLES, ANY_STYLE)
MODELS = (*SKETCH_MODELS, *STYLE_MODELS, ENLARGER, INSTRUCT)
STEPS_GUIDANCE = {EMOJI_ART: (16, 2.0), SCRIBBLE: (6, 8.0), INSTRUCT: (20, 7.5)}


# Inference


@dataclass(frozen=True)
class Painting:
    """A coloured drawing, and what the gallery's own network had to do with it (None for models of the Hub).

    seen: the lines it was given; field: the colours it drew around them; both FIELD x FIELD.
    flat: the colours after they were fitted between the lines.
    """

    picture: PIL.Image.Image
    seen: PIL.Image.Image | None = None
    field: PIL.Image.Image | None = None
    flat: PIL.Image.Image | None = None


def paint(sketch, prompt: str, model: Model = EMOJI_ART, seed: int = 0) -> Iterator[Step | Painting]:
    """Colour a drawing: the steps of the network, then the painting.

    Args:
        sketch: whatever `inputs.read_picture` takes: dark lines on light paper, or chalk on a board.
        prompt: what it is, e.g. "a red apple"; may be empty for the gallery's own network.
        model: one of SKETCH_MODELS.

    Raises:
        BadInput: no lines, or a prompt that is too long.
        ModelUnavailable: the weights are not here.
    """
    ink = sketches.read_ink(read_picture(sketch))
    box = sketches.square_around(ink)
    prompt = _checked(prompt)
    steps, guidance = STEPS_GUIDANCE[model]
    with models.use(model) as network:
        if model is not EMOJI_ART:
            for step in network(prompt, sketches.crop(ink, box, SIDE), steps, guidance, seed):
                yield step
            yield Painting(step.image)
            return
        seen = sketches.crop(ink, box, FIELD)
        if "background" not in prompt:  # left to itself it likes to choose one
            prompt = f"{prompt}, white background" if prompt else "white background"
        for step in network(prompt, steps, guidance, seed, ink=seen):
            yield step
    coloured = sketches.colour(ink, box, np.asarray(step.image))
    lines = PIL.Image.fromarray(((1 - seen) * 255).astype(np.uint8))
    yield Painting(coloured.picture, lines, step.image, coloured.flat)


def sketch_to_art(sketch, prompt: str, model: Model = EMOJI_ART, seed: int = 0) -> PIL.Image.Image:
    """The picture that `paint` ends with."""
    *_, painting = paint(sketch, prompt, model, seed)
    return painting.picture


def cartoon(image, lines: float = 0.8) -> PIL.Image.Image:
    """A photograph as a cartoon of up to 512 pixels: made small and flat, drawn anew by Real-ESRGAN-anime, inked.

    Args:
        image: whatever `inputs.read_picture` takes.
        lines: how dark the contours are, 0 to 1.
    """
    picture = read_picture(image)
    small = sketches.smooth(at_most(picture, CARTOON_SIDE), 3, 30)
    drawn = sketches.smooth(enlarge(small), 3, 18)
    contours = sketches.ink_drawing(picture.resize(drawn.size, PIL.Image.Resampling.LANCZOS), 0.5)
    contours = PIL.Image.blend(PIL.Image.new("RGB", drawn.size, "white"), contours, 0.75 * lines)
    bright = PIL.ImageEnhance.Brightness(PIL.ImageEnhance.Color(drawn).enhance(1.35)).enhance(1.08)
    return PIL.ImageChops.multiply(bright, contours)


def to_sketch(image, kind: str = "pencil", detail: float = 0.5) -> PIL.Image.Image:
    """A photograph as a drawing. No network: filters from before them, to compare.

    Args:
        kind: "pencil" or "ink".
        detail: 0 (bold) to 1 (fine).
    """
    drawings = {"pencil": sketches.pencil_drawing, "ink": sketches.ink_drawing}
    if kind not in drawings:
        raise BadInput(f"There is no drawing of kind {kind!r}. Choose pencil or ink.")
    return drawings[kind](at_most(read_picture(image), 1024), min(max(detail, 0.0), 1.0))


def edit(image, instruction: str, model: Model = INSTRUCT, seed: int = 0) -> Iterator[Step]:
    """Change a picture as an instruction says ("make it winter"); the last step holds the result, SIDE x SIDE.

    Raises:
        BadInput: the picture cannot be read, there is no instruction, or the safety checker objects.
        ModelUnavailable: the weights are not here.
    """
    picture = _square(read_picture(image))
    if not instruction.strip():
        raise BadInput("Say what is to change, for example: make it winter.")
    steps, guidance = STEPS_GUIDANCE[model]
    with models.use(model) as network:
        yield from network(picture, _checked(instruction), steps, guidance, seed)


def _checked(prompt: str) -> str:
    if len(prompt) > MAX_PROMPT:
        raise BadInput(f"This text is too long: the limit is {MAX_PROMPT} characters.")
    return prompt.strip()


def _square(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The middle of a picture, SIDE x SIDE."""
    left, top = ((side - min(picture.size)) // 2 for side in picture.size)
    box = (left, top, left + min(picture.size), top + min(picture.size))
    return picture.resize((SIDE, SIDE), PIL.Image.Resampling.LANCZOS, box)


# Look inside


def painting_stages(painting: Painting) -> list[tuple[PIL.Image.Image, str]]:
    """How a drawing got its colours, with captions."""
    large = (384, 384)
    return [
        (
            painting.seen.convert("RGB").resize(large, PIL.Image.Resampling.NEAREST),
            "what the network is given: 64 × 64",
        ),
        (painting.field.resize(large, PIL.Image.Resampling.NEAREST), "what it draws: 64 × 64"),
        (painting.flat, "its colours, fitted between your lines"),
        (painting.picture, "with shading and your lines on top"),
    ]


# Tab


def build() -> None:
    with gr.Tabs():
        with gr.Tab("Sketch to art", elem_id=f"{SLUG}-mode-sketch"):
            build_sketch()
        with gr.Tab("Style transfer", elem_id=f"{SLUG}-mode-style"):
            build_style()
        with gr.Tab("Cartoon and drawing", elem_id=f"{SLUG}-mode-drawing"):
            build_drawing()
        with gr.Tab("Edit by words", elem_id=f"{SLUG}-mode-edit"):
            build_edit()


def result_image(part: str, label: str) -> gr.Image:
    return gr.Image(
        label=label, show_label=False, format="png", interactive=False, height=420, elem_id=f"{SLUG}-{part}",
        buttons=["download", "fullscreen"],
    )  # fmt: skip


def build_sketch() -> None:
    with gr.Row():
        with gr.Column():
            pad = gr.Sketchpad(
                str(EXAMPLES / "sketch-cat.png"), type="numpy", image_mode="RGB", label="Your drawing", height=420,
                sources=["upload", "webcam", "clipboard"], canvas_size=(500, 500), layers=False, transforms=(),
                brush=gr.Brush(default_size=6, colors=["#28282d", "#ffffff"], default_color="#28282d"),
                elem_id=f"{SLUG}-pad", buttons=["fullscreen"],
            )  # fmt: skip
            with gr.Row():
                blank = gr.Button("Blank page", size="sm", elem_id=f"{SLUG}-blank")
            prompt = gr.Textbox(
                "an orange cat face", label="What is it? Colours and background, if you like", max_length=MAX_PROMPT,
                elem_id=f"{SLUG}-prompt",
            )  # fmt: skip
            picker = model_picker(SLUG, SKETCH_MODELS, label="Sketch model")
            with gr.Row():
                run = gr.Button("Paint", variant="primary", elem_id=f"{SLUG}-paint")
                stop = gr.Button("Stop", elem_id=f"{SLUG}-paint-stop")
            seed = gr.Number(0, label="Seed: another number, other colours", precision=0, elem_id=f"{SLUG}-seed")
        with gr.Column():
            result = result_image("painting", "Your drawing, painted")
            status = status_line(f"{SLUG}-paint")
            with look_inside(f"{SLUG}-paint"):
                gr.Markdown(
                    "The network sees your lines at 64 × 64 pixels and draws the thing anew around them. Only its "
                    "colours are kept: they are spread along your paper and stop at your lines."
                )
                stages = gr.Gallery(
                    label="From lines to colours", show_label=False, columns=2, height=None, format="png",
                    interactive=False, elem_id=f"{SLUG}-stages", buttons=["fullscreen"],
                )  # fmt: skip
    rows = [["sketch-cat.png", "an orange cat face"], ["sketch-fish.png", "a blue fish"],
            ["sketch-mushroom.jpg", "a mushroom, light green background"]]  # fmt: skip
    examples(f"{SLUG}-sketch", rows, [pad, prompt])
    run.click(
        Stop(stop, status).guard(on_paint),
        [pad, prompt, picker, seed],
        [result, status, stages],
        api_name="image_translation",
        **HEAVY,
    )
    blank.click(lambda: PIL.Image.new("RGB", (500, 500), "white"), None, pad, **QUIET)


@zero_gpu
def on_paint(sketch: dict, prompt: str, model_name: str, seed: int):
    """Colour a line drawing.

    Args:
        sketch: the drawing as {"background": image, "layers": [], "composite": image}; the composite counts.
        prompt: what it is, e.g. "a red apple, light blue background".
        model_name: a model of the picker, e.g. "Emoji art".
        seed: 0 to 4294967295; the same seed gives the same picture.

    Returns:
        The painted drawing, a line on the run, and the stages between lines and colours.
    """
    run = Run(models.find(SKETCH_MODELS, model_name))
    for each in paint((sketch or {}).get("composite"), prompt, run.model, checked_seed(seed)):
        if isinstance(each, Step):
            frame = each.predicted.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC)
            yield frame, f"step {each.index} of {each.total}", gr.skip()
        else:
            yield each.picture, run.status(), painting_stages(each) if each.field else None


def checked_seed(seed: float | None) -> int:
    if seed is None or not 0 <= seed < 2**32:
        raise BadInput("A seed is a whole number from 0 to 4294967295.")
    return int(seed)


def build_style() -> None:
    with gr.Row():
        with gr.Column():
            picture = picture_input(f"{SLUG}-style", "astronaut.jpg")
            picker = model_picker(SLUG, STYLE_MODELS, label="Style model")
            with gr.Group() as mixing:
                first = gr.Dropdown(list(STYLES), value="Stained glass", label="Style", elem_id=f"{SLUG}-first")
                second = gr.Dropdown(
                    list(STYLES), value="Blue and yellow swirls", label="Second style", elem_id=f"{SLUG}-second"
                )
                share = gr.Slider(0, 1, 0, step=0.05, label="Share of the second", elem_id=f"{SLUG}-share")
            with gr.Group(visible=False) as own:
                style = gr.Image(
                    str(EXAMPLES / STYLE_PICTURES[0]), type="filepath", image_mode=None, label="Style picture",
                    sources=["upload", "webcam", "clipboard"], height=220, format="jpeg", elem_id=f"{SLUG}-own",
                    buttons=["fullscreen"],
                )  # fmt: skip
                examples(f"{SLUG}-own", list(STYLE_PICTURES), [style])
            strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", elem_id=f"{SLUG}-strength")
            preserve = gr.Checkbox(False, label="Keep the picture's own colours", elem_id=f"{SLUG}-preserve")
            run = gr.Button("Stylize", variant="primary", elem_id=f"{SLUG}-stylize")
        with gr.Column():
            result = result_image("stylized", "The picture in another style")
            status = status_line(f"{SLUG}-style")
            with look_inside(f"{SLUG}-style"):
                gr.Markdown(
                    "To these networks a style is no picture but a list of numbers that sets the mean and the spread "
                    "of every feature map. Here is what the style reader of *Any style* reads: the nearer the result's "
                    "100 numbers to those of the style, the better the style was met."
                )
                look = gr.Button("Read the styles", elem_id=f"{SLUG}-look")
                bars = gr.Image(
                    label="The 100 numbers", show_label=False, format="png", interactive=False, elem_id=f"{SLUG}-bars",
                    buttons=["download", "fullscreen"],
                )  # fmt: skip
                table = gr.Dataframe(
                    headers=["", "brightness", "its spread", "spread of colour", "strokes", "distance to the style"],
                    label="Statistics", interactive=False, visible=False, elem_id=f"{SLUG}-statistics",
                )  # fmt: skip
    examples(f"{SLUG}-style", ["astronaut.jpg", "cat.jpg", "coffee.jpg"], [picture])
    inputs = [picture, picker, first, second, share, style, strength, preserve]
    run.click(on_style, inputs, [result, status], api_name="image_translation_style", **HEAVY)
    look.click(on_look, [picture, picker, style, result], [bars, table], api_visibility="private", **HEAVY)
    picker.change(
        lambda name: [gr.update(visible=name == MANY_STYLES.name), gr.update(visible=name == ANY_STYLE.name)],
        picker, [mixing, own], **QUIET,
    )  # fmt: skip
    gr.on([picture.change, picker.change], lambda: [None, "", None], None, [result, status, bars], **QUIET)


def on_style(
    image: str, model_name: str, first: str, second: str, share: float, style: str, strength: float, preserve: bool
):
    """Paint a picture in another style.

    Args:
        image: the picture, at most 20 MB and 25 megapixels.
        model_name: "26 styles in one" or "Any style".
        first: a style's name, for the 26 styles.
        second: another one to mix in.
        share: share of the second style, 0 to 1.
        style: a picture whose style is taken, for "Any style".
        strength: 0 (the picture as it is) to 1.
        preserve: keep the picture's own colours.

    Returns:
        The painted picture, and a line that says which model ran, where and how long.
    """
    run = Run(models.find(STYLE_MODELS, model_name), "cpu")
    if run.model is ANY_STYLE and style is None:
        raise BadInput("There is no style picture yet: upload one, or click one of the examples.")
    mixture = {first: 1 - share, second: share} if first != second else {first: 1}
    chosen = Path(style) if run.model is ANY_STYLE else mixture
    return stylize(image, chosen, strength, preserve), run.status()


def on_look(image: str, model_name: str, style: str, result):
    """The style numbers of photograph, style and result."""
    if result is None:
        raise BadInput("Press Stylize first: there is no result to read.")
    report = compare_styles(image, style if model_name == ANY_STYLE.name else None, result)
    return report.vectors, gr.update(visible=True, value=report.rows)


def build_drawing() -> None:
    with gr.Row():
        with gr.Column():
            picture = picture_input(f"{SLUG}-drawing", "cat.jpg")
            kind = gr.Radio(KINDS, value="Cartoon", label="Draw it as", elem_id=f"{SLUG}-kind")
            detail = gr.Slider(0, 1, 0.5, step=0.05, label="Lines: bold to fine", elem_id=f"{SLUG}-detail")
            run = gr.Button("Draw", variant="primary", elem_id=f"{SLUG}-draw")
        with gr.Column():
            result = result_image("drawing", "The picture, drawn")
            status = status_line(f"{SLUG}-drawing")
            gr.Markdown(
                "The cartoon is drawn by Real-ESRGAN, a network that learned to enlarge anime: given a photograph of "
                "128 pixels it invents clean contours. Pencil and ink use no network at all, only differences of "
                "blurred copies. That is what filters could do before networks, and still can."
            )
    examples(f"{SLUG}-drawing", ["cat.jpg", "astronaut.jpg", "coffee.jpg"], [picture])
    run.click(
        on_draw, [picture, kind, detail], [result, status], api_name="image_translation_drawing", **HEAVY
    )  # fmt: skip


def on_draw(image: str, kind: str, detail: float):
    """Turn a photograph into a cartoon, a pencil drawing or an ink drawing.

    Args:
        image: the picture, at most 20 MB and 25 megapixels.
        kind: "Cartoon", "Pencil" or "Ink".
        detail: 0 (bold) to 1 (fine); for a cartoon how dark its contours are.

    Returns:
        The drawing, and a line on the run.
    """
    if kind == "Cartoon":
        run = Run(ENLARGER)
        return cartoon(image, detail), run.status()
    return to_sketch(image, kind.lower(), detail), "no network · cpu"


def build_edit() -> None:
    with gr.Row():
        with gr.Column():
            picture = picture_input(f"{SLUG}-edit", "coffee.jpg")
            instruction = gr.Textbox(
                "make it a glass of orange juice", label="What is to change?", max_length=MAX_PROMPT,
                elem_id=f"{SLUG}-instruction",
            )  # fmt: skip
            picker = model_picker(SLUG, (INSTRUCT,), label="Edit model")
            seed = gr.Number(0, label="Seed", precision=0, elem_id=f"{SLUG}-edit-seed")
            with gr.Row():
                run = gr.Button("Edit", variant="primary", elem_id=f"{SLUG}-edit")
                stop = gr.Button("Stop", elem_id=f"{SLUG}-edit-stop")
        with gr.Column():
            result = result_image("edited", "The edited picture")
            status = status_line(f"{SLUG}-edit")
            gr.Markdown("No model for this ships with the gallery: it needs one download, and then works offline.")
    run.click(
        Stop(stop, status).guard(on_edit),
        [picture, instruction, picker, seed],
        [result, status],
        api_name="image_translation_edit",
        **HEAVY,
    )


@zero_gpu
def on_edit(image: str, instruction: str, model_name: str, seed: int):
    """Change a picture as an instruction says.

    Args:
        image: the picture, at most 20 MB and 25 megapixels.
        instruction: e.g. "make it winter".
        model_name: "InstructPix2Pix".
        seed: 0 to 4294967295.

    Returns:
        The edited picture, and a line that says which model ran, where and how long.
    """
    run = Run(models.find((INSTRUCT,), model_name))
    for step in edit(image, instruction, run.model, checked_seed(seed)):
        frame = step.predicted.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC)
        yield frame, run.status() if step.finished else f"step {step.index} of {step.total}"


TASK = Task(
    slug=SLUG,
    title="Image translation",
    sentence="Turn a drawing into a painting, a photograph into a cartoon, a stained glass window or a pencil sketch.",
    group="Generative",
    icon='<path d="M4 18c3-8 6-8 8-4s5 3 8-6"/><path d="M15 4h5v5"/><circle cx="6" cy="7" r="2.5"/>',
    models=MODELS,
    build=build,
)
