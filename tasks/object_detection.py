"""Object detection: which things are in the picture, and where?

Networks: YOLOX (tasks/yolox.py); from the Hub the Transformers that need no suppression of doubles, D-FINE (Peng 2024,
arXiv:2410.13842), RT-DETRv2 (Lv 2024, arXiv:2407.17140) and YOLOS (Fang 2021, arXiv:2106.00666), and Grounding DINO
(Liu 2023, arXiv:2303.05499), which finds what the visitor names.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr
import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont

from tasks import models, yolox
from tasks.drawing import Canvas, canvas, colour, glow, outline, tag
from tasks.errors import BadInput
from tasks.inputs import read_picture
from tasks.models import Model
from tasks.object_detection_networks import (
    FLOOR,
    Detection,
    Found,
    GroundingDetector,
    TransformersDetector,
    YolosDetector,
    YoloxDetector,
    named,
)
from tasks.task import (
    HEAVY,
    LIGHT,
    QUIET,
    Run,
    Task,
    examples,
    look_inside,
    model_picker,
    picture_input,
    result_file,
    status_line,
)
from tasks.weights import Hub

SLUG = "object-detection"
MERGE_IOU = 0.75  # boxes of different classes that overlap by more are one object with two names
MAX_LABELS = 30  # the text encoder reads 256 tokens
EVERYTHING = "everything"


# Models


DEFAULT = Model(
    name="YOLOX-Nano", load=YoloxDetector, source=yolox.SOURCE, family="CNN", parameters=912_671, megabytes=4,
    license="Apache-2.0", link="https://github.com/Megvii-BaseDetection/YOLOX",
    note="Made for phones: fast and small. Average precision 25.8 on COCO.",
)  # fmt: skip


def transformers_hub(repo: str, load=TransformersDetector, text: tuple[str, ...] = (), **facts) -> Model:
    return Model(
        load=load,
        source=Hub(repo, ("config.json", "preprocessor_config.json", "model.safetensors", *text)),
        license="Apache-2.0",
        link=f"https://huggingface.co/{repo}",
        **facts,
    )


DFINE = transformers_hub(
    "ustc-community/dfine-small-coco", name="D-FINE-S", family="Transformer", parameters=10_329_321, megabytes=42,
    note="Refines the edges of a box as probabilities. Average precision 48.5 on COCO.",
)  # fmt: skip
RT_DETR = transformers_hub(
    "PekingU/rtdetr_v2_r18vd", name="RT-DETRv2-R18", family="CNN and Transformer", parameters=20_174_220, megabytes=81,
    note="A real-time Transformer without suppression of doubles. Average precision 47.9 on COCO.",
)  # fmt: skip
YOLOS = transformers_hub(
    "hustvl/yolos-tiny", load=YolosDetector, name="YOLOS-Ti", family="Transformer", parameters=6_488_736, megabytes=26,
    note="Nothing but attention, and it can be looked at below. Average precision 28.7 on COCO.",
)  # fmt: skip
GROUNDING_DINO = transformers_hub(
    "IDEA-Research/grounding-dino-tiny", load=GroundingDetector, name="Grounding DINO-T",
    family="Transformer, your own labels", parameters=172_249_090, megabytes=690,
    text=("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"),
    note="Finds whatever you type. Takes several seconds on a CPU.",
)  # fmt: skip
MODELS = (DEFAULT, DFINE, RT_DETR, YOLOS, GROUNDING_DINO)
OWN_LABELS = (GROUNDING_DINO,)


# Inference


def detect(
    image, model: Model = DEFAULT, threshold: float = 0.4, labels: Sequence[str] = (), merge: bool = True
) -> list[Detection]:
    """The objects in a picture, best first.

    Args:
        image: whatever `inputs.read_picture` takes. Boxes are in pixels of the upright picture.
        model: one of MODELS.
        threshold: 0..1, the lowest score that counts; below FLOOR nothing is kept.
        labels: what to look for, for the models of OWN_LABELS; the others know the 80 classes of COCO.
        merge: whether boxes of different classes in the same place count as one object.

    Raises:
        BadInput: the picture cannot be read, or the model needs labels and there are none.
        ModelUnavailable: the weights are not here.
    """
    return select(find(read_picture(image), model, labels).detections, threshold, merge)


def find(picture: PIL.Image.Image, model: Model = DEFAULT, labels: Sequence[str] = ()) -> Found:
    """Run the network once: every box it would stand up for, however faintly."""
    with models.use(model) as network:
        if network.labels is None:
            labels = list(dict.fromkeys(label.strip() for label in labels if label.strip()))
            if not 1 <= len(labels) <= MAX_LABELS:
                raise BadInput(f"This model finds what you name: type 1 to {MAX_LABELS} labels, separated by commas.")
        return network(picture, labels)


def select(found: Sequence[Detection], threshold: float, merge: bool = True) -> list[Detection]:
    """Those of `found` (best first) that reach the threshold; with `merge`, one name per place."""
    chosen: list[Detection] = []
    for detection in found:
        if detection.score < threshold:
            break
        others = np.array([other.box for other in chosen if other.label != detection.label]).reshape(-1, 4)
        if not (merge and (yolox.overlaps(np.array(detection.box), others) > MERGE_IOU).any()):
            chosen.append(detection)
    return chosen


def coco_json(found: Sequence[Detection], size: tuple[int, int], model: Model) -> dict:
    """The detections as COCO annotates them: boxes are [x, y, width, height]."""
    names = sorted({detection.label for detection in found})
    annotations = []
    for number, detection in enumerate(found, 1):
        x1, y1, x2, y2 = (round(value, 1) for value in detection.box)
        width, height = round(x2 - x1, 1), round(y2 - y1, 1)
        annotations.append(
            {"id": number, "image_id": 1, "category_id": names.index(detection.label) + 1, "score": detection.score,
             "bbox": [x1, y1, width, height], "area": round(width * height, 1), "iscrowd": 0}
        )  # fmt: skip
    return {
        "info": {"description": f"Found by {model.name}"},
        "images": [{"id": 1, "width": size[0], "height": size[1]}],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        "annotations": annotations,
    }


# Pictures of the result


def draw(paper: Canvas, found: Sequence[Detection], only: str | None = None) -> PIL.Image.Image:
    """Boxes with names. With `only`, the boxes of that label, and everything around them dimmed."""
    picture = paper.picture.copy()
    boxes = [tuple(value * paper.scale for value in detection.box) for detection in found]
    if only:
        boxes, found = zip(*((box, d) for box, d in zip(boxes, found, strict=True) if d.label == only), strict=True)
        picture = PIL.Image.eval(picture, lambda value: value // 4)
        for box in boxes:
            corner = int(box[0]), int(box[1])
            picture.paste(paper.picture.crop((*corner, round(box[2]), round(box[3]))), corner)
    pen = PIL.ImageDraw.Draw(picture)
    line = max(2, max(picture.size) // 250)
    for detection, box in reversed(list(zip(found, boxes, strict=True))):  # the surest on top
        outline(pen, box, colour(detection.label), line)
        tag(picture, f"{detection.label} {detection.score:.0%}", box[:2], colour(detection.label))
    return picture


# Look inside


def draw_maps(paper: Canvas, maps: Sequence[np.ndarray]) -> PIL.Image.Image:
    """What each grid answers, side by side: the finest grid looks for small things, the coarsest for large ones."""
    width, gap, line = 460, 8, 34
    small = paper.picture.resize((width, max(1, round(width * paper.picture.height / paper.picture.width))))
    sheet = PIL.Image.new("RGB", (len(maps) * (width + gap) - gap, small.height + line), "white")
    pen, font = PIL.ImageDraw.Draw(sheet), PIL.ImageFont.load_default(22)
    for i, (stride, scores) in enumerate(zip(yolox.STRIDES, maps, strict=True)):
        # Cells stay visible as squares: that is how coarse the network's answer is.
        sheet.paste(glow(small, scores, PIL.Image.Resampling.NEAREST), (i * (width + gap), 0))
        rows, columns = scores.shape
        text = f"{columns} × {rows} cells of {stride} pixels"
        pen.text((i * (width + gap) + 4, small.height + 4), text, (30, 30, 30), font)
    return sheet


def draw_suppression(
    paper: Canvas, candidates: yolox.Candidates, iou: float, threshold: float
) -> tuple[PIL.Image.Image, int, int]:
    """Candidates as thin lines, survivors of suppression as thick ones; and how many there are of both."""
    candidates = candidates[candidates.scores >= threshold]
    survivors = yolox.suppress(candidates, iou)
    picture = PIL.Image.blend(paper.picture, PIL.Image.new("RGB", paper.picture.size), 0.35)
    pen = PIL.ImageDraw.Draw(picture)
    for detection in named(candidates):
        pen.rectangle([value * paper.scale for value in detection.box], None, colour(detection.label), 1)
    for detection in named(survivors):
        outline(pen, [value * paper.scale for value in detection.box], colour(detection.label), 5)
    return picture, len(candidates), len(survivors)


# Tab


@dataclass(frozen=True)
class Session:
    """What a visitor's sliders work on after a run."""

    paper: Canvas
    found: Found
    model: Model


def build() -> None:
    session = gr.State(time_to_live=3600)
    with gr.Row():
        with gr.Column():
            picture = picture_input(SLUG, "collage.jpg")
            picker = model_picker(SLUG, MODELS)
            own_labels = gr.Textbox(
                "a helmet, a saucer, an ear, a wheel", label="What to look for, separated by commas", visible=False,
                max_length=1000, elem_id=f"{SLUG}-labels",
            )  # fmt: skip
            run = gr.Button("Detect", variant="primary", elem_id=f"{SLUG}-run")
            threshold = gr.Slider(
                FLOOR, 0.95, 0.4, step=0.05, label="Threshold", elem_id=f"{SLUG}-threshold",
                info="How sure the network must be. Move it: the boxes follow at once.",
            )  # fmt: skip
            merge = gr.Checkbox(
                True, label="One name per place", elem_id=f"{SLUG}-merge",
                info="A lion, no class of COCO, is both cat and dog to it: keep the surer of the two.",
            )  # fmt: skip
        with gr.Column():
            result = gr.Image(
                label="Objects", show_label=False, format="jpeg", interactive=False, height=420,
                elem_id=f"{SLUG}-result", buttons=["download", "fullscreen"],
            )  # fmt: skip
            status = status_line(SLUG)
            only = gr.Radio([], label="Show", visible=False, elem_id=f"{SLUG}-only")
            table = gr.Dataframe(
                headers=["object", "score", "x1", "y1", "x2", "y2"], datatype=["str", *["number"] * 5],
                label="Boxes, in pixels of the picture", interactive=False, max_height=260, visible=False,
                elem_id=f"{SLUG}-boxes",
            )  # fmt: skip
            download = gr.DownloadButton(
                "Download as JSON (COCO)", size="sm", visible=False, elem_id=f"{SLUG}-download"
            )
            with look_inside(SLUG):
                hint = gr.Markdown("Press Detect first.", elem_id=f"{SLUG}-hint")
                maps = gr.Image(
                    label="The score of every cell, grid by grid", show_label=False, format="jpeg",
                    interactive=False, visible=False, elem_id=f"{SLUG}-maps", buttons=["download", "fullscreen"],
                )  # fmt: skip
                iou = gr.Slider(
                    0.05, 1, yolox.NMS_IOU, step=0.05, label="Overlap (IoU) from which two boxes are doubles",
                    visible=False, elem_id=f"{SLUG}-iou",
                )  # fmt: skip
                suppression = gr.Image(
                    label="Thin: proposed. Thick: left after suppression", show_label=False, format="jpeg",
                    interactive=False, visible=False, elem_id=f"{SLUG}-suppression", buttons=["download", "fullscreen"],
                )  # fmt: skip
                attended = gr.Dropdown([], label="Object", visible=False, elem_id=f"{SLUG}-attended")
                attend = gr.Button("Where did it look?", visible=False, elem_id=f"{SLUG}-attend")
                attention = gr.Image(
                    label="What the detection token attended to", show_label=False, format="jpeg",
                    interactive=False, visible=False,
                    elem_id=f"{SLUG}-attention", buttons=["download", "fullscreen"],
                )  # fmt: skip
    examples(SLUG, ["collage.jpg", "coffee.jpg", "cat.jpg", "astronaut.jpg"], [picture])

    quick = QUIET | {"trigger_mode": "always_last"}
    shown = [result, table, only, download]
    inside = [hint, maps, iou, suppression, attended, attend, attention]
    run.click(
        on_detect, [picture, picker, threshold, merge, own_labels], [result, table, status, session],
        api_name="object_detection", **LIGHT,
    ).success(
        on_change, [session, threshold, merge, only], shown, **quick
    ).success(
        on_inside, [session, threshold, merge, iou], inside, **quick
    )  # fmt: skip
    gr.on(
        [threshold.input, merge.input], on_change, [session, threshold, merge, only], shown, **quick
    ).then(
        on_inside, [session, threshold, merge, iou], inside, **quick
    )  # fmt: skip
    only.input(on_change, [session, threshold, merge, only], shown, **quick)
    iou.input(on_inside, [session, threshold, merge, iou], inside, **quick)
    attend.click(
        on_attend, [picture, picker, session, threshold, merge, attended], attention, api_visibility="private", **HEAVY
    )
    # Boxes of another picture would mislead.
    picture.change(lambda: [None] * 3, None, [session, result, status], **quick)
    picker.change(lambda name: gr.update(visible=models.find(MODELS, name) in OWN_LABELS), picker, own_labels, **quick)


def on_detect(image: str, model_name: str, threshold: float, merge: bool, labels: str):
    """Find the objects in a picture.

    Args:
        image: the picture, at most 20 MB and 25 megapixels.
        model_name: a model of the picker, e.g. "YOLOX-Nano".
        threshold: the lowest score that counts, 0.05 to 0.95.
        merge: whether boxes of different classes in the same place count as one object.
        labels: what to look for, separated by commas, for models that take labels of your own (Grounding DINO).

    Returns:
        The picture with boxes; label, score and corners (x1, y1, x2, y2, in pixels) of each box; and a line that says
        which model ran, where and how long.
    """
    run = Run(model := models.find(MODELS, model_name), "cpu" if model is DEFAULT else None)
    picture = read_picture(image)
    found = find(picture, run.model, labels.split(","))
    status = run.status()
    session = Session(canvas(picture), found, run.model)
    chosen = select(found.detections, threshold, merge)
    return draw(session.paper, chosen), rows(chosen), status, session


def on_change(session: Session | None, threshold: float, merge: bool, only: str | None):
    """Draw anew what a slider or a choice changed. No network runs."""
    if session is None:
        return [gr.skip()] * 4
    found = select(session.found.detections, threshold, merge)
    counts = Counter(detection.label for detection in found)
    choices = [(f"everything · {len(found)}", EVERYTHING)] + [(f"{name} · {n}", name) for name, n in counts.items()]
    radio = gr.update(visible=True, choices=choices)
    if only not in (EVERYTHING, *counts):
        # Otherwise its value is left alone: the visitor may have chosen again meanwhile.
        only = radio["value"] = EVERYTHING
    path = result_file("detections.json")
    path.write_text(json.dumps(coco_json(found, session.paper.size, session.model), indent=1))
    listed = [detection for detection in found if only in (EVERYTHING, detection.label)]
    return (
        draw(session.paper, found, None if only == EVERYTHING else only),
        gr.update(visible=True, value=rows(listed)),
        radio,
        gr.update(visible=True, value=str(path)),
    )


def rows(found: Sequence[Detection]) -> list[list]:
    """The table of boxes."""
    return [[d.label, round(d.score, 3), *(round(value) for value in d.box)] for d in found]


def on_inside(session: Session | None, threshold: float, merge: bool, iou: float):
    """Everything under Look inside that needs no run of the network."""
    if session is None:
        return [gr.skip()] * 7
    hidden = gr.update(visible=False)
    if proposals := session.found.proposals:
        picture, before, after = draw_suppression(session.paper, proposals.candidates, iou, threshold)
        hint = (
            f"{sum(scores.size for scores in proposals.maps):,} cells lie on this picture and each proposes a box. "
            f"**{before}** reach the threshold (thin lines); non-maximum suppression leaves **{after}** (thick lines)."
        )
        sheet = draw_maps(session.paper, proposals.maps)
        shown = (gr.update(visible=True, value=sheet), gr.update(visible=True), gr.update(visible=True, value=picture))
        return hint, *shown, hidden, hidden, hidden
    if session.model is not YOLOS:
        hint = (
            "This Transformer proposes each object once, so there is nothing to suppress. Look inside YOLOX or YOLOS."
        )
        return hint, *[hidden] * 6
    found = select(session.found.detections, threshold, merge)
    choices = [(f"{d.label} {d.score:.0%}", i) for i, d in enumerate(found)]
    hint = "Each object was found by one detection token. Choose one to see which patches it attended to."
    return (
        hint,
        hidden,
        hidden,
        hidden,
        gr.update(visible=True, choices=choices, value=0),
        gr.update(visible=True),
        hidden,
    )


def on_attend(image: str, model_name: str, session: Session | None, threshold: float, merge: bool, index: int | None):
    """Attention of one detection token of YOLOS."""
    if session is None or index is None or session.model.name != model_name:
        raise BadInput("Press Detect first: there is no object to explain.")
    found = select(session.found.detections, threshold, merge)
    with models.use(session.model) as network:
        heat = network.attention(read_picture(image), found[index])
    return gr.update(visible=True, value=glow(session.paper.picture, heat))


TASK = Task(
    slug=SLUG,
    title="Object detection",
    sentence="Show the network a picture; it names the things in it and draws a box around each.",
    group="Vision",
    icon='<path d="M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4"/><rect x="8.5" y="8.5" width="7" height="7" rx="1"/>',
    models=MODELS,
    build=build,
)
