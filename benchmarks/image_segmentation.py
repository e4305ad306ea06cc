"""cut_out() and segment() beside ONNX Runtime called by hand on the same picture."""

from collections.abc import Iterator

import numpy as np
import PIL.Image

from benchmarks import Row, compare
from tasks import models, settings
from tasks.image_segmentation import DEFAULT, cut_out, segment
from tasks.settings import EXAMPLES


def rows() -> Iterator[Row]:
    session = settings.onnx_session(DEFAULT.source.folder() / "u2netp.onnx")
    path = EXAMPLES / "coffee.jpg"

    def probabilities(picture: PIL.Image.Image) -> np.ndarray:
        x = np.asarray(picture.resize((320, 320), PIL.Image.Resampling.LANCZOS), np.float32) / 255
        x = (x - np.array([0.485, 0.456, 0.406], np.float32)) / np.array([0.229, 0.224, 0.225], np.float32)
        return session.run(["1959"], {"input.1": x.transpose(2, 0, 1)[None]})[0][0, 0]

    def by_hand():
        picture = PIL.Image.open(path).convert("RGB")
        mask = PIL.Image.fromarray((probabilities(picture) * 255).astype(np.uint8))
        picture.putalpha(mask.resize(picture.size, PIL.Image.Resampling.BICUBIC))

    models.load(DEFAULT)
    yield compare("cut out, U²-Net-p", lambda: cut_out(path), by_hand, runs=15)
    count = len(segment(path))

    def as_often():
        for _ in range(count + 1):
            by_hand()

    yield compare(f"{count} instances, {count + 1} runs", lambda: segment(path), as_often, runs=7)
