"""Image segmentation: which pixels belong to what?

Included: U²-Net-p (Qin 2020, arXiv:2005.09007) separates the subject of a picture from its background; run on each
box of YOLOX (tasks/yolox.py) it cuts out instances. From the Hub: EoMT (Kerssies 2025, arXiv:2503.19108), Mask2Former
(Cheng 2021, arXiv:2112.01527), SegFormer (Xie 2021, arXiv:2105.15203), and SAM 2 (Ravi 2024, arXiv:2408.00714), which
segments what is clicked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import gradio as gr
import numpy as np
import PIL.Image
import PIL.ImageColor
import PIL.ImageFilter
import PIL.ImageOps

from tasks import models
from tasks.drawing import canvas, colour, glow, tag
from tasks.errors import BadInput
from tasks.image_segmentation_networks import (
    ClickSegmenter,
    Segment,
    SemanticSegmenter,
    SubjectSegmenter,
    UniversalSegmenter,
    enlarged,
)
from tasks.inputs import read_picture
from tasks.models import Model
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
    result_file,
    status_line,
)
from tasks.weights import Asset, Hub

SLUG = "image-segmentation"
SIDES = (640, 1024)  # pixels of the longer side of the copy that is segmented and painted

SEMANTIC, INSTANCE, CUT_OUT = "Semantic", "Instance", "Cut out"
TRANSPARENT, COLOUR, BLUR, PICTURE = "transparent", "colour", "blur", "another picture"
EVERYTHING = "everything"
NO_SUBJECT = (
    "The network finds no clear subject here. Click on what you want to cut out, or bring a picture of one thing."
)


# Models

DEFAULT = Model(
    name="YOLOX-Nano + U²-Net-p", load=SubjectSegmenter, family="CNN", parameters=2_043_852, megabytes=8,
    source=Asset("u2netp", {"u2netp.onnx": "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"}),
    license="Apache-2.0", link="https://github.com/xuebinqin/U-2-Net",
    note="Cuts out subjects very well, and instances of 80 classes. Knows no sky, road or wall.",
)  # fmt: skip


def transformers_hub(repo: str, load, **facts) -> Model:
    return Model(
        load=load,
        source=Hub(repo, ("config.json", "preprocessor_config.json", "model.safetensors")),
        link=f"https://huggingface.co/{repo}",
        **facts,
    )


EOMT = transformers_hub(
    "tue-mps/coco_panoptic_eomt_small_640_2x", UniversalSegmenter, name="EoMT-S", family="Transformer",
    parameters=23_975_942, megabytes=96, license="MIT",
    note="Panoptic: counts 80 kinds of things and names 53 kinds of surroundings, from sky to carpet.",
)  # fmt: skip
MASK2FORMER = transformers_hub(
    "facebook/mask2former-swin-tiny-coco-instance", UniversalSegmenter, name="Mask2Former-Swin-T",
    family="Transformer", parameters=47_400_000, megabytes=190, license="CC-BY-NC-4.0 (non-commercial)",
    note="Instances of 80 classes with sharp outlines.",
)  # fmt: skip
SEGFORMER = transformers_hub(
    "nvidia/segformer-b0-finetuned-ade-512-512", SemanticSegmenter, name="SegFormer-B0", family="Transformer",
    parameters=3_752_694, megabytes=15, license="NVIDIA Source Code License (non-commercial)",
    note="A class for every pixel, 150 in all: wall, sky, road, grass. No instances.",
)  # fmt: skip
SAM = Model(
    name="SAM 2.1 Hiera-T", load=ClickSegmenter, family="Transformer, click to segment", parameters=38_900_000,
    source=Hub("facebook/sam2.1-hiera-tiny", ("config.json", "model.safetensors")), megabytes=156,
    license="Apache-2.0", link="https://huggingface.co/facebook/sam2.1-hiera-tiny",
    note="Segments whatever you click in the result, without knowing its name.",
)  # fmt: skip
MODELS = (DEFAULT, EOMT, MASK2FORMER, SEGFORMER, SAM)


# Inference


def segment(image, model: Model = DEFAULT) -> list[Segment]:
    """The segments of a picture, the surest first.

    Args:
        image: whatever `inputs.read_picture` takes. Masks are in pixels of the upright picture.
        model: one of MODELS. SAM segments nothing by itself: see `segment_at`.

    Raises:
        BadInput: the picture cannot be read.
        ModelUnavailable: the weights are not here.
    """
    picture = read_picture(image)
    *_, segments = find(canvas(picture, SIDES).picture, model)
    return sorted((resized(found, picture.size) for found in segments), key=lambda found: -found.score)


def segment_at(image, x: int, y: int, model: Model = DEFAULT) -> Segment | None:
    """The smallest segment at a pixel of the upright picture, None if the network finds nothing there."""
    picture = read_picture(image)
    if not (0 <= x < picture.width and 0 <= y < picture.height):
        raise BadInput("This point lies outside the picture.")
    paper = canvas(picture, SIDES)
    *_, segments = find(paper.picture, model)
    x, y = (min(int(at * paper.scale), side - 1) for at, side in zip((x, y), paper.picture.size, strict=True))
    found = point(paper.picture, x, y, segments, model)
    return found and resized(found, picture.size)


def semantic_map(segments: Sequence[Segment]) -> tuple[np.ndarray, list[str]]:
    """Instances of a class become one: (H, W) uint8 in which 0 has no name and i stands for the i-th label."""
    labels = list(dict.fromkeys(segment.label for segment in segments))
    where = np.zeros(segments[0].mask.shape if segments else (1, 1), np.uint8)
    for segment in segments:
        where[segment.mask] = labels.index(segment.label) + 1
    return where, labels


def cut_out(image, model: Model = DEFAULT) -> PIL.Image.Image:
    """The subject of a picture on a transparent background, RGBA, as large as the picture.

    Raises:
        BadInput: the picture cannot be read, or has no clear subject.
        ModelUnavailable: the weights are not here.
    """
    picture = read_picture(image)
    picture.putalpha(alpha(subject(canvas(picture, SIDES).picture, model), picture.size))
    return picture


def find(picture: PIL.Image.Image, model: Model) -> Iterator[list[Segment]]:
    """The segments found so far, each time one more is known."""
    with models.use(model) as network:
        yield from network(picture)


def subject(picture: PIL.Image.Image, model: Model) -> np.ndarray:
    """(h, w), 0..1: how much each pixel belongs to the subject. Raises BadInput if there is none."""
    with models.use(model) as network:
        matte = network.matte(picture)
    if matte is None:
        raise BadInput(NO_SUBJECT)
    return matte


def point(picture: PIL.Image.Image, x: int, y: int, segments: Sequence[Segment], model: Model) -> Segment | None:
    """The smallest of `segments` at a pixel, else what the network makes of that point."""
    hit = [segment for segment in segments if segment.mask[y, x]]
    if hit:
        return min(hit, key=lambda segment: segment.mask.sum())
    with models.use(model) as network:
        return network.at(picture, x, y)


def resized(found: Segment, size: tuple[int, int]) -> Segment:
    """The segment in a picture of another size."""
    mask = np.asarray(PIL.Image.fromarray(found.mask).resize(size, PIL.Image.Resampling.NEAREST))
    probability = found.probability
    if probability is not None:
        probability = np.asarray(PIL.Image.fromarray(probability).resize(size, PIL.Image.Resampling.BILINEAR))
    return replace(found, mask=mask, probability=probability)


def alpha(matte: np.ndarray, size: tuple[int, int]) -> PIL.Image.Image:
    """A matte (h, w) in 0..1 as the alpha channel of a picture of `size`."""
    return PIL.Image.fromarray(enlarged(matte, size))


# Pictures of the result


def paint(picture: PIL.Image.Image, segments: Sequence[Segment], by_class: bool, only: str | None = None):
    """Each class (or each instance) in its colour, outlined and named. With `only`, that one on a dimmed picture."""
    painted = PIL.Image.eval(picture, lambda value: value // 4) if only else picture.copy()
    chosen = [found for found in segments if only in (None, found.label if by_class else found.name)]
    for found in chosen:
        tint = colour(found.label, 1 if by_class else found.instance)
        mask = PIL.Image.fromarray(found.mask).convert("L")
        inside = picture if only else PIL.Image.blend(picture, PIL.Image.new("RGB", picture.size, tint), 0.55)
        painted.paste(inside, mask=mask)
        edge = np.asarray(mask.filter(PIL.ImageFilter.MaxFilter(5))) > np.asarray(mask)
        painted.paste(tint, mask=PIL.Image.fromarray(edge))
    named = set()
    for found in sorted(chosen, key=lambda found: -found.mask.sum()):
        name = found.label if by_class else found.name
        if name not in named and found.mask.any():
            named.add(name)
            rows = np.flatnonzero(found.mask.any(1))
            row = rows[len(rows) // 5]  # near the top, where the mask is wide enough to hold a name
            left = float(np.flatnonzero(found.mask[row]).mean()) - 30
            tag(painted, name, (left, float(row)), colour(found.label, 1 if by_class else found.instance))
    return painted


def on_background(
    picture: PIL.Image.Image, opacity: PIL.Image.Image, kind: str, fill: str, other: PIL.Image.Image | None
) -> PIL.Image.Image:
    """The subject on a new background: RGBA if transparent, else RGB."""
    if kind == TRANSPARENT:
        result = picture.copy()
        result.putalpha(opacity)
        return result
    if kind == COLOUR:
        background = PIL.Image.new("RGB", picture.size, rgb(fill))
    elif kind == BLUR:
        background = picture.filter(PIL.ImageFilter.GaussianBlur(max(picture.size) / 60))
    elif other is None:
        raise BadInput("Choose the picture that becomes the background.")
    else:
        background = PIL.ImageOps.fit(other, picture.size)
    return PIL.Image.composite(picture, background, opacity)


def rgb(fill: str) -> tuple[int, ...]:
    """A colour as a colour picker writes it, "#0f766e" or "rgba(15.3, 118, 110, 1)"."""
    try:
        if fill.startswith("rgb"):
            return tuple(round(float(part)) for part in fill.partition("(")[2].rstrip(")").split(",")[:3])
        return PIL.ImageColor.getrgb(fill)[:3]
    except ValueError:
        raise BadInput(f"{fill!r} is no colour: write it like #0f766e.") from None


def on_squares(picture: PIL.Image.Image) -> PIL.Image.Image:
    """RGBA on the chequered pattern that stands for transparency."""
    rows, columns = np.indices((picture.height, picture.width)) // 14
    squares = np.where((rows + columns) % 2, 205, 245).astype(np.uint8)
    background = PIL.Image.fromarray(squares).convert("RGBA")
    return PIL.Image.alpha_composite(background, picture).convert("RGB")


def areas(segments: Sequence[Segment], by_class: bool) -> list[list]:
    """Rows of name, share of the pixels in percent, number of pixels, score; the largest first."""
    masks: dict[str, list[Segment]] = {}
    for found in segments:
        masks.setdefault(found.label if by_class else found.name, []).append(found)
    rows = []
    for name, group in masks.items():
        mask = np.any([found.mask for found in group], axis=0)
        score = round(max(found.score for found in group), 3)
        rows.append([name, round(100 * float(mask.mean()), 1), int(mask.sum()), score])
    return sorted(rows, key=lambda row: -row[1])


# Look inside


def certainty(found: Sequence[Segment], matte: np.ndarray | None, only: str | None, size) -> np.ndarray | None:
    """(H, W), 0..1: the probability behind the result, None where the network gives masks only."""
    if matte is not None and only is None:
        return enlarged(matte, size) / 255
    maps = [s.probability for s in found if only in (None, s.label, s.name) and s.probability is not None]
    return np.max(maps, axis=0) / 255 if maps else None


def draw_border(picture: PIL.Image.Image, probability: np.ndarray) -> PIL.Image.Image:
    """Where the decision could have gone the other way: brightest at 50 %."""
    return glow(picture, 4 * probability * (1 - probability))


# Tab


@dataclass(frozen=True)
class Session:
    """What clicks and choices work on after a run. Nothing here is larger than SIDES."""

    model: Model
    picture: PIL.Image.Image
    segments: list[Segment] | None = None  # None: not asked for yet
    matte: np.ndarray | None = None


def build() -> None:
    session = gr.State(time_to_live=3600)
    with gr.Row():
        with gr.Column():
            picture = picture_input(SLUG, "collage.jpg")
            mode = gr.Radio([SEMANTIC, INSTANCE, CUT_OUT], value=INSTANCE, label="Mode", elem_id=f"{SLUG}-mode")
            picker = model_picker(SLUG, MODELS)
            with gr.Row():
                run = gr.Button("Segment", variant="primary", elem_id=f"{SLUG}-run")
                stop = gr.Button("Stop", elem_id=f"{SLUG}-stop")
            with gr.Column(visible=False, elem_id=f"{SLUG}-backgrounds") as backgrounds:
                kind = gr.Radio(
                    [TRANSPARENT, COLOUR, BLUR, PICTURE], value=TRANSPARENT, label="New background",
                    elem_id=f"{SLUG}-background",
                )  # fmt: skip
                fill = gr.ColorPicker("#0f766e", label="Colour", visible=False, elem_id=f"{SLUG}-colour")
                other = gr.Image(
                    type="filepath", image_mode=None, sources=["upload", "clipboard"], label="Background picture",
                    height=200, visible=False, elem_id=f"{SLUG}-other",
                )  # fmt: skip
        with gr.Column():
            result = gr.Image(
                label="Segments", show_label=False, format="jpeg", interactive=False, height=420,
                elem_id=f"{SLUG}-result", buttons=["download", "fullscreen"],
            )  # fmt: skip
            gr.Markdown("Click an object to see it alone, click it again to see all.", elem_classes="status")
            status = status_line(SLUG)
            note = gr.Markdown(elem_id=f"{SLUG}-note")
            only = gr.Radio([], label="Show", visible=False, elem_id=f"{SLUG}-only")
            download = gr.DownloadButton("Download as PNG", size="sm", visible=False, elem_id=f"{SLUG}-download")
            with look_inside(SLUG):
                hint = gr.Markdown("Press Segment first.", elem_id=f"{SLUG}-hint")
                with gr.Row():
                    heat, border = (
                        gr.Image(
                            label=part, format="jpeg", interactive=False, visible=False, min_width=200,
                            elem_id=f"{SLUG}-{part.lower()}", buttons=["download", "fullscreen"],
                        )
                        for part in ("Probability", "Doubt")
                    )  # fmt: skip
                table = gr.Dataframe(
                    headers=["what", "% of the picture", "pixels", "score"], datatype=["str", *["number"] * 3],
                    label="Areas", interactive=False, visible=False, elem_id=f"{SLUG}-areas",
                )  # fmt: skip
    examples(SLUG, ["collage.jpg", "astronaut.jpg", "coffee.jpg", "cat.jpg"], [picture])

    private = {"api_visibility": "private"}
    quick = QUIET | {"trigger_mode": "always_last"}
    chosen = [session, mode, only, kind, fill, other]
    shown = [result, only, note, hint, heat, border, table]
    guard = Stop(stop, status).guard
    running = run.click(
        guard(on_segment), [picture, picker, mode, kind, fill, other], [result, status, session],
        api_name="image_segmentation", **HEAVY,
    )  # fmt: skip
    switched = mode.input(
        guard(on_mode), [picture, picker, mode, kind, fill, other, session], [result, status, session, backgrounds],
        **private, **HEAVY,
    )  # fmt: skip
    clicked = result.select(on_click, [session, mode, only], [session, only], **private, **HEAVY)
    for event in (running, switched, clicked):
        event.success(on_show, chosen, shown, **quick).success(on_file, [picture, *chosen], download, **quick)
    gr.on([only.input, fill.input, other.change], on_show, chosen, shown, **quick).success(
        on_file, [picture, *chosen], download, **quick
    )
    kind.input(
        lambda kind: (gr.update(visible=kind == COLOUR), gr.update(visible=kind == PICTURE)), kind, [fill, other],
        **quick,
    ).then(on_show, chosen, shown, **quick).success(on_file, [picture, *chosen], download, **quick)  # fmt: skip
    # Masks of another picture would mislead.
    picture.change(
        lambda: (None, None, "", "", gr.update(visible=False, value=None), gr.update(visible=False)), None,
        [session, result, status, note, only, download], **quick,
    )  # fmt: skip


def on_segment(image: str, model_name: str, mode: str, background: str, fill: str, other: str | None):
    """Find the pixels of the things in a picture, or cut out its subject.

    Args:
        image: the picture, at most 20 MB and 25 megapixels.
        model_name: a model of the picker, e.g. "YOLOX-Nano + U²-Net-p".
        mode: "Semantic" (a colour per class), "Instance" (a colour per object) or "Cut out".
        background: for "Cut out": "transparent", "colour", "blur" or "another picture".
        fill: for the background "colour": "#rrggbb".
        other: for the background "another picture": that picture.

    Returns:
        The painted picture, and a line that says which model ran, where, how long and what it found.
    """
    run = Run(model := models.find(MODELS, model_name), "cpu" if model is DEFAULT else None)
    session = Session(model, canvas(read_picture(image), SIDES).picture)
    if model is SAM:
        yield session.picture, run.status("click an object"), session
        return
    yield from computed(session, run, mode, background, fill, other)


def computed(session: Session, run: Run, mode: str, *background) -> Iterator[tuple]:
    """Whatever `mode` needs and the session lacks, with the picture growing as instances are found."""
    if mode == CUT_OUT:
        session = replace(session, matte=subject(session.picture, session.model))
        yield show(session, mode, None, *background), run.status(), session
        return
    for segments in find(session.picture, session.model):
        session = replace(session, segments=segments)
        yield show(session, mode, None, *background), run.status(f"{len(segments)} segments"), session


def on_mode(image: str, model_name: str, mode: str, kind: str, fill: str, other: str | None, session: Session | None):
    """Another view of the same picture; the network runs only if this view has never been computed."""
    visible = gr.update(visible=mode == CUT_OUT)
    if session is None or session.model.name != model_name or session.model is SAM:
        yield gr.skip(), gr.skip(), gr.skip(), visible
    elif (session.matte if mode == CUT_OUT else session.segments) is None:
        yield gr.skip(), gr.skip(), gr.skip(), visible
        run = Run(session.model, "cpu" if session.model is DEFAULT else None)
        for row in computed(session, run, mode, kind, fill, other):
            yield *row, visible
    else:
        yield show(session, mode, None, kind, fill, other), gr.skip(), gr.skip(), visible


def on_click(session: Session | None, mode: str, only: str | None, event: gr.SelectData):
    """Isolate what was clicked; if nothing known lies there, ask the network about that point."""
    if session is None:
        return gr.skip(), gr.skip()
    x, y = (min(int(value), length - 1) for value, length in zip(event.index, session.picture.size, strict=True))
    segments = session.segments
    if segments is None:
        *_, segments = find(session.picture, session.model)
    found = point(session.picture, x, y, segments, session.model)
    if found is None:
        raise BadInput("The network finds no object there.")
    if all(found is not known for known in segments):
        found = replace(found, instance=1 + sum(known.label == found.label for known in segments))
        segments = [*segments, found]
    session = replace(session, segments=segments)
    name = found.label if mode == SEMANTIC else found.name
    return session, gr.update(choices=choices(session, mode), value=EVERYTHING if name == only else name)


def on_show(session: Session | None, mode: str, only: str | None, kind: str, fill: str, other: str | None):
    """The picture and everything under Look inside, without a run of the network."""
    if session is None:
        return [gr.skip()] * 7
    names = choices(session, mode)
    radio = gr.update(visible=bool(session.segments), choices=names)
    if only not in [name for _, name in names]:
        # Otherwise its value is left alone: the visitor may have chosen again meanwhile.
        only = radio["value"] = EVERYTHING
    only = None if only == EVERYTHING else only
    segments = session.segments or []
    by_class = mode == SEMANTIC
    probability = certainty(segments, session.matte if mode == CUT_OUT else None, only, session.picture.size)
    if probability is None:
        hint, heat, border = "This network gives masks, no probabilities.", *[gr.update(visible=False)] * 2
    else:
        doubtful = ((probability > 0.1) & (probability < 0.9)).mean()
        hint = (
            "Probability: how surely a pixel belongs to what is shown. Doubt: where the decision could have gone "
            f"the other way. {doubtful:.1%} of the pixels lie between 10 % and 90 %."
        )
        heat = gr.update(visible=True, value=glow(session.picture, probability))
        border = gr.update(visible=True, value=draw_border(session.picture, probability))
    return (
        show(session, mode, only, kind, fill, other),
        radio,
        unnamed(session, mode),
        hint,
        heat,
        border,
        gr.update(visible=bool(segments), value=areas(segments, by_class)),
    )


def show(session: Session, mode: str, only: str | None, kind: str, fill: str, other: str | None) -> PIL.Image.Image:
    """The picture for a mode."""
    if mode != CUT_OUT:
        return paint(session.picture, session.segments or [], mode == SEMANTIC, only)
    if session.matte is None and only is None:
        return session.picture  # waiting for a click
    picture = composed(session, session.picture, only, kind, fill, other)
    return on_squares(picture) if picture.mode == "RGBA" else picture


def composed(session: Session, picture: PIL.Image.Image, only: str | None, kind: str, fill: str, other: str | None):
    """The subject (or the isolated object) of `picture`, of any size, on its new background."""
    if only is None:
        opacity = alpha(session.matte, picture.size)
    else:
        found = resized(next(found for found in session.segments if found.name == only), picture.size)
        soft = found.mask * 255 if found.probability is None else np.where(found.mask, found.probability, 0)
        opacity = PIL.Image.fromarray(soft.astype(np.uint8))
    background = read_picture(other) if kind == PICTURE and other else None
    return on_background(picture, opacity, kind, fill, background)


def on_file(image: str, session: Session | None, mode: str, only: str | None, kind: str, fill: str, other: str | None):
    """The result as a PNG as large as the picture: the cut-out, or a map with a colour per class or object."""
    if session is None or (mode == CUT_OUT and session.matte is None and only in (None, EVERYTHING)):
        return gr.update(visible=False)
    picture = read_picture(image)
    if mode == CUT_OUT:
        only = None if only == EVERYTHING else only
        path, file = result_file("cut-out.png"), composed(session, picture, only, kind, fill, other)
    else:
        path, file = result_file("segments.png"), PIL.Image.new("RGB", picture.size)
        for found in session.segments or []:
            mask = PIL.Image.fromarray(found.mask).resize(picture.size, PIL.Image.Resampling.NEAREST)
            file.paste(colour(found.label, 1 if mode == SEMANTIC else found.instance), mask=mask)
    file.save(path, compress_level=1)
    return gr.update(visible=True, value=str(path))


def choices(session: Session, mode: str) -> list[tuple[str, str]]:
    """What can be isolated: classes or instances, with their share of the picture."""
    rows = areas(session.segments or [], mode == SEMANTIC)
    return [(EVERYTHING, EVERYTHING)] + [(f"{name} · {share:g} %", name) for name, share, *_ in rows]


def unnamed(session: Session, mode: str) -> str:
    """How much of the picture the included network has no name for, and which one has."""
    if mode == CUT_OUT or session.model is not DEFAULT:
        return ""
    masks = [found.mask for found in session.segments or []]
    share = 1 - float(np.any(masks, axis=0).mean()) if masks else 1.0
    return (
        f"{share:.0%} of the pixels have no name: this network has no class for sky, road, wall or grass. "
        f"**{EOMT.name}** and **{SEGFORMER.name}** in the picker name every pixel."
    )


TASK = Task(
    slug=SLUG,
    title="Image segmentation",
    sentence="Show the network a picture; it marks every pixel of each thing, and cuts the subject out.",
    group="Vision",
    icon='<path d="M12 3c5 0 8 3 8 7 0 5-4 11-8 11s-8-5-8-10 3-8 8-8z" stroke-dasharray="3 2.4"/>'
    '<circle cx="12" cy="11" r="3"/>',
    models=MODELS,
    build=build,
)
