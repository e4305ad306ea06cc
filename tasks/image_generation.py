"""Image generation: a sentence in, a picture out, and every step in between to watch.

Included: the gallery's own network (tasks/emoji_art.py), enlarged by Real-ESRGAN. From the Hub, through diffusers:
SD-Turbo and SDXL-Turbo (Sauer 2023, arXiv:2311.17042), LCM DreamShaper (Luo 2023, arXiv:2310.04378).
"""

import importlib.metadata
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.PngImagePlugin

from tasks import emoji_art, models
from tasks.diffusion import LCM_DREAMSHAPER, SIDE, Pipeline, Step, between, from_folder, pipeline_hub
from tasks.drawing import glow
from tasks.emoji_art import EMOJI_ART
from tasks.errors import BadInput
from tasks.models import Model
from tasks.restoration import enlarge
from tasks.settings import zero_gpu
from tasks.task import HEAVY, QUIET, Run, Stop, Task, look_inside, model_picker, result_file, status_line
from tasks.weights import Asset, Hub

SLUG = "image-generation"
MAX_PROMPT = 300  # characters; the text encoders read 24 to 77 tokens
MAX_STEPS, MAX_GUIDANCE, MAX_COUNT = 50, 15.0, 4
MAX_SEED = 2**32 - 1
SHOWN_STEPS = 8  # live frames per picture: encoding and sending more would slow the network down
JOURNEY = 8  # pictures from one seed to another
RECEIPT = "neural-gallery"  # name of the PNG text that holds the receipt
MAX_RECEIPT = 4000  # characters


# Models


class TextToImage:
    """Any text-to-image pipeline of diffusers from a folder."""

    def __init__(self, folder: Path):
        from diffusers import AutoPipelineForText2Image

        self.pipeline = Pipeline(from_folder(AutoPipelineForText2Image, folder))

    def noise(self, seed: int):
        return self.pipeline.noise(seed)

    def __call__(self, prompt: str, steps: int, guidance: float, seed: int, noise=None) -> Iterator[Step]:
        pipe = self.pipeline.pipe
        latents = (self.noise(seed) if noise is None else noise).to(dtype=pipe.unet.dtype)
        yield from self.pipeline.steps(
            seed, steps, prompt=prompt, guidance_scale=guidance, latents=latents, width=SIDE, height=SIDE
        )


STABILITY = "Stability AI Community License: free for research and non-commercial use, read it before any other"
DEFAULT = EMOJI_ART
SD_TURBO = Model(
    name="SD-Turbo", load=TextToImage, family="Latent diffusion", parameters=1_290_000_000, megabytes=2_580,
    source=pipeline_hub("stabilityai/sd-turbo", ("text_encoder", "unet", "vae"), half=True),
    license=STABILITY, link="https://huggingface.co/stabilityai/sd-turbo",
    note="Anything you can say, in 1 to 4 steps. About a minute on a CPU, under a second on a GPU.",
)  # fmt: skip
LCM = Model(
    name="LCM DreamShaper", load=TextToImage, family="Latent diffusion", parameters=1_371_000_000, megabytes=5_480,
    source=LCM_DREAMSHAPER, license="MIT", link="https://huggingface.co/SimianLuo/LCM_Dreamshaper_v7",
    note="Painterly pictures in 2 to 8 steps; with a safety checker. Minutes on a CPU, seconds on a GPU.",
)  # fmt: skip
SDXL_TURBO = Model(
    name="SDXL-Turbo", load=TextToImage, family="Latent diffusion", parameters=3_470_000_000, megabytes=6_940,
    source=pipeline_hub("stabilityai/sdxl-turbo", ("text_encoder", "text_encoder_2", "unet", "vae"), half=True),
    license=STABILITY, link="https://huggingface.co/stabilityai/sdxl-turbo",
    note="The largest one here, 1 to 4 steps. Wants a GPU, or 16 GB of memory and patience.",
)  # fmt: skip
MODELS = (DEFAULT, SD_TURBO, LCM, SDXL_TURBO)
# Steps and guidance that suit each model. The turbo models were distilled to work without guidance.
SUITABLE = {DEFAULT: (16, 3.0), SD_TURBO: (2, 0.0), LCM: (4, 8.0), SDXL_TURBO: (2, 0.0)}


# Inference


def generate(
    prompt: str, model: Model = DEFAULT, steps: int | None = None, guidance: float | None = None, seed: int = 0,
    count: int = 1,
) -> Iterator[Step]:  # fmt: skip
    """Draw `count` pictures, one after the other, yielding every step of each.

    Args:
        prompt: what to draw.
        model: one of MODELS.
        steps: 1 to MAX_STEPS; None for what suits the model.
        guidance: 0 to MAX_GUIDANCE, how strongly the words pull; None for what suits the model.
        seed: 0 to MAX_SEED. Picture i gets seed + i. The same seed gives the same picture on the same machine.
        count: 1 to MAX_COUNT.

    Yields:
        Steps; the one that is `finished` holds the picture, in the gallery's own network enlarged to 256 x 256.

    Raises:
        BadInput: no words, a number out of range, or the model's safety checker objects.
        ModelUnavailable: the weights are not here.
    """
    settings = Settings(prompt, model.name, *SUITABLE[model], seed)
    settings = replace(settings, steps=settings.steps if steps is None else steps)
    settings = replace(settings, guidance=settings.guidance if guidance is None else guidance).checked()
    if not 1 <= count <= MAX_COUNT:
        raise BadInput(f"The number of pictures is 1 to {MAX_COUNT}.")
    with models.use(model) as network:
        for number in range(count):
            own = (settings.seed + number) % (MAX_SEED + 1)
            for step in network(settings.prompt, settings.steps, settings.guidance, own):
                yield replace(_large(step, model), number=number)


def vary(settings: "Settings", knob: str) -> Iterator[tuple[PIL.Image.Image, str]]:
    """The same picture for several values of one knob ("guidance", "steps" or "seed"), with captions."""
    _, usual = SUITABLE[models.find(MODELS, settings.model)]
    most = settings.checked().steps
    values = {
        "guidance": [1.0, 1.5, 2.0, 3.0, 5.0, 8.0] if usual <= 3 else [1.0, 3.0, 5.0, 8.0, 11.0, 15.0],
        "steps": sorted({1, 2, 3, *(max(1, round(most * share)) for share in (0.25, 0.5, 1))}),
        "seed": [(settings.seed + i) % (MAX_SEED + 1) for i in range(6)],
    }
    if knob not in values:
        raise BadInput(f"There is no knob called {knob!r}. Choose guidance, steps or seed.")
    for value in values[knob]:
        yield draw(replace(settings, **{knob: value})), f"{knob} {value:g}"


def draw(settings: "Settings") -> PIL.Image.Image:
    """The finished picture of these settings."""
    model = models.find(MODELS, settings.model)
    *_, last = generate(settings.prompt, model, settings.steps, settings.guidance, settings.seed)
    return last.image


def journey(settings: "Settings", other: int, pictures: int = JOURNEY) -> Iterator[PIL.Image.Image]:
    """Pictures from one noise to another: `settings.seed` first, seed `other` last, the same words throughout."""
    settings.checked()
    replace(settings, seed=other).checked()
    model = models.find(MODELS, settings.model)
    with models.use(model) as network:
        ends = network.noise(settings.seed), network.noise(other)
        for i in range(pictures):
            noise = between(*ends, i / (pictures - 1))
            *_, last = network(settings.prompt, settings.steps, settings.guidance, settings.seed, noise=noise)
            yield last.image


def animation(pictures: Sequence[PIL.Image.Image], path: Path) -> None:
    """There and back as a WebP that plays for ever."""
    frames = [picture.resize((256, 256), PIL.Image.Resampling.BICUBIC) for picture in pictures]
    frames = frames + frames[-2:0:-1]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=180, loop=0, quality=85)


def _large(step: Step, model: Model) -> Step:
    if model is not DEFAULT or not step.finished:
        return step
    picture = enlarge(step.image)
    return replace(step, image=picture, predicted=picture)


# Receipts


@dataclass(frozen=True)
class Settings:
    """Everything that decides a picture; a receipt adds where the model came from."""

    prompt: str
    model: str
    steps: int
    guidance: float
    seed: int

    def checked(self) -> "Settings":
        """The same settings, the prompt stripped.

        Raises:
            BadInput: a value is of the wrong kind or out of range. Nothing is assumed about where they come from.
        """
        if not isinstance(self.prompt, str) or not 1 <= len(self.prompt.strip()) <= MAX_PROMPT:
            raise BadInput(f"Say in 1 to {MAX_PROMPT} characters what you want to see.")
        models.find(MODELS, str(self.model))
        if not _number(self.steps, 1, MAX_STEPS) or self.steps != int(self.steps):
            raise BadInput(f"The number of steps is a whole number from 1 to {MAX_STEPS}.")
        if not _number(self.guidance, 0, MAX_GUIDANCE):
            raise BadInput(f"Guidance is a number from 0 to {MAX_GUIDANCE:g}.")
        if not _number(self.seed, 0, MAX_SEED) or self.seed != int(self.seed):
            raise BadInput(f"A seed is a whole number from 0 to {MAX_SEED}.")
        return replace(
            self, prompt=self.prompt.strip(), steps=int(self.steps), guidance=float(self.guidance), seed=int(self.seed)
        )


def _number(value, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high  # NaN fails


def save_with_receipt(picture: PIL.Image.Image, settings: Settings, path: Path) -> None:
    """A PNG whose text says how to make it again: settings, revision of the model, versions of the libraries."""
    model = models.find(MODELS, settings.model)
    versions = {name: importlib.metadata.version(name) for name in ("torch", "diffusers", "transformers")}
    receipt = asdict(settings) | {"revision": revision(model), "versions": versions}
    text = PIL.PngImagePlugin.PngInfo()
    text.add_text(RECEIPT, json.dumps(receipt))  # plain ASCII: other letters are escaped
    picture.save(path, pnginfo=text)


def revision(model: Model) -> str:
    """Which weights: the commit of a Hub model, the start of the SHA-256 of an included one."""
    if isinstance(model.source, Hub):
        return model.source.folder().name
    assert isinstance(model.source, Asset), "the included model lies in assets/models/"
    return list(model.source.files.values())[-1][:12]


def read_receipt(path: str | Path) -> tuple[Settings, dict]:
    """The settings in a PNG made here, checked like a visitor's, and the rest of the receipt.

    Raises:
        BadInput: not a PNG with a receipt, or a receipt that no gallery wrote.
    """
    try:
        with PIL.Image.open(path, formats=["PNG"]) as picture:
            text = picture.text.get(RECEIPT, "")
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError) as error:
        raise BadInput("This file is not a PNG that can be read. Drop one that was downloaded here.") from error
    if not text:
        raise BadInput("This PNG carries no receipt: it was not made here, or something removed it on the way.")
    try:
        receipt = json.loads(text[:MAX_RECEIPT])
        settings = Settings(**{name: receipt.pop(name) for name in Settings.__dataclass_fields__})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput("The receipt in this PNG is damaged.") from error
    return settings.checked(), receipt


# Look inside


def film_strip(steps: Sequence[Step], frames: int = 8, side: int = 128) -> PIL.Image.Image:
    """Above what the network was given, below what it took it for, from noise to picture."""
    last = len(steps) - 1
    chosen = [steps[index] for index in sorted({round(i * last / (frames - 1)) for i in range(frames)})]
    strip = PIL.Image.new("RGB", (len(chosen) * (side + 4) - 4, 2 * side + 4 + 22), "white")
    pen = PIL.ImageDraw.Draw(strip)
    for i, step in enumerate(chosen):
        for row, picture in enumerate((step.image, step.predicted)):
            strip.paste(picture.resize((side, side), PIL.Image.Resampling.BICUBIC), (i * (side + 4), row * (side + 4)))
        pen.text((i * (side + 4) + 4, 2 * side + 7), f"step {step.index}", (60, 60, 60), font_size=14)
    return strip


def curves(steps: Sequence[Step]) -> list[tuple[int, float, str]]:
    """Over the steps: the share of noise, and how far the prediction still is from the finished picture (0..1)."""

    def pixels(picture: PIL.Image.Image) -> np.ndarray:
        return np.asarray(picture.convert("RGB").resize((64, 64), PIL.Image.Resampling.BOX), np.float32) / 255

    final = pixels(steps[-1].predicted)
    far = [float(np.abs(pixels(step.predicted) - final).mean()) for step in steps]
    most = max(max(far), 1e-9)
    rows = [(step.index, step.noise, "noise in the picture") for step in steps]
    return rows + [(step.index, f / most, "prediction, away from the end") for step, f in zip(steps, far, strict=True)]


def attention_maps(settings: Settings) -> list[tuple[PIL.Image.Image, str]]:
    """For each word of the prompt where the gallery's own network looked for it, glowing on the finished picture."""
    settings = settings.checked()
    with models.use(DEFAULT) as network:
        *_, last = network(settings.prompt, settings.steps, settings.guidance, settings.seed)
        maps = network.attention(settings.prompt, settings.steps, settings.guidance, settings.seed)
    large = last.image.resize((256, 256), PIL.Image.Resampling.BICUBIC)
    return [(glow(large, heat), word) for word, heat in maps]


# Tab


@dataclass(frozen=True)
class Session:
    """The last picture, and how it came: what scrubber, strip and curves work on."""

    settings: Settings
    steps: tuple[Step, ...]


def build() -> None:
    session = gr.State(time_to_live=3600)
    with gr.Row():
        with gr.Column():
            prompt = gr.Textbox(
                "a purple elephant, light blue background", label="What do you want to see?", max_length=MAX_PROMPT,
                elem_id=f"{SLUG}-prompt",
            )  # fmt: skip
            with gr.Column() as known:
                chips = gr.Dataset(
                    components=["textbox"], samples=suggestions(0), label="Things it knows: click one",
                    elem_id=f"{SLUG}-chips",
                )  # fmt: skip
                others = gr.Button("Other things", size="sm", elem_id=f"{SLUG}-others")
            picker = model_picker(SLUG, MODELS)
            with gr.Row():
                run = gr.Button("Generate", variant="primary", elem_id=f"{SLUG}-run")
                stop = gr.Button("Stop", elem_id=f"{SLUG}-stop")
            with gr.Row():
                seed = gr.Number(1, label="Seed", precision=0, elem_id=f"{SLUG}-seed", min_width=120)
                dice = gr.Button("Another seed", size="sm", elem_id=f"{SLUG}-dice")
            with gr.Accordion("Steps, guidance, how many", open=False, elem_id=f"{SLUG}-options"):
                steps = gr.Slider(1, MAX_STEPS, SUITABLE[DEFAULT][0], step=1, label="Steps", elem_id=f"{SLUG}-steps")
                guidance = gr.Slider(
                    0, MAX_GUIDANCE, SUITABLE[DEFAULT][1], step=0.5, label="Guidance: how strongly the words pull",
                    elem_id=f"{SLUG}-guidance",
                )  # fmt: skip
                count = gr.Slider(1, MAX_COUNT, 1, step=1, label="Pictures", elem_id=f"{SLUG}-count")
                dropped = gr.File(
                    label="Drop a PNG that was downloaded here: its settings come back", file_types=[".png"],
                    height=110, elem_id=f"{SLUG}-receipt",
                )  # fmt: skip
        with gr.Column():
            with gr.Row():
                shown = [picture_output("predicted", "What the network sees coming"),
                         picture_output("noisy", "What the network is given")]  # fmt: skip
            status = status_line(SLUG)
            scrubber = gr.Slider(0, 1, 1, step=1, label="Step", visible=False, elem_id=f"{SLUG}-scrubber")
            strip = picture_output("strip", "From noise to picture", visible=False, height=None)
            results = gr.Gallery(
                label="Pictures", columns=4, height=200, visible=False, interactive=False, elem_id=f"{SLUG}-results",
                buttons=["download", "fullscreen"],
            )  # fmt: skip
            download = gr.DownloadButton(
                "Download PNG with receipt", size="sm", visible=False, elem_id=f"{SLUG}-download"
            )
            with look_inside(SLUG):
                hint = gr.Markdown("Press Generate first.", elem_id=f"{SLUG}-hint")
                plot = gr.LinePlot(
                    x="step", y="share", color="what", visible=False, height=240, elem_id=f"{SLUG}-curves",
                    y_lim=[0, 1],
                )  # fmt: skip
                attend = gr.Button("Which word went where?", visible=False, elem_id=f"{SLUG}-attend")
                words = gallery("words", "Where the network looked for each word", visible=False)
    more = gr.Accordion("Experiments: turn one knob, travel between two seeds", open=False, elem_id=f"{SLUG}-more")
    with more, gr.Row():
        with gr.Column():
            knob = gr.Radio(["guidance", "steps", "seed"], value="guidance", label="Knob", elem_id=f"{SLUG}-knob")
            turn = gr.Button("Turn it", elem_id=f"{SLUG}-turn")
            other = gr.Number(2, label="Travel to seed", precision=0, elem_id=f"{SLUG}-other")
            travel = gr.Button("Travel", elem_id=f"{SLUG}-travel")
            stop_more = gr.Button("Stop", elem_id=f"{SLUG}-stop-more")
        with gr.Column():
            varied = gallery("varied", "The same words, one knob turned")
            film = gr.Image(
                label="From seed to seed", interactive=False, visible=False, height=300, elem_id=f"{SLUG}-film",
                buttons=["download"],
            )  # fmt: skip
            progress = gr.Markdown(elem_id=f"{SLUG}-progress", elem_classes="status")

    knobs = [prompt, picker, steps, guidance, seed]
    running = run.click(
        Stop(stop, status).guard(on_generate),
        [*knobs, count],
        [*shown, results, status, session],
        api_name="image_generation",
        **HEAVY,
    )
    running.success(on_finished, session, [scrubber, strip, download, hint, plot, attend], **QUIET)
    guard = Stop(stop_more, progress).guard
    turn.click(guard(on_turn), [*knobs, knob], [varied, progress], api_visibility="private", **HEAVY)
    travel.click(guard(on_travel), [*knobs, other], [film, progress], api_visibility="private", **HEAVY)
    scrubber.input(on_scrub, [session, scrubber], shown, **QUIET, trigger_mode="always_last")
    attend.click(on_attend, session, words, api_visibility="private", **HEAVY)
    others.click(lambda: gr.update(samples=suggestions(random.randrange(2**32))), None, chips, **QUIET)
    chips.click(lambda sample: sample[0], chips, prompt, **QUIET)
    dice.click(lambda: random.randrange(10**6), None, seed, **QUIET)
    dropped.upload(on_receipt, dropped, [*knobs, count, status], api_visibility="private")
    # input, not change: a dropped receipt changes the model too, and brings its own steps and guidance.
    picker.input(on_model, picker, [steps, guidance, known], **QUIET)


def picture_output(part: str, label: str, visible: bool = True, height: int | None = 300) -> gr.Image:
    return gr.Image(
        label=label, show_label=visible, format="jpeg", interactive=False, height=height, visible=visible,
        elem_id=f"{SLUG}-{part}", buttons=["fullscreen"], min_width=160,
    )  # fmt: skip


def gallery(part: str, label: str, visible: bool = True) -> gr.Gallery:
    return gr.Gallery(
        label=label, columns=3, height=None, format="jpeg", interactive=False, visible=visible,
        elem_id=f"{SLUG}-{part}", buttons=["download", "fullscreen"],
    )  # fmt: skip


def suggestions(seed: int) -> list[list[str]]:
    """Prompts about things that the gallery's own network was taught."""
    chance = random.Random(seed)
    known = emoji_art.words()
    things = [thing for group in ("animals and plants", "food", "places and travel", "play")
              for thing in chance.sample(known["things"][group], 2)]  # fmt: skip
    prompts = []
    for i, thing in enumerate(things):
        colour = "" if i % 2 else f"{chance.choice(known['colours'])} "
        ground = f", {chance.choice(list(known['backgrounds']))} background" if i % 3 == 0 else ""
        prompts.append([f"{colour}{thing}{ground}"])
    return prompts


@zero_gpu
def on_generate(prompt: str, model_name: str, steps: int, guidance: float, seed: int, count: int):
    """Generate pictures from words.

    Args:
        prompt: what to draw, at most 300 characters. The included model knows one thing at a time, a colour and a
            background: "a purple elephant, light blue background".
        model_name: a model of the picker, e.g. "Emoji art".
        steps: 1 to 50.
        guidance: 0 to 15, how strongly the words pull; 3 suits the included model, 0 the turbo models.
        seed: 0 to 4294967295; the same seed gives the same picture.
        count: 1 to 4 pictures, with the seeds that follow.

    Returns:
        The picture, what the network was given in the last step, the pictures as PNG files with a receipt, and a line
        that says which model ran, where and how long.
    """
    settings = Settings(prompt, model_name, steps, guidance, seed).checked()
    run = Run(models.find(MODELS, model_name))
    remark = emoji_art.remark(settings.prompt) if run.model is DEFAULT else ""
    every = max(1, settings.steps // SHOWN_STEPS)
    kept, files = [], []
    for step in generate(settings.prompt, run.model, settings.steps, settings.guidance, settings.seed, int(count)):
        kept = [*kept, step] if step.index else [step]
        if step.finished:
            own = replace(settings, seed=(settings.seed + step.number) % (MAX_SEED + 1))
            files.append(str(result_file(f"{SLUG}-{own.seed}.png")))
            save_with_receipt(step.image, own, Path(files[-1]))
            several = gr.update(visible=count > 1, value=list(files))
            status = run.status(f"seed {own.seed}") + (f"<br>{remark}" if remark else "")
            yield *frames(step), several, status, Session(own, tuple(kept))
        elif step.index % every == 0:
            words = f"picture {step.number + 1} · step {step.index} of {step.total}"
            yield *frames(step), gr.skip(), words, gr.skip() if files else None


def frames(step: Step) -> tuple[PIL.Image.Image, PIL.Image.Image]:
    """Prediction and noisy picture at a size to look at: pixels stay pixels."""
    large = (256, 256)
    return tuple(
        each if each.width >= 256 else each.resize(large, kind)
        for each, kind in ((step.predicted, PIL.Image.Resampling.BICUBIC), (step.image, PIL.Image.Resampling.NEAREST))
    )


def on_finished(session: Session | None):
    """Strip, scrubber, file and curves of the picture that was generated last; nothing if it was stopped before."""
    import pandas as pd

    if session is None:
        nothing = gr.update(visible=False)
        return nothing, nothing, nothing, "Stopped before there was a picture.", nothing, nothing
    last = session.steps[-1]
    path = result_file(f"{SLUG}-{session.settings.seed}.png")
    save_with_receipt(last.image, session.settings, path)
    table = pd.DataFrame(curves(session.steps), columns=["step", "share", "what"])
    own = session.settings.model == DEFAULT.name
    hint = (
        "Each step takes away some noise. Long before the noise is gone, the network has made up its mind: "
        "what it predicts hardly changes any more."
    )
    return (
        gr.update(visible=True, maximum=last.total, value=last.total),
        gr.update(visible=True, value=film_strip(session.steps)),
        gr.update(visible=True, value=str(path)),
        hint,
        gr.update(visible=True, value=table),
        gr.update(visible=own),
    )


def on_scrub(session: Session | None, index: int):
    """The two pictures as they were at a step."""
    if session is None or not 0 <= index < len(session.steps):
        return gr.skip(), gr.skip()
    return frames(session.steps[int(index)])


def on_attend(session: Session | None):
    if session is None or session.settings.model != DEFAULT.name:
        raise BadInput("Press Generate first, with the included model: it is the one that can be looked into.")
    return gr.update(visible=True, value=attention_maps(session.settings))


@zero_gpu
def on_turn(prompt: str, model_name: str, steps: int, guidance: float, seed: int, knob: str):
    """The same picture for several values of one knob, as they come."""
    found = []
    for picture, caption in vary(Settings(prompt, model_name, steps, guidance, seed), knob):
        found.append((picture, caption))
        yield list(found), f"{len(found)} of 6" if len(found) < 6 else ""


@zero_gpu
def on_travel(prompt: str, model_name: str, steps: int, guidance: float, seed: int, other: int):
    """An animation from one seed to another."""
    pictures = []
    for picture in journey(Settings(prompt, model_name, steps, guidance, seed), other):
        pictures.append(picture)
        yield gr.update(visible=True, value=picture.resize((256, 256))), f"{len(pictures)} of {JOURNEY}"
    path = result_file("journey.webp")
    animation(pictures, path)
    yield gr.update(visible=True, value=str(path)), f"From seed {seed} to seed {other} and back."


def on_receipt(path: str | None):
    """Settings out of a dropped PNG."""
    settings, _ = read_receipt(path)
    return *asdict(settings).values(), 1, "The settings are back. Press Generate to make the picture again."


def on_model(name: str):
    """Steps and guidance that suit a model; the list of known things belongs to the included one."""
    steps, guidance = SUITABLE[models.find(MODELS, name)]
    return steps, guidance, gr.update(visible=name == DEFAULT.name)


TASK = Task(
    slug=SLUG,
    title="Image generation",
    sentence="Say what you want to see, and watch a network find it in noise.",
    group="Generative",
    icon='<rect x="3" y="3" width="18" height="18" rx="2"/><path d="M3 16l5-5 4 4 4-5 5 6"/>'
    '<circle cx="9" cy="8" r="1.2"/>',
    models=MODELS,
    build=build,
)
