"""The networks of image segmentation, each behind the same three questions.

network(picture)        yields the list of segments, each time one more is known
network.matte(picture)  the subject of the picture as a probability for each pixel, or None
network.at(picture, x, y)  what lies at a point, for networks that can be asked, or None
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from tasks import settings, yolox

THRESHOLD = 0.4  # lowest score of a box that is cut out
MERGE_IOU = 0.75  # boxes of different classes that overlap by more are one object with two names
MAX_INSTANCES = 12  # each is one run of U²-Net-p, a quarter of a second
SMALLEST = 0.002  # share of the picture under which a class is noise


@dataclass(frozen=True)
class Segment:
    """The pixels of one thing: "dog 2" is the segment with label "dog" and instance 2."""

    label: str
    instance: int  # from 1, the surest first; classes that cannot be counted (sky) have one
    score: float  # 0..1
    mask: np.ndarray  # (H, W) bool, in pixels of the upright picture
    probability: np.ndarray | None = None  # (H, W) uint8, 0..255, of networks that give one for each pixel

    @property
    def name(self) -> str:
        return f"{self.label} {self.instance}"


class U2Net:
    """The subject of a picture, as a probability for each pixel."""

    SIDE = 320
    MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)

    def __init__(self, folder: Path):
        self.session = settings.onnx_session(folder / "u2netp.onnx")

    def __call__(self, picture: PIL.Image.Image) -> np.ndarray:
        """(SIDE, SIDE) float32, 0..1, whatever the picture's proportions."""
        small = picture.resize((self.SIDE, self.SIDE), PIL.Image.Resampling.LANCZOS)
        x = np.asarray(small, np.float32)
        x = (x / max(x.max(), 1.0) - self.MEAN) / self.DEVIATION  # by the maximum, as in training
        return self.session.run(["1959"], {"input.1": x.transpose(2, 0, 1)[None]})[0][0, 0]  # the fused map of seven


class SubjectSegmenter:
    """YOLOX says where things are and what they are called, U²-Net-p which pixels are theirs."""

    def __init__(self, folder: Path):
        self.subject = U2Net(folder)
        self.detector = yolox.Yolox(yolox.SOURCE.folder())

    def __call__(self, picture: PIL.Image.Image) -> Iterator[list[Segment]]:
        candidates = yolox.suppress(self.detector(picture, THRESHOLD).candidates)
        found = yolox.suppress(candidates, MERGE_IOU, across_classes=True)[:MAX_INSTANCES]
        numbers: Counter[int] = Counter()
        instances = [numbers.update([index]) or numbers[index] for index in found.classes.tolist()]
        areas = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1)
        segments: list[Segment] = []
        free = np.ones((picture.height, picture.width), bool)
        yield segments
        whole = enlarged(self.subject(picture), picture.size) if len(found) else None
        # Smaller things lie in front of larger ones.
        for i in np.argsort(areas):
            probability = self.inside(picture, found.boxes[i], whole)
            mask = (probability > 127) & free
            free &= ~mask
            name = yolox.COCO[found.classes[i]]
            if mask.any():
                segments = [*segments, Segment(name, instances[i], float(found.scores[i]), mask, probability)]
                yield segments

    def inside(self, picture: PIL.Image.Image, box: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """(H, W) uint8: what stands out in a close-up of the box; the box itself if nothing does.

        Where the close-up hesitates, the subject of the `whole` picture decides; alone it decides nothing.
        """
        x1, y1, x2, y2 = grown(box, 0.12, picture.size)
        near = enlarged(self.subject(picture.crop((x1, y1, x2, y2))), (x2 - x1, y2 - y1))
        mixed = np.zeros(whole.shape, np.uint8)
        mixed[y1:y2, x1:x2] = (0.51 * near + 0.49 * whole[y1:y2, x1:x2]).round()
        x1, y1, x2, y2 = grown(box, 0.03, picture.size)
        probability = np.zeros(whole.shape, np.uint8)
        probability[y1:y2, x1:x2] = mixed[y1:y2, x1:x2]
        if (probability[y1:y2, x1:x2] > 127).mean() < 0.08:
            probability[y1:y2, x1:x2] = 128
        return probability

    def matte(self, picture: PIL.Image.Image) -> np.ndarray | None:
        """(h, w), 0..1: the subject of the whole picture, None if none stands out."""
        raw = self.subject(picture)
        sure, unsure = (raw > 0.8).mean(), ((raw > 0.2) & (raw <= 0.8)).mean()
        return raw if sure > 0.005 and unsure < 2.5 * sure else None

    def at(self, picture: PIL.Image.Image, x: int, y: int) -> Segment | None:
        """What stands out around a point, looking closely first."""
        for share in (0.3, 0.6):
            half = share * max(picture.size) / 2
            x1, y1, x2, y2 = grown(np.array([x - half, y - half, x + half, y + half]), 0, picture.size)
            raw = self.subject(picture.crop((x1, y1, x2, y2)))
            probability = np.zeros((picture.height, picture.width), np.uint8)
            probability[y1:y2, x1:x2] = enlarged(raw, (x2 - x1, y2 - y1))
            mask = probability > 127
            # A "subject" that fills its surroundings is the background.
            if mask[y, x] and mask[y1:y2, x1:x2].mean() < 0.6:
                return Segment("object", 1, float(probability[mask].mean()) / 255, mask, probability)
        return None


class UniversalSegmenter:
    """EoMT, Mask2Former: each query answers with one class and one mask. Things are counted, stuff is not."""

    def __init__(self, folder: Path):
        from transformers import AutoImageProcessor, AutoModelForUniversalSegmentation

        settings.use_threads()
        self.net = AutoModelForUniversalSegmentation.from_pretrained(folder).eval().to(settings.device())
        self.processor = AutoImageProcessor.from_pretrained(folder)

    def __call__(self, picture: PIL.Image.Image) -> Iterator[list[Segment]]:
        import torch

        inputs = self.processor(picture, return_tensors="pt").to(settings.device())
        # What else the processor returns is for other ways of reading the answer.
        tensors = {name: value for name, value in inputs.items() if name in ("pixel_values", "pixel_mask")}
        with torch.inference_mode():
            outputs = self.net(**tensors)
        size = (picture.height, picture.width)
        found = self.processor.post_process_panoptic_segmentation(outputs, target_sizes=[size], threshold=0.5)
        where = found[0]["segmentation"].cpu().numpy()
        rows = sorted(found[0]["segments_info"], key=lambda row: -row["score"])
        numbers: Counter[str] = Counter()
        segments = []
        for row in rows:
            label = self.net.config.id2label[row["label_id"]]
            numbers[label] += 1
            segments.append(Segment(label, numbers[label], float(row["score"]), where == row["id"]))
        yield segments

    def matte(self, picture: PIL.Image.Image) -> np.ndarray | None:
        """(H, W), 0 or 1: all things that can be counted."""
        (segments,) = self(picture)
        things = [segment.mask for segment in segments if segment.label in yolox.COCO]
        return np.any(things, axis=0).astype(np.float32) if things else None

    def at(self, picture: PIL.Image.Image, x: int, y: int) -> None:
        return None


class SemanticSegmenter:
    """SegFormer: one class for every pixel, and no instances."""

    def __init__(self, folder: Path):
        from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

        settings.use_threads()
        self.net = AutoModelForSemanticSegmentation.from_pretrained(folder).eval().to(settings.device())
        self.processor = AutoImageProcessor.from_pretrained(folder)

    def __call__(self, picture: PIL.Image.Image) -> Iterator[list[Segment]]:
        import torch

        inputs = self.processor(picture, return_tensors="pt").to(settings.device())
        with torch.inference_mode():
            scores = self.net(**inputs).logits[0].softmax(0).float().cpu().numpy()  # (classes, h, w)
        # Only classes that win somewhere are enlarged: all 150 would take half a gigabyte.
        winners = np.unique(scores.argmax(0))
        probabilities = np.stack([enlarged(scores[index], picture.size) for index in winners])
        best = probabilities.argmax(0)
        segments = []
        for number, index in enumerate(winners):
            mask = best == number
            if mask.mean() >= SMALLEST:
                score = float(probabilities[number][mask].mean()) / 255
                label = self.net.config.id2label[int(index)]
                segments.append(Segment(label, 1, score, mask, probabilities[number]))
        yield sorted(segments, key=lambda segment: -segment.score)

    def matte(self, picture: PIL.Image.Image) -> None:
        return None

    def at(self, picture: PIL.Image.Image, x: int, y: int) -> None:
        return None


class ClickSegmenter:
    """SAM 2: the object at a point, whatever it is called."""

    def __init__(self, folder: Path):
        from transformers import Sam2ImageProcessor, Sam2Model, Sam2Processor

        settings.use_threads()
        self.net = Sam2Model.from_pretrained(folder).eval().to(settings.device())
        side = self.net.config.prompt_encoder_config.image_size
        self.processor = Sam2Processor(Sam2ImageProcessor(size={"height": side, "width": side}))

    def __call__(self, picture: PIL.Image.Image) -> Iterator[list[Segment]]:
        yield []

    def matte(self, picture: PIL.Image.Image) -> None:
        return None

    def at(self, picture: PIL.Image.Image, x: int, y: int) -> Segment:
        import torch

        inputs = self.processor(picture, input_points=[[[[x, y]]]], input_labels=[[[1]]], return_tensors="pt")
        with torch.inference_mode():
            outputs = self.net(**inputs.to(settings.device()), multimask_output=True)
        best = int(outputs.iou_scores[0, 0].argmax())  # of three answers: part, object, group
        logits = outputs.pred_masks[0, 0, best]
        probability = enlarged(logits.sigmoid().float().cpu().numpy(), picture.size)
        return Segment("object", 1, float(outputs.iou_scores[0, 0, best].clamp(0, 1)), probability > 127, probability)


def grown(box: np.ndarray, margin: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """A box with a margin (share of its sides), in whole pixels inside the picture and not empty."""
    x1, y1, x2, y2 = box
    dx, dy = margin * (x2 - x1), margin * (y2 - y1)
    left, top = int(max(0, min(x1 - dx, size[0] - 1))), int(max(0, min(y1 - dy, size[1] - 1)))
    return left, top, max(left + 1, int(min(size[0], x2 + dx))), max(top + 1, int(min(size[1], y2 + dy)))


def enlarged(probability: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) in 0..1 -> (H, W) uint8 of (width, height) `size`."""
    small = PIL.Image.fromarray((probability.clip(0, 1) * 255).round().astype(np.uint8))
    return np.asarray(small.resize(size, PIL.Image.Resampling.BICUBIC))
