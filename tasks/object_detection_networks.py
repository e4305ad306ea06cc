"""The networks of object detection, each behind the same call: network(picture, labels) -> Found."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from tasks import settings, yolox

FLOOR = 0.05  # what is kept for the threshold slider: fainter boxes are noise


@dataclass(frozen=True)
class Detection:
    """One object: `box` is (x1, y1, x2, y2) in pixels of the upright picture, `score` 0..1."""

    label: str
    score: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """Everything one run of a network brought, so that sliders need no second one."""

    detections: list[Detection]  # with a score of at least FLOOR, best first
    proposals: yolox.Proposals | None = None  # before suppression, of networks that need it


class YoloxDetector:
    labels = yolox.COCO

    def __init__(self, folder: Path):
        self.net = yolox.Yolox(folder)

    def __call__(self, picture: PIL.Image.Image, labels: Sequence[str]) -> Found:
        proposals = self.net(picture, FLOOR)
        return Found(named(yolox.suppress(proposals.candidates)), proposals)


class TransformersDetector:
    """D-FINE, RT-DETR, YOLOS, DETR: each of their queries claims one object, or none."""

    def __init__(self, folder: Path):
        from transformers import AutoImageProcessor, AutoModelForObjectDetection

        settings.use_threads()
        # Eager attention is the kind that can be looked at.
        self.net = AutoModelForObjectDetection.from_pretrained(folder, attn_implementation="eager").eval()
        self.net.to(settings.device())
        self.processor = AutoImageProcessor.from_pretrained(folder)
        self.labels = list(self.net.config.id2label.values())

    def __call__(self, picture: PIL.Image.Image, labels: Sequence[str]) -> Found:
        import torch

        inputs = self.processor(picture, return_tensors="pt").to(settings.device())
        with torch.inference_mode():
            outputs = self.net(**inputs)
        size = (picture.height, picture.width)
        found = self.processor.post_process_object_detection(outputs, threshold=FLOOR, target_sizes=[size])[0]
        names = [self.net.config.id2label[index] for index in found["labels"].tolist()]
        return Found(detections(names, found["scores"].tolist(), found["boxes"].tolist(), picture))


class YolosDetector(TransformersDetector):
    """YOLOS: a plain Vision Transformer in which 100 detection tokens attend to the patches of the picture."""

    def attention(self, picture: PIL.Image.Image, detection: Detection) -> np.ndarray:
        """(h, w), 0..1: where the token that found `detection` looked in the last layer, mean over the heads."""
        import torch

        inputs = self.processor(picture, return_tensors="pt").to(settings.device())
        with torch.inference_mode():
            outputs = self.net(**inputs, output_attentions=True)
        centre, half = outputs.pred_boxes[0].split(2, -1)
        boxes = torch.cat([centre - half / 2, centre + half / 2], -1).cpu().numpy() * np.tile(picture.size, 2)
        token = int(yolox.overlaps(np.array(detection.box), boxes).argmax())
        patch = self.net.config.patch_size
        height, width = (length // patch for length in inputs["pixel_values"].shape[-2:])
        weights = outputs.attentions[-1][0].mean(0)  # (tokens, tokens): [CLS], patches, detection tokens
        heat = weights[1 + height * width + token, 1 : 1 + height * width].reshape(height, width).cpu().numpy()
        return heat / max(heat.max(), 1e-9)


class GroundingDetector:
    """Grounding DINO: every query is compared with every token of the labels."""

    labels = None  # the visitor gives them

    def __init__(self, folder: Path):
        from transformers import AutoModelForZeroShotObjectDetection, AutoProcessor

        settings.use_threads()
        self.net = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval().to(settings.device())
        self.processor = AutoProcessor.from_pretrained(folder)

    def __call__(self, picture: PIL.Image.Image, labels: Sequence[str]) -> Found:
        import torch

        text, owners = self.prompt(labels)
        inputs = self.processor(images=picture, text=text, truncation=True, max_length=256, return_tensors="pt")
        with torch.inference_mode():
            outputs = self.net(**inputs.to(settings.device()))
        scores = outputs.logits[0].sigmoid().float().cpu().numpy()  # (queries, 256 tokens)
        by_label = np.zeros((len(scores), len(labels)), np.float32)
        for token, label in enumerate(owners):
            if label is not None:
                by_label[:, label] = np.maximum(by_label[:, label], scores[:, token])
        best = by_label.argmax(1)
        centre, half = np.split(outputs.pred_boxes[0].float().cpu().numpy(), 2, axis=1)
        boxes = np.concatenate([centre - half / 2, centre + half / 2], 1) * np.tile(picture.size, 2)
        kept = np.flatnonzero(by_label.max(1) >= FLOOR)
        names = [labels[best[i]] for i in kept]
        return Found(detections(names, by_label.max(1)[kept].tolist(), boxes[kept].tolist(), picture))

    def prompt(self, labels: Sequence[str]) -> tuple[str, list[int | None]]:
        """The labels as one text, "a cat. a dog. ", as in training; and for each token the label it belongs to."""
        text = "".join(f"{label.lower()}. " for label in labels)
        ends = np.cumsum([len(label) + 2 for label in labels])
        tokens = self.processor.tokenizer(text, return_offsets_mapping=True, truncation=True, max_length=256)
        return text, [
            None if text[start:end] in ("", ".") else int(np.searchsorted(ends, start, "right"))
            for start, end in tokens["offset_mapping"]
        ]


def detections(names: Sequence[str], scores: Sequence[float], boxes: Sequence, picture) -> list[Detection]:
    """Detections inside the picture, best first."""
    right, bottom = picture.size
    found = [
        Detection(name, score, (max(x1, 0.0), max(y1, 0.0), min(x2, float(right)), min(y2, float(bottom))))
        for name, score, (x1, y1, x2, y2) in zip(names, scores, boxes, strict=True)
    ]
    return sorted(found, key=lambda detection: -detection.score)


def named(candidates: yolox.Candidates) -> list[Detection]:
    """YOLOX's arrays as detections."""
    rows = zip(candidates.classes, candidates.scores.tolist(), candidates.boxes.tolist(), strict=True)
    return [Detection(yolox.COCO[index], score, tuple(box)) for index, score, box in rows]
