"""YOLOX, the detector two tabs need: object detection shows its boxes, image segmentation cuts objects out of them.

Ge, Liu, Wang, Li, Sun 2021, "YOLOX: Exceeding YOLO Series in 2021", https://arxiv.org/abs/2107.08430. The network is
anchor-free: each cell of three grids proposes one box. Everything here is numpy around one ONNX Runtime session.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image

from tasks import settings
from tasks.weights import Asset

SOURCE = Asset("yolox-nano", {"yolox_nano.onnx": "615e266100c341c28d62abe255f7a6d9d7e2b91c1b0b87fc24c5d9e53141a57b"})
SIDE = 416  # pixels; the picture is scaled to fit into this square
STRIDES = (8, 16, 32)  # pixels per cell of the three grids: small, middle-sized and large objects
GREY = 114  # what the square is filled up with, as in training
NMS_IOU = 0.45

COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip


@dataclass(frozen=True)
class Candidates:
    """What N cells propose, before or after non-maximum suppression."""

    boxes: np.ndarray  # (N, 4) float32: x1, y1, x2, y2 in pixels of the picture
    scores: np.ndarray  # (N,) 0..1: objectness x probability of the best class
    classes: np.ndarray  # (N,) index into COCO

    def __getitem__(self, chosen: np.ndarray) -> "Candidates":
        return Candidates(self.boxes[chosen], self.scores[chosen], self.classes[chosen])

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Proposals:
    """One answer of the network."""

    candidates: Candidates  # those with a score of at least `floor`, unsuppressed, best first
    maps: list[np.ndarray]  # per stride (h, w), 0..1: the score of every cell that lies on the picture


class Yolox:
    """YOLOX from the folder that holds its ONNX file."""

    def __init__(self, folder: Path):
        self.session = settings.onnx_session(folder / "yolox_nano.onnx")
        cells = [np.indices((SIDE // stride, SIDE // stride))[::-1].reshape(2, -1).T for stride in STRIDES]
        self.cells = np.concatenate(cells).astype(np.float32)  # (N, 2): x, y of each cell in its grid
        self.strides = np.repeat(STRIDES, [len(grid) for grid in cells]).astype(np.float32)[:, None]  # (N, 1)

    def __call__(self, picture: PIL.Image.Image, floor: float) -> Proposals:
        x, scale = letterbox(picture)
        raw = self.session.run(None, {"images": x})[0][0]  # (N, 85): x, y, log w, log h, objectness, 80 classes
        classes = raw[:, 5:].argmax(1)
        scores = raw[:, 4] * raw[np.arange(len(raw)), 5 + classes]
        kept = np.flatnonzero(scores >= floor)
        kept = kept[np.argsort(-scores[kept], kind="stable")]
        centre = (raw[kept, :2] + self.cells[kept]) * self.strides[kept]
        half = np.exp(raw[kept, 2:4]) * self.strides[kept] / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1) / scale
        boxes = boxes.clip(0, [picture.width, picture.height, picture.width, picture.height]).astype(np.float32)
        maps, start = [], 0
        for stride in STRIDES:
            side = SIDE // stride
            height, width = (int(np.ceil(length * scale / stride)) for length in (picture.height, picture.width))
            maps.append(scores[start : start + side**2].reshape(side, side)[:height, :width])
            start += side**2
        return Proposals(Candidates(boxes, scores[kept], classes[kept]), maps)


def letterbox(picture: PIL.Image.Image) -> tuple[np.ndarray, float]:
    """RGB picture -> (1, 3, SIDE, SIDE) float32, BGR in 0..255, top left on grey; and the scale it was resized by."""
    scale = min(SIDE / picture.width, SIDE / picture.height)
    size = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
    square = np.full((SIDE, SIDE, 3), GREY, np.uint8)
    square[: size[1], : size[0]] = picture.resize(size, PIL.Image.Resampling.BILINEAR)
    return square[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32), scale


def suppress(candidates: Candidates, iou: float = NMS_IOU, across_classes: bool = False) -> Candidates:
    """Non-maximum suppression: of boxes of a class that overlap by more than `iou`, the best one stays.

    With `across_classes`, boxes of different classes suppress each other too.
    """
    if not len(candidates):
        return candidates
    # Classes are moved apart so that one pass serves all of them.
    offsets = candidates.classes * (0 if across_classes else candidates.boxes.max() + 1)
    boxes = candidates.boxes + offsets[:, None]
    left = np.argsort(-candidates.scores, kind="stable")
    kept = []
    while left.size:
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[overlaps(boxes[best], boxes[left]) <= iou]
    return candidates[np.array(kept)]


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (4,) with others (N, 4) -> (N,), 0..1."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = sides.clip(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return common / np.maximum((box[2:] - box[:2]).prod() + areas - common, 1e-9)
